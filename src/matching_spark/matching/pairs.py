"""The kept pairs beside what is known of both posts: for alerts, and for people to look at."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from pyspark.sql import Window
from pyspark.sql import functions as F

from matching_spark.domain.facts import facts_of
from matching_spark.domain.results import Pair
from matching_spark.layout import photo_here
from matching_spark.matching import decisions, matches_table
from matching_spark.score.calibration import limit_name, modality
from matching_spark.score.components import Language
from matching_spark.score.explain import explain

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, Row

    from matching_spark.matching.matcher import Matcher

ABOUT = (
    *("post_id", "category", "subcategory", "title", "colour", "place", "region", "happened_on"),
    *("status", "kept_at", "kept_phone", "source_url"),
)
PHOTO = "get(photos, 0).uri AS photo"
HAS = ("size(photos) > 0 AS image", "text_vector IS NOT NULL AS text")


def joined(matcher: "Matcher", lost: Sequence[str], found: Sequence[str]) -> "DataFrame":
    """The kept pairs with expressions of both posts, as the structs `lost` and `found`."""
    posts = matcher.table.frame()
    pairs = matches_table.kept(matcher)
    for side, told in (("lost", lost), ("found", found)):
        of = posts.selectExpr(f"post_id AS {side}_id", f"struct({', '.join(told)}) AS {side}")
        pairs = pairs.join(of, f"{side}_id")
    return pairs


def described(
    matcher: "Matcher", language: Language = "ko", best: int | None = None
) -> Iterator[Pair]:
    """The kept pairs by lost post and rank, with bands and reasons as the matcher's scoring has
    them. best: only so many, those of the highest scores; the lost post of the best pair first.
    """
    rows = joined(matcher, (*ABOUT, PHOTO, *HAS), (*ABOUT, PHOTO))
    order = [F.col("lost_id"), F.col("rank")]
    if best is not None:
        rows = rows.orderBy(F.desc("score"), *order).limit(best)
        first = F.max("score").over(Window.partitionBy("lost_id"))
        rows = rows.withColumn("first", first)
        order = [F.desc("first"), *order]
    said = decisions.latest(matcher.table.uri)
    for row in rows.orderBy(*order).toLocalIterator():
        yield _pair(matcher, row, language, said.get((row["lost_id"], row["found_id"]), ""))


def _pair(matcher: "Matcher", row: "Row", language: Language, decided: str) -> Pair:
    posts: dict[str, dict[str, Any]] = {side: row[side].asDict() for side in ("lost", "found")}
    for post in posts.values():
        post["photo"] = photo_here(matcher.table.photos, post["photo"])
    lost = posts["lost"]
    image, text = lost.pop("image"), lost.pop("text")
    why: dict[str, Any] = {}
    calibration, components = matcher.scoring.calibration, row["components"]
    if calibration is not None and components:  # a confirmed pair may have no common part
        asked = limit_name(modality(image, text), facts_of(lost, "lost").bare)
        added = calibration.contributions(components)
        why = {
            "contributions": added,
            "band": calibration.band(row["score"], asked),
            "why": explain(components, added, language),
        }
    return Pair(
        lost,
        posts["found"],
        row["rank"],
        row["score"],
        row["score_kind"],
        row["probability"],
        components,
        row["model"],
        decided=decided,
        **why,
    )
