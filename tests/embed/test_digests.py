"""The digest of a large file is kept, and never that of another file or of another state of it."""

import hashlib
import json
import os
from pathlib import Path

import pytest

from matching_spark.embed import digests

MARK = "ab" * 32  # no file's digest: who returns it has read what was kept


@pytest.fixture
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder that digests are kept in; every file of a test is large, and settled."""
    monkeypatch.setenv("MATCHING_CACHE__FOLDER", str(tmp_path / "cache"))
    monkeypatch.setattr(digests, "LARGE_BYTES", 4)
    monkeypatch.setattr(digests, "SETTLED_S", -1.0)
    return tmp_path / "cache" / "digests"


@pytest.fixture
def model(tmp_path: Path) -> Path:
    path = tmp_path / "model.onnx"
    path.write_bytes(b"weights of one")
    return path


def want(path: Path) -> bytes:
    return hashlib.sha256(path.read_bytes()).digest()


def marked(kept: Path) -> None:
    (entry,) = kept.iterdir()
    said = json.loads(entry.read_text())
    entry.write_text(json.dumps(said | {"sha256": MARK}))


def test_it_is_kept_and_found_again_also_through_a_link(kept: Path, model: Path) -> None:
    assert digests.sha256(model) == want(model)
    marked(kept)
    link = model.with_name("link.onnx")
    link.symlink_to(model)
    assert digests.sha256(model) == digests.sha256(link) == bytes.fromhex(MARK)


def test_another_file_of_the_same_size_and_mtime_is_another(kept: Path, model: Path) -> None:
    digests.sha256(model)
    marked(kept)
    before = model.stat()
    other = model.with_name("other")
    other.write_bytes(b"weights of two")
    os.utime(other, ns=(before.st_atime_ns, before.st_mtime_ns))
    os.replace(other, model)
    after = model.stat()
    assert (after.st_size, after.st_mtime_ns) == (before.st_size, before.st_mtime_ns)
    assert digests.sha256(model) == want(model)


@pytest.mark.parametrize("change", [b"longer weights", b"weights of xyz"])
def test_a_file_changed_in_its_place_is_hashed_anew(kept: Path, model: Path, change: bytes) -> None:
    digests.sha256(model)
    marked(kept)
    model.write_bytes(change)
    os.utime(model, ns=(0, 1))
    assert digests.sha256(model) == want(model)
    assert json.loads(next(kept.iterdir()).read_text())["sha256"] == want(model).hex()


@pytest.mark.parametrize(
    "damage", ["", "{", "[]", "null", '{"state": null}', "short", "a digest that is none"]
)
def test_a_damaged_entry_is_made_anew(kept: Path, model: Path, damage: str) -> None:
    digests.sha256(model)
    (entry,) = kept.iterdir()
    said = json.loads(entry.read_text())
    if damage == "short":
        damage = json.dumps(said | {"sha256": MARK[:-2]})
    elif damage == "a digest that is none":
        damage = json.dumps(said | {"sha256": 7})
    entry.write_text(damage)
    assert digests.sha256(model) == want(model)
    assert json.loads(entry.read_text()) == said


def test_where_nothing_can_be_kept_it_is_hashed(kept: Path, model: Path) -> None:
    kept.parent.mkdir(parents=True)
    kept.write_bytes(b"in the folder's place")
    assert digests.sha256(model) == digests.sha256(model) == want(model)


def test_what_is_small_or_just_changed_is_not_kept(
    kept: Path, model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(digests, "SETTLED_S", 3600.0)
    assert digests.sha256(model) == want(model)
    monkeypatch.setattr(digests, "SETTLED_S", -1.0)
    monkeypatch.setattr(digests, "LARGE_BYTES", 1000)
    assert digests.sha256(model) == want(model)
    assert not kept.exists()
