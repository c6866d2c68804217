"""A checkpoint as a model folder in ONNX: `python export.py CHECKPOINT FOLDER`.

Weights are stored as float16 and widened when the model runs, which halves the folder.
"""

import argparse
import json
from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
import torch
from draw import DRAWN
from model import CONTEXT, DIMENSION
from onnx import TensorProto, helper, numpy_helper
from train import load

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


def export(checkpoint: Path, folder: Path) -> None:
    net, tok, saved = load(checkpoint)
    visual, textual = folder / "visual", folder / "textual"
    visual.mkdir(parents=True, exist_ok=True)
    textual.mkdir(parents=True, exist_ok=True)
    pictures = torch.randn(3, 3, DRAWN, DRAWN)
    tok.enable_padding(length=CONTEXT, pad_id=0, pad_token="<pad>")
    texts = ["검정 지갑", "I lost my red umbrella", "어제 지하철에서 갈색 지갑을 잃어버렸어요"]
    tokens = torch.tensor([e.ids for e in tok.encode_batch(texts)])
    towers = (
        (net.image, pictures, visual / "model.onnx", "image", "image_embedding"),
        (net.text, tokens, textual / "model.onnx", "text", "text_embedding"),
    )
    for tower, example, path, name, out in towers:
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
        got = ort.InferenceSession(path, providers=["CPUExecutionProvider"]).run(
            None, {name: example.numpy()}
        )[0]
        with torch.no_grad():
            want = tower(example).numpy()
        print(
            f"{path}: {path.stat().st_size / 1e6:.2f} MB, cosine to torch at least "
            f"{(got * want).sum(1).min():.6f}"
        )
    write(
        folder / "config.json",
        {
            "embed_dim": DIMENSION,
            "vision_cfg": {"image_size": DRAWN},
            "text_cfg": {"context_length": CONTEXT, "vocab_size": tok.get_vocab_size()},
            "matching_spark": {"name": "small-clip", "steps": saved["step"], "thresholds": {}},
        },
    )
    write(
        visual / "preprocess_cfg.json",
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
    tok.no_padding()
    tok.no_truncation()
    (textual / "tokenizer.json").write_text(tok.to_str(), encoding="utf-8")
    write(textual / "tokenizer_config.json", {"pad_token": "<pad>", "model_max_length": CONTEXT})


def write(path: Path, content: dict) -> None:
    path.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("folder", type=Path)
    arguments = parser.parse_args()
    export(arguments.checkpoint, arguments.folder)
