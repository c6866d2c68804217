"""What a search is asked: a query, and what may be found by which score."""

import datetime as dt
import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from matching_spark import storage
from matching_spark.domain.dates import parse_date
from matching_spark.domain.facts import Facts
from matching_spark.domain.identifiers import checked
from matching_spark.domain.personal import public
from matching_spark.domain.points import point_of
from matching_spark.domain.posts import KINDS, MAX_TEXT, Filters, Kind, check, clean
from matching_spark.domain.vocabulary import set_words
from matching_spark.errors import InputError, UsageError, unknown
from matching_spark.knn.similarity import METRICS, Float32, Metric, unit
from matching_spark.score.calibration import SCORES, Score
from matching_spark.score.components import Language
from matching_spark.score.posterior import COSTS, HERE, Costs

if TYPE_CHECKING:
    from PIL import Image

    from matching_spark.table.posts_table import PostsTable


@dataclass(frozen=True, eq=False)
class Query:
    """What is looked for: a photo (a path, bytes, an opened picture, or the vector (d,) that the
    model has made of it), words, or both; or a vector (an array (d,) or a .npy); or a post of
    the table, by its id. Of words, MAX_TEXT are taken.

    The rest is what else is known of it, for the fused score, a post's own facts excepted;
    `happened_on` is the day it was lost, or found where `kind` is found, a date or as parse_date
    reads one; `understood` names those that its words say, where nobody gave them; latitude and
    longitude are where the place lies, in degrees; identifiers are hashes of
    domain.identifiers.Seal. Raises InputError for a word that is not one of the domain's, a day
    that cannot be read, or for what cannot go together.
    """

    image: "Path | str | bytes | Image.Image | npt.NDArray[np.float32] | None" = None
    text: str | None = None
    embedding: Path | str | npt.ArrayLike | None = None
    post_id: str | None = None
    category: str = ""
    colour: str = ""
    region: str = ""
    place: str = ""
    happened_on: dt.date | None = None
    kind: Kind = "lost"
    understood: tuple[str, ...] = ()
    latitude: float | None = None
    longitude: float | None = None
    identifiers: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        check("kind", self.kind, KINDS)
        set_words(self)
        object.__setattr__(self, "happened_on", parse_date(self.happened_on))
        point_of(self.latitude, self.longitude)
        checked(self.identifiers)
        text = self.text and self.text[:MAX_TEXT]
        words = bool(clean(text))
        object.__setattr__(self, "text", text if words else None)  # blank ones beside a photo: none
        asked = (self.image is not None or words, self.embedding is not None, bool(self.post_id))
        if not any(asked):
            raise InputError("a query needs a photo or words, a vector, or a post")
        if sum(asked) > 1:
            raise InputError("a query is a photo and words, or a vector, or a post: one of these")

    @property
    def facts(self) -> Facts:
        return Facts(
            self.category,
            self.colour,
            self.region,
            self.place,
            self.happened_on,
            self.kind,
            point_of(self.latitude, self.longitude),
            checked(self.identifiers),
        )

    def described(self) -> dict[str, Any]:
        """What a reader of the JSON is told of it; of its words, without a person's numbers."""
        values = {
            "image": str(self.image) if isinstance(self.image, Path | str) else None,
            "text": self.text and public(self.text),
            "post_id": self.post_id,
            "embedding": str(self.embedding) if isinstance(self.embedding, Path | str) else None,
        }
        asked: dict[str, Any] = {name: value for name, value in values.items() if value is not None}
        facts = self.facts.described()
        if self.understood:
            asked["understood"] = {name: facts[name] for name in self.understood}
        return asked | facts

    def photo(self) -> "bytes | Image.Image":
        """Its photo, read where it is a path. Raises InputError when there is none."""
        if isinstance(self.image, Path | str):
            from matching_spark.embed.photos import photo_file  # Pillow, which only photos need

            try:
                return photo_file(str(self.image))
            except FileNotFoundError:
                raise InputError(f"there is no photo {self.image}") from None
        if self.image is None or isinstance(self.image, np.ndarray):
            raise InputError("the query has no photo")
        return self.image

    def vector(self) -> npt.ArrayLike:
        """Its embedding, read where it is a path. Raises InputError when there is none."""
        if self.embedding is None:
            raise InputError("the query has no vector")
        if not isinstance(self.embedding, Path | str):
            return self.embedding
        if not storage.is_regular(str(self.embedding)):
            raise InputError(
                f"{self.embedding} is a folder, a pipe or a device: name a vector's file"
            )
        try:
            # Not read until its shape is known: a file of all vectors may be larger than memory.
            read: npt.ArrayLike = np.load(self.embedding, mmap_mode="r", allow_pickle=False)
        except FileNotFoundError:
            raise InputError(f"there is no {self.embedding}") from None
        except OSError as error:
            raise InputError(f"{self.embedding} cannot be read: {error.strerror}") from None
        # What numpy says of it is how to load a stranger's code; and it reads the head as Python,
        # by which a spoilt one is whatever Python makes of it.
        except Exception:
            raise InputError(
                f"{self.embedding} is no whole .npy of numbers: numpy.save(F, vector) makes one"
            ) from None
        return read


