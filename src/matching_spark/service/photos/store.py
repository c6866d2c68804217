"""Photos that the service shows: kept ones by their hash, each in a few sizes."""

import logging
import os
import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from PIL import Image

from matching_spark import storage
from matching_spark.config import Settings
from matching_spark.embed.photos import jpeg
from matching_spark.errors import NotFoundError, StorageError, UsageError
from matching_spark.guard.owners import own_folder
from matching_spark.layout import PHOTOS, forget_thumbnails, kept_photo, thumbnails, uploads
from matching_spark.service.photos.decoder import Decoders
from matching_spark.service.photos.names import SIZES
from matching_spark.service.posts.seen import SeenPhoto

log = logging.getLogger(__name__)
QUALITY = 82  # of a thumbnail's JPEG: about 15 kB at 320 px, 80 at 960
MAX_THUMBNAILS = 256 << 20  # bytes in the cache's folder: of some 3,000 photos
GONE = "there is no such photo"


class PhotoStore:
    """Kept photos by the sha256 of their bytes as they came, for all threads of a process.

    New ones lie beside the journal, where a merge finds them, others in the warehouse. Raises
    UsageError without service.journal, StorageError where a folder of its cannot be used, as one
    that others may write to.
    """

    def __init__(
        self, settings: Settings, decoders: Decoders, max_thumbnails: int = MAX_THUMBNAILS
    ) -> None:
        if settings.service.journal is None:
            raise UsageError("service.journal is not set", argument="service.journal")
        self._folder = uploads(settings.service.journal)
        self._warehouse = storage.join(storage.absolute(settings.table), PHOTOS)
        self._cache = settings.cache.folder
        self._thumbnails = thumbnails(self._cache)
        self._decoders, self._max = decoders, max_thumbnails
        for each in (self._folder, self._thumbnails):
            try:
                own_folder(each)
            except OSError as error:
                raise StorageError(f"no photo can be kept: {error}") from error
        self._total = sum(size for _, size, _ in self._entries())  # bytes of thumbnails
        self._turn = threading.Lock()

    def keep(self, photo: SeenPhoto) -> None:
        """The photo is on the disk when this returns. Raises StorageError where it cannot be."""
        place, kept = self._place(photo.sha256), photo.kept
        with _usable(self._folder):
            try:
                os.utime(place)  # young again: no merge takes it for a forgotten one
            except FileNotFoundError:
                _write(place, kept, durable=True)
            _sync(self._folder)  # also where another thread has just written it

    def read(self, sha256: str) -> bytes:
        """The kept photo, a JPEG. Raises NotFoundError, and StorageError where the warehouse cannot
        be reached."""
        with _usable(self._folder), suppress(FileNotFoundError):
            return self._place(sha256).read_bytes()
        try:
            return storage.read_bytes(kept_photo(self._warehouse, sha256))
        except FileNotFoundError:
            raise NotFoundError(GONE) from None

    def sized(self, sha256: str, size: int) -> bytes:
        """A JPEG of the kept photo whose longer side has at most `size` px, one of SIZES.

        A thumbnail is made once, by a decoder: also what lies in a warehouse came from outside.
        Raises as `read` and Decoders.prepare.
        """
        if size not in SIZES:
            raise NotFoundError(GONE)
        place = self._thumbnails / f"{sha256}-{size}.jpg"
        with suppress(FileNotFoundError):
            return place.read_bytes()
        image = self._decoders.prepare(self.read(sha256)).image
        image.thumbnail((size, size), Image.Resampling.LANCZOS)
        data = jpeg(image, QUALITY)
        self._cached(place, data)
        in_warehouse = kept_photo(self._warehouse, sha256)
        if not (self._place(sha256).exists() or storage.exists(in_warehouse)):
            forget_thumbnails(self._cache, sha256)  # it was forgotten meanwhile
        return data

    def forget(self, sha256: str) -> None:
        """Remove a photo and its thumbnails from this machine; the warehouse's is a merge's. Raises
        StorageError where it stays."""
        with _usable(self._folder):
            self._place(sha256).unlink(missing_ok=True)
            _sync(self._folder)
        forget_thumbnails(self._cache, sha256)

    def _place(self, sha256: str) -> Path:
        return self._folder / f"{sha256}.jpg"

    def _cached(self, place: Path, data: bytes) -> None:
        try:
            _write(place, data, durable=False)
        except OSError as error:  # a full disk makes pages slow, not blank
            log.warning("%s cannot be written: %s; make room, or set cache.folder", place, error)
            return
        with self._turn:
            self._total += len(data)
            if self._total > self._max:
                self._sweep()

    def _sweep(self) -> None:
        """The oldest go until a fifth of the room is free."""
        entries = sorted(self._entries())
        self._total = sum(size for _, size, _ in entries)
        for _, size, path in entries:
            if self._total <= self._max * 4 // 5:
                return
            path.unlink(missing_ok=True)
            self._total -= size

    def _entries(self) -> list[tuple[float, int, Path]]:
        """(when it was written, its bytes, its place) of each thumbnail, half ones too."""
        out = []
        for path in self._thumbnails.iterdir():
            with suppress(FileNotFoundError):
                state = path.stat()
                out.append((state.st_mtime, state.st_size, path))
        return out


@contextmanager
def _usable(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        why = f"the photos in {folder} cannot be used: {error.strerror}; see to its disk"
        raise StorageError(why) from error


def _write(place: Path, data: bytes, *, durable: bool) -> None:
    """Whole or not at all, for this user alone."""
    temporary = place.with_name(f".{uuid.uuid4().hex}.tmp")
    try:
        with open(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(data)
            if durable:
                file.flush()
                os.fsync(file.fileno())
        os.replace(temporary, place)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def _sync(folder: Path) -> None:
    """What was written to and removed from a folder stays so."""
    at = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(at)
    finally:
        os.close(at)
