"""Whose a file is, and who may read it: what is kept, what is exported, what is believed."""

import logging
import os
import stat
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from matching_spark import storage
from matching_spark.config import Logging, Settings, load_settings
from matching_spark.errors import StorageError, UsageError
from matching_spark.filesystems.whole_files import write_file
from matching_spark.guard import toml_file
from matching_spark.guard.owners import cache_folder, closed_umask, doubt, own_folder
from matching_spark.layout import read_photo
from matching_spark.log import setup_logging
from matching_spark.spark.cluster import Cluster
from matching_spark.spark.jvm import property_of
from matching_spark.spark.session import UMASK
from tests.support.another_user import error_as_nobody, needs_root
from tests.support.commands import command

NOBODY = 65534


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@contextmanager
def umask(value: int) -> Iterator[None]:
    before = os.umask(value)
    try:
        yield
    finally:
        os.umask(before)


@pytest.mark.parametrize(
    ("mine", "kept", "exported"),
    [
        (0o022, 0o600, 0o644),
        (0o027, 0o640, 0o640),
        (0o077, 0o600, 0o600),
        (0o002, 0o660, 0o664),
        (0o007, 0o660, 0o660),
        (0o000, 0o600, 0o666),
    ],
)
def test_others_read_nothing_that_is_kept_and_exports_follow_the_umask(
    tmp_path: Path, mine: int, kept: int, exported: int
) -> None:
    with umask(mine):
        storage.write_bytes(str(tmp_path / "table" / "rejects" / "a.jsonl"), b"x")
        storage.create(str(tmp_path / "table" / "new"), b"x")
        write_file(tmp_path / "out.csv", b"x")
        with logging_to(tmp_path / "log"):
            pass
        own_folder(tmp_path / "cache" / "shards")
    assert mode(tmp_path / "table" / "rejects" / "a.jsonl") == kept
    assert mode(tmp_path / "table" / "new") == kept
    assert mode(tmp_path / "log") == kept
    folder = kept | (kept & 0o444) >> 2
    assert (mode(tmp_path / "table"), mode(tmp_path / "table" / "rejects")) == (folder, folder)
    assert mode(tmp_path / "out.csv") == exported
    assert mode(tmp_path / "cache" / "shards") == 0o700
    assert not [p for p in tmp_path.iterdir() if p.name.startswith(".")]


@contextmanager
def logging_to(file: Path) -> Iterator[None]:
    root = logging.getLogger()
    before = root.handlers[:], root.level
    try:
        setup_logging(Logging(file=str(file)), "run")
        yield
    finally:
        root.handlers[-1].close()
        root.handlers[:], root.level = before


def test_all_of_a_table_is_closed_also_what_the_jvm_writes(stored: str) -> None:
    allowed = 0o777 & ~closed_umask()
    files = [Path(stored), *Path(stored).rglob("*")]
    assert {"photos", "staging", "posts"} & {path.name for path in files}
    assert any(path.suffix == ".avro" for path in files)
    assert [path for path in files if mode(path) & ~allowed] == []
    assert property_of(UMASK) == "", "a later session may be of a table on HDFS"


def test_the_list_of_a_clusters_processes_is_its_owners_alone(tmp_path: Path) -> None:
    with umask(0o000):
        Cluster(str(tmp_path), "hdfs://h", "yarn", "", ()).save()
    assert mode(tmp_path / "cluster.json") == 0o600


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """Where another user may look, as in pytest's own folders not."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


@needs_root
def test_who_may_not_read_or_write_is_told_whose_it_is(open_folder: Path) -> None:
    table = open_folder / "table"
    storage.write_bytes(str(table / "posts" / "hint"), b"1")  # as a container's root leaves it
    read = lambda: storage.read_bytes(str(table / "posts" / "hint"))  # noqa: E731
    assert error_as_nobody(read).startswith(
        f"StorageError: {table}/posts/hint cannot be reached: {table} belongs to root and is closed"
    )
    write = lambda: storage.check_writable(str(table / "new" / "deeper"))  # noqa: E731
    assert "belongs to root and is closed to nobody: run this as root" in error_as_nobody(write)
    for each in (table, table / "posts"):
        each.chmod(0o755)
    assert error_as_nobody(read) == (
        f"StorageError: {table}/posts/hint cannot be reached: it belongs to root and is closed to "
        "nobody: run this as root, or, where a container or sudo left it behind, give it to nobody "
        "with all that lies in the same table: sudo chown -R nobody FOLDER"
    )
    for each in (table, *table.rglob("*")):
        os.chown(each, NOBODY, NOBODY)  # the remedy
    assert error_as_nobody(read) == error_as_nobody(write) == ""
    (table / "posts" / "hint").chmod(0)
    assert "closed to nobody, whose own it is: chmod -R u+rwX" in error_as_nobody(read)


@needs_root
def test_what_is_mounted_read_only_is_not_told_to_be_closed(tmp_path: Path) -> None:
    """As a volume of a container is: it belongs to who is told, and chmod changes nothing."""
    mount = ["mount", "-t", "tmpfs", "-o", "ro", "tmpfs", str(tmp_path)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("this container may not mount")
    try:
        with pytest.raises(StorageError, match=r"posts cannot be .* is mounted read-only: name a"):
            storage.check_writable(str(tmp_path / "table" / "posts"))
        with pytest.raises(StorageError, match=r": it lies on a file system that is mounted read"):
            storage.check_writable(str(tmp_path))
    finally:
        subprocess.run(["umount", str(tmp_path)], check=True)


@needs_root
def test_root_is_told_whom_it_keeps_out(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    storage.check_writable(str(tmp_path / "own"))
    assert not caplog.messages
    os.chown(tmp_path, NOBODY, NOBODY)
    storage.check_writable(str(tmp_path / "new"))
    assert caplog.messages == [f"{tmp_path} is nobody's, who may not read what root writes there"]
    storage.check_writable("hdfs://of-no-host/table")


def test_what_may_not_be_written_is_refused_before_spark_starts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(uri: str) -> None:
        raise StorageError(f"{uri} cannot be written to")

    monkeypatch.setattr(storage, "check_writable", refuse)
    (tmp_path / "a.jsonl").write_text('{"post_id": "a", "kind": "found", "title": "지갑"}\n')
    done = command("ingest", str(tmp_path / "a.jsonl"), "--table", str(tmp_path / "t"))
    assert (done.returncode, done.stdout) == (4, "")
    assert done.stderr == f"matching-spark: {tmp_path}/t cannot be written to\n"


# -- what is believed -------------------------------------------------------------------------


@pytest.fixture
def settings_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    file = tmp_path / "matching.toml"
    file.write_text('[spark.conf]\n"spark.jars" = "/evil.jar"\n')
    return file


@pytest.mark.parametrize("bits", [0o602, 0o666, 0o646])
def test_settings_that_others_may_write_are_refused(settings_file: Path, bits: int) -> None:
    settings_file.chmod(bits)
    for load in (load_settings, lambda: load_settings(settings_file), Settings):
        with pytest.raises(UsageError, match=r"matching\.toml is not heeded: .*may write.*chmod"):
            load()


def test_settings_are_those_that_were_looked_at(
    settings_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever may write to the folder puts a file of theirs in its place between the two."""
    theirs = tmp_path / "theirs.toml"
    theirs.write_text('table = "theirs"\n')
    settings_file.write_text('table = "mine"\n')

    def looked(path: Path, *opened: os.stat_result) -> str:
        said = doubt(path, *opened)
        theirs.replace(path)
        return said

    monkeypatch.setattr(toml_file, "doubt", looked)
    assert load_settings()[0].table == "mine"
    assert settings_file.read_text() == 'table = "theirs"\n'


