"""Plans kept on this host: those of pyiceberg, of this state of the table, or none at all."""

import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pyspark.sql import SparkSession

from matching_spark import Filters, InputError, PostsTable, Settings, StorageError
from matching_spark.domain.posts import Kind
from matching_spark.operations import posts, table
from matching_spark.shards.arrow import read_columns
from matching_spark.shards.shard import DataFile
from matching_spark.table import kept_plans, metadata
from matching_spark.table.kept_plans import Head, KeptPlans
from matching_spark.table.state import Snapshot

FILTERS = [None, *(Filters(kind=k, category=c) for k in ("lost", "found") for c in (None, "지갑"))]


@pytest.fixture
def mine(own: str, settings: Settings, tmp_path: Path) -> Settings:
    """A table and a cache to be changed."""
    made = settings.model_copy(deep=True)
    made.table, made.cache.folder = own, str(tmp_path / "cache")
    made.hadoop.snapshot_keep = timedelta(0)
    return made


def entries(settings: Settings) -> list[Path]:
    return sorted(KeptPlans.of(settings.cache).folder.glob("*"))


def whole(settings: Settings) -> list[Snapshot]:
    """Every plan by pyiceberg, whatever is kept."""
    opened = PostsTable.open(settings.table)
    return [opened.plan(where) for where in FILTERS]


def kept(settings: Settings) -> list[Snapshot]:
    opened = PostsTable.of(settings)
    return [opened.plan(where) for where in FILTERS]


def no_pyiceberg(*_: object) -> None:
    raise AssertionError("the metadata were read")


