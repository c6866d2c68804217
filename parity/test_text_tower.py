"""The text tower that ships is what training/export.py makes of its weights, to the byte."""

from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from onnx import numpy_helper
from tokenizers import Tokenizer

from matching_spark.embed.hub import SHIPPED

TEXTUAL = SHIPPED / "small-clip" / "textual"
TRAINING = Path(__file__).parents[1] / "training"
MATRICES = ("qkv", "proj", "mlp.0", "mlp.2")  # of a layer, in the order of its graph


def weights() -> dict[str, torch.Tensor]:
    """By their names in torch: the exporter turns the matrix of a product and renames it."""
    of, turned = {}, []
    for tensor in onnx.load(TEXTUAL / "model.onnx").graph.initializer:
        value = torch.from_numpy(numpy_helper.to_array(tensor).astype(np.float32))
        if tensor.name.startswith("onnx::MatMul"):
            turned.append(value.T.contiguous())
        else:
            of[tensor.name.removesuffix("_half")] = value
    layers = len(turned) // len(MATRICES)
    names = [f"layers.{i}.{name}.weight" for i in range(layers) for name in MATRICES]
    return of | dict(zip([*names, "weigh.weight"], turned, strict=True))


def test_the_shipped_file_is_its_weights_export(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(TRAINING))
    from export import text_tower
    from text import TextTower

    of = weights()
    tower = TextTower(len(of["token.weight"]), of["things"])
    tower.load_state_dict(of)
    text_tower(tmp_path, tower.eval(), Tokenizer.from_file(str(TEXTUAL / "tokenizer.json")))
    for path in TEXTUAL.iterdir():
        assert (tmp_path / "textual" / path.name).read_bytes() == path.read_bytes()
