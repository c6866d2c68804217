"""Photos on their way in: decoded, seen by the model, kept."""

import io
from concurrent.futures import Future
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

from PIL import Image

from matching_spark.embed.photos import encode_photo, hold_photo
from matching_spark.knn.similarity import Float32


@dataclass(frozen=True, eq=False)
class Prepared:
    """A stranger's photo that was decoded.

    sha256: of its bytes as they came. image: as embed.photos.open_photo gives it, RGB and upright.
    """

    sha256: str
    image: Image.Image

    @cached_property
    def kept(self) -> bytes:
        """The photo encoded again, as embed.photos.encode_photo does: what is kept and shown."""
        return encode_photo(self.image)

    @property
    def held(self) -> bytes:
        """The photo as embed.photos.hold_photo encodes it."""
        return hold_photo(self.image)


@dataclass(frozen=True, eq=False)
class SeenPhoto:
    """A photo that the model has seen. sha256: of its bytes as they came; encoded: what is kept,
    being made, or where it is held only, what that is made of; vector: (d,) float32 of unit length.
    """

    sha256: str
    encoded: Future[bytes]
    vector: Float32
    held: bool = False

    @property
    def kept(self) -> bytes:
        """A JPEG of it, which a search need not wait for."""
        data = self.encoded.result()
        return encode_photo(Image.open(io.BytesIO(data))) if self.held else data

    @property
    def nbytes(self) -> int:
        return len(self.encoded.result()) + self.vector.nbytes


class Photos(Protocol):
    """Where photos are kept until a merge takes them to the warehouse."""

    def keep(self, photo: SeenPhoto) -> None: ...
    def forget(self, sha256: str) -> None: ...
