"""Towers in int8, by onnxruntime's own tools; needs onnx, as nothing else does.

A photo tower computes in int8: each product's weights by output channel, its input by one range
that was seen on photos (static: a photo has one vector, whatever it is embedded beside). A text
tower keeps int8 weights only, each row with a scale of its own, and computes in float32.
"""

import copy
import logging
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper, numpy_helper
from onnxruntime.quantization import (
    CalibrationDataReader,
    QuantFormat,
    QuantType,
    quant_pre_process,
    quantize_static,
)

from matching_spark.embed.smooth import smooth
from matching_spark.errors import MatchingError, ModelError
from matching_spark.knn.similarity import Float32

PRODUCTS = ("MatMul", "Gemm", "Conv")
# A step whose name holds one of these computes on integers, as does one of the others.
INTEGER = ("Integer", "QLinear", "QuantizeLinear", "QuantizeMatMul", "MatMulNBits", "QGemm")
NARROW = (TensorProto.INT8, TensorProto.UINT8, TensorProto.INT4, TensorProto.UINT4)
HALVES = (TensorProto.FLOAT16, TensorProto.BFLOAT16)
BY_CHANNEL = 13  # the first opset whose DequantizeLinear has an axis
LEAST_WEIGHTS = 1024  # of a matrix that is kept in int8
ONE_FILE_BYTES = 1_900_000_000  # protobuf holds 2 GB; beyond, weights lie beside the graph


def computes_in_int8(path: Path) -> bool:
    """Whether a tower is quantised already: by its steps, or by the numbers its weights are in."""
    graph = _graph(path)
    steps = any(word in node.op_type for node in graph.node for word in INTEGER)
    return steps or any(each.data_type in NARROW and each.dims for each in graph.initializer)


def batch_of(path: Path) -> int | None:
    """The rows that a tower takes, where it takes no other number. Raises ModelError for a tower
    that takes other than float32, whose weights are in other, or of an early opset."""
    model = _loaded(path)
    graph, given = model.graph, _inputs(model.graph)
    if not given:  # nor can it be run
        return None
    wanted = given[0].type.tensor_type
    if wanted.elem_type != TensorProto.FLOAT or any(
        each.data_type in HALVES and len(each.dims) > 1 for each in graph.initializer
    ):
        raise ModelError(f"{path} computes in float16: an int8 copy is made of a float32 model")
    opset = max((each.version for each in model.opset_import if not each.domain), default=1)
    if opset < BY_CHANNEL:
        raise ModelError(
            f"{path} is of ONNX's opset {opset}: weights are made int8 by channel from opset "
            f"{BY_CHANNEL} on; export it again with that or a later one"
        )
    axes = wanted.shape.dim
    return (axes[0].dim_value or None) if axes else None


def static_tower(source: Path, target: Path, batches: Sequence[Float32]) -> None:
    """Write a photo tower's int8 copy. batches: (rows, 3, height, width) each, the photos whose
    ranges it is made for.

    Weights have 7 bits: a pair of products then fits the 16 bits in which processors without VNNI
    add it up, so that none of them spoils a vector.
    """
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=".") as folder, _tools(source):
        ready = Path(folder) / "model.onnx"
        # The tools do not find weights that lie beside a graph again, unless theirs do too.
        beside = any(each.external_data for each in _graph(source).initializer)
        large = beside or _bytes(source) > ONE_FILE_BYTES
        quant_pre_process(
            str(source),
            str(ready),
            skip_symbolic_shape=True,  # sympy, for shapes that the float32 model has told
            save_as_external_data=large,
            all_tensors_to_one_file=large,
        )
        model = onnx.load(str(ready))
        smooth(model, batches, Path(folder))
        weights = {each.name for each in model.graph.initializer}
        chosen = []
        for number, node in enumerate(model.graph.node):
            node.name = node.name or f"{node.op_type}_{number}"  # by which they are chosen
            # A product of two activations, as in attention, gains nothing: its sides are short.
            if node.op_type in PRODUCTS and node.input[1] in weights:
                chosen.append(node.name)
        if not chosen:
            raise ModelError(f"{source} has no product with weights: there is nothing to quantise")
        quantize_static(
            model,
            str(target),
            _Reader(_inputs(model.graph)[0].name, batches),
            quant_format=QuantFormat.QDQ,
            op_types_to_quantize=list(PRODUCTS),
            nodes_to_quantize=chosen,
            per_channel=True,
            reduce_range=True,
            activation_type=QuantType.QUInt8,  # the kernels are of unsigned by signed
            weight_type=QuantType.QInt8,
            # What follows a product is float32 (LayerNorm, GELU, softmax): it is not made narrow
            # in between. What follows a convolution is made narrow, or it would not run in int8.
            extra_options={"OpTypesToExcludeOutputQuantization": ["MatMul", "Gemm"]},
        )


