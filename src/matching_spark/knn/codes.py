"""Codes: each vector in a quarter of its bytes, and by how much its similarities then err at most.

A unit vector x is turned by a rotation R that is the same for all vectors of its dimension, and
each coordinate of R x is rounded to a whole number of steps, of -127 to 127: that is its code c,
in 8 bits, and beside it the error e = |R x - step c|. A query q has a code b of its own, in steps
that fit it, and the error f = |R q - step' b|. With x^ = step c and q^ = step' b

    q . x = R q . R x = q^ . x^  +  q^ . (R x - x^)  +  (R q - q^) . R x

and by Cauchy and Schwarz, |R x| being 1,

    |q . x - step step' (b . c)| <= |q^| e + f

b . c is a sum of integers and exact, so this holds of every vector and every query. What follows
from it is exact as well: a vector whose similarity cannot reach what was found need not be read.

The rotation is there for vectors some of whose coordinates stand out, as CLIP's do: one step for
all the coordinates would be too large for the others (e was 0.030 of vectors with one coordinate
of -0.6, and is 0.010 when turned). It flips signs and mixes the coordinates, seen as a table of a
by b numbers, along its columns and then its rows, by Hartley's transform, which has no large
entry. It is made of the dimension alone: codes of different shards are alike, and a query is coded
once for all of them. A mean taken off first would have made e a seventh smaller (drawn photos, and
ones as CLIP's), a step of each vector's own a fifth; neither was worth a number more to multiply
by.
"""

import hashlib
import math
from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np
import numpy.typing as npt

from matching_spark.knn.int8_products import TOP, Block, Int8
from matching_spark.knn.matmul import Float32, product

Float64 = npt.NDArray[np.float64]

# What the largest number stands for, as times the root mean square of a unit vector's coordinates.
# One in a hundred turned vectors of 512 numbers has one that is beyond, and is cut off: its e is
# larger. 6 cut off none, and made the e of all others 0.0137 in place of 0.0097.
REACH = 4.25
# Of the signs, by a hash: codes are kept, and a later numpy's generators may give other signs.
SEED = b"matching-spark 23"
PADDED_FROM, PADDED_TO = 64, 8  # numbers: rows of so many have zeros added up to a multiple of 8
ROWS_AT_ONCE = 1 << 10
ALONE = 64  # rows of so many numbers as a vector's root: of one vector of 4,096 numbers
UNIT = 2.0**-24  # float32 rounds to so much of a number


