"""A cell of one vector has it as its centroid: erased with its post, whenever it was trained."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from pyspark.sql import SparkSession

from matching_spark import ClipModel, PostsTable, Settings
from matching_spark.config import Hadoop
from matching_spark.ingest.reembed import reembed
from matching_spark.knn.similarity import Float32
from matching_spark.operations import index, table
from matching_spark.progress import Silent
from matching_spark.shards.ivf_index import Cells, load_cells
from matching_spark.shards.shard import Shard
from matching_spark.table.erase import erase

pytestmark = pytest.mark.long
OTHER = Path(__file__).parents[1] / "golden" / "siglip"  # of another dimension


def centroids(uri: str) -> Float32:
    """Of every file of cells that is there."""
    files = [load_cells(str(place)) for place in Path(uri, "cells").iterdir()]
    return np.concatenate([part for each in files for part in (each.photos, each.texts)])


def test_no_centroid_is_a_vector_of_an_erased_post(
    own: str, settings: Settings, spark: SparkSession
) -> None:
    mine = settings.model_copy(deep=True)
    mine.table = own
    former = index.index(mine, 2, spark=spark).uri
    index.index(mine, spark=spark)
    of_table = PostsTable.open(own, spark, Hadoop())
    vectors: dict[str, Float32] = {}
    for shard in of_table.shards():
        for part in (shard.photos, shard.texts):
            near = (part.vectors @ centroids(own).T).max(axis=1)
            for row in np.flatnonzero(near > 1 - 1e-6):
                (owner,) = shard.ids(part.owners[[row]].astype(np.int64))
                vectors.setdefault(owner, part.vectors[row])
    post_id, vector = next(iter(vectors.items()))
    before = len(load_cells(str(of_table.space.cells)).texts)
    assert Path(former).exists()
    erase(of_table, [post_id])
    assert (centroids(own) @ vector).max() < 1 - 1e-5
    assert not Path(former).exists()
    now = PostsTable.open(own).space.cells
    assert now is not None
    assert 0 < len(load_cells(now).texts) <= before
    again = index.index(mine, 3, spark=spark).uri
    os.utime(now, (0, 0))
    table.compact(mine, spark=spark)
    assert [str(each) for each in Path(own, "cells").iterdir()] == [again]


class Once(Silent):
    """Acts when it is first told of what begins so: a sentence, or how a count goes."""

    def __init__(self, what: str, act: Callable[[], object]) -> None:
        self.what, self.acts = what, [act]

    def say(self, what: str) -> None:
        if what.startswith(self.what) and self.acts:
            self.acts.pop()()

    def count(self, what: str, done: int, total: int) -> None:
        self.say(f"{what} {'ends' if done == total else 'goes on'}")


@pytest.mark.parametrize(
    ("moment", "trainings"),
    [("reading goes on", 2), ("reading ends", 2), ("erasing rows", 1), ("nothing ends", 1)],
)
def test_nor_where_an_index_and_an_erase_meet(
    moment: str,
    trainings: int,
    own: str,
    settings: Settings,
    spark: SparkSession,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The index begins anew where what it read has ended; where only something was written it does
    not, as on a table that is written to all day."""
    mine = settings.model_copy(deep=True)
    mine.table = own
    of_table = PostsTable.open(own, spark, Hadoop())
    shard = next(of_table.shards())
    (post_id,) = shard.ids(shard.texts.owners[:1].astype(np.int64))
    vector, trained = shard.texts.vectors[0], list[int]()

    def each_its_own(shards: Iterator[Shard], model: str, rows: int, _: int | None) -> Cells:
        trained.append(rows)
        parts = [(each.photos.vectors, each.texts.vectors) for each in shards]
        photos, texts = (np.concatenate(of) for of in zip(*parts, strict=True))
        return Cells(model, rows, photos, texts)

    monkeypatch.setattr(index, "train", each_its_own)
    if moment == "erasing rows":
        erase(of_table, [post_id], Once(moment, lambda: index.index(mine, spark=spark)))
    elif moment == "nothing ends":
        close = Once("reading ends", lambda: of_table.set_status([post_id], "withdrawn"))
        index.index(mine, progress=close, spark=spark)
        assert (centroids(own) @ vector).max() > 1 - 1e-5
        erase(of_table, [post_id])
    else:
        index.index(mine, progress=Once(moment, lambda: erase(of_table, [post_id])), spark=spark)
    assert len(trained) == trainings
    assert (centroids(own) @ vector).max() < 1 - 1e-5


def test_of_cells_of_a_former_model_none_is_left(
    own: str, settings: Settings, spark: SparkSession
) -> None:
    mine = settings.model_copy(deep=True)
    mine.table = own
    index.index(mine, spark=spark)
    of_table = PostsTable.open(own, spark, Hadoop())
    assert reembed(of_table, ClipModel(OTHER)).embedded
    post_id = of_table.frame().where("size(photos) > 0").collect()[0]["post_id"]
    erase(of_table, [post_id])
    assert not of_table.kinds([post_id])
    assert not len(centroids(own))
    told = index.described(PostsTable.open(own))
    assert told is not None
    assert "trained on another model" in str(told.advice)
