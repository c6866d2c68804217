"""Lost and found posts in a table, and the pairs that brute force takes of them."""

import datetime as dt
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from pyspark.sql import SparkSession

from matching_spark.config import Match
from matching_spark.ingest.vector_import import ingest_vectors
from matching_spark.knn.similarity import unit
from matching_spark.score.ranking import Calibration, Facts
from tests.support import brute
from tests.support.calibrations import components, probability

DIMENSION = 8
CATEGORIES = ("지갑", "가방", "휴대폰", "")
COLOURS = ("검정", "파랑", "기타", "")
NEIGHBOURS = Match().neighbours
K = 3
DAY = dt.date(2026, 11, 1)


class Posts:
    """What the table should hold, as plain rows."""

    def __init__(self, seed: int) -> None:
        self.rng = np.random.default_rng(seed)
        self.rows: dict[str, dict[str, Any]] = {}
        self.verdicts: dict[tuple[str, str], str] = {}

    def draw(self, kind: str, ids: list[int]) -> list[dict[str, Any]]:
        out = []
        for i in ids:
            day = int(self.rng.integers(-1, 20))
            row: dict[str, Any] = {
                "post_id": f"{kind}{i:03d}",
                "vector": unit(self.rng.normal(size=DIMENSION)),
                "kind": kind,
                "category": str(self.rng.choice(CATEGORIES)),
                "colour": str(self.rng.choice(COLOURS)),
                "happened_on": None if day < 0 else DAY + dt.timedelta(days=day),
                "status": "open",
            }
            self.rows[row["post_id"]] = row
            out.append(row)
        return out

    def expected(
        self, threshold: float | None, grace: int, calibration: Calibration | None
    ) -> dict[str, list[tuple[str, float]]]:
        out = {}
        for lost in self.open("lost"):
            near = {lost["category"], *NEIGHBOURS.get(lost["category"], ())}
            scored, confirmed = [], []
            for found in self.open("found"):
                pair = (found["post_id"], score(lost, found, calibration))
                if verdict := self.verdicts.get((lost["post_id"], found["post_id"])):
                    confirmed += [pair] if verdict == "confirmed" else []
                    continue
                if lost["category"] and found["category"] and found["category"] not in near:
                    continue
                days = (found["happened_on"], lost["happened_on"])
                if None not in days and days[0] < days[1] - dt.timedelta(days=grace):
                    continue
                if threshold is None or pair[1] >= threshold:
                    scored.append(pair)
            best = sorted(scored, key=lambda p: (-p[1], p[0]))[:K] + confirmed
            out[lost["post_id"]] = sorted(best, key=lambda p: (-p[1], p[0]))
        return {lost_id: pairs for lost_id, pairs in out.items() if pairs}

    def open(self, kind: str) -> list[dict[str, Any]]:
        return [r for r in self.rows.values() if r["kind"] == kind and r["status"] == "open"]


def score(lost: dict[str, Any], found: dict[str, Any], calibration: Calibration | None) -> float:
    a, b = (
        (
            brute.Plain(row["post_id"], row["vector"][None], None),
            Facts(row["category"], row["colour"], "", "", row["happened_on"], row["kind"]),
        )
        for row in (lost, found)
    )
    there = components(*a, *b)
    if calibration is None:
        return there["image-image"]
    value = probability(calibration, there)
    assert value is not None
    return value


def ingest(rows: list[dict[str, Any]], uri: str, spark: SparkSession, folder: Path) -> None:
    columns = {name: [row[name] for row in rows] for name in rows[0] if name != "vector"}
    vectors = pa.array([row["vector"] for row in rows], pa.list_(pa.float32()))
    path = folder / "rows.parquet"
    pq.write_table(pa.table(columns | {"vector": vectors}), path)
    ingest_vectors(str(path), uri, spark)
