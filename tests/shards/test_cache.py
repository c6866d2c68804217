"""The cache of shards: same answers, whatever happens to its files; bounded; shared."""

import logging
import os
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from matching_spark.domain.posts import Filters
from matching_spark.knn.similarity import unit
from matching_spark.search.request import QueryItem, Request
from matching_spark.search.rerank import merged
from matching_spark.search.scan import scan
from matching_spark.shards import cache, cache_entry
from matching_spark.shards.cache import ShardCache
from matching_spark.shards.shard import DataFile, Shard, alive, read
from matching_spark.shards.space import VectorSpace
from tests.support import brute
from tests.support.shards import DIMENSION, write_file

SPACE = VectorSpace("m", DIMENSION)


@pytest.fixture
def tmp_path() -> Iterator[Path]:
    """Open to other users: pytest closes its own folders whenever another pytest starts."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


@pytest.fixture
def file(tmp_path: Path) -> DataFile:
    rng = np.random.default_rng(0)
    posts = [
        brute.Plain(f"p{i:03d}", unit(rng.normal(size=(i % 4, DIMENSION))), None)
        for i in range(1, 90)
    ]
    return write_file(tmp_path / "a.parquet", posts, {"p003", "p040"})


@pytest.fixture(autouse=True)
def forgotten() -> None:
    """A process that has nothing open."""
    cache.close_all()


def entries(resident: ShardCache) -> list[Path]:
    return sorted(Path(resident.folder).glob("*.shard"))


def answer(shard: Shard) -> list[tuple[str, float, str | None]]:
    query = unit(np.arange(1.0, DIMENSION + 1))
    request = Request((QueryItem(image=query),), Filters(kind="found"), 10)
    return [(m.post_id, m.score, m.photo) for m in merged([scan(shard, request)], request)[0]]


def check(resident: ShardCache, file: DataFile) -> None:
    cache.close_all()
    want = answer(replace(read(file, DIMENSION), alive=alive(file)))
    assert answer(resident.load(file, SPACE)) == want
    assert answer(resident.load(file, SPACE)) == want


def test_what_is_resident_gives_the_same_answer_and_is_counted(
    tmp_path: Path, file: DataFile
) -> None:
    resident = ShardCache(str(tmp_path / "cache"), 1 << 20)
    check(resident, file)
    check(resident, file)
    usage = resident.usage()
    assert (usage.shards, usage.misses, usage.hits) == (1, 1, 3)
    assert usage.resident_bytes == entries(resident)[0].stat().st_size
    shard = resident.load(file, SPACE)
    assert not shard.photos.vectors.flags.writeable  # mapped, not copied
    resident.load(file, replace(SPACE, model="another"))
    assert len(entries(resident)) == 2  # vectors of another model are another shard
    assert resident.forget([file.uri]) > 0
    assert resident.usage().resident_bytes == 0


@pytest.mark.parametrize("harm", ["cut", "empty", "foreign", "a bit", "half", "header"])
def test_a_harmed_file_costs_time_but_never_an_answer(
    tmp_path: Path, file: DataFile, harm: str, caplog: pytest.LogCaptureFixture
) -> None:
    resident = ShardCache(str(tmp_path / "cache"), 1 << 20)
    check(resident, file)
    (entry,) = entries(resident)
    raw = bytearray(entry.read_bytes())
    middle = len(raw) // 2
    if harm == "cut":
        raw = raw[:middle]
    elif harm == "empty":
        raw = bytearray()
    elif harm == "a bit":
        raw[middle] ^= 1
    elif harm == "half":
        raw[middle:] = bytes(len(raw) - middle)
    elif harm == "header":
        raw[100] ^= 1
    else:
        other = write_file(tmp_path / "b.parquet", [brute.Plain("x", np.eye(8)[:1], None)], set())
        resident.load(other, SPACE)
        raw = bytearray(next(e for e in entries(resident) if e != entry).read_bytes())
    entry.unlink()
    entry.write_bytes(raw)
    cache.close_all()
    with caplog.at_level(logging.WARNING):
        check(resident, file)
    assert "made anew" in caplog.text
    caplog.clear()
    check(resident, file)
    assert not caplog.text  # it was mended


def test_what_a_dead_process_left_is_written_anew(tmp_path: Path, file: DataFile) -> None:
    resident = ShardCache(str(tmp_path / "cache"), 1 << 20)
    check(resident, file)
    (entry,) = entries(resident)
    left = entry.with_suffix(".tmp")
    entry.rename(left)
    os.truncate(left, 100)
    other = entry.with_name("another.tmp")
    other.write_bytes(bytes(1000))
    check(resident, file)
    assert entries(resident) == [entry]
    assert not left.exists()
    assert not other.exists()


def test_a_file_that_is_erased_while_it_is_read_leaves_no_entry(
    tmp_path: Path, file: DataFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The erase ends before the reader writes: its entry has posts that no table knows."""
    resident = ShardCache(str(tmp_path / "cache"), 1 << 20)
    want = answer(replace(read(file, DIMENSION), alive=alive(file)))

    def read_and_erased(file: DataFile, dimension: int) -> Shard:
        shard = read(file, dimension)
        Path(file.uri).unlink()
        resident.forget([file.uri])
        assert resident.drop(lambda _: True) == 0, "it is being written"
        return shard

    monkeypatch.setattr(cache, "read", read_and_erased)
    assert answer(resident.load(file, SPACE)) == want, "who asked before has the state before"
    assert entries(resident) == []


