"""All lost x found: what every open lost post most looks like.

A task is a block of lost posts against some files of found ones: one matrix product, k rows a lost
post out of it. Spark reduces those rows; no score matrix is ever shuffled.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import pairwise
from typing import Any

import numpy as np
from pyspark.sql import DataFrame, SparkSession, Window
from pyspark.sql import functions as F

from matching_spark.config import Matching
from matching_spark.domain.facts import Facts
from matching_spark.domain.posts import Filters
from matching_spark.errors import UsageError
from matching_spark.knn.similarity import Index, Metric
from matching_spark.matching import decisions
from matching_spark.score.calibration import Score
from matching_spark.score.posterior import COSTS, HERE, Costs
from matching_spark.search.query import SearchOptions
from matching_spark.search.request import QueryItem, Request, Scoring
from matching_spark.search.rerank import Candidate, decide
from matching_spark.search.scan import scan, scan_all
from matching_spark.shards.cache import ShardCache
from matching_spark.shards.shard import DataFile, Shard, pack
from matching_spark.shards.space import VectorSpace
from matching_spark.table.posts_table import PostsTable

SCHEMA = (
    "lost_id string, found_id string, rank int, score double, score_kind string, "
    "probability double, components map<string, double>, model string, run_at timestamp"
)
PAIR = "lost_id string, found_id string, rank int, score double, components map<string, double>"
LEAST_POSTS = 256  # lost, of a block: with fewer a product takes longer a post
FILES_A_TASK_BYTES = 512 << 20  # of vectors against 1,024 lost posts: 3 s of a core


_Pair = tuple[str, str, int, float, dict[str, float]]  # a PAIR row


@dataclass(frozen=True)
class MatchRules:
    """How lost posts are matched.

    score None: fused where there is a calibration. threshold None: the calibration's, or for
    cosines the model card's for photos and for words. here, costs: of the pairs' probabilities and
    bands, which are worked out when they are shown and change no pair. Raises as SearchOptions
    does.
    """

    top_k: int = 10
    threshold: float | None = None
    any_category: bool = False
    metric: Metric = "cosine"
    settings: Matching = field(default_factory=Matching)
    score: Score | None = None
    here: float = HERE
    costs: Costs = COSTS

    def __post_init__(self) -> None:
        SearchOptions(
            top_k=self.top_k,
            threshold=self.threshold,
            metric=self.metric,
            score=self.score,
            here=self.here,
        )

    def described(self) -> dict[str, Any]:
        settings = self.settings.model_dump(exclude={"block_posts"}, mode="json")
        return {
            "top_k": self.top_k,
            "any_category": self.any_category,
            "metric": self.metric,
            "settings": settings,
        }


@dataclass(frozen=True)
class _Task:
    """Rows [start, stop) of a file of lost posts against some files of found ones."""

    lost: DataFile
    start: int
    stop: int
    found: tuple[DataFile, ...]
    anew: bool  # the block's posts that are computed anew, or those that are not


class Matcher:
    """Matches the lost posts of one table by one set of rules."""

    def __init__(
        self, table: PostsTable, rules: MatchRules, cache: ShardCache, scoring: Scoring
    ) -> None:
        if table.spark is None:
            raise UsageError("match needs a table opened with a Spark session")
        self.table = table
        self.rules = rules
        self.cache = cache
        self.scoring = scoring
        self.read_decisions()

    @property
    def spark(self) -> SparkSession:
        return self.table.session

    def pairs(self) -> DataFrame:
        """SCHEMA: the k found posts most like each open lost post, computed anew."""
        self.read_decisions()
        files = self.table.plan().files
        tasks = self.tasks(files, files, anew=True)
        pairs = self.compared(tasks, None)
        split = len({(task.lost.uri, task.start) for task in tasks}) < len(tasks)
        return self.described(self.cut(pairs) if split else pairs)

    # -- what is compared ----------------------------------------------------------------------

    def tasks(self, lost: Sequence[DataFile], found: Sequence[DataFile], anew: bool) -> list[_Task]:
        """Every block of lost posts beside the files of the categories that go with its own."""
        out = []
        step = self.rules.settings.block_posts
        for file in (f for f in lost if f.kind == "lost"):
            wanted = self._categories(file.category)
            with_it = [
                f
                for f in found
                if f.kind == "found" and (wanted is None or not f.category or f.category in wanted)
            ]
            bounds, least = _split(file.records, step, self.spark.sparkContext.defaultParallelism)
            groups = pack(with_it, least, FILES_A_TASK_BYTES) if with_it else []
            for start, stop in pairwise(bounds):
                out += [_Task(file, start, stop, tuple(group), anew) for group in groups]
        return out

    def _categories(self, category: str) -> set[str] | None:
        """The categories that a lost post of this one may be found in; None is all."""
        if self.rules.any_category or not category:
            return None
        return {category, *self.rules.settings.neighbours.get(category, ())}

    def compared(self, tasks: list[_Task], anew: frozenset[str] | None) -> DataFrame:
        """PAIR rows of all tasks: at most k a lost post and task, ranked within the task."""
        run = partial(
            _match,
            rules=self.rules,
            scoring=self.scoring,
            decided=self._decided,
            cache=self.cache,
            space=self.table.space,
            anew=anew,
        )
        context = self.spark.sparkContext
        rows = context.parallelize(tasks, max(1, len(tasks))).flatMap(run)
        return self.spark.createDataFrame(rows, PAIR, verifySchema=False)

    def cut(self, pairs: DataFrame) -> DataFrame:
        """Of pairs from several tasks the k best of each lost post."""
        # k rows a lost post and task are little: a partition a core costs less than many.
        spread = pairs.repartition(self.spark.sparkContext.defaultParallelism, "lost_id")
        return _ranked(spread).where(F.col("rank") <= self.rules.top_k)

    def described(self, best: DataFrame) -> DataFrame:
        """SCHEMA: the best pairs with those that were confirmed, whatever their place."""
        if confirmed := self._confirmed():
            best = _ranked(best.unionByName(self.spark.createDataFrame(confirmed, PAIR)))
        return best.select(
            "lost_id",
            "found_id",
            "rank",
            "score",
            F.lit(self.scoring.kind).alias("score_kind"),
            # Of a list, which changes with every post that comes: worked out where pairs are shown.
            F.lit(None).cast("double").alias("probability"),
            "components",
            F.lit(self.table.model).alias("model"),
            F.current_timestamp().alias("run_at"),
        )

    # -- what people decided -------------------------------------------------------------------

    def read_decisions(self) -> frozenset[str]:
        """Read which found posts are decided on: they take no place among a lost post's k. Returns
        the lost posts of which anything was ever said, also what was taken back since."""
        said = decisions.last_words(self.table.uri)
        self._verdicts = decisions.standing(said)
        decided: dict[str, set[str]] = {}
        for lost_id, found_id in self._verdicts:
            decided.setdefault(lost_id, set()).add(found_id)
        self._decided = {lost_id: frozenset(ids) for lost_id, ids in decided.items()}
        return frozenset(lost_id for lost_id, _ in said)

    def _confirmed(self) -> list[_Pair]:
        """PAIR rows of the confirmed pairs that hold and whose posts are both open, whatever their
        score."""
        pairs = [pair for pair, verdict in self._verdicts.items() if verdict == "confirmed"]
        if not pairs:
            return []
        ids = self.spark.createDataFrame([(i,) for pair in pairs for i in pair], "post_id string")
        open_ = self.table.frame().where("status = 'open'").join(ids, "post_id", "left_semi")
        kinds = {row[0]: row[1] for row in open_.select("post_id", "kind").collect()}
        out = []
        there = (p for p in pairs if kinds.keys() >= {*p} and decisions.holds(p, kinds))
        for lost_id, found_id in there:
            lost, at = self._find(lost_id)
            found, row = self._find(found_id)
            hits = compare_posts(lost, at, found, row, self.scoring)
            for score, parts in [(h.score, h.components) for h in hits] or [(self._least, {})]:
                out.append((lost_id, found_id, 0, score, parts))
        return out

    @property
    def _least(self) -> float:
        """The score of a confirmed pair that has no part to compare: the least there is."""
        return -1.0 if self.scoring.calibration is None else 0.0

    def _find(self, post_id: str) -> tuple[Shard, int]:
        file, row = self.table.locate(post_id)
        return self.cache.load(file, self.table.space), row


def _ranked(pairs: DataFrame) -> DataFrame:
    # rerank.order, as Spark has it: its strings are in the order of their UTF-8, as Python's are.
    best_first = Window.partitionBy("lost_id").orderBy(F.desc("score"), "found_id")
    return pairs.withColumn("rank", F.row_number().over(best_first))


def _split(records: int, most: int, cores: int) -> tuple[list[int], int]:
    """Where the blocks of a file's lost posts begin and end; into how many the found are split.

    As many blocks of like size as keep the cores busy, none so small that a product gets slow.
    Found posts are split only for what cores are left: each part gives k rows a lost post.
    """
    fewest = -(-records // most)
    blocks = max(fewest, min(-(-fewest // cores) * cores, records // LEAST_POSTS))
    return np.linspace(0, records, blocks + 1).astype(int).tolist(), -(-cores // blocks)


def _match(
    task: _Task,
    rules: MatchRules,
    scoring: Scoring,
    decided: Mapping[str, frozenset[str]],
    cache: ShardCache,
    space: VectorSpace,
    anew: frozenset[str] | None,
) -> Iterator[_Pair]:
    """The task: the block's open lost posts against its files, k pairs a post."""
    lost = cache.load(task.lost, space)
    rows = _rows(lost, task, anew)
    if not len(rows):
        return
    ids = lost.ids(rows)
    dated = lost.dated()
    queries = tuple(
        replace(
            query,
            not_before=int(lost.days[row]) - rules.settings.grace_days if dated[row] else None,
            exclude=decided.get(lost_id, frozenset()),
        )
        for query, row, lost_id in zip(_queries(lost, rows, scoring), rows, ids, strict=True)
    )
    request = Request(queries, Filters(kind="found"), rules.top_k, scoring)
    best = decide(scan_all(cache.load_all(task.found, space), request), request)
    for lost_id, hits in zip(ids, best, strict=True):
        for rank, hit in enumerate(hits, 1):
            yield lost_id, hit.post_id, rank, hit.score, hit.components


