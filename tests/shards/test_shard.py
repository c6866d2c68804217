"""A shard's rows by their ids, against a list that is looked through."""

import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from matching_spark.shards.cache import ShardCache
from matching_spark.shards.shard import read
from matching_spark.shards.space import VectorSpace
from tests.support import brute
from tests.support.shards import DIMENSION, write_file

IDS = st.lists(st.text("ab가힣\U0001f511 -", max_size=4), min_size=1, max_size=30)


def plain(post_id: str) -> brute.Plain:
    return brute.Plain(post_id, photos=np.eye(1, DIMENSION), text=None)


@given(IDS, IDS)
def test_rows_of_an_id_are_those_that_have_it(ids: list[str], asked: list[str]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        file = write_file(Path(folder, "a.parquet"), [plain(each) for each in ids], set())
        shard = read(file, DIMENSION)
    for each in {*ids, *asked}:
        rows = [row for row, own in enumerate(ids) if own == each]
        assert sorted(shard.rows_of(each).tolist()) == rows
        assert np.flatnonzero(shard.is_post(each)).tolist() == rows


def test_a_shard_is_one_object_until_something_of_its_file_is_deleted(tmp_path: Path) -> None:
    """What it works out once, as the order of its ids, a next search need not."""
    file = write_file(tmp_path / "a.parquet", [plain(each) for each in "abc"], {"b"})
    cache, space = ShardCache(str(tmp_path / "cache"), 1 << 20), VectorSpace("m", DIMENSION)
    first = cache.load(file, space)
    assert cache.load(file, space) is first
    assert first.alive.tolist() == [True, False, True]
    before = cache.load(replace(file, deletes=()), space)
    assert before.alive.all()
    assert cache.load(file, space).alive.tolist() == [True, False, True]


TEXTS = st.lists(st.sampled_from(["", "강남역", "강남구청", "a b", None]), max_size=12)


@given(TEXTS, st.data())
def test_codes_of_a_text_name_each_posts_own(texts: list[str | None], data: st.DataObject) -> None:
    """Also of some posts, asked again, and once the text is another."""
    with tempfile.TemporaryDirectory() as folder:
        posts = [plain(str(at)) for at in range(len(texts) + 1)]
        shard = read(write_file(Path(folder, "a.parquet"), posts, set()), DIMENSION)
    texts = [*texts, "강남역"]
    at = shard.metadata.column_names.index("place")
    for told in (texts, texts[::-1]):
        column = pa.array(told, pa.string())
        shard = replace(shard, metadata=shard.metadata.set_column(at, "place", column))
        some = np.array(data.draw(st.lists(st.sampled_from(range(len(told))))), np.int64)
        for rows in (None, some, some[::-1]):
            codes, words = shard.coded("place", rows)
            wanted = told if rows is None else [told[row] for row in rows.tolist()]
            assert [words[code] for code in codes.tolist()] == [each or "" for each in wanted]
