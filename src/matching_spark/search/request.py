"""What every task of a search is handed: its queries and what they may find."""

from dataclasses import dataclass

from matching_spark.domain.posts import Filters
from matching_spark.knn.similarity import Float32, Metric
from matching_spark.score.ranking import Calibration, Facts, limit_name, modality


@dataclass(frozen=True)
class Fusion:
    """What a request needs for the fused score: the weights, and each query's facts."""

    calibration: Calibration
    facts: tuple[Facts, ...]


@dataclass(frozen=True)
class Vectors:
    """A query as unit vectors (d,): of a photo, of words, or of both."""

    image: Float32 | None = None
    text: Float32 | None = None

    def limit(self, facts: Facts) -> str:
        """The name of the fused score's thresholds for this query."""
        return limit_name(modality(self.image is not None, self.text is not None), facts.bare)


@dataclass(frozen=True)
class Request:
    """What every task of one search is handed.

    exclude: post ids that must not come back. only: the post ids that may.
    nprobe: how many cells of a shard are looked at; None is all of it, which is exact.
    """

    queries: tuple[Vectors, ...]
    where: Filters
    top_k: int
    threshold: float | None
    metric: Metric = "cosine"
    exclude: frozenset[str] = frozenset()
    only: frozenset[str] | None = None
    not_before: tuple[int | None, ...] = ()  # a query: the first day of a post that is dated
    nprobe: int | None = None
    fusion: Fusion | None = None  # the fused score in place of the cosine's
