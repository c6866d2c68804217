"""A checkpoint's tower into a model folder in ONNX: `python export.py image|text CHECKPOINT FOLDER`.

Weights are stored as float16 and widened when the model runs, which halves the folder.
"""

import argparse
import json
from pathlib import Path

import matching_spark  # noqa: F401  (says no to onnxruntime's telemetry before its import)

# isort: split
import numpy as np
import onnx
import onnxruntime as ort
import torch
from draw import DRAWN
from model import CONTEXT, DIMENSION
from onnx import TensorProto, helper, numpy_helper
from tokenizers import Tokenizer
from train import load
from train_text import TextTrainer

LARGE = 1024  # elements; smaller tensors stay as they are


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


def image_tower(checkpoint: Path, folder: Path) -> None:
    net, _, _ = load(checkpoint)
    path = folder / "visual" / "model.onnx"
    _export(net.image, torch.randn(3, 3, DRAWN, DRAWN), path, "image")
    write(
        path.parent / "preprocess_cfg.json",
        {
            "size": [DRAWN, DRAWN],
            "mode": "RGB",
            "mean": [0.5] * 3,
            "std": [0.25] * 3,
            "interpolation": "bicubic",
            "resize_mode": "shortest",
            "fill_color": 0,
        },
    )


def text_tower(checkpoint: Path, folder: Path) -> None:
    saved = torch.load(checkpoint, weights_only=True)
    tok = Tokenizer.from_str(saved["tokenizer"])
    net = TextTrainer(tok.get_vocab_size())
    net.load_state_dict(saved["state"])
    tok.enable_padding(length=CONTEXT, pad_id=0, pad_token="<pad>")
    texts = ["검정 지갑", "I lost my red umbrella", "어제 지하철에서 갈색 지갑을 잃어버렸어요"]
    tokens = torch.tensor([e.ids for e in tok.encode_batch(texts)])
    path = folder / "textual" / "model.onnx"
    _export(net.text.eval(), tokens, path, "text")
    tok.no_padding()
    tok.no_truncation()
    (path.parent / "tokenizer.json").write_text(tok.to_str(), encoding="utf-8")
    write(
        path.parent / "tokenizer_config.json", {"pad_token": "<pad>", "model_max_length": CONTEXT}
    )
    write(
        folder / "config.json",
        {
            "embed_dim": DIMENSION,
            "vision_cfg": {"image_size": DRAWN},
            "text_cfg": {"context_length": CONTEXT, "vocab_size": tok.get_vocab_size()},
            "matching_spark": {"name": "small-clip", "text_steps": saved["step"], "thresholds": {}},
        },
    )


def _export(tower: torch.nn.Module, example: torch.Tensor, path: Path, name: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    out = f"{name}_embedding"
    torch.onnx.export(
        tower,
        (example,),
        path,
        input_names=[name],
        output_names=[out],
        dynamic_axes={name: {0: "batch"}, out: {0: "batch"}},
        opset_version=17,
        dynamo=False,
    )
    halve(path)
    session = ort.InferenceSession(path, providers=["CPUExecutionProvider"])
    got = session.run(None, {name: example.numpy()})[0]
    with torch.no_grad():
        want = tower(example).numpy()
    print(
        f"{path}: {path.stat().st_size / 1e6:.2f} MB, cosine to torch at least "
        f"{(got * want).sum(1).min():.6f}"
    )


def write(path: Path, content: dict) -> None:
    path.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("tower", choices=["image", "text"])
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("folder", type=Path)
    arguments = parser.parse_args()
    tower = image_tower if arguments.tower == "image" else text_tower
    tower(arguments.checkpoint, arguments.folder)