def stored_tower(source: Path, target: Path) -> None:
    """Write a text tower's copy whose matrices are kept as int8, a scale a row.

    They are widened when a session starts (onnxruntime folds a Cast and a Mul of constants, and
    would run a DequantizeLinear each time); a table of tokens stays as it is, and the rows of a
    text's tokens are widened when it is embedded.
    """
    model = onnx.load(str(source))
    graph = model.graph
    kept, steps = [], []
    table_of: dict[int, str] = {}  # a step that looks up rows -> the table's name
    for tensor in graph.initializer:
        values = _matrix(tensor)
        if values is None:
            kept.append(tensor)
            continue
        name = tensor.name
        narrow, scale = _rows(values)
        kept += [
            numpy_helper.from_array(narrow, f"{name}_int8"),
            numpy_helper.from_array(scale, f"{name}_scale"),
        ]
        users = [at for at, node in enumerate(graph.node) if name in node.input]
        tables = [at for at in users if _looks_up(graph.node[at], name)]
        table_of |= dict.fromkeys(tables, name)
        if not tables or len(tables) < len(users):
            steps += _widened(f"{name}_int8", f"{name}_scale", name)
    for at, node in enumerate(graph.node):
        steps += _looked_up(node, table_of[at]) if at in table_of else [node]
    given = _inputs(graph)
    for field, now in ((graph.input, given), (graph.initializer, kept), (graph.node, steps)):
        here = [copy.deepcopy(each) for each in now]  # what a field gives up is no more
        del field[:]
        field.extend(here)
    onnx.save(model, str(target))


def _matrix(tensor: Any) -> npt.NDArray[np.float32] | None:
    """A weight's values, where it is a matrix that is worth it."""
    if tensor.data_type != TensorProto.FLOAT or len(tensor.dims) < 2:
        return None
    values: npt.NDArray[np.float32] = numpy_helper.to_array(tensor)
    return values if values.size >= LEAST_WEIGHTS else None


def _rows(values: npt.NDArray[np.float32]) -> tuple[npt.NDArray[np.int8], Float32]:
    """values[i] is nearly narrow[i] * scale[i]; both have as many axes as values."""
    most = np.abs(values).max(axis=tuple(range(1, values.ndim)), keepdims=True)
    scale = np.maximum(most / 127, np.finfo(np.float32).tiny).astype(np.float32)
    return np.round(values / scale).astype(np.int8), scale


def _looks_up(node: Any, name: str) -> bool:
    axis = next((each.i for each in node.attribute if each.name == "axis"), 0)
    return bool(node.op_type == "Gather" and node.input[0] == name and axis == 0)


def _looked_up(node: Any, name: str) -> list[Any]:
    """The steps in place of a Gather of rows."""
    out, at = node.output[0], node.input[1]
    rows = [
        helper.make_node("Gather", [f"{name}{kind}", at], [f"{out}{kind}"], axis=0)
        for kind in ("_int8", "_scale")
    ]
    return [*rows, *_widened(f"{out}_int8", f"{out}_scale", out)]


def _widened(narrow: str, scale: str, out: str) -> list[Any]:
    return [
        helper.make_node("Cast", [narrow], [f"{out}_wide"], to=TensorProto.FLOAT),
        helper.make_node("Mul", [f"{out}_wide", scale], [out]),
    ]


def _graph(path: Path) -> Any:
    return _loaded(path).graph


def _loaded(path: Path) -> Any:
    """Without the weights that lie beside it. Raises ModelError."""
    try:
        return onnx.load(str(path), load_external_data=False)
    except Exception as error:  # protobuf's, and the file system's
        raise ModelError(f"{path} is no ONNX model: {error}") from error


def _inputs(graph: Any) -> list[Any]:
    """What a tower is given: older exporters name its weights among its inputs."""
    weights = {each.name for each in graph.initializer}
    return [each for each in graph.input if each.name not in weights]


def _bytes(path: Path) -> int:
    """Of a graph and what lies beside it."""
    return sum(each.stat().st_size for each in path.parent.iterdir() if each.is_file())


class _Reader(CalibrationDataReader):  # type: ignore[misc]  # its base is Any here
    def __init__(self, name: str, batches: Iterable[Float32]) -> None:
        self._fed: Iterator[dict[str, Float32]] = ({name: each} for each in batches)

    def get_next(self) -> dict[str, Float32] | None:
        return next(self._fed, None)


@contextmanager
def _tools(source: Path) -> Iterator[None]:
    """onnxruntime's tools tell of their steps by the root logger, and raise whatever they like."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        yield
    except (MatchingError, OSError, MemoryError):
        raise
    except Exception as error:  # of onnx, onnxruntime and protobuf
        raise ModelError(f"{source} cannot be made int8: {error}") from error
    finally:
        logging.disable(before)