def test_least_recently_used_goes_first(tmp_path: Path) -> None:
    files = [
        write_file(
            tmp_path / f"{n}.parquet", [brute.Plain(f"p{n}", np.eye(8)[n : n + 1], None)], set()
        )
        for n in range(4)
    ]
    resident = ShardCache(str(tmp_path / "cache"), 1 << 20)
    resident.load(files[0], SPACE)
    size = entries(resident)[0].stat().st_size
    small = replace(resident, max_bytes=3 * size + size // 2)
    for n, file in enumerate(files[:3]):
        small.load(file, SPACE)
        name = cache.entry_name(file, SPACE)
        os.utime(Path(resident.folder) / name, (100 - n, 100 - n))  # file 2 is the oldest
    small.load(files[2], SPACE)  # and the one that was used last
    small.load(files[3], SPACE)
    held = {e.name for e in entries(small)}
    assert held == {cache.entry_name(files[n], SPACE) for n in (0, 2, 3)}
    assert small.usage().resident_bytes <= small.max_bytes
    check(small, files[1])
    tiny = replace(resident, max_bytes=size // 2)  # larger than all there may be
    check(tiny, files[0])


def test_a_folder_that_cannot_be_made_costs_time_only(
    tmp_path: Path, file: DataFile, caplog: pytest.LogCaptureFixture
) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("not a folder")
    resident = ShardCache(str(blocked / "cache"), 1 << 20)
    check(resident, file)
    assert "shards cannot be kept in" in caplog.text
    assert resident.usage().shards == 0


FULL = """
import os, resource, signal, sys
import fsspec, pyarrow.parquet  # while this Python may still read its own library
from pathlib import Path
from tests.shards.test_cache import *
from matching_spark.shards.shard import DataFile
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
file = DataFile(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), (sys.argv[4],))
if sys.argv[6] == "nobody":
    os.setuid(65534)
else:
    resource.setrlimit(resource.RLIMIT_FSIZE, (2000, 2000))
resident = ShardCache(sys.argv[5], 1 << 20)
check(resident, file)
assert not entries(resident), entries(resident)
assert not list(Path(resident.folder).glob("*.tmp"))
"""


@pytest.mark.parametrize("who", ["nobody", "full"])
def test_a_full_disk_and_a_read_only_folder_cost_time_only(
    tmp_path: Path, file: DataFile, who: str
) -> None:
    """A disk that takes 2,000 bytes a file; a user who may not write there."""
    if who == "nobody" and os.getuid():
        pytest.skip("needs root, to become somebody who may not write")
    folder = tmp_path / "cache"
    folder.mkdir()
    arguments = [file.uri, str(file.records), str(file.size_bytes), *file.deletes, str(folder), who]
    done = subprocess.run(
        [sys.executable, "-B", "-c", FULL, *arguments],  # cut off, its bytecode would be kept
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert "cannot be kept in" in done.stderr


@pytest.mark.parametrize("how", ["open", "another's", "link"])
def test_what_others_may_have_put_there_is_not_believed(
    tmp_path: Path, file: DataFile, how: str, caplog: pytest.LogCaptureFixture
) -> None:
    """A shard with a right checksum that somebody else made, and links of theirs."""
    resident = ShardCache(str(tmp_path / "cache"), 1 << 20)
    folder = Path(resident.folder)
    check(resident, file)
    (entry,) = entries(resident)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert {stat.S_IMODE(p.stat().st_mode) for p in folder.iterdir()} == {0o600}
    private = tmp_path / "private"
    private.write_bytes(bytes(32))
    if how == "link":
        target = entry.rename(tmp_path / "elsewhere.shard")
        for name in (entry.name, "counts"):
            (folder / name).unlink(missing_ok=True)
            (folder / name).symlink_to(target if name == entry.name else private)
        check(resident, file)
        assert not entry.is_symlink()
    else:
        if how == "open":
            folder.chmod(0o777)
        elif os.getuid():
            pytest.skip("needs root, to give a folder away")
        else:
            os.chown(folder, 65534, 65534)
        forged = bytearray(entry.read_bytes())
        entry.write_bytes(forged[::-1])
        check(resident, file)
        assert entry.read_bytes() == forged[::-1]  # neither read nor mended
        assert "shards cannot be kept in" in caplog.text
        assert "cache.folder" in caplog.text
    assert private.read_bytes() == bytes(32)


def test_what_is_let_go_of_is_mapped_no_more(tmp_path: Path, file: DataFile) -> None:
    resident = ShardCache(str(tmp_path / "cache"), 1 << 20)
    shard = resident.load(file, SPACE)
    maps = Path("/proc/self/maps")
    assert resident.folder in maps.read_text()
    del shard
    cache.close_all()
    assert resident.folder not in maps.read_text()
    assert not [
        fd for fd in Path("/proc/self/fd").iterdir() if resident.folder in str(fd.resolve())
    ]


def test_what_rests_takes_no_memory_and_is_there_when_it_is_read(
    tmp_path: Path, file: DataFile
) -> None:
    resident = ShardCache(str(tmp_path / "cache"), 1 << 20)
    shard = resident.load(file, SPACE)

    def pages() -> int:
        """kB of this process's memory that the entry takes."""
        maps = Path("/proc/self/smaps").read_text().split(resident.folder)[1]
        return int(maps.partition("Rss:")[2].split()[0])

    before = shard.photos.vectors.tolist()
    assert pages() > 0
    cache_entry.rest(shard)
    assert pages() == 0
    assert shard.photos.vectors.tolist() == before
    own = shard.photos.subset(np.arange(1))
    cache_entry.rest(replace(shard, photos=own, texts=own))  # not an entry's
