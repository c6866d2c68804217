"""SimilarityEngine: plan the files, scan them as shards, merge; on Spark or in this process.

Both runners call the same `scan` on the same shards, so they give the same answer.
"""

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cached_property
from itertools import starmap
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from matching_spark.config import Cache, Settings
from matching_spark.domain.posts import Filters, check
from matching_spark.domain.results import SearchResult
from matching_spark.domain.vocabulary import CATEGORY
from matching_spark.errors import InputError, ModelError, PhotoError, StorageError, UsageError
from matching_spark.knn.similarity import Float32, Metric
from matching_spark.score.calibration import SCORES, Calibration, Score
from matching_spark.score.store import find
from matching_spark.search.answers import answers
from matching_spark.search.choice import chosen
from matching_spark.search.outcome import Asked, SearchOutcome
from matching_spark.search.query import Query, SearchOptions, unit_vector
from matching_spark.search.request import QueryItem, Request, Scoring
from matching_spark.search.rerank import TaskOutcome
from matching_spark.search.runners import RUNNERS, MemoryRunner, Runner, RunnerName, SparkRunner
from matching_spark.shards.arrow import read_columns
from matching_spark.shards.cache import ShardCache
from matching_spark.shards.overlay import Overlay
from matching_spark.shards.shard import Shard, alive, places
from matching_spark.table.posts_table import PostsTable
from matching_spark.table.state import Snapshot

if TYPE_CHECKING:
    from pyspark import SparkContext
    from pyspark.sql import DataFrame

    from matching_spark.domain.place_names import PlaceNames
    from matching_spark.embed.clip import ClipModel
    from matching_spark.matching.matcher import Matcher, MatchRules

log = logging.getLogger(__name__)
Result = TypeVar("Result")


