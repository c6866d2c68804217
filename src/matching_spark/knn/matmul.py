"""The matrix product of a shard's rows and a block of queries, by the fastest kernel at hand.

ONNX Runtime's (MLAS) takes about half the time of numpy's OpenBLAS for 16 queries and five sixths
for 64 (`python -m benchmarks kernels`).
"""

import os
from functools import cache
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from matching_spark.knn.threads import cores

if TYPE_CHECKING:
    import onnxruntime as ort

Float32 = npt.NDArray[np.float32]
# c = a @ b of float32 in ONNX, opset 13, as tests/search/test_exact.py spells it with onnx itself.
MATMUL = (
    b'\x08\x08:H\n\x11\n\x01a\n\x01b\x12\x01c"\x06MatMul\x12\x00'
    b"Z\x0f\n\x01a\x12\n\n\x08\x08\x01\x12\x04\n\x00\n\x00"
    b"Z\x0f\n\x01b\x12\n\n\x08\x08\x01\x12\x04\n\x00\n\x00"
    b"b\x0f\n\x01c\x12\n\n\x08\x08\x01\x12\x04\n\x00\n\x00B\x04\n\x00\x10\r"
)


def columns_of(queries: Float32) -> Float32:
    """Queries (q, d) as `product` takes them, (d, q): made once for all the rows to come."""
    return np.ascontiguousarray(queries.T)


def product(rows: Float32, columns: Float32, threads: int | None = None) -> Float32:
    """scores[i, j] = rows[i] . columns[:, j] in float32, (n, q) of (n, d) and (d, q), contiguous.

    threads: of a block's; None: OMP_NUM_THREADS, which Spark sets to a task's cores, or all cores.
    """
    if columns.shape[1] == 1:  # numpy's vecdot takes 7 ms where a product takes 16
        return np.asarray(np.vecdot(rows, columns[:, 0])[:, None])
    scores: Float32 = session(os.getpid(), threads).run(None, {"a": rows, "b": columns})[0]
    return scores


@cache
def session(process: int, threads: int | None, graph: bytes = MATMUL) -> "ort.InferenceSession":
    """A session of this process's own, for a graph in ONNX. threads: as of `product`.

    A fork inherits its parent's, without the threads that it has, and would wait for them for ever,
    to run it and to end it. So it is neither run nor let go: it stays here by the parent's number.
    """
    import onnxruntime as ort  # 0.2 s, and a search of one query needs none of it

    if threads is None:
        threads = cores()
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    # Between two products a thread that spins takes the core of what is done with the scores.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return ort.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