def test_what_is_kept_is_what_pyiceberg_says_and_is_read_without_it(
    mine: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = whole(mine)
    assert kept(mine) == expected
    monkeypatch.setattr(metadata, "parsed", no_pyiceberg)
    assert kept(mine) == expected
    opened = PostsTable.of(mine)
    assert opened.snapshots == [expected[0].id]
    for file in expected[0].files:
        ids = read_columns(file.uri, ["post_id"])["post_id"].to_pylist()
        assert file.ids == (min(ids), max(ids))
        for row in (0, len(ids) - 1):
            assert opened.locate(ids[row]) == (file, row)
    with pytest.raises(InputError, match="no post 'F0'"):
        opened.locate("F0")
    with pytest.raises(InputError, match="no snapshot 1"):
        opened.plan(snapshot="1")


def test_a_file_whose_statistics_are_cut_off_or_missing_may_have_any_post() -> None:
    assert DataFile("a", 1, 1).may_have("x")
    file = DataFile("a", 1, 1, ids=("b", "c"))
    assert [i for i in ("a", "b", "bb", "c", "d") if file.may_have(i)] == ["b", "bb", "c"]


def after_each_commit(mine: Settings, spark: SparkSession) -> list[tuple[str, Callable[[], Any]]]:
    opened = PostsTable.of(mine)
    erased, *closed = sorted(_ids(mine))[:3]
    snapshot = opened.snapshot
    return [
        ("close", lambda: posts.close(mine, closed, "claimed", spark=spark)),
        ("undo", lambda: table.undo(mine, snapshot, spark=spark)),
        ("close again", lambda: posts.close(mine, closed, "claimed", spark=spark)),
        ("compact", lambda: table.compact(mine, spark=spark)),
        (f"erase {erased}", lambda: posts.erase(mine, [erased], proof=True, spark=spark)),
    ]


@pytest.mark.long
def test_after_every_kind_of_commit_nothing_of_before_is_believed(
    mine: Settings, spark: SparkSession
) -> None:
    """Nor is any of it left once the new state was planned; an erased post's id at no time."""
    places = set()
    for name, commit in after_each_commit(mine, spark):
        kept(mine)
        before = {each.name: each.read_bytes() for each in entries(mine)}
        assert before
        commit()
        what, _, post_id = name.partition(" ")
        if what == "erase":
            assert entries(mine) == []
            with pytest.raises(InputError, match="there is no post"):
                PostsTable.of(mine).locate(post_id)
        expected = whole(mine)
        assert kept(mine) == expected, name
        assert kept(mine) == expected, name
        assert not before.keys() & {each.name for each in entries(mine)}, name
        place = PostsTable.of(mine).state.head.place
        assert place not in places, "a commit makes a new file of metadata"
        places.add(place)
        if what == "erase":
            assert not any(post_id.encode() in each.read_bytes() for each in entries(mine))


def test_a_version_of_the_same_name_with_another_content_is_another(
    mine: Settings, spark: SparkSession, tmp_path: Path
) -> None:
    """As where a folder is taken back from a backup, and written to again."""
    ids = sorted(_ids(mine))[:2]
    shutil.copytree(mine.table, tmp_path / "backup")
    states = []
    for post_id in ids:
        posts.close(mine, [post_id], "claimed", spark=spark)
        assert kept(mine) == whole(mine)
        states.append(PostsTable.of(mine).state.head)
        shutil.rmtree(mine.table)
        shutil.copytree(tmp_path / "backup", mine.table)
    first, second = states
    assert (first.place, first.digest != second.digest) == (second.place, True)


def _ids(settings: Settings) -> list[str]:
    """The first post of each data file."""
    shards = PostsTable.open(settings.table).shards()
    return [post_id for shard in shards for post_id in shard.ids(np.arange(1))]


def test_a_moved_table_is_refused_though_its_plan_is_kept(mine: Settings, tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to(mine.table)
    mine.table = str(link)
    kept(mine)
    moved = Path(os.readlink(link)).rename(tmp_path / "moved")
    link.unlink()
    link.symlink_to(moved)
    with pytest.raises(StorageError, match="moved or copied"):
        PostsTable.of(mine)


def rewritten(change: Callable[[dict[str, Any]], object]) -> Callable[[Path], object]:
    """The entry with another content, and a checksum that fits."""

    def write(path: Path) -> None:
        said = json.loads(path.read_bytes().partition(b"\n")[2])
        change(said)
        body = json.dumps(said).encode()
        path.write_bytes(hashlib.sha256(body).hexdigest().encode() + b"\n" + body)

    return write


def put(at: int, value: object) -> Callable[[Path], object]:
    """In each row of a plan; the head, which has none, is left as it is."""

    def change(said: dict[str, Any]) -> None:
        if len(said["of"]) > 4:
            for row in said["is"]:
                row[at] = value

    return rewritten(change)


def climbing(at: int) -> Callable[[Path], object]:
    """A place that begins as the table's and leads out of it."""

    def change(said: dict[str, Any]) -> None:
        if len(said["of"]) > 4:
            for row in said["is"]:
                place = f"{row[0].partition('/data/')[0]}/../../other/posts/data/a.parquet"
                row[at] = [place] if at else place

    return rewritten(change)


def signed(path: Path, body: bytes) -> None:
    path.write_bytes(hashlib.sha256(body).hexdigest().encode() + b"\n" + body)


def linked(path: Path) -> None:
    path.rename(path.with_suffix(".elsewhere"))
    path.symlink_to(path.with_suffix(".elsewhere"))


def piped(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


HOSTILE: dict[str, Callable[[Path], object]] = {
    "torn": lambda path: os.truncate(path, path.stat().st_size // 2),
    "empty": lambda path: os.truncate(path, 0),
    "a byte of it": lambda path: path.write_bytes(path.read_bytes()[:-2] + b"0}"),
    "noise": lambda path: path.write_bytes(os.urandom(3000)),
    "no JSON": lambda path: signed(path, b"{"),
    "a list": lambda path: signed(path, b"[]"),
    "deep": lambda path: signed(path, b"[" * 100_000),
    "too long": lambda path: signed(path, b" " * (kept_plans.MAX_BYTES + 1)),
    "of another": rewritten(lambda said: said["of"].__setitem__(3, "0" * 64)),
    "of a later version": rewritten(lambda said: said["of"].__setitem__(0, 2)),
    "nothing": rewritten(lambda said: said.update({"is": None})),
    "numbers": rewritten(lambda said: said.update({"is": [1, 2, 3]})),
    "files elsewhere": put(0, "/etc/passwd"),
    "files above": climbing(0),
    "deletes above": climbing(3),
    "a file that is none": put(0, 7),
    "deletes elsewhere": put(3, ["/etc/passwd"]),
    "no rows": put(1, -1),
    "endless rows": put(1, 1 << 60),
    "half a row": put(1, 0.5),
    "true rows": put(1, True),
    "one id": put(6, ["a"]),
    "a link": linked,
    "a pipe": piped,
}


@pytest.mark.parametrize("how", HOSTILE)
def test_an_entry_that_cannot_be_trusted_is_made_anew(
    mine: Settings, how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kept_plans, "MAX_BYTES", 1 << 20)
    expected = whole(mine)
    kept(mine)
    for each in entries(mine):
        HOSTILE[how](each)
    assert kept(mine) == expected
    monkeypatch.setattr(metadata, "parsed", no_pyiceberg)
    assert kept(mine) == expected


def test_of_a_folder_that_others_may_write_to_nothing_is_believed_or_kept(
    mine: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = kept(mine)
    folder = KeptPlans.of(mine.cache).folder
    os.chmod(folder, 0o777)
    read: list[str] = []
    real = metadata.parsed

    def counted(path: str, data: bytes) -> Any:
        read.append(path)
        return real(path, data)

    monkeypatch.setattr(metadata, "parsed", counted)
    for path in entries(mine):
        path.unlink()
    for _ in range(2):
        assert kept(mine) == expected
    assert (len(read), entries(mine)) == (2, [])


def test_what_another_put_in_the_place_of_the_folder_is_not_cleared(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An erase removes all kept plans; behind another user's link are the files of this one."""
    mine = tmp_path / "mine"
    mine.mkdir(0o700)
    (mine / "letter").touch()
    plans = KeptPlans(tmp_path / "plans")
    plans.folder.symlink_to(mine)
    real = os.lstat

    def lstat(path: Path) -> os.stat_result:
        state = real(path)
        return (
            os.stat_result([*state[:4], state.st_uid + 1, *state[5:]])
            if path == plans.folder
            else state
        )

    with monkeypatch.context() as patch:
        patch.setattr(os, "lstat", lstat)
        plans.clear()
    assert (mine / "letter").exists()
    plans.clear()  # one's own link is one's own doing
    assert not (mine / "letter").exists()
    KeptPlans(tmp_path / "none").clear()


def test_a_plan_of_files_elsewhere_is_not_kept(tmp_path: Path) -> None:
    head = Head("/a/posts/metadata/v1.metadata.json", "0", "/a/posts", {}, ("1",))
    plans = KeptPlans(tmp_path / "plans")
    for file in (DataFile("/b/1.parquet", 1, 1), DataFile("/a/posts/1", 1, 1, ("/b/2.parquet",))):
        plans.keep_files(head, ["1", None, None], [file])
        assert plans.files(head, ["1", None, None], "/a/photos") is None
    assert not plans.folder.exists()


def test_entries_are_few(mine: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept_plans, "MOST_ENTRIES", 3)
    kept(mine)
    assert len(entries(mine)) == 3


def test_what_waits_for_its_turn_is_refreshed_by_the_same_rule(
    mine: Settings, spark: SparkSession
) -> None:
    """A service's table: the state is the same one until there is another."""
    opened = PostsTable.of(mine)
    state = opened.state
    opened.refresh()
    assert opened.state is state
    kind: Kind = "found"
    before = opened.plan(Filters(kind=kind))
    posts.close(mine, _ids(mine)[:1], "claimed", spark=spark)
    opened.refresh()
    assert opened.state is not state
    assert opened.plan(Filters(kind=kind)).id != before.id
    assert opened.plan() == whole(mine)[0]


LATE = (
    *("pyiceberg", "pydantic.v1", "rich", "PIL", "onnxruntime", "tokenizers", "fsspec", "pyspark"),
    *("ftfy", "pyarrow.parquet", "pandas", "faiss", "matching_spark.domain.sentences.days"),
)
PROGRAM = """
import sys
from matching_spark import main
sys.argv = ["matching-spark", "search", "--threshold", "-1", *{arguments!r}]
try:
    main.run()
except SystemExit as ended:
    assert not ended.code
print([name for name in {late!r} if name in sys.modules], file=sys.stderr)
"""


def test_a_warm_search_imports_what_it_runs_alone(mine: Settings, tmp_path: Path) -> None:
    post_id = _ids(mine)[0]

    def imported(*asked: str) -> str:
        arguments = ["--table", mine.table, *asked]
        program = PROGRAM.format(arguments=arguments, late=LATE)
        env = os.environ | {"MATCHING_CACHE__FOLDER": mine.cache.folder}
        done = subprocess.run(
            [sys.executable, "-c", program], capture_output=True, text=True, env=env, cwd=tmp_path
        )
        assert done.returncode == 0, done.stderr
        said = json.loads(done.stdout)
        assert (said["runner"], len(said["results"]) > 0) == ("memory", True)
        assert f"in this process: {said['runner_why']}" in done.stderr
        return done.stderr.splitlines()[-1]

    assert "'pyiceberg'" in imported("--post", post_id, "--kind", "found")
    assert imported("--post", post_id, "--kind", "found") == "[]"
    imported("--text", "검정 지갑")
    assert imported("--text", "검정 지갑") == str(
        ["onnxruntime", "tokenizers", "matching_spark.domain.sentences.days"]
    )
