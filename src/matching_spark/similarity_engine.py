"""SimilarityEngine: plan the files, scan them as shards, merge; on Spark or in this process.

Both runners call the same `scan` on the same shards, so they give the same answer.
"""

import datetime as dt
import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np
import numpy.typing as npt
from PIL import Image

from matching_spark.config import Cache, Settings
from matching_spark.domain.posts import CATEGORIES, COLOURS, KINDS, REGIONS, Filters, Kind, check
from matching_spark.domain.results import Match, SearchResult
from matching_spark.embed.clip import ClipModel
from matching_spark.embed.photos import open_photo
from matching_spark.errors import InputError, ModelError, UsageError
from matching_spark.knn.similarity import METRICS, Metric, unit
from matching_spark.score.ranking import SCORES, Calibration, Facts, Language, Score
from matching_spark.search.fused import reasoned
from matching_spark.search.request import Fusion, Request, Vectors
from matching_spark.search.rerank import TaskOutcome
from matching_spark.search.runners import MemoryRunner, Runner, SparkRunner
from matching_spark.shards.cache import ShardCache
from matching_spark.shards.shard import DataFile
from matching_spark.table.posts_table import PostsTable

if TYPE_CHECKING:
    from pyspark import SparkContext
    from pyspark.sql import DataFrame

    from matching_spark.matching.matcher import Matcher, MatchRules

log = logging.getLogger(__name__)
RunnerName = Literal["spark", "memory"]
RUNNERS: tuple[RunnerName, ...] = get_args(RunnerName)


@dataclass(frozen=True)
class Query:
    """What is looked for: a photo (a path or an opened picture), words, or both.

    The rest is what else is known of it, for the fused score; `happened_on` is the day it was lost,
    or found where `kind` is found. Raises InputError for a word that is not one of the domain's.
    """

    image: Path | str | Image.Image | None = None
    text: str | None = None
    category: str = ""
    colour: str = ""
    region: str = ""
    place: str = ""
    happened_on: dt.date | None = None
    kind: Kind = "lost"

    def __post_init__(self) -> None:
        check("kind", self.kind, KINDS)
        check("category", self.category, CATEGORIES)
        check("colour", self.colour, COLOURS)
        check("region", self.region, REGIONS)

    @property
    def facts(self) -> Facts:
        return Facts(
            self.category, self.colour, self.region, self.place, self.happened_on, self.kind
        )


@dataclass(frozen=True)
class SearchOutcome:
    """What the tasks of a search gave: matches a query, posts compared, vectors looked at."""

    matches: list[list[Match]]
    searched: int
    rows: int
    exact: bool
    snapshot: str | None
    plan_ms: float
    search_ms: float


