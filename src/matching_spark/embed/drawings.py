"""What drawings are called: a model's texts say where photographs of a thing lie, and drawings of
it lie elsewhere, so that their names are learnt of drawings (training/drawings.py).
"""

import base64
import binascii
from dataclasses import dataclass
from functools import cached_property
from typing import Annotated

import numpy as np
import numpy.typing as npt
from pydantic import ConfigDict, Field

from matching_spark.embed.naming import Float64
from matching_spark.knn.similarity import Float32

Finite = Annotated[float, Field(ge=-1e4, le=1e4)]


@dataclass(frozen=True)
class Drawings:
    """Two regressions on the numbers of a photo's vector and on a constant, 1.

    gate: (dimension + 1,) of them make the log-odds that a photo shows a drawing. things: (drawn +
    1, dimension + 1) float16, little-endian, in base64: the logits of what it then is, of each
    thing that is drawn, which are the first of the list, and of none of them.
    """

    __pydantic_config__ = ConfigDict(strict=True, extra="forbid", allow_inf_nan=False)

    gate: tuple[Finite, ...]
    things: str

    @classmethod
    def of(cls, gate: npt.ArrayLike, things: npt.NDArray[np.floating]) -> "Drawings":
        rounded = tuple(round(float(each), 4) for each in np.asarray(gate))
        return cls(rounded, base64.b64encode(things.astype("<f2").tobytes()).decode("ascii"))

    def wrong(self, drawn: int, dimension: int) -> str:
        """What does not fit so many things and numbers; nothing where all does."""
        if len(self.gate) != dimension + 1:
            return f"gate: {len(self.gate)} numbers for {dimension + 1}"
        try:
            raw = base64.b64decode(self.things, validate=True)
        except (binascii.Error, ValueError):  # the latter of what is no ASCII
            return "things: no base64"
        if len(raw) != 2 * (drawn + 1) * (dimension + 1):
            return f"things: {len(raw)} bytes for {2 * (drawn + 1) * (dimension + 1)}"
        return "" if np.isfinite(np.frombuffer(raw, "<f2")).all() else "things: not finite"

    def seen(self, photos: Float32) -> Float64:
        """(n,) the probability that each shows a drawing."""
        odds = _with_one(photos) @ np.array(self.gate)
        return np.asarray(0.5 * (1 + np.tanh(0.5 * odds)))  # logistic, without overflow

    def logits(self, photos: Float32) -> Float64:
        """(n, drawn + 1)."""
        return np.asarray(_with_one(photos) @ self._things.T)

    def sharper(self, times: float) -> "Drawings":
        """With logits so many times as large."""
        return Drawings.of(self.gate, times * self._things)

    def things_of(self, photos: Float32, named: Float64) -> Float64:
        """(n, things) probabilities. named: those by the texts, for what is no drawing."""
        return mixed(self.seen(photos), self.logits(photos), named)

    @cached_property
    def _things(self) -> Float64:
        flat = np.frombuffer(base64.b64decode(self.things), "<f2")
        return flat.reshape(-1, len(self.gate)).astype(np.float64)


def mixed(seen: Float64, logits: Float64, named: Float64) -> Float64:
    """`Drawings.things_of`, of what it has of the photos; -inf is the logit of what cannot be."""
    raised = np.exp(logits - logits.max(axis=1, keepdims=True))
    share = seen / raised.sum(axis=1)
    out = (1 - seen[:, None]) * named
    out[:, : logits.shape[1] - 1] += share[:, None] * raised[:, :-1]
    return np.asarray(out)


def _with_one(photos: Float32) -> Float64:
    return np.column_stack([photos, np.ones(len(photos))]).astype(np.float64)
