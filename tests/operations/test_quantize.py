"""A model's int8 copy: it finds what the model finds, or it is not there."""

import fcntl
import json
import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from PIL import Image

from matching_spark import Settings
from matching_spark.embed import int8
from matching_spark.embed.clip import ClipModel
from matching_spark.errors import InputError, MatchingError, ModelError, StorageError, UsageError
from matching_spark.operations import models, quantize
from tests.support.commands import command
from tests.support.odd import TEXTS

GOLDEN = Path(__file__).parents[1] / "golden"
SIDE, WIDE, DIMENSION = 16, 96, 32
FAR = 1e5  # beside pixels: whoever shares a range with it is lost


@pytest.fixture(autouse=True)
def _few(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of so few re-takes one is half a point: a tower of two products may lose four."""
    monkeypatch.setattr(quantize, "RETAKES", 240)
    monkeypatch.setattr(quantize, "FALL", 0.02)


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder: Path = tmp_path_factory.mktemp("photos")
    rng = np.random.default_rng(5)
    for number in range(60):
        coarse = rng.integers(0, 256, (3, 4, 3), dtype=np.uint8)
        Image.fromarray(coarse).resize((128, 96), Image.Resampling.BICUBIC).save(
            folder / f"{number}.png"
        )
    (folder / "notes.txt").write_text("no photo")
    return folder


def model(folder: Path, spoilt: bool = False, uneven: bool = False) -> Path:
    """A folder whose photo tower is two products; spoilt: of what it reads one number is far off,
    which its weights leave out; uneven: a LayerNorm lets two channels stand out, as large
    transformers' do, whose weights are as much smaller."""
    shutil.copytree(GOLDEN / "xlmr", folder)
    wants = {"size": SIDE, "mean": [0.5] * 3, "std": [0.25] * 3, "resize_mode": "squash"}
    (folder / "visual" / "preprocess_cfg.json").write_text(json.dumps(wants))
    config = json.loads((folder / "config.json").read_text())
    config["matching_spark"] = {"thresholds": {"image-image": 0.5}}
    (folder / "config.json").write_text(json.dumps(config))
    rng = np.random.default_rng(7)
    first = rng.normal(size=(3 * SIDE * SIDE, WIDE)).astype(np.float32) / 20
    weights: dict[str, Any] = {
        "first": np.pad(first, ((0, int(spoilt)), (0, 0))),
        "second": rng.normal(size=(WIDE, DIMENSION)).astype(np.float32),
        "bias": rng.normal(size=DIMENSION).astype(np.float32) / 100,
    }
    steps = [helper.make_node("Flatten", ["image"], ["flat"])]
    if spoilt:
        weights |= {"pads": np.array([0, 0, 0, 1], np.int64), "far": np.float32(FAR)}
        steps.append(helper.make_node("Pad", ["flat", "pads", "far"], ["padded"]))
    if uneven:
        gain = np.ones(len(weights["first"]), np.float32)
        gain[[3, 77]] = 2000
        weights |= {"gain": gain, "shift": 0 * gain, "first": weights["first"] / gain[:, None]}
        norm = helper.make_node("LayerNormalization", ["flat", "gain", "shift"], ["padded"])
        steps.append(norm)
    steps += [
        helper.make_node("MatMul", ["padded" if spoilt or uneven else "flat", "first"], ["wide"]),
        helper.make_node("Relu", ["wide"], ["kept"]),
        helper.make_node("MatMul", ["kept", "second"], ["product"]),
        helper.make_node("Add", ["product", "bias"], ["out"]),
    ]
    shape: list[int | str] = ["batch", 3, SIDE, SIDE]
    graph = helper.make_graph(
        steps,
        "tower",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("out", TensorProto.FLOAT, ["batch", DIMENSION])],
        [numpy_helper.from_array(np.asarray(value), name) for name, value in weights.items()],
    )
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.save(made, str(folder / "visual" / "model.onnx"))
    return folder


def asked(folder: Path) -> Settings:
    return Settings(model={"name": str(folder)})  # type: ignore[arg-type]


