"""Both towers into a model folder in ONNX: `python export.py FOLDER --data DATA`.

The image tower's backbone runs in int8, by ranges that ONNX Runtime's own tools measured: they are
kept in ranges.json, which is committed, so that the export needs no photograph. Other large weights
are stored as float16 and widened when the model runs.
"""

import argparse
import json
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import matching_spark  # noqa: F401  (says no to onnxruntime's telemetry before its import)

# isort: split
import hue
import numpy as np
import onnx
import onnxruntime as ort
import text
import torch
from backbone import SIDE, normal
from onnx import TensorProto, helper, numpy_helper
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static
from onnxruntime.quantization.shape_inference import quant_pre_process
from prototypes import prototypes
from scenes import OWN, World
from sources import TRAINED, sprites
from space import DIMENSION
from tokenizers import Tokenizer

HERE = Path(__file__).parent
RANGES = HERE / "ranges.json"
LARGE = 1024  # elements; smaller tensors stay as they are
DRAWN_SHOTS = 96  # photos that ranges are measured on, beside the photographs
# With Clip, so that what ReLU6 lets through is measured, not what comes before it: without, the
# median cosine to float32 is 0.84 (0.996 with).
INT8 = ["Conv", "Add", "Clip"]
# Where to look and what colour is there want precision, and so do the first layers, where little is
# still the colour of a pixel (0.990 with them in int8); they are no slower so.
FLOAT = ("/look/", "/hue/", "/stem/", "/blocks.0/")


def halve(path: Path) -> None:
    """Store the large weights as float16, each widened by a Cast, so that inputs stay float32."""
    model = onnx.load(path)
    casts, kept = [], []
    for weight in model.graph.initializer:
        if weight.data_type == TensorProto.FLOAT and np.prod(weight.dims) >= LARGE:
            half = numpy_helper.to_array(weight).astype(np.float16)
            kept.append(numpy_helper.from_array(half, weight.name + "_half"))
            casts.append(
                helper.make_node(
                    "Cast", [weight.name + "_half"], [weight.name], to=TensorProto.FLOAT
                )
            )
        else:
            kept.append(weight)
    del model.graph.initializer[:]
    model.graph.initializer.extend(kept)
    nodes = [*casts, *model.graph.node]
    del model.graph.node[:]
    model.graph.node.extend(nodes)
    onnx.checker.check_model(model)
    onnx.save(model, path)


class Shown(CalibrationDataReader):
    """Photos one after another: pixels (n, 3, SIDE, SIDE) in [0, 1]."""

    def __init__(self, pixels: Iterator[torch.Tensor]) -> None:
        self.rows = ({"image": normal(p)[None].numpy()} for p in pixels)

    def get_next(self) -> dict[str, np.ndarray] | None:
        return next(self.rows, None)


def to_range_over(data: Path, photographs: Path | None) -> Iterator[torch.Tensor]:
    """Drawn photos of every sort, and the photographs that the list keeps for this."""
    world = World(sprites(data), TRAINED, seed=2)
    for i in range(0, DRAWN_SHOTS, 24):
        things = [world.rng.choice(sorted(world.of)) for _ in range(24)]
        sprite = [world.rng.choice(world.of[t]) for t in things]
        colour = [world.rng.randrange(OWN + 1) for _ in sprite]
        yield from world.shots(sprite, colour, 1, restyled=i % 48 == 0, crowded=True)[0]
    if photographs is not None:
        from measure import load

        for pixels in load("tune", photographs)["range"][0]:
            yield torch.from_numpy(np.array(pixels)).permute(2, 0, 1).float() / 255


def int8(path: Path, shown: CalibrationDataReader, ranges: Path) -> None:
    """Make the tower's convolutions int8, by the ranges or, where there are none, by what is shown."""
    prepared = path.with_suffix(".prepared")
    quant_pre_process(path, prepared)
    nodes = onnx.load(prepared).graph.node
    quantize_static(
        prepared,
        path,
        shown,
        quant_format=QuantFormat.QDQ,
        per_channel=True,
        activation_type=QuantType.QUInt8,
        weight_type=QuantType.QInt8,
        op_types_to_quantize=INT8,
        nodes_to_exclude=[n.name for n in nodes if any(part in n.name for part in FLOAT)],
        calibration_cache_path=ranges,
    )
    prepared.unlink()


