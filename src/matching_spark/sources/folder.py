"""A folder of photos: every photo a post, its id the relative path."""

import unicodedata
from collections.abc import Iterator
from pathlib import PurePosixPath

from matching_spark import storage
from matching_spark.domain.posts import Kind, Post, Reject

ENDINGS = frozenset(
    [
        ".jpg",
        ".jpeg",
        ".jpe",
        ".jfif",
        ".png",
        ".webp",
        ".gif",
        ".heic",
        ".heif",
        ".bmp",
        ".tif",
        ".tiff",
    ]
)


def read_folder(folder: str, kind: Kind) -> Iterator[Post | Reject]:
    """Photos below `folder`, sorted; hidden files are passed over, other files are rejected.

    a.png and a.jpg are two posts. The id is NFC: the same name from macOS and Linux is one post.
    """
    root = storage.absolute(folder)
    for path in storage.walk(folder):
        name = path[len(root) :].lstrip("/")
        if any(part.startswith(".") for part in name.split("/")):
            continue
        post_id = unicodedata.normalize("NFC", name)
        if PurePosixPath(name).suffix.lower() in ENDINGS:
            yield Post(post_id, kind, photos=(path,), source=path)
        else:
            yield Reject(
                path, post_id, "unsupported-format", "its name does not end like a photo's"
            )