def test_a_copy_finds_what_the_model_finds(tmp_path: Path, photos: Path) -> None:
    """Of a copy whose process was killed nothing is left, of one that is being made all."""
    whole = model(tmp_path / "whole")
    dead, live, own = (tmp_path / f".whole-int8.{end}" for end in ("0" * 32, "1" * 32, "mine"))
    for each in (dead, live, own):
        (each / "visual").mkdir(parents=True)
    at = os.open(live, os.O_RDONLY)
    fcntl.flock(at, fcntl.LOCK_EX)
    done = quantize.quantize(asked(whole), photos=str(photos))
    os.close(at)
    made = Path(done.folder)
    assert made == tmp_path / "whole-int8"
    assert set(tmp_path.iterdir()) == {whole, made, live, own}
    assert (done.photos, done.retakes, done.unread) == (60, 240, 1)
    assert done.recall_before > 0.6, "of 60, chance finds ten"
    assert done.recall_after > done.recall_before - quantize.FALL
    assert done.words_kept > 1 - quantize.FALL
    assert done.bytes_after < done.bytes_before
    one, two = ClipModel(whole), ClipModel(made)
    assert done.model == two.name
    assert two.name.partition("@")[2] != one.name.partition("@")[2]
    assert two.default_threshold("image-image") is None, "it was learnt on other vectors"
    pictures = [Image.open(each) for each in sorted(photos.glob("*.png"))[:9]]
    vectors = two.embed_images(pictures)
    assert (vectors * one.embed_images(pictures)).sum(axis=1).min() > 0.995
    for picture, vector in zip(pictures, vectors, strict=True):  # whatever it stands beside
        np.testing.assert_allclose(two.embed_images([picture])[0], vector, atol=1e-6)
    assert (two.embed_texts(TEXTS) * one.embed_texts(TEXTS)).sum(axis=1).min() > 0.999
    with pytest.raises(ModelError, match="quantised already: name the float32 model"):
        quantize.quantize(asked(made), photos=str(photos))


def beside(path: Path) -> None:
    """The weights in a file of their own, whose name is its exporter's."""
    onnx.save(
        onnx.load(str(path)),
        str(path),
        save_as_external_data=True,
        location="weights.bin",
        size_threshold=0,
    )


def among_the_inputs(path: Path) -> None:
    """As exporters did before ONNX's third version."""
    made = onnx.load(str(path))
    given = [each.SerializeToString() for each in made.graph.input]
    del made.graph.input[:]
    for weight in made.graph.initializer:
        told = helper.make_tensor_value_info(weight.name, weight.data_type, list(weight.dims))
        made.graph.input.append(told)
    for each in given:
        made.graph.input.add().ParseFromString(each)
    onnx.save(made, str(path))


def two_hundred_at_once(path: Path) -> None:
    """More than the photos whose ranges are seen, where the tower is one of photos."""
    if path.parent.name != "visual":
        return
    made = onnx.load(str(path))
    for each in (*made.graph.input, *made.graph.output):
        each.type.tensor_type.shape.dim[0].dim_value = 200
    onnx.save(made, str(path))


@pytest.mark.parametrize("written", [beside, among_the_inputs, two_hundred_at_once])
def test_a_model_is_copied_however_its_towers_are_written(
    written: Callable[[Path], None], tmp_path: Path, photos: Path
) -> None:
    whole = model(tmp_path / "whole")
    for tower in ("visual", "textual"):
        written(whole / tower / "model.onnx")
    done = quantize.quantize(asked(whole), photos=str(photos))
    one, two = ClipModel(whole), ClipModel(Path(done.folder))
    pictures = [Image.open(each) for each in sorted(photos.glob("*.png"))[:9]]
    vectors = two.embed_images(pictures)
    assert (vectors * one.embed_images(pictures)).sum(axis=1).min() > 0.995
    assert (two.embed_texts(TEXTS) * one.embed_texts(TEXTS)).sum(axis=1).min() > 0.999
    assert two.size_bytes < one.size_bytes


def test_a_tower_of_words_that_is_int8_already_comes_along_with_its_weights(
    tmp_path: Path, photos: Path
) -> None:
    whole = model(tmp_path / "whole")
    textual = whole / "textual" / "model.onnx"
    int8.stored_tower(textual, textual)
    beside(textual)
    done = quantize.quantize(asked(whole), photos=str(photos))
    one, two = ClipModel(whole), ClipModel(Path(done.folder))
    np.testing.assert_array_equal(two.embed_texts(TEXTS), one.embed_texts(TEXTS))


