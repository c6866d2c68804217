"""The kept pairs beside what is known of both posts: for alerts, and for people to look at."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from pyspark.sql import Window
from pyspark.sql import functions as F

from matching_spark.domain.facts import facts_of
from matching_spark.domain.posts import Filters
from matching_spark.domain.results import Pair
from matching_spark.domain.schema import POINT
from matching_spark.layout import photo_here
from matching_spark.matching import decisions, matches_table
from matching_spark.score.calibration import Calibration
from matching_spark.score.components import Language
from matching_spark.score.explain import explain
from matching_spark.score.kinds import kind_name, modality
from matching_spark.score.posterior import FLOOR, Posterior, Rivals

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, Row

    from matching_spark.matching.matcher import Matcher

ABOUT = (
    *("post_id", "category", "subcategory", "title", "colour", "place", "region", "happened_on"),
    *("status", "kept_at", "kept_phone", "source_url"),
)
PHOTO = "get(photos, 0).uri AS photo"
HAS = ("size(photos) > 0 AS image", "text_vector IS NOT NULL AS text", *POINT)
SEEN = ("image", "text", *POINT)  # HAS by name: for the scoring, not for who reads of the post


def listed(
    matcher: "Matcher", lost: Sequence[str], found: Sequence[str]
) -> tuple["DataFrame", int]:
    """The kept pairs with expressions of both posts, as the structs `lost` (HAS too) and `found`,
    and what `Judge` needs of each pair's list; and how many open found posts there are.
    """
    posts = matcher.table.frame()
    rows = matches_table.kept(matcher)
    for side, told in (("lost", (*lost, *HAS)), ("found", found)):
        of = posts.selectExpr(f"post_id AS {side}_id", f"struct({', '.join(told)}) AS {side}")
        rows = rows.join(of, f"{side}_id")
    if matcher.scoring.calibration is None:
        return rows, 0
    odds = F.when(F.size("components") > 0, F.col("score") / (1 - F.col("score")))
    rows = rows.withColumn("told", F.log(odds) - F.lit(matcher.scoring.calibration.prior))
    of_list = F.collect_list("told").over(Window.partitionBy("lost_id"))
    return rows.withColumn("of_list", of_list), matcher.table.state.count(Filters(kind="found"))


class Judge:
    """Judges the rows of `listed`, those of a list one after another. there: as that says it.

    A probability is that of the lost post's list: its kept pairs with their L, all other open found
    posts by their number. Where more than top_k are alike it is too high.
    """

    def __init__(self, matcher: "Matcher", there: int, language: Language) -> None:
        self._scoring = matcher.scoring
        self._there = there
        self._language = language
        self._list: tuple[str, Posterior] | None = None  # the lost post's, of the last row

    def __call__(self, row: "Row") -> dict[str, Any]:
        """contributions, probability, band and why; none of a cosine."""
        calibration, components = self._scoring.calibration, row["components"]
        if calibration is None or not components:  # a confirmed pair may have no common part
            return {}
        if self._list is None or self._list[0] != row["lost_id"]:
            self._list = row["lost_id"], self._posterior(calibration, row)
        probability = self._list[1].probability(row["told"])
        added = calibration.contributions(components)
        return {
            "contributions": added,
            "probability": probability,
            "band": self._scoring.costs.band(probability),
            "why": explain(components, added, self._language),
        }

    def _posterior(self, calibration: Calibration, row: "Row") -> Posterior:
        lost = row["lost"].asDict()
        told = facts_of(lost, "lost").told()
        scale = calibration.scale(kind_name(modality(lost["image"], lost["text"]), told))
        each = [scale.evidence(told) for told in row["of_list"]]
        above = [told for told in each if told >= FLOOR]
        others = Rivals.of(max(self._there, len(each)), above, scale.keen)
        return Posterior(others, self._scoring.here, scale)


def described(
    matcher: "Matcher", language: Language = "ko", best: int | None = None
) -> Iterator[Pair]:
    """The kept pairs by lost post and rank, with reasons as the matcher's scoring has them. best:
    only so many, those of the highest scores; the lost post of the best pair first.
    """
    rows, there = listed(matcher, (*ABOUT, PHOTO), (*ABOUT, PHOTO))
    order = [F.col("lost_id"), F.col("rank")]
    if best is not None:
        rows = rows.orderBy(F.desc("score"), *order).limit(best)
        first = F.max("score").over(Window.partitionBy("lost_id"))
        rows = rows.withColumn("first", first)
        order = [F.desc("first"), *order]
    said, judged = decisions.latest(matcher.table.uri), Judge(matcher, there, language)
    for row in rows.orderBy(*order).toLocalIterator():
        posts: dict[str, dict[str, Any]] = {side: row[side].asDict() for side in ("lost", "found")}
        for post in posts.values():
            post["photo"] = photo_here(matcher.table.photos, post["photo"])
        yield Pair(
            {name: value for name, value in posts["lost"].items() if name not in SEEN},
            posts["found"],
            row["rank"],
            row["score"],
            row["score_kind"],
            row["components"],
            row["model"],
            decided=said.get((row["lost_id"], row["found_id"]), ""),
            **judged(row),
        )