def image_tower(folder: Path, data: Path, photographs: Path | None, ranges: Path) -> None:
    path = folder / "visual" / "model.onnx"
    pixels = torch.stack(list(to_range_over(data, photographs)))
    _export(hue.finished(data), normal(pixels[:2]), path, "image")
    whole = _run(path, normal(pixels))
    int8(path, Shown(iter(pixels)), ranges)
    halve(path)
    _said(path, (whole * _run(path, normal(pixels))).sum(1), "the float32 tower")
    write(
        path.parent / "preprocess_cfg.json",
        {
            "size": [SIDE, SIDE],
            "mode": "RGB",
            "mean": [127 / 255] * 3,
            "std": [128 / 255] * 3,
            "interpolation": "bicubic",
            "resize_mode": "shortest",
            "fill_color": 0,
        },
    )


def text_tower(folder: Path, tower: text.TextTower, tok: Tokenizer) -> None:
    tok.enable_padding(length=text.CONTEXT, pad_id=0, pad_token="<pad>")
    lines = ["검정 지갑", "I lost my red umbrella", "어제 지하철에서 갈색 지갑을 잃어버렸어요"]
    tokens = torch.tensor([e.ids for e in tok.encode_batch(lines)])
    path = folder / "textual" / "model.onnx"
    # A text is as long as it is: of 64 tokens, five are a fifth of the time.
    _export(tower, tokens, path, "text", {1: "tokens"})
    halve(path)
    with torch.no_grad():
        _said(path, (tower(tokens).numpy() * _run(path, tokens)).sum(1), "torch")
    tok.no_padding()
    tok.no_truncation()
    (path.parent / "tokenizer.json").write_text(tok.to_str(), encoding="utf-8")
    write(
        path.parent / "tokenizer_config.json",
        {"pad_token": "<pad>", "model_max_length": text.CONTEXT},
    )
    write(
        folder / "config.json",
        {
            "embed_dim": DIMENSION,
            "vision_cfg": {"image_size": SIDE},
            "text_cfg": {"context_length": text.CONTEXT, "vocab_size": tok.get_vocab_size()},
            "matching_spark": {"name": "small-clip", "thresholds": {}},
        },
    )


def _export(
    tower: torch.nn.Module,
    example: torch.Tensor,
    path: Path,
    name: str,
    free: Mapping[int, str] = MappingProxyType({}),
) -> None:
    """free: the axes of the input, beside that of the batch, that may be of any length."""
    path.parent.mkdir(parents=True, exist_ok=True)
    out = f"{name}_embedding"
    torch.onnx.export(
        tower,
        (example,),
        path,
        input_names=[name],
        output_names=[out],
        dynamic_axes={name: {0: "batch", **free}, out: {0: "batch"}},
        opset_version=17,
        dynamo=False,
    )


def _run(path: Path, rows: torch.Tensor) -> np.ndarray:
    session = ort.InferenceSession(path, providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    return np.concatenate([session.run(None, {name: r.numpy()})[0] for r in rows.split(16)])


def _said(path: Path, cosines: np.ndarray, to: str) -> None:
    print(
        f"{path}: {path.stat().st_size / 1e6:.2f} MB, cosine to {to} at least "
        f"{cosines.min():.4f}, median {np.median(cosines):.4f}"
    )


def write(path: Path, content: dict[str, Any]) -> None:
    path.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--photographs", type=Path, help="to measure ranges.json anew")
    arguments = parser.parse_args()
    made = arguments.data / "export"  # whole there before anything of the folder is replaced
    ranges = RANGES
    if arguments.photographs:
        ranges = arguments.data / "ranges.json"
        ranges.unlink(missing_ok=True)
    elif not RANGES.exists():
        raise SystemExit(f"{RANGES} lacks: --photographs FOLDER measures it anew")
    image_tower(made, arguments.data, arguments.photographs, ranges)
    words = text.load(arguments.data / "text.pt", prototypes(arguments.data))
    text_tower(made, *words)
    if arguments.photographs:
        shutil.copyfile(ranges, RANGES)
    for path in sorted(p for p in made.rglob("*") if p.is_file()):
        place = arguments.folder / path.relative_to(made)
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.move(path, place)
