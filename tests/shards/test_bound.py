"""What a process has open is bounded by each cache's own folder and size."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from matching_spark.shards.cache import ShardCache
from matching_spark.shards.shard import DataFile, Shard
from matching_spark.shards.space import VectorSpace
from tests.support import brute
from tests.support.shards import DIMENSION, write_file

SPACE = VectorSpace("any@1", DIMENSION)


@pytest.fixture
def files(tmp_path: Path) -> list[DataFile]:
    one = np.full((1, DIMENSION), DIMENSION**-0.5)
    posts = [brute.Plain(f"p{number}", one, None) for number in range(4)]
    return [write_file(tmp_path / f"{post.post_id}.parquet", [post], set()) for post in posts]


def same(one: Shard, other: Shard) -> bool:
    """Whether the process had it open: the very arrays."""
    return one.photos.vectors is other.photos.vectors


def test_a_small_cache_does_not_close_what_another_folder_has(
    files: list[DataFile], tmp_path: Path
) -> None:
    large = ShardCache(str(tmp_path / "large"), 1 << 30)
    before = large.load_all(files, SPACE)
    ShardCache(str(tmp_path / "small"), 1).load_all(files, SPACE)
    assert all(map(same, large.load_all(files, SPACE), before))


def test_of_one_folder_what_was_least_recently_used_is_closed(
    files: list[DataFile], tmp_path: Path
) -> None:
    folder = str(tmp_path / "cache")
    ShardCache(folder, 1 << 30).load_all(files, SPACE)
    sizes = [path.stat().st_size for path in Path(folder).glob("*.shard")]
    other = ShardCache(str(tmp_path / "other"), sum(sizes) - 1)
    before = other.load_all(files, SPACE)
    after = [other.load(file, SPACE) for file in (*files[1:], files[0])]
    assert list(map(same, after, [*before[1:], before[0]])) == [True, True, True, False]


def test_more_shards_than_files_that_may_be_open_unless_asked(stored: str, tmp_path: Path) -> None:
    """Each that is resident holds its file open; of 1,024 a service's merges of a day are more."""
    words = f"search --table {stored} --text 지갑 --threshold -1 --runner memory"
    shell = f"ulimit -S -n 10; exec {sys.executable} -m matching_spark.main {words}"
    env = os.environ | {"MATCHING_CACHE__FOLDER": str(tmp_path)}
    done = subprocess.run(["bash", "-c", shell], env=env, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    most = shell.replace("-S -n", "-n")
    done = subprocess.run(["bash", "-c", most], env=env, capture_output=True, text=True)
    assert done.returncode == 4
    assert "too many files are open: let more be (ulimit -n)" in done.stderr
