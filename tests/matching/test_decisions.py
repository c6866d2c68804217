"""What was decided of pairs stays, as long as their ids are of a lost and a found post."""

import pytest
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from matching_spark import ClipModel, Post, PostsTable, SimilarityEngine
from matching_spark.config import Cache, Hadoop
from matching_spark.errors import InputError
from matching_spark.ingest.over import Rules
from matching_spark.ingest.pipeline import ingest_posts
from matching_spark.matching.decisions import Decision, store, truth
from matching_spark.matching.matcher import MatchRules


def test_a_confirmed_pair_without_a_common_part_stays(
    own: str, clip: ClipModel, spark: SparkSession
) -> None:
    """By cosine a lost post with a photo is asked by it, which no post of words alone has."""
    table = PostsTable.open(own, spark, Hadoop())
    rows = table.frame().select("post_id", "kind", F.size("photos").alias("n")).collect()
    lost = next(r["post_id"] for r in rows if r["kind"] == "lost" and r["n"])
    ingest_posts([Post(found := "words", "found", "지갑", title="지갑 습득")], table, clip)
    store(table, [Decision(lost, found, "confirmed", "a test")])
    engine = SimilarityEngine(table, "memory", cache=Cache())
    pairs = engine.matcher(MatchRules(score="cosine")).pairs().where(F.col("lost_id") == lost)
    kept = {row["found_id"]: (row["score"], row["components"]) for row in pairs.collect()}
    assert kept[found] == (-1.0, {}), "last, with nothing said of it"


def test_what_was_said_of_an_id_that_is_now_of_the_other_kind_counts_no_more(
    own: str, clip: ClipModel, spark: SparkSession
) -> None:
    """Neither for the matches and what is told of them, nor as truth; of other pairs all stays."""
    table = PostsTable.open(own, spark, Hadoop())
    rows = table.frame().where("status = 'open'").select("post_id", "kind").collect()
    lost, found = ([r["post_id"] for r in rows if r["kind"] == kind] for kind in ("lost", "found"))
    said = [(lost[0], found[0]), (lost[1], found[1]), (lost[2], found[2])]
    store(table, [Decision(*pair, "confirmed", "a test") for pair in said])
    turned = [Post(found[0], "lost", "지갑", title="지갑"), Post(lost[1], "found", title="우산")]
    report = ingest_posts(turned, table, clip, rules=Rules(replace=True))
    assert report.rejects == ()
    assert truth(table) == {lost[2]: {found[2]: True}}
    pairs = SimilarityEngine(table, "memory", cache=Cache()).matcher(MatchRules()).pairs()
    kept = {(row["lost_id"], row["found_id"]) for row in pairs.collect()}
    assert kept & set(said) == {said[2]}
    kinds = table.kinds(post_id for pair in kept for post_id in pair)
    assert {(kinds[a], kinds[b]) for a, b in kept} == {("lost", "found")}
    other = [Post(found[2], "found", "우산", title="다른 우산")]
    ingest_posts(other, table, clip, rules=Rules(replace=True))
    assert truth(table) == {lost[2]: {found[2]: True}}, "of the same kind, as docs/evidence.md says"
    found_again = [Post(found[2], "lost", "지갑", title="지갑")]
    ingest_posts(found_again, table, clip, rules=Rules(replace=True))
    with pytest.raises(InputError, match="has no decisions"):
        truth(table)
