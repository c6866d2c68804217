"""The matches table: what the match gives, kept, and brought up to date by what is new."""

import json
from dataclasses import dataclass

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from matching_spark.domain.results import Reported
from matching_spark.matching.matcher import SCHEMA, Matcher
from matching_spark.table import side_tables
from matching_spark.table.catalog import MATCHED
from matching_spark.table.posts_table import PostsTable

NAME = "matches"
KEYS = ["lost_id", "found_id"]


@dataclass(frozen=True)
class MatchReport(Reported):
    """What a run did to the matches table."""

    table: str
    model: str
    snapshot: str | None  # of the posts
    pairs: int
    added: int
    removed: int
    full: bool  # every lost post was computed anew


def kept(matcher: Matcher) -> DataFrame:
    """SCHEMA: the pairs as the last run left them."""
    return side_tables.frame(matcher.table, NAME)


def update(matcher: Matcher, new: bool = False) -> MatchReport:
    """Bring the table to what `matcher.pairs` gives, in one commit; nothing to do, no commit.

    new: compute only what came, changed or went since the last run; the result is the same.
    """
    matcher.table.refresh()
    name = side_tables.ensure(matcher.table, NAME, SCHEMA)
    since = _last_run(matcher) if new else None
    pairs = _since(matcher, since, kept(matcher)) if since else matcher.pairs()
    # Read thrice. Not a local checkpoint: with an executor that dies its rows would be lost, where
    # these are worked out anew, from the same snapshots.
    pairs = pairs.persist()
    try:
        return _stored(matcher, pairs, name, since)
    finally:
        pairs.unpersist()


def _stored(matcher: Matcher, pairs: DataFrame, name: str, since: str | None) -> MatchReport:
    """Make the table hold the pairs in place of those that it has. name: in Spark SQL."""
    total = pairs.count()  # they are worked out before others wait
    # No erase comes between the look and the commit, nor another match, whose pairs would count as
    # added twice.
    with matcher.table.writing():
        existing = kept(matcher)
        unchanged = pairs.join(existing.select(*KEYS, "rank", "score"), [*KEYS, "rank", "score"])
        before, same = existing.count(), unchanged.count()
        report = MatchReport(
            table=matcher.table.uri,
            model=matcher.table.model,
            snapshot=matcher.table.snapshot,
            pairs=total,
            added=total - pairs.join(existing.select(KEYS), KEYS).count() if before else total,
            removed=existing.join(pairs.select(KEYS), KEYS, "left_anti").count() if before else 0,
            full=since is None,
        )
        if same == max(total, before) and (before or since is not None):
            return report
        first_seen = existing.select(*KEYS, F.col("run_at").alias("seen"))
        rows = pairs.join(first_seen, KEYS, "left").withColumn(
            "run_at", F.coalesce("seen", "run_at")
        )
        stamp = {"snapshot": report.snapshot, "rules": _stamp(matcher)}
        stamped = f"snapshot-property.{MATCHED}", json.dumps(stamp, ensure_ascii=False)
        rows, erased, looked = _still_there(matcher, rows)
        whole = rows.select(*existing.columns).writeTo(name)
        if not erased:  # else it is not what a run of that snapshot gives: the next one is full
            whole = whole.option(*stamped)
        whole.overwrite(F.lit(True))
    side_tables.end_gone(matcher.table, looked, lambda: _named(matcher))
    return report


def _named(matcher: Matcher) -> set[str]:
    """The ids of all kept pairs."""
    return {post_id for row in kept(matcher).select(*KEYS).collect() for post_id in row}


def _still_there(matcher: Matcher, rows: DataFrame) -> tuple[DataFrame, bool, str | None]:
    """The pairs of posts that there are now, whether some have gone since they were compared, as by
    an erase, and the snapshot by which that was told."""
    now = PostsTable.open(matcher.table.uri, matcher.spark, matcher.table.hadoop)
    if now.snapshot == matcher.table.snapshot:
        return rows, False, now.snapshot
    ids, left = now.frame().select("post_id"), rows
    for key in KEYS:
        left = left.join(ids.withColumnRenamed("post_id", key), key, "left_semi")
    return left, left.count() < rows.count(), now.snapshot


def _since(matcher: Matcher, snapshot: str, existing: DataFrame) -> DataFrame:
    """The pairs from those of the last run, at `snapshot`.

    A lost post is computed anew when it came or changed, or when its list lost a member: what
    would take the free place is not known. The others meet only the files that came since.
    """
    table, spark = matcher.table, matcher.spark
    files = table.plan().files
    before = {f.uri for f in table.plan(None, snapshot).files}
    now = table.frame().select("post_id", "updated_at", "kind", "status")
    then = table.frame(snapshot).select("post_id", "updated_at")
    stable = now.join(then, ["post_id", "updated_at"])
    changed = now.where("kind = 'lost'").join(stable, "post_id", "left_anti")
    gone = existing.join(stable.select(F.col("post_id").alias("found_id")), "found_id", "left_anti")
    ids = changed.select("post_id").union(gone.select("lost_id")).distinct().collect()
    # A decided pair stands beside the k: a decision, and one that is taken back, frees or takes a
    # place.
    anew = frozenset(row[0] for row in ids) | matcher.read_decisions()
    fresh = [f for f in files if f.uri not in before]
    tasks = matcher.tasks(files, files, anew=True) if anew else []
    tasks += matcher.tasks(files, fresh, anew=False) if fresh else []
    still = now.where("kind = 'lost' AND status = 'open'").select(F.col("post_id").alias("lost_id"))
    again = spark.createDataFrame([(i,) for i in sorted(anew)], "lost_id string")
    others = (
        existing.select(*KEYS, "rank", "score", "components")
        .join(again, "lost_id", "left_anti")
        .join(still, "lost_id", "left_semi")
    )
    both = others.unionByName(matcher.compared(tasks, anew))
    # A file that was only rewritten brings pairs that are there already.
    return matcher.described(matcher.cut(both.dropDuplicates(KEYS)))


def _stamp(matcher: Matcher) -> dict[str, object]:
    """All that a pair's score and place depend on."""
    scoring, weights = matcher.scoring, matcher.scoring.calibration
    default = scoring.threshold is None and scoring.metric == "cosine"
    return matcher.rules.described() | {
        "model": matcher.table.model,
        "thresholds": list(scoring.card) if default else [scoring.threshold] * 2,
        "score": scoring.kind,
        "calibration": weights and weights.checksum,
    }


def _last_run(matcher: Matcher) -> str | None:
    """The posts' snapshot of the last run by these same rules, if it can still be read."""
    snapshots = matcher.spark.table(f"{matcher.table.catalog}.{NAME}.snapshots")
    summaries = snapshots.orderBy(F.desc("committed_at")).limit(1).collect()
    stamp = json.loads(summaries[0]["summary"].get(MATCHED, "{}")) if summaries else {}
    same = stamp.get("rules") == json.loads(json.dumps(_stamp(matcher), ensure_ascii=False))
    snapshot: str | None = stamp.get("snapshot")
    return snapshot if same and snapshot in matcher.table.snapshots else None
