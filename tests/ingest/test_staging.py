"""What a task stages, without Spark: its items' vectors, and why the others have none."""

import hashlib
import shutil
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
import onnx
import pyarrow.parquet as pq
import pytest
from onnx import TensorProto, helper, numpy_helper
from PIL import Image

from matching_spark.embed.clip import ClipModel
from matching_spark.errors import ModelError
from matching_spark.ingest.staging import Item, embedder

GOLDEN = Path(__file__).parents[1] / "golden" / "xlmr"


class Counted:
    def __init__(self) -> None:
        self.terms = 0

    def add(self, term: int) -> None:
        self.terms += term


def partly_blind(folder: Path) -> Path:
    """A model whose photo tower gives NaN for what is dark: the logarithm of less than nothing."""
    shutil.copytree(GOLDEN, folder)
    weight = np.random.default_rng(1).normal(size=(3, 32)).astype(np.float32)
    steps = [
        helper.make_node("ReduceMean", ["image"], ["mean"], axes=[2, 3], keepdims=0),
        helper.make_node("Log", ["mean"], ["log"]),
        helper.make_node("MatMul", ["log", "w"], ["out"]),
    ]
    graph = helper.make_graph(
        steps,
        "tower",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, ["batch", 3, 64, 64])],
        [helper.make_tensor_value_info("out", TensorProto.FLOAT, ["batch", 32])],
        [numpy_helper.from_array(weight, "w")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.save(model, str(folder / "visual" / "model.onnx"))
    return folder


def photos(folder: Path) -> list[Item]:
    """Light, dark, light, dark."""
    items = []
    for number, level in enumerate((200, 5, 230, 9)):
        path = folder / f"{number}.png"
        Image.new("RGB", (64, 64), (level, level + number, level)).save(path)
        sha = hashlib.sha256(path.read_bytes()).hexdigest()
        items.append(Item(f"photo:{sha}", str(path)))
    return items


def task(
    folder: Path, tmp_path: Path, name: str = "", batch: int = 8, done: Counted | None = None
) -> Callable[[Iterable[Item]], None]:
    """An embedder by a model's folder; name: of the model, '': of the one that lies there."""
    staging, kept = str(tmp_path / "staging"), str(tmp_path / "kept")
    named = name or ClipModel(folder).name
    return embedder(str(folder), named, batch, "cpu", staging, kept, done or Counted())


def test_a_photo_that_a_model_gives_no_vector_for_is_named_and_the_others_have_theirs(
    tmp_path: Path,
) -> None:
    folder = partly_blind(tmp_path / "model")
    items = photos(tmp_path)
    words = Item("text:1", "검정 지갑")
    done = Counted()
    task(folder, tmp_path, done=done)([*items, words])
    assert done.terms == 5
    (file,) = (tmp_path / "staging").glob("*.parquet")
    rows = {row["key"]: row for row in pq.read_table(file).to_pylist()}
    assert len(rows) == 5
    assert rows["text:1"]["vector"] is not None
    clip = ClipModel(folder)
    for number, item in enumerate(items):
        row = rows[item.key]
        if number % 2:
            assert (row["vector"], row["reason"]) == (None, "unreadable")
            assert f"{folder} gives a vector that is none" in row["detail"]
        else:
            want = clip.embed_images([Path(item.payload).read_bytes()])[0]
            np.testing.assert_allclose(np.frombuffer(row["vector"], "<f4"), want, atol=1e-6)
            assert row["reason"] is None


def test_a_model_that_gives_vectors_of_another_kind_is_no_photos_fault(tmp_path: Path) -> None:
    folder = partly_blind(tmp_path / "model")
    config = (folder / "config.json").read_text().replace('"embed_dim": 32', '"embed_dim": 48')
    (folder / "config.json").write_text(config)
    with pytest.raises(ModelError, match="no vectors of 48"):
        task(folder, tmp_path)(photos(tmp_path))


def test_a_folder_that_holds_another_model_than_the_ingests_is_refused(tmp_path: Path) -> None:
    """On another host, or replaced since: its vectors would be stored under the former's name."""
    folder = partly_blind(tmp_path / "model")
    name = ClipModel(folder).name
    items = [Item("text:1", "검정 지갑")]
    task(folder, tmp_path)(items)
    shutil.copyfile(GOLDEN / "visual" / "model.onnx", folder / "visual" / "model.onnx")
    now = ClipModel(folder).name
    assert now != name
    task(folder, tmp_path)([*photos(tmp_path), *items])  # dark ones too: it is loaded anew
    staged = (tmp_path / "staging").glob("*")
    rows = [row for file in staged for row in pq.read_table(file).to_pylist()]
    assert [row["reason"] for row in rows] == [None] * 6
    with pytest.raises(ModelError, match=f"holds {now}, where the ingest began {name}"):
        task(folder, tmp_path, name, 4)(items)
