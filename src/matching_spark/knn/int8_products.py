"""Products of int8 codes, in whole numbers and exact, by the fastest kernel at hand.

numkong's product of one query takes a third of the time of numpy's by float32, and its packed one
of a block the same; ONNX Runtime's (uint8 by int8) half of that from some 32 queries on
(`python -m benchmarks kernels`). Without instructions for it (VNNI) a processor's uint8 x int8 sums
saturate at 16 bits, which would be wrong without a sign of it: each kernel is tried against int64
once a process, and one that errs is not used.
"""

import logging
import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, cached_property
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from matching_spark.knn.matmul import session

if TYPE_CHECKING:
    from numkong import PackedMatrix

log = logging.getLogger(__name__)

Int8 = npt.NDArray[np.int8]
Int32 = npt.NDArray[np.int32]
TOP = 127  # the largest number of a code; -128 has no positive
MOST_NUMBERS = 2**31 // TOP**2  # of a code, 133,144: a sum of more may not fit 32 bits
FEW = 3  # queries at most, that are multiplied one by one
PACKED = 31  # queries at most, that numkong multiplies; ONNX Runtime takes more
# c = (a - 128) @ b of uint8 and int8 in ONNX, opset 13, as tests/knn/test_codes.py spells it.
MATMUL = (
    b'\x08\x08:K\n\x1b\n\x01a\n\x01b\n\x01z\x12\x01c"\rMatMulInteger\x12\x00'
    b"*\t\x10\x02*\x02\x80\x01B\x01z"
    b"Z\t\n\x01a\x12\x04\n\x02\x08\x02Z\t\n\x01b\x12\x04\n\x02\x08\x03"
    b"b\t\n\x01c\x12\x04\n\x02\x08\x06B\x04\n\x00\x10\r"
)


@dataclass(frozen=True)
class Block:
    """Codes of queries (q, d) as the kernels take them, made once for all the rows to come."""

    codes: Int8

    def products(self, rows: Int8) -> Int32:
        """products[i, j] = rows[i] . codes[j], (n, q) of (n, d), contiguous. One thread's work."""
        if not len(rows):
            return np.empty((0, len(self.codes)), np.int32)
        if len(self.codes) <= FEW:
            return cdist_kernel(self, rows)
        if len(self.codes) <= PACKED or not many_are_exact(os.getpid()):
            return packed_kernel(self, rows)
        return many_kernel(self, rows)

    @cached_property
    def packed(self) -> "PackedMatrix":
        import numkong  # only where codes are: an executor without it compares whole vectors

        return numkong.dots_pack(self.codes)

    @cached_property
    def columns(self) -> Int8:
        return np.array(self.codes.T, order="C")


def cdist_kernel(block: Block, rows: Int8) -> Int32:
    import numkong  # as above

    # As float64, which holds sums of that size.
    sums: npt.NDArray[np.float64] = np.asarray(numkong.cdist(rows, block.codes, "dot"))
    return sums.astype(np.int32)


def packed_kernel(block: Block, rows: Int8) -> Int32:
    import numkong  # as above

    return np.asarray(numkong.dots_packed(rows, block.packed))


def many_kernel(block: Block, rows: Int8) -> Int32:
    raised = np.bitwise_xor(rows.view(np.uint8), np.uint8(128))  # c + 128, as uint8
    run = session(os.getpid(), 1, MATMUL).run
    out: Int32 = run(None, {"a": raised, "b": block.columns})[0]
    return out


@cache
def usable(process: int) -> bool:
    """Whether this process's kernels for a few queries are exact; else vectors are compared whole.

    process: its number; a fork may run elsewhere only in a test, and the trial takes a millisecond.
    """
    return _tried("numkong", (cdist_kernel, packed_kernel), "searches compare whole vectors")


@cache
def many_are_exact(process: int) -> bool:
    """The same of the kernel for many; else the one for a few multiplies those too."""
    return _tried("ONNX Runtime", (many_kernel,), "numkong's are taken for blocks of queries too")


def _tried(name: str, kernels: tuple[Callable[[Block, Int8], Int32], ...], instead: str) -> bool:
    try:
        wrong = [kernel for kernel in kernels if not _exact(kernel)]
    except (ImportError, RuntimeError, TypeError, ValueError) as error:
        log.warning("%s's products of codes do not run (%s): %s", name, error, instead)
        return False
    if wrong:
        log.warning("%s's products of codes are wrong on this processor: %s", name, instead)
    return not wrong


def _exact(kernel: Callable[[Block, Int8], Int32]) -> bool:
    """By the largest sums that there are, and by any, of even and of odd numbers of numbers."""
    rng = np.random.default_rng(0)
    for numbers in (1, 77, 512, 4095):  # the sum of 4,095 of the largest is odd, and no float32
        rows = rng.integers(-TOP, TOP + 1, (40, numbers), dtype=np.int8)
        rows[:4] = [[TOP], [-TOP], [TOP], [-TOP]]
        queries = np.concatenate([rows[:2], rows[7:40]])
        want = rows.astype(np.int64) @ queries.astype(np.int64).T
        for some in (1, 2, len(queries)):
            if not np.array_equal(kernel(Block(queries[:some]), rows), want[:, :some]):
                return False
    return True
