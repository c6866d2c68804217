"""Where things lie in a warehouse, beside its tables: kept photos, cells, what is staged.

The tables hold whole places of photos and cells, of which only the file's name counts: it is looked
for below the folder that was opened. So a table that was moved or copied reads its own files.
"""

import hashlib
import re
from pathlib import Path
from typing import TYPE_CHECKING

from matching_spark import storage
from matching_spark.errors import InputError

if TYPE_CHECKING:
    from pyspark.sql import Column

PHOTOS, CELLS, STAGING = "photos", "cells", "staging"
FETCHED, REJECTS = "fetched", "rejects"  # photos from the portal, by address; lists of rejects
ENDING = "ending"  # what an erase has begun to end
_KEPT = r"([0-9a-f]{2})([0-9a-f]{2})[0-9a-f]{60}\.jpg"
IMPORT = "import-"  # begins the folder of an import of vectors, which no later run goes on with
THUMBNAILS = "thumbnails"  # in the cache's folder
JOURNAL_FILE = "journal.sqlite"  # in the folder of service.journal


def kept_photo(photos: str, sha256: str) -> str:
    """The place of a kept photo, by its hash. photos: the warehouse's folder of them."""
    return storage.join(photos, sha256[:2], sha256[2:4], f"{sha256}.jpg")


def text_key(text: str) -> str:
    """What the vector of words is staged by."""
    return "text:" + hashlib.sha256(text.encode()).hexdigest()


def named_sha256(place: str | None) -> str:
    """The hash in the name of a kept photo, wherever that lies; '' of any other file."""
    name = (place or "").rpartition("/")[2]
    return name.removesuffix(".jpg") if re.fullmatch(_KEPT, name) else ""


def kept_sha256(photos: str, place: str) -> str | None:
    """The hash of a photo as it came, where this warehouse keeps it at that place; else None."""
    sha256 = named_sha256(place)
    return sha256 if sha256 and kept_photo(photos, sha256) == place else None


def photo_here(photos: str, uri: str | None) -> str | None:
    """A photo's place as the table has it -> in this warehouse's folder; others as they are."""
    sha256 = named_sha256(uri)
    return kept_photo(photos, sha256) if sha256 else uri


def read_photo(uri: str) -> bytes:
    """The bytes of a photo that this warehouse keeps, at the place that `photo_here` gave.

    Raises InputError for any other file: who wrote the row does not choose what a page shows.
    """
    if not named_sha256(uri):
        raise InputError(f"{uri} is no photo that the table keeps: it is not shown")
    return storage.read_bytes(uri)


def uploads(journal: str) -> Path:
    """The folder of photos that the service has kept and no merge has taken to the warehouse yet:
    SHA256.jpg. journal: the setting service.journal.
    """
    return Path(journal).absolute() / PHOTOS


def thumbnails(cache: str) -> Path:
    """The folder of a host's thumbnails of kept photos, SHA256-SIDE.jpg. cache: cache.folder."""
    return Path(cache) / THUMBNAILS


def forget_thumbnails(cache: str, sha256: str) -> None:
    """Remove those of a photo from a host's cache."""
    for each in thumbnails(cache).glob(f"{sha256}-*.jpg"):
        each.unlink(missing_ok=True)


def photo_column_here(photos: str, uri: "Column") -> "Column":
    """The same of a column in Spark."""
    from pyspark.sql import functions as F  # half a second for those who read only

    name = F.substring_index(uri, "/", -1)
    parts = (F.lit(photos), F.substring(name, 1, 2), F.substring(name, 3, 2), name)
    return F.when(name.rlike(f"^{_KEPT}$"), F.concat_ws("/", *parts)).otherwise(uri)


def cells_here(warehouse: str, uri: str) -> str:
    """The place of a file of cells as the table has it -> in this warehouse."""
    return storage.join(warehouse, CELLS, uri.rpartition("/")[2])
