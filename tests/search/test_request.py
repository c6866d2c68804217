"""One rule each: which vectors count, which threshold is whose, what a query may be."""

import datetime as dt
import os
import pickle
import tracemalloc
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from matching_spark import InputError, MatchRules, Query, SearchOptions, UsageError
from matching_spark.domain.facts import Facts
from matching_spark.domain.posts import MAX_TEXT, Filters
from matching_spark.knn.similarity import pair_scores, unit
from matching_spark.operations.search import query_of
from matching_spark.search.query import unit_vector
from matching_spark.search.request import QueryItem, Request, Scoring
from tests.support.calibrations import random_calibration

V = unit(np.ones(4))
PHOTO, WORDS, BOTH = QueryItem(V), QueryItem(text=V), QueryItem(V, V)
WEIGHTS = random_calibration(1)


@pytest.mark.parametrize(
    ("query", "alone", "weighed"),
    [
        (PHOTO, {"image-image"}, {"image-image", "image-text"}),
        (WORDS, {"text-image", "text-text"}, {"text-image", "text-text"}),
        (
            BOTH,
            {"image-image", "text-image", "text-text"},
            {"image-image", "image-text", "text-image", "text-text"},
        ),
    ],
)
def test_which_cosines_count(query: QueryItem, alone: set[str], weighed: set[str]) -> None:
    assert {each.name for each in Scoring().counted(query)} == alone
    assert {each.name for each in Scoring(calibration=WEIGHTS).counted(query)} == weighed


def test_a_post_is_asked_by_its_photo_else_its_words() -> None:
    assert Scoring().of_post(BOTH).has == "image"
    assert Scoring().of_post(WORDS).has == "text"
    assert Scoring(calibration=WEIGHTS).of_post(BOTH) is BOTH


def test_which_threshold_is_whose() -> None:
    card = Scoring(card=(0.7, 0.2))
    assert [card.threshold_for(q) for q in (PHOTO, WORDS, BOTH)] == [0.7, 0.2, None]
    asked = Scoring(card=(0.7, 0.2), threshold=0.4, calibration=WEIGHTS)
    assert [asked.threshold_for(q) for q in (PHOTO, WORDS, BOTH)] == [0.4] * 3
    euclidean = Scoring("euclidean", card=(0.7, 0.2))
    assert [euclidean.threshold_for(q) for q in (PHOTO, WORDS, BOTH)] == [None] * 3
    limits = {**WEIGHTS.thresholds, "image where when": 0.3, "image bare": 0.6}
    fused = Scoring(calibration=replace(WEIGHTS, thresholds=limits))
    told = Facts(region="서울", happened_on=dt.date(2026, 11, 1))
    assert fused.threshold_for(QueryItem(V, facts=told)) == 0.3
    assert fused.threshold_for(PHOTO) == 0.6
    request = Request((PHOTO, BOTH), Filters(), 1, card)
    assert request.thresholds.tolist() == [0.7, -np.inf]


@given(st.integers(0, 2**32 - 1), st.integers(1, 1000))
def test_the_same_vector_reaches_a_threshold_of_1(seed: int, dimension: int) -> None:
    vector = unit(np.random.default_rng(seed).normal(size=dimension))
    request = Request((QueryItem(vector),), Filters(), 1, Scoring(threshold=1.0))
    (limit,) = request.thresholds
    assert pair_scores(vector[None], vector[None])[0] >= limit
    one, turned = np.eye(2, dtype=np.float32)[:1], unit([[np.cos(3e-3), np.sin(3e-3)]])
    assert pair_scores(one, turned)[0] < limit
    over = Request((QueryItem(vector),), Filters(), 1, Scoring(threshold=1.1))
    assert over.thresholds == 1.1


def test_blank_words_beside_a_photo_are_none() -> None:
    for blank in (" ", "\u200b", "\n"):
        assert Query(image="a.jpg", text=blank).text is None


def test_what_a_query_may_be() -> None:
    for words in (None, " ", ""):
        with pytest.raises(InputError, match="needs a photo or words"):
            Query(text=words)
    mixed: dict[str, Any]
    for mixed in ({"text": "지갑", "post_id": "a"}, {"image": "a.jpg", "embedding": V}):
        with pytest.raises(InputError, match="one of these"):
            Query(**mixed)
    with pytest.raises(UsageError):
        SearchOptions(nprobe=0)


