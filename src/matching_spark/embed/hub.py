"""A model's name to its folder: shipped, on this disk, or fetched once from a Hugging Face hub.

HF_ENDPOINT, HF_HOME, HF_TOKEN and HF_HUB_OFFLINE mean what they mean to huggingface_hub.
"""

import hashlib
import json
import logging
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from matching_spark.errors import ModelError
from matching_spark.guard.numbers import is_number
from matching_spark.http_client import heeded

log = logging.getLogger(__name__)
SHIPPED = Path(__file__).parents[1] / "models"
# The ONNX layout, with weights beside it where they are too large for one file; not the
# accelerators' own copies of the same model.
WANTED = ["config.json", "visual/*", "textual/*"]
UNWANTED = ["*.armnn", "*.rknn", "*/rknpu/*", "*/fp16/*"]
WHOLE = ".whole"  # marks a snapshot whose files were all fetched and checked
MOST = 1 << 16  # numbers of a vector, tokens of a text: more is a mistake, and takes memory
# owner/model@COMMIT of a hub; or the 12 digits of the checksum, as tables and results name a model.
PINNED = re.compile(r"(.+)@([0-9a-f]{40}|[0-9a-f]{12})")


def resolve(name: str, commit: str | None = None) -> Path:
    """The folder of a shipped model, a folder, or a hub's `owner/model`, fetched when first named.

    commit: of the hub's repository; None: what is here already, else what its `main` is today.
    A fetch that was cut goes on where it stopped; what came is checked against the hub's checksums.
    Raises ModelError with the remedy.
    """
    shipped_name = len(Path(name).parts) == 1 and name != ".."  # none of `.` and `..`
    for folder in (SHIPPED / name, Path(name)) if shipped_name else (Path(name),):
        if os.path.isdir(folder):  # Path's own raises for what no name can be
            if commit:
                raise ModelError(f"{folder} is a folder here, which has no commit {commit}")
            return folder
    if os.path.exists(name):
        raise ModelError(f"{name} is no folder, as a model is: name that which it lies in")
    if not re.fullmatch(r"[\w.-]+/[\w.-]+", name):
        shipped = ", ".join(sorted(p.name for p in SHIPPED.iterdir() if p.is_dir()))
        raise ModelError(
            f"there is no model {name!r}; name a model folder, a hub's owner/model, or one that is "
            f"here: {shipped}"
        )
    return _kept(name, commit) or _fetch(name, commit)


def read_json(path: Path) -> dict[str, Any]:  # what each key holds is open_clip's to say
    """A file of a model's folder. Raises ModelError."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, OSError, RecursionError) as error:
        raise ModelError(f"{path} cannot be read: {error}") from error
    if not isinstance(content, dict):
        raise ModelError(f"{path} cannot be read: it holds no object")
    return content


def part(config: Mapping[str, Any], name: str, where: object) -> dict[str, Any]:
    """A part of such a file; nothing where it has none. Raises ModelError."""
    value = config.get(name)
    if value is not None and not isinstance(value, dict):
        raise ModelError(f"{where}: {name} {value!r} is not an object")
    return value or {}


def number(config: Mapping[str, Any], name: str, where: object) -> int:
    """How long something is. Raises ModelError."""
    value = config.get(name)
    if not (is_number(value) and isinstance(value, int) and 1 <= value <= MOST):
        raise ModelError(f"{where}: {name} {value!r} is not a whole number from 1 to {MOST:,}")
    return value


def commit_of(folder: Path) -> str | None:
    """The commit that a model was fetched at; None for a folder that no hub gave."""
    whole = folder.resolve()
    return whole.name if whole.parent.name == "snapshots" else None


def _kept(name: str, commit: str | None) -> Path | None:
    # A second: only for a model of the Hub.
    from huggingface_hub import constants
    from huggingface_hub.file_download import repo_folder_name

    repo = Path(constants.HF_HUB_CACHE) / repo_folder_name(repo_id=name, repo_type="model")
    head = repo / "refs" / "main"
    if commit is None and not head.is_file():
        return None
    folder = repo / "snapshots" / (commit or head.read_text().strip())
    return folder if (folder / WHOLE).is_file() else None


def _fetch(name: str, commit: str | None) -> Path:
    from huggingface_hub import constants, snapshot_download  # as in _kept

    if constants.HF_HUB_OFFLINE:
        raise ModelError(f"{name} is not on this machine, and HF_HUB_OFFLINE forbids fetching it")
    try:
        folder = Path(
            snapshot_download(
                name, revision=commit, allow_patterns=WANTED, ignore_patterns=UNWANTED
            )
        )
    except Exception as error:  # the hub's own, the file system's, and those of its HTTP client
        first = str(error).strip().splitlines()
        raise ModelError(
            f"{name} could not be fetched from {constants.ENDPOINT}: "
            f"{first[0] if first else repr(error)}{heeded()}; what came is kept, run it again"
        ) from error
    for path in sorted(p for p in folder.rglob("*") if p.is_file()):
        _check(path)
    (folder / WHOLE).touch()
    if commit is None:
        log.warning(
            "%s is what the hub has today; name it %s@%s to have the same on every host",
            name,
            name,
            folder.name,
        )
    return folder


def _check(path: Path) -> None:
    """A blob of the cache is named by its checksum: sha256 of a large file, git's of a small."""
    blob = path.resolve()
    if len(blob.name) == 64:
        digest = hashlib.sha256()
    elif len(blob.name) == 40:
        digest = hashlib.sha1(b"blob %d\0" % blob.stat().st_size)
    else:
        return  # a hub that gives no checksum
    with blob.open("rb") as file:
        hashlib.file_digest(file, lambda: digest)
    if digest.hexdigest() != blob.name:
        os.unlink(blob)
        raise ModelError(f"{path} came damaged and was removed; run it again to fetch it anew")