def size_of(dimension: int) -> int:
    """How many numbers the code of a vector of so many has."""
    step = PADDED_TO if dimension >= PADDED_FROM else 1
    return -(-dimension // step) * step


def step_of(dimension: int) -> float:
    """What 1 in a code stands for."""
    return min(1.0, REACH / math.sqrt(size_of(dimension))) / TOP


def quiet_of(dimension: int) -> float:
    """The error that few of such vectors' codes have more of.

    A number is off by sqrt(1 / 12) steps, in the root mean square of numbers rounded at random; the
    length of d such differences deviates by 0.45 / sqrt(d) of itself, and this is 2.5 times that
    more.
    """
    size = size_of(dimension)
    usual = step_of(dimension) * math.sqrt(size / 12)
    return usual * (1 + 1.12 / math.sqrt(size)) + _slack(dimension)


def encode(vectors: Float32) -> tuple[Int8, Float32]:
    """Codes (n, size_of(d)) of unit vectors (n, d), and their errors (n,), rounded up."""
    n, d = vectors.shape
    codes = np.empty((n, size_of(d)), np.int8)
    errors = np.empty(n, np.float32)
    step, slack = np.float32(step_of(d)), np.float32(_slack(d))
    rounded_up = np.float32(1 + (size_of(d) + 8) * UNIT)  # of a sum of so many squares in float32
    for s in range(0, n, ROWS_AT_ONCE):
        turned = rotated(vectors[s : s + ROWS_AT_ONCE])
        steps = np.rint(turned * (1 / step))
        np.clip(steps, -TOP, TOP, out=steps)
        codes[s : s + ROWS_AT_ONCE] = steps
        np.multiply(steps, step, out=steps)
        turned -= steps
        lengths = np.sqrt(np.vecdot(turned, turned))
        errors[s : s + ROWS_AT_ONCE] = lengths * rounded_up + slack
    return codes, errors


@dataclass(frozen=True)
class CodedQueries:
    """Codes (q, size_of(d)) int8 of queries.

    scales: (q,) float64, what a product of a vector's code and the query's is multiplied by.
    lengths, errors: (q,) float64, |q^| and f as above.
    """

    codes: Int8
    scales: Float64
    lengths: Float64
    errors: Float64

    @classmethod
    def of(cls, queries: Float32) -> "CodedQueries":
        """Of unit vectors (q, d). The last are kept: shards are asked one after the other."""
        return _coded(queries.tobytes(), queries.shape[1])

    @cached_property
    def block(self) -> Block:
        """What vectors' codes are multiplied by."""
        return Block(self.codes)

    @cached_property
    def single(self) -> list[Block]:
        """The same of each query by itself."""
        return [Block(self.codes[i : i + 1]) for i in range(len(self.codes))]

    def within(self, errors: "Float32 | float") -> Float64:
        """By how much the similarities (q,) to vectors with these errors, or this, may be off."""
        return np.asarray(self.lengths * errors + self.errors)


@lru_cache(maxsize=16)
def _coded(queries: bytes, dimension: int) -> CodedQueries:
    turned = rotated(np.frombuffer(queries, np.float32).reshape(-1, dimension)).astype(np.float64)
    steps = np.maximum(np.abs(turned).max(axis=1, initial=0), 1e-30) / TOP
    codes = np.rint(turned / steps[:, None])
    said = codes * steps[:, None]
    return CodedQueries(
        codes.astype(np.int8),
        steps * step_of(dimension),
        np.linalg.norm(said, axis=1),
        np.linalg.norm(turned - said, axis=1) + 1e-9 + _slack(dimension),
    )


def rotated(rows: Float32) -> Float32:
    """Unit vectors (n, d) turned, (n, size_of(d)) float32; lengths and angles stay, to _slack."""
    n, d = rows.shape
    size = size_of(d)
    signs, lines, columns = _turn(size)
    if size == d:
        flipped = rows * signs
    else:
        flipped = np.zeros((n, size), np.float32)
        np.multiply(rows, signs[:d], out=flipped[:, :d])
    flat = flipped.reshape(-1, len(lines))
    # Of one query by numpy, without the import that `product` needs; of many in one thread.
    mixed = flat @ lines if len(flat) <= ALONE else product(flat, lines, 1)
    table = mixed.reshape(n, len(columns), len(lines))
    return np.asarray(np.matmul(columns, table)).reshape(n, size)


@lru_cache(maxsize=8)
def _turn(size: int) -> tuple[Float32, Float32, Float32]:
    """The signs (size,), Hartley's matrices (b, b) and (a, a), a b = size, as even as can be."""
    a = next(a for a in range(math.isqrt(size), 0, -1) if size % a == 0)
    odd = np.frombuffer(hashlib.shake_256(SEED).digest(size), np.uint8) & 1
    signs = np.where(odd, np.float32(-1), np.float32(1))
    return signs, _hartley(size // a), _hartley(a)


def _hartley(size: int) -> Float32:
    """(size, size), symmetric and orthogonal, no entry above sqrt(2 / size)."""
    turns = np.outer(np.arange(size), np.arange(size)) % size * (2 * np.pi / size)
    return np.asarray((np.cos(turns) + np.sin(turns)) / math.sqrt(size), np.float32)


def _slack(dimension: int) -> float:
    """The most that a rotation in float32 may lose of a unit vector: 2e-5 of 512 numbers.

    A sum of m products, one after the other, errs by m roundings of what it has without signs, and
    a matrix of Hartley's without signs is no longer than sqrt(2 m); its entries are rounded once
    more, and so are steps and what they say.
    """
    _, *matrices = _turn(size_of(dimension))
    return UNIT * sum((len(m) + 2) * math.sqrt(2 * len(m)) for m in matrices)
