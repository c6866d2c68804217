"""How sure a model is of what it calls a photo: describe.json in its folder, which
training/describe.py learns.

A cosine becomes a probability by a softmax over all names and one thing more, that none of them
fits: `sharpness` times the cosine, against `sharpness` times the cosine `nothing`. Photographs lie
to one side of all that a model tells apart: their mean, `centre`, is taken away first. What is lost
more often is likelier before anybody looks. What drawings are called is learnt of drawings.
"""

import json
from dataclasses import asdict, dataclass
from functools import lru_cache
from typing import Annotated, Any, Final, Literal

import numpy as np
import numpy.typing as npt
from pydantic import ConfigDict, Field, TypeAdapter, ValidationError

from matching_spark import storage
from matching_spark.domain import things as listed
from matching_spark.embed.clip import ClipModel
from matching_spark.embed.drawings import Drawings
from matching_spark.embed.naming import Float64, Names
from matching_spark.errors import ModelError
from matching_spark.knn.similarity import Float32, unit

FILE = "describe.json"
FORMAT: Final = 2
MAX_BYTES = 1 << 20  # of the file
Share = Annotated[float, Field(ge=0, le=1)]
STRICT = ConfigDict(strict=True, extra="forbid", allow_inf_nan=False)


@dataclass(frozen=True)
class Scale:
    """From cosines to probabilities."""

    __pydantic_config__ = STRICT

    sharpness: Annotated[float, Field(gt=0, le=1e6)]
    nothing: Annotated[float, Field(ge=-1, le=1)]

    def probabilities(self, scores: Float64, before: Float64 | float = 0.0) -> Float64:
        """(n, names) cosines -> (n, names) probabilities; what a row lacks to 1 is that none is.

        before: (names,) how much likelier each is than others, in log-odds, whatever is seen.
        """
        above = self.sharpness * (scores - self.nothing) + before
        most = np.maximum(above.max(axis=1, keepdims=True), 0)
        raised = np.exp(above - most)
        return np.asarray(raised / (raised.sum(axis=1, keepdims=True) + np.exp(-most)))


@dataclass(frozen=True)
class Cuts:
    """The least probability at which a thing, a category, a colour is said."""

    __pydantic_config__ = STRICT

    thing: Share
    category: Share
    colour: Share


@dataclass(frozen=True)
class Confidence:
    """model: the name of the one that it was learnt on. centre: (dimension,) of its vectors. often:
    how much likelier what people lose most is than the rest, in log-odds. rate: the share of what
    is said that is right, where the cuts were set. drawings: None where none was told from a
    photograph. learnt: on what, and how good it is; for readers.
    """

    __pydantic_config__ = STRICT

    format: Literal[2]
    model: str
    centre: tuple[Annotated[float, Field(ge=-1, le=1)], ...]
    things: Scale
    often: Annotated[float, Field(ge=0, le=30)]
    colours: Scale
    cuts: Cuts
    rate: Share
    drawings: Drawings | None
    learnt: dict[str, Any]

    def things_of(self, photos: Float32, names: Names) -> Float64:
        """(n, dimension) vectors of photos -> (n, things) probabilities."""
        scores = names.of_things(centred(photos, self.centre))
        named = self.things.probabilities(scores, self.often * names.often)
        return named if self.drawings is None else self.drawings.things_of(photos, named)

    def colours_of(self, photos: Float32, names: Names) -> Float64:
        """(n, dimension) vectors of photos -> (n, colours) probabilities."""
        return self.colours.probabilities(names.of_colours(centred(photos, self.centre)))

    def to_json(self) -> str:
        return json.dumps(asdict(self), ensure_ascii=False, indent=1) + "\n"


_READER = TypeAdapter(Confidence)


@lru_cache(maxsize=2)
def confidence_of(clip: ClipModel) -> Confidence:
    """What lies in the model's folder, read once a model and process.

    Raises ModelError where it lacks, is spoilt or is of another model: a cosine alone says nothing
    of how sure it is.
    """
    place = clip.folder / FILE
    remedy = f"`python training/describe.py {clip.folder}` learns it from drawn photos"
    try:
        found = _READER.validate_json(storage.read_bytes(str(place), MAX_BYTES))
    except FileNotFoundError:
        raise ModelError(
            f"{clip.name} has no {FILE}, which says how sure it is of a name: {remedy}, or use "
            "--model small-clip"
        ) from None
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "the file"
        raise ModelError(f"{place} cannot be used: {where}: {first['msg']}; {remedy}") from None
    if _checksum(found.model) != _checksum(clip.name):
        raise ModelError(f"{place} is of {found.model}, the model is {clip.name}: {remedy}")
    wrong = _wrong(found, clip.dimension)
    if wrong:
        raise ModelError(f"{place} cannot be used: {wrong}; {remedy}")
    return found


def _wrong(found: Confidence, dimension: int) -> str:
    if len(found.centre) != dimension:
        return f"centre: {len(found.centre)} numbers for {dimension}"
    if found.drawings is None:
        return ""
    drawn = sum(bool(thing.drawing) for thing in listed.things())
    told = found.drawings.wrong(drawn, dimension)
    return told and f"drawings.{told}"


def centred(photos: Float32, centre: npt.ArrayLike) -> Float32:
    """Without what all photographs have in common: rows of unit length again."""
    return unit(photos - np.asarray(centre, np.float32))


def _checksum(name: str) -> str:
    """Of a model's files: its folder may have another name elsewhere."""
    return name.rpartition("@")[2]