def test_weights_in_half_precision_are_refused_and_named(tmp_path: Path, photos: Path) -> None:
    """Also where what goes in and comes out is float32."""
    whole = model(tmp_path / "whole")
    path = whole / "visual" / "model.onnx"
    made = onnx.load(str(path))
    for weight in made.graph.initializer:
        half = numpy_helper.to_array(weight).astype(np.float16)
        weight.CopyFrom(numpy_helper.from_array(half, weight.name))
    onnx.save(made, str(path))
    with pytest.raises(ModelError, match="computes in float16"):
        quantize.quantize(asked(whole), photos=str(photos))


@pytest.mark.parametrize("tower", ["visual", "textual"])
@pytest.mark.parametrize("lack", ["bytes", "inputs", "weights"])
def test_what_cannot_be_run_is_told_as_a_check_tells_it(
    tower: str, lack: str, tmp_path: Path, photos: Path
) -> None:
    whole = model(tmp_path / "whole")
    path = whole / tower / "model.onnx"
    if lack == "weights":
        beside(path)
        (path.parent / "weights.bin").unlink()
    elif lack == "bytes":
        path.write_bytes(b"")
    else:
        made = onnx.load(str(path))
        del made.graph.input[:]
        onnx.save(made, str(path))
    with pytest.raises(ModelError, match="cannot be run") as checked:
        models.check(asked(whole).model)
    with pytest.raises(ModelError) as told:
        quantize.quantize(asked(whole), photos=str(photos))
    assert str(told.value) == str(checked.value)
    assert [p.name for p in tmp_path.iterdir()] == ["whole"]


def test_an_early_opset_is_told_with_its_remedy(tmp_path: Path, photos: Path) -> None:
    whole = model(tmp_path / "whole")
    path = whole / "visual" / "model.onnx"
    made = onnx.load(str(path))
    made.opset_import[0].version = 12
    onnx.save(made, str(path))
    with pytest.raises(ModelError, match=r"visual/model.onnx is of ONNX's opset 12: .* export it"):
        quantize.quantize(asked(whole), photos=str(photos))


def test_a_folder_that_cannot_be_made_is_said_before_anything_is_done(
    tmp_path: Path, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = model(tmp_path / "whole")
    monkeypatch.setattr(quantize, "_batches", None)  # never come to
    here = tmp_path / "here"
    here.mkdir()
    monkeypatch.chdir(here)
    with pytest.raises(UsageError, match="cannot be replaced; name a new folder"):
        quantize.quantize(asked(whole), Path(), photos=str(photos))
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match="name a new folder"):
        quantize.quantize(asked(whole), tmp_path / "file", photos=str(photos))
    with pytest.raises(StorageError, match="cannot be written"):
        quantize.quantize(asked(whole), tmp_path / "file" / "copy", photos=str(photos))


def test_a_link_to_an_empty_folder_is_filled(tmp_path: Path, photos: Path) -> None:
    whole = model(tmp_path / "whole")
    (tmp_path / "disk").mkdir()
    (tmp_path / "link").symlink_to("disk")
    quantize.quantize(asked(whole), tmp_path / "link", photos=str(photos))
    assert (tmp_path / "link").is_symlink()
    assert ClipModel(tmp_path / "disk").dimension == DIMENSION


def test_what_int8_spoils_is_refused_and_leaves_nothing(tmp_path: Path, photos: Path) -> None:
    whole = model(tmp_path / "whole", spoilt=True)
    with pytest.raises(ModelError, match="not copied: of 240 photos taken again, float32 finds"):
        quantize.quantize(asked(whole), photos=str(photos))
    assert [p.name for p in tmp_path.iterdir()] == ["whole"]