@needs_root
def test_settings_of_another_user_are_refused(settings_file: Path, tmp_path: Path) -> None:
    os.chown(settings_file, NOBODY, NOBODY)
    with pytest.raises(UsageError, match="it belongs to nobody"):
        load_settings()
    own = tmp_path / "own.toml"
    own.write_text("")
    settings_file.unlink()
    settings_file.symlink_to(own)  # whoever made the link chose the file
    os.lchown(settings_file, NOBODY, NOBODY)
    with pytest.raises(UsageError, match="it belongs to nobody"):
        load_settings()


@needs_root
def test_a_working_folder_that_may_not_be_looked_into_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As /root is for whom `sudo -u` makes of root there: its settings would be passed over."""
    monkeypatch.chdir(tmp_path)
    said = error_as_nobody(load_settings)
    assert said.startswith(f"UsageError: {tmp_path}/matching.toml cannot be read: ")
    assert "belongs to root and is closed to nobody" in said
    assert said.endswith("; or be in another folder")


def test_settings_that_no_other_folder_helps_are_told_without_it() -> None:
    with pytest.raises(UsageError, match=r"/proc/self/mem cannot be read: Input/output error$"):
        load_settings(Path("/proc/self/mem"))


@needs_root
@pytest.mark.parametrize(
    "words", [("models", "info", "{}"), ("cluster", "status", "--folder", "{}/cluster")]
)
def test_any_place_that_is_closed_is_told_whose_it_is(
    open_folder: Path, words: tuple[str, ...]
) -> None:
    closed = open_folder / "closed"
    closed.mkdir(mode=0o700)

    def call() -> None:
        done = command(*(each.format(closed) for each in words), cwd=open_folder)
        assert (done.returncode, done.stdout) == (4, "")
        assert " cannot be used: " in done.stderr
        assert f"{closed} belongs to root and is closed to nobody" in done.stderr

    assert command(*words, cwd=open_folder).returncode  # imports what nobody cannot
    assert error_as_nobody(call) == ""


def test_who_uses_settings_is_told_which_file(settings_file: Path) -> None:
    done = command("config", "-v")
    assert done.returncode == 0
    assert f"settings from {settings_file}" in done.stderr
    assert str(settings_file) in done.stdout
    settings_file.unlink()
    assert "settings from no matching.toml" in command("config", "-v").stderr


@needs_root
def test_the_owners_own_group_is_the_owner(tmp_path: Path) -> None:
    """As systems with a umask of 002 make it; another group's members are others."""
    file = tmp_path / "f"
    file.touch()
    file.chmod(0o664)
    assert doubt(file) == ""
    os.chown(file, 0, NOBODY)
    assert doubt(file) == "its group may write to it"


def test_only_a_kept_photo_is_read_into_a_page(tmp_path: Path) -> None:
    other = tmp_path / "private.jpg"
    other.write_bytes(b"x")
    with pytest.raises(Exception, match="no photo that the table keeps"):
        read_photo(str(other))
    kept = tmp_path / f"{'ab' * 32}.jpg"
    kept.write_bytes(b"x")
    assert read_photo(str(kept)) == b"x"


@needs_root
def test_who_has_no_home_is_told_what_to_set(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a container that runs as a number: every command was a traceback."""
    for name in ("HOME", "XDG_CACHE_HOME", "MATCHING_CACHE__FOLDER"):
        monkeypatch.delenv(name, raising=False)
    said = error_as_nobody(cache_folder, 12345)
    assert said == (
        "UsageError: user 12345 has no home to keep a cache in: set HOME, or name its folder"
    )
    monkeypatch.setenv("MATCHING_CACHE__FOLDER", "/x")
    assert error_as_nobody(cache_folder, 12345) == ""
