"""Any model folder: as open_clip has it, of every input that towers ask for, fetched or not."""

import json
import shutil
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from PIL import Image
from tokenizers import Tokenizer

from matching_spark.embed.clip import ALONE_BYTES, ClipModel, is_small
from matching_spark.embed.photos import open_reduced
from matching_spark.embed.preprocess import Preprocess
from matching_spark.errors import ModelError
from tests.support.odd import TEXTS, odd_images
from tests.support.photo_bytes import saved

GOLDEN = Path(__file__).parents[1] / "golden"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A model's that a test may change."""
    return shutil.copytree(GOLDEN / "siglip", tmp_path / "model")


def changed(path: Path, **changes: object) -> None:
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


@pytest.mark.parametrize("name", ["siglip", "xlmr"])
def test_vectors_are_open_clips(name: str) -> None:
    """golden.npz holds what open_clip gave in torch: `make test-parity` says how."""
    model = ClipModel(GOLDEN / name)
    want = np.load(GOLDEN / name / "golden.npz")
    assert (model.embed_images(odd_images()) * want["images"]).sum(axis=1).min() > 0.9999
    assert (model.embed_texts(TEXTS) * want["texts"]).sum(axis=1).min() > 0.9999


def test_a_text_has_one_vector_whatever_it_stands_beside(clip: ClipModel) -> None:
    """Alone, among longer and shorter ones, in batches cut anywhere, padded as far as it goes."""
    sentence = "어제 지하철에서 갈색 지갑을 잃어버렸어요"
    texts = [
        "",
        "a",
        "지갑",
        "검정 지갑",
        "red umbrella",
        sentence,
        " ".join(["지갑"] * 30),
        sentence * 9,
    ] * 3
    order = np.random.default_rng(7).permutation(len(texts))
    mixed = np.empty((len(texts), clip.dimension), np.float32)
    mixed[order] = ClipModel(clip.folder, batch_size=2).embed_texts([texts[i] for i in order])
    alone = np.concatenate([clip.embed_texts([text]) for text in texts])
    assert np.abs(mixed - alone).max() < 1e-6

    tokenizer = Tokenizer.from_file(str(clip.folder / "textual" / "tokenizer.json"))
    tokenizer.enable_truncation(clip.context_length)
    tokenizer.enable_padding(length=clip.context_length)
    tokens = np.array([each.ids for each in tokenizer.encode_batch(texts)])
    assert len(set((tokens != 0).sum(axis=1))) >= 6  # lengths
    import onnxruntime as ort  # after the package, which keeps it from telling its maker

    path = clip.folder / "textual" / "model.onnx"
    session = ort.InferenceSession(path, providers=["CPUExecutionProvider"])
    (padded,) = session.run(None, {"text": tokens})
    assert np.abs(padded - alone).max() < 1e-6


# Of a cosine, for the shipped model, whose int8 turns a pixel's last bit into some thousandths: of
# 80 photographs the worst is 0.9936, the median 0.9996; of stripes finer than any photo has, 0.985.
# Two photos of one thing differ by far more.
NEARLY = 2e-2


@pytest.mark.parametrize("turned", range(1, 9))
def test_a_large_photo_by_its_decoders_scaling(clip: ClipModel, turned: int) -> None:
    """Neither the decoder's scaling nor the box filter moves a vector, whatever the sides are."""
    rng = np.random.default_rng(turned)
    flat = drawn_photo(rng, 3603 + turned, 2701 - turned)
    exif = Image.Exif()
    exif[0x0112] = turned
    data = saved(flat, "JPEG", quality=90, exif=exif)
    spare = clip.preprocess.spare_factor
    assert spare(flat.size) == 4
    whole = open_reduced(data, lambda size: 1)[0]
    reduced, box = open_reduced(data, spare)
    assert reduced.width * 4 - 4 < whole.width <= reduced.width * 4
    assert (box[2] - box[0]) * 4 == whole.width
    want = clip.embed_pixels([clip.preprocess(whole)])[0]
    got = clip.embed_pixels([clip.preprocess(reduced, box), clip.preprocess.quick(whole)])
    assert (got @ want).min() > 1 - NEARLY


def test_no_thread_works_on_when_a_tower_has_answered(clip: ClipModel) -> None:
    """One that spins takes as long as the scan that comes next: 20 ms and more of a core."""
    side = Image.new("RGB", (64, 64))
    towers: list[Callable[[], object]] = [
        lambda: clip.embed_texts(["지갑"]),
        lambda: clip.embed_images([side]),
    ]
    for embed in towers:
        after = []
        for _ in range(3):
            embed()
            began = time.process_time()
            time.sleep(0.05)
            after.append(time.process_time() - began)
        assert min(after) < 0.005