def test_channels_that_stand_out_are_evened_out(
    tmp_path: Path, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = model(tmp_path / "whole", uneven=True)
    done = quantize.quantize(asked(whole), photos=str(photos))
    assert done.recall_before > 0.6
    assert done.recall_after > done.recall_before - quantize.FALL
    assert done.cosine > 0.995
    monkeypatch.setattr(int8, "smooth", lambda *_: 0)
    with pytest.raises(ModelError, match="not copied"):
        quantize.quantize(asked(whole), tmp_path / "uneven", photos=str(photos))


def test_stopped_in_the_middle_it_leaves_nothing(
    tmp_path: Path, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(quantize, "recall", stop)  # when all is embedded
    whole = model(tmp_path / "whole")
    with pytest.raises(KeyboardInterrupt):
        quantize.quantize(asked(whole), photos=str(photos))
    assert [p.name for p in tmp_path.iterdir()] == ["whole"]


def test_what_cannot_be_judged_or_written_is_told_at_once(tmp_path: Path, photos: Path) -> None:
    whole = model(tmp_path / "whole")
    few = tmp_path / "few"
    few.mkdir()
    for each in sorted(photos.glob("*.png"))[:3]:
        shutil.copy(each, few)
    tries: list[tuple[str | Path, Path | None, type[MatchingError], str]] = [
        (few, None, InputError, "has 3 photos: .* on 50 at least"),
        (tmp_path / "none", None, InputError, "there is no"),
        (photos, whole, UsageError, "is not empty; name a new folder"),
    ]
    for where, target, kind, said in tries:
        with pytest.raises(kind, match=said):
            quantize.quantize(asked(whole), target, str(where))
    assert sorted(p.name for p in tmp_path.iterdir()) == ["few", "whole"]


def test_without_onnx_the_extra_is_named(
    tmp_path: Path, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import matching_spark.embed

    whole = model(tmp_path / "whole")
    monkeypatch.delitem(sys.modules, "matching_spark.embed.int8")
    monkeypatch.delattr(matching_spark.embed, "int8")
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(UsageError, match=r"needs onnx: pip install 'matching-spark\[quantize\]'"):
        quantize.quantize(asked(whole), photos=str(photos))


def test_the_command_takes_the_tables_photos(
    tmp_path: Path, stored: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(quantize, "LEAST_PHOTOS", 20)
    monkeypatch.setattr(quantize, "FALL", 1.0)  # drawings of few kinds, a tower that knows none
    whole, out = model(tmp_path / "whole"), tmp_path / "out"
    out.mkdir()  # an empty one may be there
    done = command("models", "quantize", whole, "--out", out, "--table", stored)
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    assert said["photos"] == len(list(Path(stored).rglob("photos/*/*/*.jpg")))
    assert f"reembed --model {out}" in " ".join(done.stderr.split())
    again = command("models", "quantize", whole, "--out", out, "--table", stored)
    assert again.returncode == 2
    assert "(--out)" in again.stderr


@pytest.mark.parametrize("name", ["siglip", "xlmr"])
def test_a_text_tower_of_int8_weights_gives_nearly_the_same(name: str, tmp_path: Path) -> None:
    folder = tmp_path / name
    shutil.copytree(GOLDEN / name, folder)
    tower = folder / "textual" / "model.onnx"
    before = tower.stat().st_size
    assert not int8.computes_in_int8(tower)
    int8.stored_tower(GOLDEN / name / "textual" / "model.onnx", tower)
    assert int8.computes_in_int8(tower)
    assert tower.stat().st_size < before
    want, got = (ClipModel(each).embed_texts(TEXTS) for each in (GOLDEN / name, folder))
    assert (want * got).sum(axis=1).min() > 0.999


def test_equal_scores_are_no_find() -> None:
    """A tower that gives every photo one vector finds none of them."""
    same = np.full((40, 4), 0.5, np.float32)
    assert quantize.recall(same, same, np.arange(40)) == 0
    apart = np.eye(40, dtype=np.float32)
    assert quantize.recall(apart, apart, np.arange(40)) == 1


def test_every_model_that_is_listed_has_its_licence() -> None:
    done = command("models", "list")
    listed = json.loads(done.stdout)["models"]
    assert all(each["licence"] for each in listed)
    bound = {each["name"]: each["limits"] for each in listed if "-NC-" in each["licence"]}
    assert bound == {"immich-app/nllb-clip-large-siglip__mrl": "not for commercial use"}