def compare_posts(
    lost: Shard, at: int, found: Shard, there: int, scoring: Scoring
) -> list[Candidate]:
    """The match of row `there` of found for row `at` of lost; none if they share no part."""
    (query,) = _queries(lost, np.array([at]), scoring)
    only = frozenset(found.ids(np.array([there])))
    anyhow = replace(scoring, threshold=-np.inf)
    request = Request((query,), Filters(), 1, anyhow, only=only)
    return decide([scan(found, request)], request)[0]


def _queries(lost: Shard, rows: Index, scoring: Scoring) -> Iterator[QueryItem]:
    """Lost posts as queries; their facts only where they are weighed, since that takes its time."""
    known = lost.facts(rows, "lost") if scoring.calibration else [Facts()] * len(rows)
    for row, facts in zip(rows.tolist(), known, strict=True):
        image, text = lost.parts(row)
        yield scoring.of_post(QueryItem(image, text, facts))


def _rows(lost: Shard, task: _Task, anew: frozenset[str] | None) -> Index:
    """The block's open posts that have something to compare and are on this task's side."""
    usable = lost.where(Filters(kind="lost")) & lost.comparable()
    rows = np.flatnonzero(usable[task.start : task.stop]) + task.start
    if anew is None:
        return rows
    return rows[[(post_id in anew) == task.anew for post_id in lost.ids(rows)]]
