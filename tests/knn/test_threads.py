"""How many cores a search shares its work among."""

import os

import pytest

from matching_spark.knn.threads import cores, share


@pytest.mark.parametrize("named", ["", " ", "two", "0", "-1", "1.5", ",2", "9" * 5000, "\u0661"])
def test_what_is_no_count_leaves_all_cores(named: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", named)
    assert cores() == len(os.sched_getaffinity(0))
    done: list[int] = []
    share(done.append, range(5))
    assert sorted(done) == list(range(5))


@pytest.mark.parametrize(("named", "count"), [("2", 2), ("3,1", 3), (" 04 , 2", 4)])
def test_of_nested_counts_it_is_the_first(
    named: str, count: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", named)
    assert cores() == count
