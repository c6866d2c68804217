"""All lost x found: brute force's pairs, kept exactly, also when only what is new is computed."""

import datetime as dt
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyspark.sql import SparkSession

from matching_spark import PostsTable, SimilarityEngine
from matching_spark.config import Match
from matching_spark.match import Matcher, Rules
from matching_spark.similarity import unit
from matching_spark.vectors import ingest_vectors

DIMENSION = 8
CATEGORIES = ("지갑", "가방", "휴대폰", "")
NEIGHBOURS = Match().neighbours
K = 3
DAY = dt.date(2026, 11, 1)


class Posts:
    """What the table should hold, as plain rows."""

    def __init__(self, seed: int) -> None:
        self.rng = np.random.default_rng(seed)
        self.rows: dict[str, dict[str, Any]] = {}

    def draw(self, kind: str, ids: list[int]) -> list[dict[str, Any]]:
        out = []
        for i in ids:
            day = int(self.rng.integers(-1, 20))
            row: dict[str, Any] = {
                "post_id": f"{kind}{i:03d}",
                "vector": unit(self.rng.normal(size=DIMENSION)),
                "kind": kind,
                "category": str(self.rng.choice(CATEGORIES)),
                "happened_on": None if day < 0 else DAY + dt.timedelta(days=day),
                "status": "open",
            }
            self.rows[row["post_id"]] = row
            out.append(row)
        return out

    def expected(self, threshold: float | None, grace: int) -> dict[str, list[tuple[str, float]]]:
        out = {}
        for lost in self.open("lost"):
            near = {lost["category"], *NEIGHBOURS.get(lost["category"], ())}
            scored = []
            for found in self.open("found"):
                if lost["category"] and found["category"] and found["category"] not in near:
                    continue
                days = (found["happened_on"], lost["happened_on"])
                if None not in days and days[0] < days[1] - dt.timedelta(days=grace):
                    continue
                score = float(lost["vector"].astype(float) @ found["vector"].astype(float))
                if threshold is None or score >= threshold:
                    scored.append((found["post_id"], score))
            out[lost["post_id"]] = sorted(scored, key=lambda p: (-p[1], p[0]))[:K]
        return {lost_id: pairs for lost_id, pairs in out.items() if pairs}

    def open(self, kind: str) -> list[dict[str, Any]]:
        return [r for r in self.rows.values() if r["kind"] == kind and r["status"] == "open"]


def ingest(rows: list[dict[str, Any]], uri: str, spark: SparkSession, folder: Path) -> None:
    columns = {name: [row[name] for row in rows] for name in rows[0] if name != "vector"}
    vectors = pa.array([row["vector"] for row in rows], pa.list_(pa.float32()))
    path = folder / "rows.parquet"
    pq.write_table(pa.table(columns | {"vector": vectors}), path)
    ingest_vectors(str(path), uri, spark)


def kept(matcher: Matcher) -> dict[str, list[tuple[str, float]]]:
    out: dict[str, list[tuple[str, float]]] = {}
    for row in matcher.spark.table(matcher.name).orderBy("lost_id", "rank").collect():
        pairs = out.setdefault(row["lost_id"], [])
        pairs.append((row["found_id"], row["score"]))
        assert row["rank"] == len(pairs)
    return out


def assert_same(
    got: dict[str, list[tuple[str, float]]], want: dict[str, list[tuple[str, float]]]
) -> None:
    assert {i: [p for p, _ in pairs] for i, pairs in got.items()} == {
        i: [p for p, _ in pairs] for i, pairs in want.items()
    }
    for lost_id, pairs in want.items():
        np.testing.assert_allclose([s for _, s in got[lost_id]], [s for _, s in pairs], atol=1e-6)


@pytest.mark.parametrize("threshold", [None, 0.3])
def test_new_gives_what_a_full_run_gives(
    spark: SparkSession, tmp_path: Path, threshold: float | None
) -> None:
    posts = Posts(seed=4 if threshold is None else 5)
    uri = str(tmp_path / "t")
    ingest(posts.draw("lost", list(range(12))), uri, spark, tmp_path)
    ingest(posts.draw("found", list(range(40))), uri, spark, tmp_path)
    rules = Rules(K, threshold, settings=Match(grace_days=2, block_posts=5))

    def matcher() -> Matcher:
        return Matcher(SimilarityEngine(PostsTable.open(uri, spark)), rules)

    first = matcher().run(new=True)
    want = posts.expected(threshold, 2)
    assert_same(kept(matcher()), want)
    assert (first.full, first.pairs, first.added) == (
        True,
        sum(map(len, want.values())),
        first.pairs,
    )
    commits = spark.table(f"{matcher().name}.snapshots").count()
    again = matcher().run()
    assert (again.pairs, again.added, again.removed) == (first.pairs, 0, 0)
    assert spark.table(f"{matcher().name}.snapshots").count() == commits

    # New ones of both kinds, a changed one, members of lists and a lost post that go.
    ingest(posts.draw("found", [3, *range(40, 50)]), uri, spark, tmp_path)
    ingest(posts.draw("lost", [2, 12]), uri, spark, tmp_path)
    members = [pairs[0][0] for pairs in want.values()][:3]
    gone = [*members, "lost005"]
    PostsTable.open(uri, spark).set_status(gone, "claimed")
    for post_id in gone:
        posts.rows[post_id]["status"] = "claimed"
    report = matcher().run(new=True)
    assert not report.full
    want = posts.expected(threshold, 2)
    assert_same(kept(matcher()), want)
    assert report.pairs == sum(map(len, want.values()))
    full = matcher().run()
    assert (full.full, full.added, full.removed) == (True, 0, 0)
    # Other rules are another answer: the last run says nothing of it.
    other = Rules(K, threshold, any_category=True, settings=rules.settings)
    assert Matcher(SimilarityEngine(PostsTable.open(uri, spark)), other).run(new=True).full