class SimilarityEngine:
    """Searches one table. The model is needed for photos and words, not for vectors.

    context: where the spark runner's tasks run; None is the session's that the table has. newer: of
    the memory runner, the rows that are to be laid over a snapshot. view: of the memory runner,
    what of a shard is searched, and whose places are known, in place of all that it has.
    """

    def __init__(
        self,
        table: PostsTable,
        runner: RunnerName = "spark",
        model: "ClipModel | None" = None,
        *,
        cache: Cache,
        context: "SparkContext | None" = None,
        newer: "Callable[[Snapshot], Overlay | None] | None" = None,
        view: Callable[[Shard], Shard] | None = None,
    ) -> None:
        if runner not in RUNNERS:
            raise UsageError(f"runner {runner!r} is not known; choose: {', '.join(RUNNERS)}")
        if runner == "spark" and not (newer is None and view is None):
            raise UsageError("newer rows, and a view of rows, are searched by runner='memory'")
        if runner == "spark" and context is None:
            if table.spark is None:
                raise UsageError(
                    "the spark runner needs a table opened with a session: "
                    "PostsTable.open(uri, spark, hadoop), or context=, or runner='memory'"
                )
            context = table.spark.sparkContext
        if model is not None:
            table.check_model(model.name)
        self.table = table
        self.newer = newer or (lambda _: None)
        self.runner = runner
        self.model = model
        self.cache = ShardCache.of(cache)
        self._names: tuple[tuple[object, ...], PlaceNames] | None = None  # of which rows
        self._view = view
        self._runner: Runner = MemoryRunner(self.cache, view)
        if runner == "spark" and context is not None:
            self._runner = SparkRunner(self.cache, context)

    @classmethod
    def of(
        cls, settings: Settings, table: PostsTable, model: "ClipModel | None" = None
    ) -> "SimilarityEngine":
        """An engine with the settings' runner, for all of the table, and cache."""
        master = None if table.spark is None else table.spark.sparkContext.master
        runner = chosen(settings, table.plan().files, master).runner
        return cls(table, runner, model, cache=settings.cache)

    # -- how it scores -----------------------------------------------------------------------

    @cached_property
    def calibration(self) -> Calibration | None:
        """The weights of the fused score: the table's own, else the model's; None without any.

        Raises ModelError when those at hand were learnt on another model's vectors.
        """
        return find(self.table.uri, self.model, self.table.model)

    def scoring(
        self, score: Score | None, metric: Metric = "cosine", threshold: float | None = None
    ) -> Scoring:
        """How posts are scored; score None: fused where there is a calibration.

        Raises ModelError when fused is asked for and there is none, or a stale one; unasked, a
        stale one is named in the log.
        """
        card = self.model.default_threshold if self.model else lambda pair: None
        cards = (card("image-image"), card("text-image"))
        return Scoring(metric, self._weights(score, metric), threshold, cards)

    def _weights(self, score: Score | None, metric: Metric) -> Calibration | None:
        check("score", score, SCORES)
        if score == "cosine" or (score is None and metric != "cosine"):
            return None
        if metric != "cosine":
            raise UsageError(f"the fused score is made of cosines; metric {metric} has none")
        try:
            found = self.calibration
        except ModelError as error:
            if score == "fused":
                raise
            log.warning("%s; scoring by cosine", error)
            return None
        if found is None and score == "fused":
            raise ModelError(
                f"{self.table.model} has no calibration: learn one with `matching-spark calibrate "
                "TRUTH`, or score by cosine"
            )
        return found

    # -- one query after the other: ask, answer ----------------------------------------------

    def search(
        self, queries: Sequence[Query], options: SearchOptions | None = None
    ) -> list[SearchResult]:
        """results[i]: the posts most like queries[i], best first; of equals the smaller id.

        Raises InputError for a query that cannot be looked up or compared, PhotoError for a photo
        that cannot be read, StorageError rather than give a partial answer.
        """
        options = options or SearchOptions()
        return self.answer(self.ask(queries, options.snapshot), options)

    def ask(self, queries: Sequence[Query], snapshot: str | None = None) -> list[Asked]:
        """The queries with their vectors: posts looked up in a snapshot, photos and words embedded.

        Raises as `search` does.
        """
        start = time.perf_counter()
        asked = self._standing(lambda: [self._asked(query, snapshot) for query in queries])
        own = [i for i, each in enumerate(asked) if each is None]
        for i, (image, text) in zip(own, self._embed([queries[i] for i in own]), strict=True):
            item = QueryItem(image, text, queries[i].facts)
            asked[i] = Asked(item, queries[i].described())
        taken_ms = (time.perf_counter() - start) * 1000
        return [replace(each, embed_ms=taken_ms) for each in asked if each is not None]

    def answer(
        self,
        asked: Sequence[Asked],
        options: SearchOptions,
        run: "Callable[[Request, str | None], SearchOutcome] | None" = None,
    ) -> list[SearchResult]:
        """The matches of what `ask` gave, with all that a reader of the JSON wants to know.

        run: in place of this engine's, as QueryBatcher.run is.
        """
        if not asked:
            return []
        bare = asked[0].bare
        if any(each.bare != bare for each in asked):  # each is answered as it is alone
            apart = {b: [each for each in asked if each.bare == b] for b in (True, False)}
            lists = {b: iter(self.answer(some, options, run)) for b, some in apart.items()}
            return [next(lists[each.bare]) for each in asked]
        if bare and options.score == "fused":
            raise UsageError("a vector is compared by cosine: it has no facts to weigh")
        score = "cosine" if bare else options.score
        scoring = self.scoring(score, options.metric, options.threshold)
        scoring = replace(scoring, here=options.here, costs=options.costs)
        queries = tuple(scoring.of_post(q.item) if q.kind else q.item for q in asked)
        request = Request(
            queries,
            options.where,
            options.top_k,
            scoring,
            nprobe=options.nprobe,
            rivals=scoring.calibration is not None,
        )
        found = (run or self.run)(request, options.snapshot)
        elapsed = {"plan": found.plan_ms, "search": found.search_ms}
        told = answers(request, found, options)
        return [
            SearchResult(
                query=each.described | {"filters": options.where.described()},
                model=self.table.model,
                provider=self.model.provider if self.model and each.embedded else None,
                snapshot=found.snapshot,
                runner=self.runner,
                exact=found.exact,
                score_kind=scoring.kind,
                threshold=scoring.threshold_for(query),
                searched=found.searched,
                complete=found.complete,
                elapsed_ms={"embed": each.embed_ms}
                | elapsed
                | {"total": each.embed_ms + sum(elapsed.values())},
                **answer._asdict(),
            )
            for each, query, answer in zip(asked, queries, told, strict=True)
        ]

    def _asked(self, query: Query, snapshot: str | None) -> Asked | None:
        """A vector or a post; None for a photo or words, which are embedded together."""
        if query.post_id is not None:
            return self._post(query, query.post_id, snapshot)
        if query.embedding is None:
            return None
        where = query.described().get("embedding", "the query")
        vector = unit_vector(query.vector(), where, self.table)
        return Asked(QueryItem(vector, facts=query.facts), query.described(), bare=True)

    def _post(self, query: Query, post_id: str, snapshot: str | None) -> Asked:
        """A post of the table as a query: its first photo, its words, its facts."""
        shard, row = self._located(post_id, snapshot)
        image, text = shard.parts(row)
        if image is None and text is None:
            raise InputError(f"post {post_id!r} has neither a photo nor words to search by")
        post = shard.rows(np.array([row]))[0]
        photo = None if image is None else shard.photo(row)
        (facts,) = shard.facts(np.array([row]), post["kind"])
        described = query.described() | {"title": post["title"], "photo": photo}
        described |= facts.described()
        item = QueryItem(image, text, facts, exclude=frozenset([post_id]))
        return Asked(item, described, kind=post["kind"])

    def _located(self, post_id: str, snapshot: str | None) -> tuple[Shard, int]:
        overlay = self.newer(self.table.plan(snapshot=snapshot))
        if overlay is not None and post_id in overlay.hidden:
            rows = np.flatnonzero(overlay.fresh.is_post(post_id))
            if not len(rows):
                raise InputError(f"there is no post {post_id!r}: it was erased")
            return overlay.fresh, int(rows[0])
        files = self.table.state.having([post_id], snapshot)
        if found := self.cache.find(post_id, files, self.table.space):
            return found
        file, row = self.table.locate(post_id, snapshot)
        return self.cache.load(file, self.table.space), row

    def _embed(self, queries: Sequence[Query]) -> list[tuple[Float32 | None, Float32 | None]]:
        """The vectors of photos and of words, each kind as one batch."""
        if not queries:
            return []
        if self.model is None:
            raise UsageError("photos and words need a model: SimilarityEngine(..., model=...)")
        given = {
            i: unit_vector(q.image, "the query's photo", self.table)
            for i, q in enumerate(queries)
            if isinstance(q.image, np.ndarray)
        }
        photos = [i for i, q in enumerate(queries) if q.image is not None and i not in given]
        words = {i: query.text for i, query in enumerate(queries) if query.text}
        pixels = [self._pixels(self.model, queries[i]) for i in photos]
        images = given | dict(zip(photos, self.model.embed_pixels(pixels), strict=True))
        texts = dict(zip(words, self.model.embed_texts(list(words.values())), strict=True))
        return [(images.get(i), texts.get(i)) for i in range(len(queries))]

    @staticmethod
    def _pixels(model: "ClipModel", query: Query) -> Float32:
        """The photo of a query as the model wants it. Raises PhotoError naming its place."""
        try:
            return model.pixels(query.photo())
        except PhotoError as error:
            place = query.described().get("image")
            raise (error.of(place) if place else error) from None

    # -- over the shards ---------------------------------------------------------------------

    def run(self, request: Request, snapshot: str | None = None) -> SearchOutcome:
        """Plan, scan and merge. Raises StorageError rather than give a partial answer.

        What is read is one snapshot, and the one that is named in the outcome, whoever writes.
        """
        return self._standing(lambda: self._ran(request, snapshot))

    def _ran(self, request: Request, snapshot: str | None) -> SearchOutcome:
        start = time.perf_counter()
        state = self.table.plan(request.where, snapshot)
        if request.nprobe is not None and state.space.centroids() is None:
            request = replace(request, nprobe=None)  # there are none: the whole is looked at
        planned = time.perf_counter()
        overlay, outcome = self.newer(state), TaskOutcome.of([], request)
        if (state.files or overlay) and request.queries:
            outcome = self._runner.run(state.files, request, state.space, overlay)
        done = time.perf_counter()
        return SearchOutcome(
            outcome.matches,
            outcome.rivals,
            outcome.searched,
            outcome.rows,
            request.nprobe is None,
            state.id,
            (planned - start) * 1000,
            (done - planned) * 1000,
            outcome.complete,
        )

    def _standing(self, attempt: Callable[[], Result]) -> Result:
        """The attempt, again on the table as it is now where a snapshot has ended that it may have
        read: an erase ends every earlier one at once, compact those whose time is over."""
        while True:
            known = self.table.snapshots
            try:
                return attempt()
            except StorageError:
                self.table.refresh(self.table.model)  # what is asked has vectors of this one
                there = {str(each.snapshot_id) for each in self.table.metadata.snapshots()}
                if there.issuperset(known):
                    raise

    def places(
        self, where: Filters | None = None, snapshot: str | None = None, resident: bool = True
    ) -> "PlaceNames":
        """The names of places of the posts that may be searched, to look words up in; the last ones
        are kept. resident: from shards, which a search reads anyway; else those columns alone.

        Raises StorageError when a file cannot be read.
        """
        return self._standing(lambda: self._places(where, snapshot, resident))

    def _places(self, where: Filters | None, snapshot: str | None, resident: bool) -> "PlaceNames":
        state = self.table.plan(where, snapshot)
        overlay = self.newer(state)
        rows = (*state.files, overlay)
        if self._names is None or self._names[0] != rows:
            if resident or self._view is not None:
                shards = self.cache.load_all(state.files, state.space)
                if overlay is not None:
                    shards = overlay.over(state.files, shards)
                view = self._view or (lambda shard: shard)
                posts = [(view(shard).metadata, shard.alive) for shard in shards]
            else:
                posts = [(read_columns(f.uri, ["place", "region"]), alive(f)) for f in state.files]
            from matching_spark.domain.place_names import PlaceNames  # which words alone need

            self._names = rows, PlaceNames.of(starmap(places, posts))
        return self._names[1]

    def warm(self, categories: Sequence[str] = ()) -> int:
        """Load the shards of some categories (none: all) ahead of the first search; their number.

        Words are taken as Filters takes them. Raises InputError for one that is no category.
        """
        state = self.table.plan()
        if files := state.of([*filter(None, map(CATEGORY.check, categories))]):
            self._runner.run(files, Request((), Filters(), 1), state.space)
        return len(files)

    # -- all of them -------------------------------------------------------------------------

    def matcher(self, rules: "MatchRules") -> "Matcher":
        """What matches all lost posts of the table by these rules and this engine's score."""
        from matching_spark.matching.matcher import Matcher  # pyspark, which few searches need

        scoring = self.scoring(rules.score, rules.metric, rules.threshold)
        scoring = replace(scoring, here=rules.here, costs=rules.costs)
        return Matcher(self.table, rules, self.cache, scoring)

    def embeddings(self, where: Filters | None = None) -> "DataFrame":
        """One row a vector, for the data engineer and MLlib.

        Columns: post_id, part ('photo' or 'text'), kind, category, features (pyspark.ml vector).
        """
        from matching_spark.spark.ml_vectors import ml_vectors  # pyspark, as above

        return ml_vectors(self.table.frame(), where or Filters())