def drawn_photo(rng: np.random.Generator, width: int, height: int) -> Image.Image:
    """Blobs and stripes as fine as a pixel, more of a trial than a photo is."""
    coarse = rng.integers(0, 256, (7, 9, 3), dtype=np.uint8)
    soft = Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC)
    pixels = np.asarray(soft, np.int16)
    for start in range(5):  # rows alike: of 12 megapixels a grid of indices takes seconds
        light = (start + np.arange(width)) % 5 < 2
        pixels[start::5] += np.where(light, 20, -20).astype(np.int16)[:, None]
    return Image.fromarray(pixels.clip(0, 255).astype(np.uint8))


def tower(path: Path, wanted: int, out: int, batch: int | None, given: int = 0) -> None:
    """Write a tower of one matrix: the mean of a photo's colours, or of the tokens' numbers."""
    rng = np.random.default_rng(1)
    photo = path.name == "visual"
    shape: list[int | str] = [batch or "batch", *((3, 8, 8) if photo else (6,))]
    weight = rng.normal(size=(3, 16) if photo else (6, 16)).astype(np.float32) * 5
    steps = [helper.make_node("Cast", ["in"], ["wide"], to=TensorProto.FLOAT)]
    if photo:
        steps.append(helper.make_node("ReduceMean", ["wide"], ["mean"], axes=[2, 3], keepdims=0))
    steps += [
        helper.make_node("MatMul", ["mean" if photo else "wide", "w"], ["product"]),
        helper.make_node("Cast", ["product"], ["out"], to=out),
    ]
    inputs = [helper.make_tensor_value_info("in", wanted, shape)]
    if given:
        inputs.append(helper.make_tensor_value_info("attention_mask", given, shape))
    graph = helper.make_graph(
        steps,
        "tower",
        inputs,
        [helper.make_tensor_value_info("out", out, [shape[0], 16])],
        [numpy_helper.from_array(weight, "w")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.save(model, str(path / "model.onnx"))


@pytest.mark.parametrize("batch", [None, 1, 5])
@pytest.mark.parametrize("ids", [TensorProto.INT32, TensorProto.INT64])
@pytest.mark.parametrize("real", [TensorProto.FLOAT, TensorProto.FLOAT16])
def test_every_input_and_output(real: int, ids: int, batch: int | None, tmp_path: Path) -> None:
    """Towers that do not scale their vectors, in every width, with a batch of their own or any."""
    folder = shutil.copytree(GOLDEN / "xlmr", tmp_path / "model")
    config = json.loads((folder / "config.json").read_text())
    config["embed_dim"], config["text_cfg"]["context_length"] = 16, 6
    (folder / "config.json").write_text(json.dumps(config))
    wants = {"size": 8, "mean": [0.5] * 3, "std": [0.5] * 3, "resize_mode": "squash"}
    (folder / "visual" / "preprocess_cfg.json").write_text(json.dumps(wants))
    tower(folder / "visual", real, real, batch)
    tower(folder / "textual", ids, real, batch, given=ids)
    model = ClipModel(folder, batch_size=3)
    images = odd_images()[:7]
    vectors, words = model.embed_images(images), model.embed_texts(TEXTS)
    assert vectors.shape == (7, 16)
    assert np.allclose(np.linalg.norm(np.concatenate([vectors, words]), axis=1), 1, atol=1e-6)
    weight = np.random.default_rng(1).normal(size=(3, 16)).astype(np.float32) * 5
    means = np.stack([model.preprocess(image).mean(axis=(1, 2)) for image in images]) @ weight
    assert ((means / np.linalg.norm(means, axis=1)[:, None]) * vectors).sum(axis=1).min() > 0.999
    for i in range(len(images)):  # whatever it stands beside, a photo has one vector
        assert np.allclose(model.embed_images([images[i]])[0], vectors[i], atol=1e-6)


def words_tower(path: Path, names: list[str], ids: int = TensorProto.INT64, long: int = 24) -> None:
    """Write a tower of words of some inputs: what it gives is of their differences."""
    steps = [
        helper.make_node("Cast", [name], [f"{name}_f"], to=TensorProto.FLOAT) for name in names
    ]
    steps.append(helper.make_node("Concat", [f"{name}_f" for name in sorted(names)], ["x"], axis=1))
    steps.append(helper.make_node("MatMul", ["x", "w"], ["out"]))
    weight = np.random.default_rng(3).normal(size=(long * len(names), 32)).astype(np.float32)
    graph = helper.make_graph(
        steps,
        "tower",
        [helper.make_tensor_value_info(name, ids, ["batch", long]) for name in names],
        [helper.make_tensor_value_info("out", TensorProto.FLOAT, ["batch", 32])],
        [numpy_helper.from_array(weight, "w")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.save(model, str(path / "model.onnx"))


def test_a_mask_is_known_by_its_name_and_not_by_its_place(tmp_path: Path) -> None:
    vectors = []
    for names in (["input_ids", "attention_mask"], ["attention_mask", "input_ids"]):
        folder = shutil.copytree(GOLDEN / "xlmr", tmp_path / names[0])
        words_tower(folder / "textual", names)
        vectors.append(ClipModel(folder).embed_texts(TEXTS))
    np.testing.assert_array_equal(vectors[0], vectors[1])


@pytest.mark.parametrize(
    ("names", "ids", "long", "said"),
    [
        (["input_ids", "token_type_ids"], TensorProto.INT64, 24, "token_type_ids: it can be given"),
        (["input_ids", "position_ids"], TensorProto.INT64, 24, "position_ids: it can be given"),
        (["attention_mask"], TensorProto.INT64, 24, "attention_mask: it can be given"),
        (["a", "b_mask", "c_mask"], TensorProto.INT64, 24, "c_mask: it can be given"),
        (["input_ids"], TensorProto.DOUBLE, 24, "tensor.double."),
        (["input_ids"], TensorProto.INT64, 77, r"77\]: .* is given \(batch, 24\)"),
    ],
)
def test_a_tower_that_asks_for_something_else_is_named(
    names: list[str], ids: int, long: int, said: str, tmp_path: Path
) -> None:
    """Kinds of tokens or places in the mask's stead gave vectors, and wrong ones."""
    folder = shutil.copytree(GOLDEN / "xlmr", tmp_path / "model")
    words_tower(folder / "textual", names, ids, long)
    with pytest.raises(ModelError, match=said):
        ClipModel(folder).embed_texts(["a"])


def test_a_tower_that_does_not_fit_its_configuration_or_breaks_is_named(folder: Path) -> None:
    changed(folder / "visual" / "preprocess_cfg.json", size=32)
    with pytest.raises(ModelError, match=r"is given \(batch, 3, 32, 32\)"):
        ClipModel(folder).embed_images(odd_images()[:1])
    shutil.copytree(GOLDEN / "siglip", folder, dirs_exist_ok=True)
    tokenizer = json.loads((folder / "textual" / "tokenizer.json").read_text())
    vocabulary = tokenizer["model"]["vocab"]
    for word in set(vocabulary) - {"<s>", "<pad>", "</s>"}:  # beyond the tower's table of tokens
        vocabulary[word] += 10_000
    (folder / "textual" / "tokenizer.json").write_text(json.dumps(tokenizer))
    with pytest.raises(ModelError, match=f"{folder} cannot be run on text: "):
        ClipModel(folder).embed_texts(["a"])


@pytest.mark.parametrize("fill", [127, [10, 20, 30]])
def test_a_photo_that_is_padded_has_the_configurations_colour_about_it(
    fill: int | list[int],
) -> None:
    """As open_clip's image_transform pads, whose pixels are the same to the bit (by hand)."""
    config = {"size": 8, "mean": [0.5] * 3, "std": [0.25] * 3}
    config |= {"resize_mode": "longest", "fill_color": fill}
    pixels = Preprocess.of(config, "cfg.json")(Image.new("RGB", (32, 16), (255, 0, 0)))
    about = np.broadcast_to(np.asarray(fill, np.float32), 3)
    for rows, colour in ((slice(0, 2), about), (slice(2, 6), (255, 0, 0)), (slice(6, 8), about)):
        want = (np.asarray(colour, np.float32) / 255 - 0.5) / 0.25
        np.testing.assert_allclose(
            pixels[:, rows],
            np.broadcast_to(want[:, None, None], (3, rows.stop - rows.start, 8)),
            atol=1e-6,
        )


def test_what_is_not_understood_is_named(folder: Path) -> None:
    good = {"size": [8, 8], "mean": [0.5] * 3, "std": [0.5] * 3}
    worse: list[dict[str, object]] = [
        {"resize_mode": "stretch"},
        {"mode": "L"},
        {"interpolation": "magic"},
        {"size": []},
    ]
    for bad in worse:
        with pytest.raises(ModelError, match="cfg"):
            Preprocess.of(good | bad, "cfg.json")
    with pytest.raises(ModelError, match="no CUDA"):
        _ = ClipModel(folder, device="cuda").provider
    config = json.loads((folder / "config.json").read_text())
    config["text_cfg"]["tokenizer_kwargs"] = {"clean": "soap"}
    (folder / "config.json").write_text(json.dumps(config))
    with pytest.raises(ModelError, match="canonicalize"):
        ClipModel(folder).embed_texts(["a"])
    (folder / "visual" / "model.onnx").write_bytes(b"no model")
    with pytest.raises(ModelError, match="cannot be run"):
        ClipModel(folder).embed_images(odd_images()[:1])
    (folder / "textual" / "model.onnx").unlink()
    with pytest.raises(ModelError, match="lacks textual"):
        ClipModel(folder)


WRONG: dict[str, list[dict[str, object]]] = {
    "config.json": [
        {"embed_dim": None},
        {"embed_dim": "many"},
        {"embed_dim": -1},
        {"embed_dim": True},
        {"text_cfg": [1]},
        {"text_cfg": {"context_length": None}},
        {"text_cfg": {"context_length": 10**30}},
    ],
    "visual/preprocess_cfg.json": [
        {"size": 0},
        {"size": [3, 64, 64]},
        {"size": {"shortest_edge": 64}},
        {"size": "64"},
        {"size": [True, 64]},
        {"size": 1_000_000},
        {"mean": [0.5, 0.5]},
        {"mean": "0.5"},
        {"mean": True},
        {"std": [0.5, "0.5", 0.5]},
        {"std": [0, 0.5, 0.5]},
        {"std": float("nan")},
        {"fill_color": "black"},
        {"fill_color": [300, 0, 0]},
        {"do_resize": False},
        {"rescale_factor": 1.0},
    ],
}


@pytest.mark.parametrize(
    ("file", "wrong"), [(file, wrong) for file, all_of in WRONG.items() for wrong in all_of]
)
def test_what_a_folder_says_wrongly_is_named_before_anything_is_embedded(
    file: str, wrong: dict[str, object], folder: Path
) -> None:
    """Or a photo would be blamed for it: all of an ingest's, one by one."""
    changed(folder / file, **wrong)
    with pytest.raises(ModelError, match=file):
        ClipModel(folder)
    for no_object in ("[1]", "null", "[" * 100_000):
        (folder / file).write_text(no_object)
        with pytest.raises(ModelError, match=file):
            ClipModel(folder)


def test_one_number_of_a_size_and_of_colours_is_all_of_them() -> None:
    one = Preprocess.of({"size": 8, "mean": 0.5, "std": [0.25], "fill_color": 9}, "cfg.json")
    all_of = {"size": [8, 8], "mean": [0.5] * 3, "std": [0.25] * 3, "fill_color": [9, 9, 9]}
    photo = odd_images()[0]
    np.testing.assert_array_equal(one(photo), Preprocess.of(all_of, "cfg.json")(photo))


CARDS = ([1], *({"thresholds": of} for of in (1, {"image-image": "high"}, {"image-image": True})))


@pytest.mark.parametrize("card", CARDS)
def test_a_threshold_that_is_none_is_named(card: object, folder: Path) -> None:
    changed(folder / "config.json", matching_spark=card)
    with pytest.raises(ModelError, match=r"config\.json: .*(matching_spark|thresholds)"):
        ClipModel(folder).default_threshold("image-image")


def test_a_threshold_changes_no_name_and_a_weight_does(folder: Path) -> None:
    name = ClipModel(folder).name
    changed(folder / "config.json", matching_spark={"thresholds": {"image-image": 0.5}})
    assert ClipModel(folder).name == name
    assert ClipModel(folder).default_threshold("image-image") == 0.5
    for left in (".DS_Store", "._model.onnx"):
        (folder / "visual" / left).write_bytes(b"by who looked at it, or copied it")
    assert ClipModel(folder).name == name
    (folder / "visual" / "model.onnx.data").write_bytes(b"weights beside the graph")
    assert ClipModel(folder).name != name


def test_a_tower_is_as_large_as_its_weights_wherever_they_lie(tmp_path: Path) -> None:
    (tmp_path / "model.onnx").write_bytes(b"graph")
    assert is_small(tmp_path)
    with (tmp_path / "model.onnx.data").open("wb") as beside:
        beside.truncate(ALONE_BYTES)
    assert not is_small(tmp_path)