@pytest.mark.parametrize("of", [SearchOptions, MatchRules])
@pytest.mark.parametrize(
    "wrong", [{"top_k": 0}, {"threshold": np.nan}, {"threshold": 2}, {"metric": "dot"}, {"here": 3}]
)
def test_what_no_search_and_no_match_can_be_asked_is_refused(
    of: Callable[..., object], wrong: dict[str, Any]
) -> None:
    """Of rules it was found out by tasks of Spark, or gave no pairs, as if nothing were alike."""
    with pytest.raises(UsageError):
        of(**wrong)


def test_words_of_which_some_would_be_left_out_are_not_searched_by() -> None:
    assert query_of(Filters(), text="가" * MAX_TEXT).text == "가" * MAX_TEXT
    with pytest.raises(InputError, match="20,001 characters of words are too many"):
        query_of(Filters(), text="가" * (MAX_TEXT + 1))


def test_a_day_is_read_as_anywhere_and_no_threshold_is_beyond_all_scores() -> None:
    assert Query(text="a", happened_on="2026. 11. 1").happened_on == dt.date(2026, 11, 1)  # type: ignore[arg-type]
    assert Filters(since="2026-11-01").since == dt.date(2026, 11, 1)  # type: ignore[arg-type]
    for wrong in (lambda: Query(text="a", happened_on="11/01"), lambda: Filters(until="soon")):  # type: ignore[arg-type]
        with pytest.raises(InputError, match="cannot be read; write it as 2026-11-01"):
            wrong()
    assert SearchOptions(threshold=1).threshold == 1
    for beyond in (2.0, float("nan"), float("inf")):
        with pytest.raises(UsageError, match="no score is more than 1"):
            SearchOptions(threshold=beyond)


def test_a_file_that_is_no_vector_is_named_without_unsafe_advice(tmp_path: Path) -> None:
    np.save(tmp_path / "objects.npy", np.array([{}]))
    (tmp_path / "pickled.npy").write_bytes(pickle.dumps([1.0]))  # which runs what it says
    (tmp_path / "words.npy").write_text("hello")
    (tmp_path / "torn.npy").write_bytes(b"\x93NUMPY")
    (tmp_path / "zip.npy").write_bytes(b"PK\x03\x04 and then nothing")
    for name, length in (("huge.npy", 10**15), ("beyond.npy", 10**30)):
        with open(tmp_path / name, "wb") as file:
            header = {"descr": "<f4", "fortran_order": False, "shape": (length,)}
            np.lib.format.write_array_header_1_0(file, header)
    # As Python, brackets that do not end, a number that is none, and too much of a sum.
    for number, shape in enumerate(("(8", "(True,)", "1" + "+1" * 4000, "(8,)(", '"""')):
        head = b"{'descr': '<f4', 'fortran_order': False, 'shape': %s}\n" % shape.encode()
        whole = b"\x93NUMPY\x01\0" + len(head).to_bytes(2, "little") + head + bytes(32)
        (tmp_path / f"head{number}.npy").write_bytes(whole)
    names = sorted(each.name for each in tmp_path.iterdir())
    assert len(names) == 12
    for name in names:
        with pytest.raises(InputError, match=rf"{name} is no whole .npy of numbers: numpy.save"):
            Query(embedding=tmp_path / name).vector()


def test_a_file_of_many_vectors_is_named_and_not_read(tmp_path: Path) -> None:
    """Of ten million it would be more than memory has."""
    with open(tmp_path / "all.npy", "wb") as file:
        header = {"descr": "<f4", "fortran_order": False, "shape": (1 << 20, 64)}
        np.lib.format.write_array_header_1_0(file, header)
        file.truncate(file.tell() + (256 << 20))
    tracemalloc.start()
    vector = Query(embedding=tmp_path / "all.npy").vector()
    table: Any = SimpleNamespace(dimension=64, uri="there")  # which no search reaches
    with pytest.raises(InputError, match="holds 1048576 vectors; a search takes one"):
        unit_vector(vector, "all.npy", table)
    assert tracemalloc.get_traced_memory()[1] < 1 << 20
    tracemalloc.stop()


def test_a_pipe_is_no_vector(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.npy")
    for name in ("pipe.npy", "."):
        with pytest.raises(InputError, match="name a vector's file"):
            Query(embedding=tmp_path / name).vector()
