"""Lists too long to be held: what may be the true pair is kept, a sample stands for the others."""

import datetime as dt
from pathlib import Path

import numpy as np
import pytest

from matching_spark.evaluation.labelled import NOT_HERE, LabelledPairs, label
from matching_spark.evaluation.unlabelled import LONG_DAYS, nearest
from matching_spark.knn.similarity import unit
from matching_spark.score.calibration import Calibration
from matching_spark.score.components import COSINES, FACTS
from matching_spark.score.kinds import pattern_name
from matching_spark.shards.shard import Shard, load
from tests.support import brute
from tests.support.calibrations import random_calibration
from tests.support.shards import DIMENSION, write_file

DAY = dt.date(2026, 11, 1)
FEW = 5  # of the nearest


@pytest.fixture(scope="module")
def base() -> Calibration:
    return random_calibration(3)


def shard(folder: Path, name: str, many: int) -> Shard:
    """Posts of photos, of words or of both, some without a day; the last is deleted."""
    rng = np.random.default_rng(len(name))
    posts = []
    for i in range(many):
        photos, text = unit(rng.normal(size=(1, DIMENSION))), unit(rng.normal(size=DIMENSION))
        day = None if i % 7 == 0 else DAY + dt.timedelta(int(rng.integers(-40, 40)))
        posts.append(
            brute.Plain(
                f"{name}{i:03d}", photos[: int(i % 3 > 0)], text if i % 3 != 1 else None, day
            )
        )
    file = write_file(folder / f"{name}.parquet", posts, {f"{name}{many - 1:03d}"})
    return load(file, DIMENSION)


def listed(pairs: LabelledPairs) -> dict[tuple[str, str], float]:
    """The weight of each pair."""
    ids = zip(pairs.lost.tolist(), pairs.found.tolist(), strict=True)
    named = [(pairs.lost_ids[i], pairs.found_ids[j]) for i, j in ids]
    return dict(zip(named, pairs.weight.tolist(), strict=True))


def test_the_nearest_are_kept_and_a_sample_stands_for_the_others(
    tmp_path: Path, base: Calibration
) -> None:
    lost, found = shard(tmp_path, "lost", 31), shard(tmp_path, "found", 300)
    truth = {f"lost{i:03d}": {NOT_HERE: False} for i in range(31)}
    every = label([lost], [found], truth)
    assert len(every) == 30 * 299
    kept = nearest(base, by_facts=FEW, by_looks=FEW)
    some = listed(label([lost], [found], truth, max_pairs=3_000, kept=kept))
    assert set(some) <= set(listed(every))
    assert sorted(set(some.values())) == pytest.approx([1, 30 * 300 / 3_000])
    # By brute force, of each list the nearest of those that may be the true one, and of those that
    # are different for sure, are there for themselves.
    facts = {fact.name for fact in FACTS}
    line = base.patterns[pattern_name("both", "both", True)]
    for start, stop in every.runs():
        own = {name: values[start:stop].astype(np.float64) for name, values in every.values.items()}
        sure = own["days"] < -LONG_DAYS
        for side, silent in ((~sure, set()), (sure, {"days"})):
            known = {n: v for n, v in own.items() if n in facts - silent}
            told = line.log_odds(known, np.float64)
            for each in (told, *(own[cosine.name] for cosine in COSINES)):
                rows = np.flatnonzero(side & ~np.isnan(each))
                if len(rows) <= FEW:
                    continue
                least = np.sort(each[rows])[-FEW]
                for row in rows[each[rows] > least + 1e-6]:
                    found = every.found_ids[every.found[start + row]]
                    assert some[every.lost_ids[every.lost[start]], found] == 1
    # A sample stands for as many as there are.
    assert sum(some.values()) == pytest.approx(len(every), rel=0.05)
