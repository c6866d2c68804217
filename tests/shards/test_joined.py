"""Small shards are searched as one: the same posts, however they lie, and nothing that has gone."""

import gc
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest

from matching_spark.domain.schema import FILTERED, METADATA
from matching_spark.knn.similarity import Float32, Index, VectorSet, unit
from matching_spark.shards import joined as module
from matching_spark.shards.ivf_index import reached, sort_by_cell, train
from matching_spark.shards.joined import held_bytes, join, joined
from matching_spark.shards.shard import IDENTIFIERS, NO_DAY, Shard

DIMENSION = 16
SIZES = [3, 0, 40, 5, 17]


def drawn(rng: np.random.Generator, count: int) -> Shard:
    """A shard of posts with none to three photos each, with words or without."""

    def part(most: int) -> VectorSet:
        counts = rng.integers(0, most + 1, count)
        rows = unit(rng.normal(size=(int(counts.sum()), DIMENSION)))
        return VectorSet.of(rows, counts).coded()

    photos = part(3)
    codes, words, columns = {}, {}, {}
    for name in FILTERED:
        words[name] = rng.permutation([f"{name}{i}" for i in range(4)])[:3].tolist()
        codes[name] = rng.integers(-1, 3, count).astype(np.int32)
        columns[name] = [None if at < 0 else words[name][at] for at in codes[name].tolist()]
    days = np.where(rng.random(count) < 0.2, NO_DAY, rng.integers(0, 9_999, count))
    dates = pa.array(days.astype(np.int32), pa.int32(), mask=days == NO_DAY).cast(pa.date32())
    names = [name for name in (*METADATA, IDENTIFIERS) if name != "happened_on"]
    other = {name: [f"{name}-{rng.integers(99)}" for _ in range(count)] for name in names}
    table = {name: pa.array(each, pa.string()) for name, each in (other | columns).items()}
    uris = [f"{rng.integers(1 << 40)}.jpg" for _ in photos.vectors]
    return Shard(
        pa.table(table | {"happened_on": dates}).select([*METADATA, IDENTIFIERS]),
        pa.array(uris, pa.string()),
        photos,
        part(1),
        codes,
        words,
        days.astype(np.int32),
        rng.normal(size=(count, 2)),
        rng.random(count) < 0.9,
        "kept",
    )


@pytest.fixture
def shards() -> list[Shard]:
    rng = np.random.default_rng(1)
    return [drawn(rng, size) for size in SIZES]


def told(shard: Shard, post: int) -> list[object]:
    """All that there is of a post."""
    out: list[object] = [*shard.rows(np.array([post]))]
    out += [(n, ([*shard.words[n], None])[shard.codes[n][post]]) for n in FILTERED]
    out += [shard.metadata[IDENTIFIERS][post].as_py(), int(shard.days[post])]
    out += [shard.points[post].tolist(), bool(shard.alive[post])]
    for part in (shard.photos, shard.texts):
        at, _, _ = part.rows_of(np.array([post]))
        assert part.codes is not None
        assert part.errors is not None
        assert (part.owners[at] == post).all()
        out += [each[at].tolist() for each in (part.vectors, part.codes, part.errors)]
    return [*out, [shard.photo(post, place) for place in range(shard.photos.counts[post])]]


def test_the_posts_are_those_of_the_parts_one_after_the_other(shards: list[Shard]) -> None:
    whole = join(shards)
    want = [told(shard, post) for shard in shards for post in range(len(shard))]
    assert [told(whole, post) for post in range(len(whole))] == want


def test_cells_reach_the_rows_that_they_reach_in_the_parts(shards: list[Shard]) -> None:
    rng = np.random.default_rng(2)
    cells = train(shards, "any", 200, 7)
    parts = [sort_by_cell(shard, cells) for shard in shards]
    whole = join(parts)
    starts = np.cumsum([0, *(len(part.photos.vectors) for part in parts)])
    for query in unit(rng.normal(size=(20, DIMENSION))):

        def near(part: VectorSet, query: Float32 = query) -> Index:
            return np.sort(reached(part, cells.photos, query, 2)).astype(np.int64)

        each = [near(p.photos) + at for p, at in zip(parts, starts[:-1], strict=True)]
        np.testing.assert_array_equal(near(whole.photos), np.concatenate(each))
    want = [told(shard, post) for shard in parts for post in range(len(shard))]
    assert [told(whole, post) for post in range(len(whole))] == want


def test_from_the_second_time_on_they_are_one_with_the_deletes_of_now(shards: list[Shard]) -> None:
    some = [shard for shard in shards if len(shard) in (3, 5, 17)]
    assert joined(some[:2]) == some[:2]
    first = joined(some[:2])[0]
    assert len(first) == 8
    some[0] = replace(some[0], alive=np.zeros(3, bool))
    again = joined(some[:2])[0]
    assert again.photos is first.photos
    np.testing.assert_array_equal(again.alive, np.concatenate([each.alive for each in some[:2]]))
    # Others are others, and what was joined of these is there still.
    three = joined(some)
    assert [len(each) for each in three] == [3, 5, 17]
    assert joined(some[:2])[0].photos is first.photos


def test_what_is_let_go_of_is_not_held_by_what_was_joined_of_it(shards: list[Shard]) -> None:
    before = held_bytes()
    joined(shards)
    assert held_bytes() == before
    assert len(joined(shards)) < len(shards)
    assert held_bytes() > before
    shards.clear()
    gc.collect()
    assert held_bytes() <= before


def test_no_more_is_copied_than_there_is_room_for(
    shards: list[Shard], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MOST_BYTES", sum(each.nbytes() for each in shards) // 2)
    for some in (shards, shards[::-1], shards[1:], shards[2:], shards[1:4]) * 2:
        joined(some)
        assert held_bytes() <= module.MOST_BYTES


def test_two_tables_that_have_no_room_together_do_not_push_each_other_out(
    shards: list[Shard], monkeypatch: pytest.MonkeyPatch
) -> None:
    others = [replace(each, metadata=each.metadata.slice(0)) for each in shards]
    monkeypatch.setattr(module, "TIER_BITS", 64)  # one group each
    monkeypatch.setattr(module, "MOST_BYTES", sum(each.nbytes() for each in shards) * 3 // 2)
    joined(shards)
    joined(others)
    (first,) = joined(shards)
    for _ in range(3):
        assert len(joined(others)) == len(others)
        assert joined(shards)[0].photos is first.photos
    joined(others)
    assert len(joined(others)) == 1  # the other one is not searched any more
    assert len(joined(shards)) == len(shards)


def test_a_group_has_no_more_posts_than_may_be_looked_at_without_a_look_at_the_clock(
    shards: list[Shard], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MOST", 45)
    joined(shards)
    whole = joined(shards)
    assert sum(map(len, whole)) == sum(SIZES)
    assert max(map(len, whole)) <= 45
    assert len(whole) < len(shards)
    monkeypatch.setattr(module, "SMALL", 10)
    joined(shards)
    assert {17, 40} <= set(map(len, joined(shards)))


def test_groups_are_of_like_size(shards: list[Shard]) -> None:
    joined(shards)
    assert sorted(map(len, joined(shards))) == [25, 40]
