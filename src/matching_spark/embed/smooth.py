"""SmoothQuant (Xiao et al., 2022): what stands out in a LayerNorm's numbers goes into the weights
behind it, before either is made narrow.

Of a transformer's channels a few are many times as large as the others, and all share one range of
256 steps. A product is the same when a channel is divided by any number and its weights are
multiplied by it.
"""

import copy
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime as ort
from onnx import TensorProto, helper, numpy_helper

from matching_spark.knn.similarity import Float32

SHARE = 0.5  # of what stands out, as in the paper: half goes over, so that both are alike


def smooth(model: Any, batches: Sequence[Float32], scratch: Path) -> int:
    """Even a model out by what photos give in it; how many LayerNorms were. scratch: a folder."""
    graph = model.graph
    weights = {each.name: each for each in graph.initializer}
    # What is shown outside is read by a step that is no product.
    read: dict[str, list[Any]] = {each.name: [onnx.NodeProto()] for each in graph.output}
    for node in graph.node:
        for name in node.input:
            read.setdefault(name, []).append(node)
    found = []
    for node in graph.node:
        if node.op_type == "LayerNormalization" and all(name in weights for name in node.input[1:]):
            products = _products(node.output[0], read, weights)
            if products:
                found.append((node, products))
    if not found:
        return 0
    most = _most(model, [node.output[0] for node, _ in found], batches, scratch)
    for node, products in found:
        rows = [numpy_helper.to_array(weights[each.input[1]]) for each in products]
        heaviest = np.max([np.abs(each).max(axis=1) for each in rows], axis=0)
        seen = most[node.output[0]]
        factor = np.maximum(seen, 1e-5) ** SHARE / np.maximum(heaviest, 1e-5) ** (1 - SHARE)
        factor = factor.astype(np.float32)
        for place in range(1, len(node.input)):  # the gain, and the bias where there is one
            _replace(graph, node, place, numpy_helper.to_array(weights[node.input[place]]) / factor)
        for each, values in zip(products, rows, strict=True):
            _replace(graph, each, 1, values * factor[:, None])
    used = {name for node in graph.node for name in node.input}
    kept = [copy.deepcopy(each) for each in graph.initializer if each.name in used]
    del graph.initializer[:]
    graph.initializer.extend(kept)
    return len(found)


def _products(name: str, read: dict[str, list[Any]], weights: dict[str, Any]) -> list[Any]:
    """The products that alone read some numbers, channels last; none where something else does."""
    out: list[Any] = []
    for node in read.get(name, []):
        if node.op_type == "Shape":
            continue  # whatever the numbers are
        if node.op_type == "Transpose" and _keeps_channels(node):
            behind = _products(node.output[0], read, weights)
            if not behind:
                return []
            out += behind
        elif (
            node.op_type == "MatMul"
            and node.input[0] == name
            and node.input[1] in weights
            and len(weights[node.input[1]].dims) == 2
        ):
            out.append(node)
        else:
            return []
    return out


def _keeps_channels(node: Any) -> bool:
    order = next((list(each.ints) for each in node.attribute if each.name == "perm"), [])
    return bool(order) and order[-1] == len(order) - 1


def _replace(graph: Any, node: Any, place: int, values: np.ndarray) -> None:
    """Weights of a step's own: several steps may share what was equal before."""
    name = f"{node.output[0]}_smooth_{place}"
    graph.initializer.append(numpy_helper.from_array(values, name))
    node.input[place] = name


def _most(
    model: Any, names: list[str], batches: Sequence[Float32], scratch: Path
) -> dict[str, np.ndarray]:
    """The largest magnitude of each channel of some numbers, over all photos."""
    seeing = onnx.ModelProto()
    seeing.CopyFrom(model)
    del seeing.graph.output[:]
    for name in names:
        seeing.graph.output.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, None))
    path = scratch / "seeing.onnx"
    onnx.save(seeing, str(path), save_as_external_data=True, location="seeing.data")
    session = ort.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    wanted = session.get_inputs()[0]
    most: dict[str, np.ndarray] = {}
    for batch in batches:
        # One photo at a time where that may be: the numbers of all LayerNorms are held.
        for rows in [batch] if isinstance(wanted.shape[0], int) else np.split(batch, len(batch)):
            given = session.run(None, {wanted.name: rows})
            for name, values in zip(names, given, strict=True):
                here = np.abs(values).max(axis=tuple(range(values.ndim - 1)))
                most[name] = np.maximum(most.get(name, here), here)
    return most
