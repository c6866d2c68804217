"""Other erases come between any two steps of one, and into one, as on HDFS, where writers take no
turns: run by the same thread, they are not kept out here either."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import SparkSession

from matching_spark import ClipModel, Post, PostsTable, storage
from matching_spark.config import Hadoop
from matching_spark.errors import InputError
from matching_spark.ingest.pipeline import ingest_posts
from matching_spark.matching import decisions
from matching_spark.matching.decisions import Decision
from matching_spark.table import erase as erasing
from matching_spark.table import traces
from matching_spark.table.erase import erase, find
from matching_spark.table.procedures import Procedures

OWN, STAYS, LOST = "erased-first", "stays-here", "lost-1"
DEAD = "00000-0-dead.parquet"
OTHERS = [f"erased-between-{n}" for n in range(4)]


@pytest.fixture
def table(tmp_path: Path, spark: SparkSession, clip: ClipModel) -> PostsTable:
    """Posts, two of them with a decision and a list of rejects, and what a dead writer left."""
    hadoop = Hadoop(commit_wait_s=0.01)
    table = PostsTable.open_or_create(
        str(tmp_path / "t"), spark, model=clip.name, dimension=clip.dimension, hadoop=hadoop
    )
    posts = [Post(i, "found", "지갑", title=f"지갑 {i}") for i in (OWN, STAYS, *OTHERS)]
    ingest_posts([*posts, Post(LOST, "lost", "지갑", title="지갑 분실")], table, clip)
    decisions.store(table, [Decision(LOST, i, "rejected", "desk") for i in (OWN, STAYS)])
    (tmp_path / "t/rejects").mkdir()
    for i in (OWN, STAYS):
        line = json.dumps({"post_id": i, "reason": "x"}) + "\n"
        (tmp_path / f"t/rejects/{i}.jsonl").write_text(line)
    held = Path(find(table.uri, frozenset([OWN]))["posts"][0])
    held.with_name(DEAD).write_bytes(b"")
    return table


@pytest.mark.long
def test_what_another_erase_removes_meanwhile_is_missed_by_none(
    table: PostsTable, spark: SparkSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    left = iter(OTHERS)
    met: list[str] = []
    inside: list[str] = []  # another run, which none comes between

    def before(owner: Any, name: str, when: str, do: Callable[[str], object]) -> None:
        """Once, before a call with an argument that has `when` in it, what another run may do."""
        real = getattr(owner, name)

        def called(*arguments: Any, **more: Any) -> Any:
            told = next((a for a in arguments if isinstance(a, str) and when in a), None)
            if told is not None and (name, when) not in done and not inside:
                done.add((name, when))
                inside.append(when)
                do(told)
                inside.pop()
            return real(*arguments, **more)

        monkeypatch.setattr(owner, name, called)

    def another(_: str) -> None:
        erase(PostsTable.open(table.uri, spark, table.hadoop), [other := next(left)])
        met.append(other)

    done: set[tuple[str, str]] = set()
    # Files that were found have ended when they are read; the same in the middle of each commit.
    before(erasing, "read_columns", "/posts/", another)
    for statement in ("DELETE", "rewrite_data_files", "expire_snapshots"):
        before(type(spark), "sql", statement, another)
    before(storage, "read_bytes", f"{OWN}.jsonl", storage.remove)
    before(erasing, "holds", DEAD, storage.remove)
    erase(table, [OWN])
    monkeypatch.undo()
    assert met == OTHERS
    assert len(done) == 6
    for post_id in (OWN, *OTHERS):
        with pytest.raises(InputError, match="there is no post"):
            find(table.uri, frozenset([post_id]))
    table.refresh()
    assert table.kinds([OWN, STAYS, LOST, *OTHERS]) == {STAYS: "found", LOST: "lost"}
    assert decisions.latest(table.uri) == {(LOST, STAYS): "rejected"}
    gone = traces.Subject(frozenset([OWN, *OTHERS]))
    assert traces.look(storage.walk(table.uri), gone).found == ()
    kept = storage.join(table.uri, "rejects", f"{STAYS}.jsonl")
    assert list(storage.walk(storage.parent(kept))) == [kept]


def test_undo_to_a_snapshot_that_an_erase_has_ended_changes_nothing(table: PostsTable) -> None:
    """It was there when undo looked, and what is current is as it was."""
    (first,) = table.snapshots
    table.set_status([STAYS], "claimed")
    Procedures(table).expire("posts", [int(first)])
    to = int(first)
    assert not table.swap(table.snapshot, lambda _, build: build.setBranchSnapshot(to, "main"))
    assert table.kinds([STAYS]) == {STAYS: "found"}