class SimilarityEngine:
    """Searches one table. The model is needed for photos and words, not for vectors.

    context: where the spark runner's tasks run; None is the session's that the table has.
    """

    def __init__(
        self,
        table: PostsTable,
        runner: RunnerName = "spark",
        model: ClipModel | None = None,
        cache: Cache | None = None,
        context: "SparkContext | None" = None,
    ) -> None:
        if runner not in RUNNERS:
            raise UsageError(f"runner {runner!r} is not known; choose: {', '.join(RUNNERS)}")
        if runner == "spark" and context is None:
            if table.spark is None:
                raise UsageError(
                    "the spark runner needs a table opened with a session: "
                    "PostsTable.open(uri, spark), or context=, or runner='memory'"
                )
            context = table.spark.sparkContext
        if model is not None:
            table.check_model(model.name)
        self.table = table
        self.runner = runner
        self.model = model
        self.cache = ShardCache.of(cache or Settings().cache)
        self._runner: Runner = MemoryRunner(self.cache)
        if runner == "spark" and context is not None:
            self._runner = SparkRunner(self.cache, context)

    @cached_property
    def calibration(self) -> Calibration | None:
        """The weights of the fused score: the table's own, else the model's; None without any.

        Raises ModelError when those at hand were learnt on another model's vectors.
        """
        from matching_spark.score.calibration import find

        return find(self.table.uri, self.model, self.table.model)

    def fusion(self, score: Score | None, metric: Metric) -> Calibration | None:
        """The weights to score by, None for the cosine.

        score None: fused where there is a calibration. Raises ModelError when fused is asked for
        and there is none, or a stale one; unasked, a stale one is named in the log.
        """
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
                "TRUTH`, or use --score cosine"
            )
        return found

    def search(
        self,
        vectors: npt.ArrayLike,
        top_k: int = 10,
        threshold: float | None = None,
        where: Filters | None = None,
        metric: Metric = "cosine",
        snapshot: str | None = None,
        nprobe: int | None = None,
    ) -> list[list[Match]]:
        """hits[i]: the posts whose best photo is most like vectors[i], best first.

        vectors: (q, dimension) or (dimension,). A match reaches `threshold` (inclusive) and ties go
        to the smaller post_id. nprobe: look only at so many cells, where the table has them; None
        is exact. Raises InputError for vectors that are no vectors of this table.
        """
        rows = self.check_vectors(vectors)
        queries = tuple(Vectors(image=row) for row in rows)
        request = _request(queries, top_k, threshold, where, metric, nprobe)
        return self.find(request, snapshot).matches

    def search_posts(
        self,
        queries: Sequence[Query],
        top_k: int = 10,
        threshold: float | None = None,
        where: Filters | None = None,
        metric: Metric = "cosine",
        snapshot: str | None = None,
        score: Score | None = None,
        language: Language = "ko",
        nprobe: int | None = None,
    ) -> list[list[Match]]:
        """hits[i]: the posts most like queries[i], best first.

        score cosine: a photo is compared with photos; words with photos and with the posts' own
        words. score fused: the probability that a post shows the same thing, by all that is known,
        with why in one sentence of `language`. None is fused where there is a calibration.
        """
        request = _request(self.embed(queries), top_k, threshold, where, metric, nprobe)
        calibration = self.fusion(score, metric)
        if calibration is not None:
            facts = tuple(query.facts for query in queries)
            request = replace(request, fusion=Fusion(calibration, facts))
        found = self.find(request, snapshot).matches
        return [
            reasoned(hits, vectors, query.facts, calibration, language)
            for query, vectors, hits in zip(queries, request.queries, found, strict=True)
        ]

    def answer(
        self,
        query: Vectors,
        described: dict[str, Any],
        *,
        embed_ms: float = 0.0,
        top_k: int = 10,
        threshold: float | None = None,
        where: Filters | None = None,
        metric: Metric = "cosine",
        snapshot: str | None = None,
        exclude: frozenset[str] = frozenset(),
        calibration: Calibration | None = None,
        facts: Facts | None = None,
        language: Language = "ko",
        nprobe: int | None = None,
    ) -> SearchResult:
        """One query's matches with all that a reader of the JSON wants to know.

        calibration: score by it, fused; `facts` are the query's.
        """
        request = _request((query,), top_k, threshold, where, metric, nprobe)
        request = replace(request, exclude=exclude)
        facts = facts or Facts()
        if calibration is not None:
            request = replace(request, fusion=Fusion(calibration, (facts,)))
        found = self.find(request, snapshot)
        elapsed = {"embed": embed_ms, "plan": found.plan_ms, "search": found.search_ms}
        return SearchResult(
            query=described,
            model=self.table.model,
            provider=self.model.provider if self.model else None,
            snapshot=found.snapshot,
            runner=self.runner,
            exact=found.exact,
            score_kind=metric if calibration is None else "fused",
            threshold=threshold,
            searched=found.searched,
            elapsed_ms=elapsed | {"total": sum(elapsed.values())},
            matches=tuple(reasoned(found.matches[0], query, facts, calibration, language)),
        )

    def embed(self, queries: Sequence[Query]) -> tuple[Vectors, ...]:
        """Queries as vectors. Raises PhotoError for a photo that cannot be read."""
        if self.model is None:
            raise UsageError("photos and words need a model: SimilarityEngine(table, model=...)")
        out = []
        for query in queries:
            if query.image is None and not (query.text and query.text.strip()):
                raise InputError("a query needs a photo or words")
            image = None if query.image is None else _open(query.image)
            out.append(
                Vectors(
                    None if image is None else self.model.embed_images([image])[0],
                    self.model.embed_texts([query.text])[0] if query.text else None,
                )
            )
        return tuple(out)

    def post_vectors(self, post_id: str, snapshot: str | None = None) -> tuple[Vectors, Any]:
        """A post of the table as a query: its first photo and its words; and its metadata."""
        file, row = self.table.find(post_id, snapshot)
        shard = self.cache.load(file, self.table.space)
        image, text = shard.parts(row)
        photo = None if image is None else shard.photo(row)
        meta = shard.rows(np.array([row]))[0] | {"photo": photo}
        if image is not None or text is not None:
            return Vectors(image, text), meta
        raise InputError(f"post {post_id!r} has neither a photo nor words to search by")

    def check_vectors(self, vectors: npt.ArrayLike) -> npt.NDArray[np.float32]:
        """Vectors as (q, dimension) unit rows. Raises InputError naming what is wrong."""
        rows = np.atleast_2d(np.asarray(vectors))
        if rows.dtype.kind != "f" or rows.ndim != 2 or rows.shape[1] != self.table.dimension:
            raise InputError(
                f"the query is {rows.dtype} of shape {rows.shape}; {self.table.uri} wants floating "
                f"point rows of {self.table.dimension}"
            )
        try:
            return unit(rows)
        except ValueError as error:
            raise InputError(f"the query cannot be compared: {error}") from None

    def find(self, request: Request, snapshot: str | None = None) -> SearchOutcome:
        """Plan, scan and merge. Raises StorageError rather than give a partial answer."""
        if not request.queries:
            return SearchOutcome([], 0, 0, True, self.table.snapshot, 0.0, 0.0)
        start = time.perf_counter()
        if request.nprobe is not None and self.table.space.centroids() is None:
            request = replace(request, nprobe=None)  # there are none: the whole is looked at
        files = self.table.plan(request.where, snapshot)
        planned = time.perf_counter()
        answer = self._run(files, request)
        done = time.perf_counter()
        return SearchOutcome(
            answer.matches,
            answer.searched,
            answer.rows,
            request.nprobe is None,
            snapshot or self.table.snapshot,
            (planned - start) * 1000,
            (done - planned) * 1000,
        )

    def _run(self, files: list[DataFile], request: Request) -> TaskOutcome:
        if not files:
            return TaskOutcome(0, 0, [[] for _ in request.queries])
        return self._runner.run(files, request, self.table.space)

    def warm(self, categories: Sequence[str] = ("*",)) -> int:
        """Load the shards of some categories ("*": all) ahead of the first search; their number.

        Raises InputError for a word that is no category.
        """
        for category in categories:
            check("category", category, (*CATEGORIES, "*"))
        files = [f for f in self.table.plan() if "*" in categories or f.category in categories]
        nothing = Request((), Filters(), 1, None)
        self._run(files, nothing)
        return len(files)

    def match(
        self, top_k: int = 10, threshold: float | None = None, any_category: bool = False
    ) -> "DataFrame":
        """The found posts most like each open lost post: matching.matcher.SCHEMA, a row a pair.

        `Matcher` has the rules of time and category, `matches_table.update` keeps the pairs.
        """
        from matching_spark.matching.matcher import MatchRules

        return self.matcher(MatchRules(top_k, threshold, any_category)).pairs()

    def matcher(self, rules: "MatchRules") -> "Matcher":
        """What matches all lost posts of the table by these rules and this engine's score."""
        from matching_spark.matching.matcher import Matcher

        return Matcher(
            self.table,
            rules,
            self.cache,
            self.fusion(rules.score, rules.metric),
            self.model.default_threshold if self.model else lambda pair: None,
        )

    def embeddings(self, where: Filters | None = None) -> "DataFrame":
        """One row a vector, for the data engineer and MLlib.

        Columns: post_id, part ('photo' or 'text'), kind, category, features (pyspark.ml vector).
        """
        from matching_spark.spark.ml_vectors import ml_vectors

        return ml_vectors(self.table.frame(), where or Filters())


def _request(
    queries: tuple[Vectors, ...],
    top_k: int,
    threshold: float | None,
    where: Filters | None,
    metric: Metric,
    nprobe: int | None = None,
) -> Request:
    if top_k < 1:
        raise UsageError(f"top_k is {top_k}; it must be 1 or more")
    if threshold is not None and not np.isfinite(threshold):
        raise UsageError(f"threshold {threshold} is no number to compare with")
    if metric not in METRICS:
        raise UsageError(f"metric {metric!r} is not known; choose one of: {', '.join(METRICS)}")
    if nprobe is not None and nprobe < 1:
        raise UsageError(f"nprobe is {nprobe}; it must be 1 or more, or None for all")
    return Request(queries, where or Filters(), top_k, threshold, metric, nprobe=nprobe)


def _open(image: Path | str | Image.Image) -> Image.Image:
    if isinstance(image, Image.Image):
        return image.convert("RGB")
    from matching_spark import storage

    try:
        return open_photo(storage.read_bytes(str(image)))
    except FileNotFoundError:
        raise InputError(f"there is no photo {image}") from None
