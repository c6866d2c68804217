"""A component's one rule holds wherever it is asked; adding one touches one place."""

import datetime as dt
from collections.abc import Mapping, Sequence
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
from matching_spark.domain.schema import POINT
from matching_spark.evaluation.labelled import label
from matching_spark.evaluation.learn import learn
from matching_spark.knn.similarity import Float64, unit
from matching_spark.score import comparisons, components
from matching_spark.score.calibration import Calibration, Weights, sigmoid
from matching_spark.score.comparisons import Listed, Numbers, Posts
from matching_spark.score.components import Fact, compare, compare_all, compare_pairs
from matching_spark.score.explain import explain
from matching_spark.search.request import QueryItem, Request, Scoring
from matching_spark.search.rerank import decide
from matching_spark.search.scan import scan_all
from matching_spark.shards.shard import DataFile, Shard, load
from tests.support import brute
from tests.support.calibrations import fact_components, random_calibration, random_facts
from tests.support.shards import DIMENSION, write_file

DAY = dt.date(2026, 11, 1)
PHOTO = brute.Plain("p", np.eye(1, DIMENSION, dtype=np.float32), None)


@settings(max_examples=50)
@given(
    st.integers(0, 2**32), st.integers(1, 6), st.integers(1, 40), st.booleans(), st.integers(1, 5)
)
def test_a_rule_says_one_thing_of_a_pair_alone_of_many_and_of_a_block(
    seed: int, queries: int, posts: int, lost: bool, at_once: int
) -> None:
    """To the last bit, and what brute force says; however few words a table has columns for."""
    rng = np.random.default_rng(seed)
    asked = [random_facts(rng, "lost" if lost else "found") for _ in range(queries)]
    held = [random_facts(rng) for _ in range(posts)]
    pairs = rng.integers(0, queries, 60), rng.integers(0, posts, 60)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(comparisons, "WORDS_AT_ONCE", at_once)
        block = compare_all(asked, Listed(held))
        many = compare_pairs(asked, pairs[0], Listed(held), pairs[1])
    assert block.keys() == many.keys()
    for name, values in many.items():
        assert values.dtype == np.float64
        assert block[name].dtype == np.float32
        assert np.array_equal(values.astype(np.float32), block[name][pairs], equal_nan=True)
    for at, (query, post) in enumerate(zip(*pairs, strict=True)):
        there = {name: each[at] for name, each in many.items() if not np.isnan(each[at])}
        alone = fact_components(asked[query], held[post])
        assert there == compare(asked[query], held[post])
        far, brute_far = (each.pop("kilometres", -1) for each in (there, alone))
        assert far == pytest.approx(brute_far, rel=1e-9, abs=1e-6)
        assert there == alone


def test_a_shard_has_its_facts_as_listed_posts_have_them(tmp_path: Path) -> None:
    rng = np.random.default_rng(5)
    held = [random_facts(rng) for _ in range(200)]
    plain = [brute.Plain(f"p{i:03d}", PHOTO.photos, None) for i in range(200)]
    file = write_file(tmp_path / "found.parquet", plain, set())
    told = {n: pa.array([getattr(f, n) for f in held]) for n in ("category", "colour", "region")}
    told |= {"place": pa.array([f.place or None for f in held])}
    told |= {
        n: pa.array([f.point and f.point[i] for f in held], pa.float64())
        for i, n in enumerate(POINT)
    }
    told |= {"identifiers": pa.array([f.identifiers.split() or None for f in held])}
    told |= {"happened_on": pa.array([f.happened_on for f in held], pa.date32())}
    shard = changed(file, told)
    assert shard.facts(np.arange(200), "found") == held
    asked = [random_facts(rng, "lost") for _ in range(20)]
    pairs = rng.integers(0, 20, 500), rng.integers(0, 200, 500)
    for mine, theirs in (
        (compare_all(asked, shard), compare_all(asked, Listed(held))),
        (
            compare_pairs(asked, pairs[0], shard, pairs[1]),
            compare_pairs(asked, pairs[0], Listed(held), pairs[1]),
        ),
    ):
        assert mine.keys() == theirs.keys()
        assert all(np.array_equal(mine[n], theirs[n], equal_nan=True) for n in mine)


def _weekday(query: Facts) -> tuple[float, ...]:
    return (query.happened_on.weekday() if query.happened_on else float("nan"),)


def _weekdays(posts: Posts) -> tuple[Float64, ...]:
    return (np.where(posts.dated(), (posts.days + EPOCH.weekday()) % 7, np.nan),)


def _same_weekday(asked: tuple[Float64, ...], held: tuple[Float64, ...]) -> Float64:
    """1 for the same day of the week: what a pair of regular commuters would show."""
    (mine,), (theirs,) = asked, held
    return np.asarray(mine == theirs, np.float64)


WEEKDAY = Fact(
    "weekday",
    "happened_on",
    {"ko": "요일", "en": "weekday"},
    (0, 1),
    Numbers(_weekday, _weekdays, _same_weekday),
)


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
            sigmoid(calibration.told(hit.components)[0] + calibration.prior), rel=1e-12
        )
    assert calibration.contributions(got[0].components)["weekday"] == 5.0
    assert Calibration.from_json(calibration.to_json(), "x") == calibration
    told = {"weekday": 1.0}, {"weekday": 5.0}
    assert explain(*told, "en") == "Weekday speaks for it."
    words = {"text-text": 1.0}
    assert explain(words, words, "en") == "Words speak for it."
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
    return changed(file, {"happened_on": pa.array(days, pa.date32())})


def changed(file: DataFile, columns: Mapping[str, pa.Array]) -> Shard:
    table = pq.read_table(file.uri)
    for name, values in columns.items():
        table = table.drop_columns({name} & set(table.column_names)).append_column(name, values)
    pq.write_table(table, file.uri)
    return load(replace(file, size_bytes=Path(file.uri).stat().st_size), DIMENSION)
