"""The SHA-256 of a model's files; that of a large file is kept on this host and not taken again.

Hashing runs at 1.5 GB/s (SHA-NI), so a model of 3 GB takes two seconds of every process, and the
shipped one of 7 MB takes 5 ms. What was kept counts only while the file is the same one, unchanged.
"""

import hashlib
import json
import os
import re
import time
from contextlib import suppress
from pathlib import Path

from matching_spark.errors import StorageError
from matching_spark.filesystems.whole_files import put_file
from matching_spark.guard.owners import cache_folder, doubt, own_folder

LARGE_BYTES = 1 << 20  # 0.7 ms; to look for what was kept takes a tenth of one
SETTLED_S = 2.0  # a file changed later than this ago may change again without its times telling


def sha256(path: Path) -> bytes:
    """The digest of a file. The user's cache folder holds that of a large one.

    Where that folder cannot be written, or others may write to it, the file is hashed in every
    process.
    """
    whole = path.resolve()
    before = _state(whole)
    if before["size"] < LARGE_BYTES:
        return _hashed(whole)
    entry = _entry(whole)
    if (kept := _kept(entry, before)) is not None:
        return kept
    digest = _hashed(whole)
    changed_s = max(before["mtime_ns"], before["ctime_ns"]) / 1e9
    if _state(whole) == before and time.time() - changed_s > SETTLED_S:
        said = {"file": str(whole), "state": before, "sha256": digest.hex()}
        with suppress(OSError, StorageError):
            own_folder(entry.parent)
            put_file(entry, json.dumps(said).encode())
    return digest


def _entry(whole: Path) -> Path:
    name = hashlib.sha256(os.fsencode(whole)).hexdigest()[:32]
    return Path(cache_folder()) / "digests" / f"{name}.json"


def _state(path: Path) -> dict[str, int]:
    """What differs once a file was changed or replaced: a copy may keep size and mtime, no other
    file has its inode and ctime."""
    now = path.stat()
    return {
        "size": now.st_size,
        "mtime_ns": now.st_mtime_ns,
        "ctime_ns": now.st_ctime_ns,
        "inode": now.st_ino,
    }


def _kept(entry: Path, state: dict[str, int]) -> bytes | None:
    """The digest that was kept of a file in this state; None where there is none to trust."""
    try:
        if doubt(entry.parent):
            return None
        said = json.loads(entry.read_text("utf-8"))
    except (OSError, ValueError):
        return None
    if not isinstance(said, dict) or said.get("state") != state:
        return None
    digest = said.get("sha256")
    if not isinstance(digest, str) or not re.fullmatch("[0-9a-f]{64}", digest):
        return None
    return bytes.fromhex(digest)


def _hashed(path: Path) -> bytes:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").digest()
