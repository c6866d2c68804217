"""Photos on their way in: decoded, seen by the model, kept."""

import io
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Protocol

from PIL import Image

from matching_spark.embed.photos import encode_photo
from matching_spark.knn.similarity import Float32


class Prepared(Protocol):
    """A photo that was decoded: upright pixels, and what is kept of it."""

    @property
    def sha256(self) -> str: ...
    @property
    def image(self) -> Image.Image: ...
    @property
    def kept(self) -> bytes: ...
    @property
    def held(self) -> bytes: ...


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
