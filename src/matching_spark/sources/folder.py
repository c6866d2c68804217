"""A folder of photos: every photo a post, its id the relative path."""

import os
from collections.abc import Iterator
from pathlib import PurePosixPath

from matching_spark import storage
from matching_spark.domain.posts import Kind, Post, Reject, clean
from matching_spark.domain.vocabulary import Seen

ENDINGS = frozenset(
    [
        *(".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".webp", ".gif", ".heic", ".heif", ".bmp"),
        *(".tif", ".tiff", ".avif", ".mpo", ".apng"),
        ".hif",  # HEIC, of cameras
    ]
)


# What a NAS, a phone or a system keeps beside photos: their small copies, and what was deleted.
NOT_PHOTOS = frozenset(
    [
        *("@eadir", "@recycle", "#recycle", "#snapshot", "@tmp", "$recycle.bin", "__macosx"),
        *("system volume information", "lost+found", "thumbs.db", "desktop.ini"),
    ]
)


# Who fills a folder may not be allowed to read what whoever ingests it may.
LINKED = "a link out of the folder is not followed: put the file itself there"


def read_folder(folder: str, kind: Kind, seen: Seen) -> Iterator[Post | Reject]:
    """Photos below `folder`, sorted; hidden files and NOT_PHOTOS are passed over, which `seen`
    notes, other files are rejected, and so are links to files that do not lie below it.

    a.png and a.jpg are two posts. The id is NFC: the same name from macOS and Linux is one post.
    """
    root = storage.absolute(folder)
    unreadable: list[str] = []
    for path in storage.walk(folder, unreadable.append):
        name = path[len(root) :].lstrip("/")
        parts = name.split("/")
        kept = [part for part in parts if part.startswith(".") or part.lower() in NOT_PHOTOS]
        if kept:
            seen.note("passed over", "hidden" if kept[0].startswith(".") else kept[0])
            continue
        post_id = told(name)
        if PurePosixPath(name).suffix.lower() in ENDINGS:
            if storage.leads_out(path, folder):
                yield Reject(path, post_id, "linked-file", LINKED)
                continue
            yield Post(post_id, kind, photos=(path,), read_from=path)
        elif storage.is_dir(path):
            detail = "a link to a folder is not followed: ingest that folder itself"
            yield Reject(path, post_id, "linked-folder", detail)
        else:
            yield Reject(
                path, post_id, "unsupported-format", "its name does not end like a photo's"
            )
    for path in unreadable:
        yield Reject(path, "", "unreadable", "this folder may not be read by this user")


def told(name: str) -> str:
    """A file's name as an id has it: NFC; where its bytes are no UTF-8, as Korean Windows wrote
    it."""
    try:
        name.encode()
    except UnicodeEncodeError:
        name = os.fsencode(name).decode("cp949", "replace")
    return clean(name)
