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
from matching_spark.score.calibration import limit_name, modality
from matching_spark.score.components import Language
from matching_spark.score.explain import explain
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
    and what `judged` needs of each pair's list; and how many open found posts there are.
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


def judged(matcher: "Matcher", row: "Row", there: int, language: Language) -> dict[str, Any]:
    """contributions, probability, band and why of a row of `listed`; none of a cosine.

    The probability is that of the lost post's list: its kept pairs with their L, all other open
    found posts by their number. Where more than top_k are alike it is too high.
    """
    calibration, components = matcher.scoring.calibration, row["components"]
    if calibration is None or not components:  # a confirmed pair may have no common part
        return {}
    lost = row["lost"].asDict()
    asked = limit_name(modality(lost["image"], lost["text"]), not facts_of(lost, "lost").placed)
    added = calibration.contributions(components)
    scale = calibration.scale(asked)
    each = [scale.evidence(told) for told in row["of_list"]]
    above = [told for told in each if told >= FLOOR]
    others = Rivals.of(max(there, len(each)), above)
    of = Posterior(others, matcher.scoring.here, scale, calibration.alike)
    probability = of.probability(row["told"])
    return {
        "contributions": added,
        "probability": probability,
        "band": matcher.scoring.costs.band(probability),
        "why": explain(components, added, language),
    }


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
    said = decisions.latest(matcher.table.uri)
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
            **judged(matcher, row, there, language),
        )
