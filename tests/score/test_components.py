"""A component's two rules agree; adding one touches one place."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from matching_spark.domain.facts import EPOCH, Facts
from matching_spark.domain.posts import Filters
from matching_spark.evaluation.labelled import label
from matching_spark.evaluation.learn import learn
from matching_spark.knn.similarity import Float32, unit
from matching_spark.score import components
from matching_spark.score.calibration import Calibration, Weights, sigmoid
from matching_spark.score.components import Fact, Posts, compare, compare_all
from matching_spark.score.explain import explain
from matching_spark.search.request import QueryItem, Request, Scoring
from matching_spark.search.rerank import decide
from matching_spark.search.scan import scan_all
from matching_spark.shards.shard import DataFile, Shard, load
from tests.support import brute
from tests.support.calibrations import random_calibration, random_facts
from tests.support.shards import DIMENSION, write_file

DAY = dt.date(2026, 11, 1)


class Columns:
    """Posts' facts as a shard has them."""

    def __init__(self, facts: Sequence[Facts]) -> None:
        self._facts = facts
        days = [(f.happened_on - EPOCH).days if f.happened_on else -1 for f in facts]
        self.days = np.array(days, np.int32)

    def dated(self) -> np.ndarray:
        return np.asarray(self.days >= 0)

    def coded(self, name: str) -> tuple[np.ndarray, list[str]]:
        words = sorted({getattr(f, name) for f in self._facts})
        return np.array([words.index(getattr(f, name)) for f in self._facts]), words


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 2**32), st.integers(1, 4), st.integers(1, 30), st.booleans())
def test_a_block_says_what_its_pairs_say(seed: int, queries: int, posts: int, lost: bool) -> None:
    rng = np.random.default_rng(seed)
    asked = [random_facts(rng, "lost" if lost else "found") for _ in range(queries)]
    held = [random_facts(rng) for _ in range(posts)]
    values = compare_all(asked, Columns(held))
    for i, query in enumerate(asked):
        for p, post in enumerate(held):
            there = {name: each[i, p] for name, each in values.items() if not np.isnan(each[i, p])}
            assert there == pytest.approx(compare(query, post), abs=1e-6)


def _weekday(query: Facts, post: Facts) -> float | None:
    """1 for the same day of the week: what a pair of regular commuters would show."""
    if query.happened_on is None or post.happened_on is None:
        return None
    return float(query.happened_on.weekday() == post.happened_on.weekday())


def _weekdays(queries: Sequence[Facts], posts: Posts) -> Float32 | None:
    of_post = (posts.days + EPOCH.weekday()) % 7
    of_query = [q.happened_on.weekday() if q.happened_on else -1 for q in queries]
    out = (np.array(of_query)[:, None] == of_post[None]).astype(np.float32)
    out[[day < 0 for day in of_query]] = np.nan
    out[:, ~posts.dated()] = np.nan
    return np.asarray(out)


WEEKDAY = Fact("weekday", {"ko": "요일", "en": "weekday"}, (0, 1), _weekday, _weekdays)


def with_weekday(calibration: Calibration, worth: float) -> Calibration:
    """The same weights, and so many log-odds for the same day of the week."""
    points = {"weekday": ((0.0, -worth), (1.0, worth))}
    patterns = {
        name: Weights(each.intercept, {**each.points, **({} if "bare" in name else points)})
        for name, each in calibration.patterns.items()
    }
    return replace(calibration, patterns=patterns)


def test_a_new_component_is_one_entry(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Compared, found by, decided by, learnt, kept and told: by an entry of FACTS alone."""
    monkeypatch.setattr(components, "FACTS", (*components.FACTS, WEEKDAY))
    rng = np.random.default_rng(0)
    vectors = unit(rng.normal(size=(400, DIMENSION)))
    days = [DAY + dt.timedelta(days=int(day)) for day in rng.integers(0, 60, 400)]
    plain = [brute.Plain(f"p{i:03d}", v[None], None) for i, v in enumerate(vectors)]
    shard = dated(write_file(tmp_path / "found.parquet", plain, set()), days)
    asked = Facts(happened_on=DAY)

    calibration = with_weekday(random_calibration(3), 5.0)
    query = QueryItem(unit(rng.normal(size=DIMENSION)), facts=asked)
    request = Request((query,), Filters(), 400, Scoring(calibration=calibration, threshold=0.0))
    (got,) = decide(scan_all([shard], request), request)
    assert len(got) == 400
    for hit in got:
        same = float(days[int(hit.post_id[1:])].weekday() == DAY.weekday())
        assert hit.components["weekday"] == same
        assert hit.score == pytest.approx(
            sigmoid(calibration.evidence(hit.components) + calibration.prior), rel=1e-12
        )
    assert calibration.contributions(got[0].components)["weekday"] == 5.0
    assert Calibration.from_json(calibration.to_json(), "x") == calibration
    told = {"weekday": 1.0}, {"weekday": 5.0}
    assert explain(*told, "en") == "Weekday speaks for it."
    assert explain(*told, "ko") == "요일이 일치합니다."

    # Things that look alike and were found on the weekday on which they were lost.
    own = [brute.Plain(f"l{i:03d}", v[None], None) for i, v in enumerate(vectors)]
    lost = dated(write_file(tmp_path / "lost.parquet", own, set()), days)
    truth = {f"l{i:03d}": {f"p{i:03d}": True} for i in range(400)}
    pairs = label([lost], [shard], truth)
    base = random_calibration(3)
    learnt = learn(pairs, "m", {}, base).patterns["image-image"].points["weekday"]
    assert learnt[0][1] < learnt[1][1]


def dated(file: DataFile, days: Sequence[dt.date]) -> Shard:
    table = pq.read_table(file.uri)
    at = table.column_names.index("happened_on")
    pq.write_table(table.set_column(at, "happened_on", pa.array(days, pa.date32())), file.uri)
    return load(replace(file, size_bytes=Path(file.uri).stat().st_size), DIMENSION)