def unit_vector(vector: npt.ArrayLike, where: str, table: "PostsTable") -> Float32:
    """One vector (d,) or (1, d) of any float type, as a unit vector (d,) of the table's.

    Raises InputError naming what is wrong `where`.
    """
    try:
        rows = np.atleast_2d(np.asarray(vector))
        if rows.dtype.kind != "f" or rows.ndim != 2 or rows.shape[1] != table.dimension:
            raise InputError(
                f"{where} is {rows.dtype} of shape {rows.shape}; {table.uri} wants floating point "
                f"rows of {table.dimension}"
            )
        if len(rows) != 1:
            raise InputError(f"{where} holds {len(rows)} vectors; a search takes one")
        return np.asarray(unit(rows)[0])
    except ValueError as error:  # numpy's too, of rows of different lengths
        raise InputError(f"{where} cannot be compared: {error}") from None


@dataclass(frozen=True)
class SearchOptions:
    """What may be found, and how it is scored.

    score cosine: a photo is compared with photos; words with photos, and where a post has none with
    its own words. score fused: the probability that a post shows the same thing, by all that is
    known, with why in one sentence of `language`. None: fused where there is a calibration, but for
    a bare vector. threshold: the least score, inclusive; None is the score's own (the
    calibration's, the model card's, or none); of cosines -1 and of probabilities 0 is no limit.
    nprobe: look only at so many cells, where the table has them; None is exact. here: the share of
    lost things that are among all posts. costs: of mistakes, which the bands follow. ask: whether
    to find the question worth asking. Raises UsageError, InputError for a score that is not known.
    """

    where: Filters = Filters()  # noqa: RUF009  (frozen)
    top_k: int = 10
    threshold: float | None = None
    metric: Metric = "cosine"
    score: Score | None = None
    language: Language = "ko"
    nprobe: int | None = None
    snapshot: str | None = None
    here: float = HERE
    costs: Costs = COSTS
    ask: bool = False

    def __post_init__(self) -> None:
        if not 0 < self.here < 1:
            raise UsageError(f"the share of things that are here is {self.here}; between 0 and 1")
        if self.top_k < 1:
            raise UsageError(f"top_k is {self.top_k}; it must be 1 or more")
        if self.threshold is not None and not -math.inf < self.threshold <= 1:
            raise UsageError(f"threshold {self.threshold} is none: no score is more than 1")
        if self.metric not in METRICS:
            raise UsageError(unknown("metric", self.metric, METRICS))
        if self.nprobe is not None and self.nprobe < 1:
            raise UsageError(f"nprobe is {self.nprobe}; it must be 1 or more, or None for all")
        check("score", self.score, SCORES)
