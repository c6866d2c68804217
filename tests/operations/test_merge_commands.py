"""What the command line does to posts of the service, and what an erase of them leaves."""

import datetime as dt
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from matching_spark import ClipModel, InputError, StorageError
from matching_spark.config import Settings
from matching_spark.journal.events import PostAdded, PostEdited
from matching_spark.journal.kept import Vector
from matching_spark.journal.posts import StoredPost
from matching_spark.journal.store import Journal
from matching_spark.layout import kept_photo, uploads
from matching_spark.operations import posts as of_posts
from matching_spark.operations.ingest import Source, ingest
from matching_spark.operations.merge import merge
from matching_spark.progress import Silent
from matching_spark.storage import walk
from matching_spark.table.traces import Subject, look
from tests.operations.conftest import last_content, post, told
from tests.support.journaled import in_table, photo, read, write


def test_what_the_command_line_does_to_posts_of_the_service(
    mine: Settings, journal: Journal, spark: SparkSession, clip: ClipModel, tmp_path: Path
) -> None:
    write(journal, clip, post("s-1", "하나"))
    write(journal, clip, post("s-2", "둘"))
    done = of_posts.edit(mine, "s-1", {"colour": "검정"}, spark=spark)  # merged before it
    assert done.sequence == 2
    write(journal, clip, post("s-2", "고침"), 2, what="edit")
    of_posts.close(mine, ["s-2"], "claimed", spark=spark)
    assert in_table(mine.table)["s-2"]["status"] == "claimed"
    assert told(mine) == {"s-1": "하나", "s-2": "고침"}

    source = tmp_path / "posts.csv"
    source.write_text("post_id,kind,category,title\ns-1,found,지갑,다른 것\n", "utf-8")
    report = ingest(mine, Source(str(source)), spark=spark)
    assert [reject.reason for reject in report.rejects] == ["id-taken"]
    assert "service" in report.rejects[0].detail

    write(journal, clip, post("s-3", "아직 일지에만"))
    mine_only = photo(mine, "green")
    vector = Vector(f"photo:{mine_only}", clip.name, clip.embed_texts(["초록"])[0])
    journal.append(PostEdited("s-3", ("title",)), "system", None, last_content(journal), [vector])
    of_posts.erase(mine, ["s-2", "s-3"], spark=spark)
    assert not (uploads(str(mine.service.journal)) / f"{mine_only}.jpg").exists()
    assert read(mine, journal) == {"s-1": "하나"}
    with pytest.raises(InputError, match="erased"):
        write(journal, clip, post("s-2", "다시"), 3, what="edit")
    merge(mine, spark=spark)
    assert told(mine) == {"s-1": "하나"}
    with pytest.raises(InputError, match="no post 's-4'"):
        of_posts.erase(mine, ["s-1", "s-4"], spark=spark)
    assert read(mine, journal) == {"s-1": "하나"}


@pytest.mark.long
def test_what_the_table_alone_had_is_erased_for_the_service_too(
    mine: Settings, journal: Journal, spark: SparkSession, clip: ClipModel, tmp_path: Path
) -> None:
    """Who has read it in the table writes of it while it is being erased."""
    source = tmp_path / "posts.csv"
    source.write_text("post_id,kind,category,title\na,found,지갑,하나\nb,found,지갑,둘\n", "utf-8")
    ingest(mine, Source(str(source)), spark=spark)
    refused: list[InputError] = []

    class Meanwhile(Silent):
        def say(self, what: str) -> None:
            if "photos" in what:
                with pytest.raises(InputError, match="post:a was erased") as said:
                    write(journal, clip, post("a", "하나, 고침"), 2, what="edit")
                refused.append(said.value)

    of_posts.erase(mine, ["a"], progress=Meanwhile(), spark=spark)
    assert len(refused) == 1
    assert told(mine) == {"b": "둘"}
    ingest(mine, Source(str(source)), spark=spark)  # its source has it still
    merge(mine, spark=spark)
    assert told(mine) == {"a": "하나", "b": "둘"}, "it came after the erase"


@pytest.mark.parametrize("merged", [False, True])
def test_of_what_the_journal_alone_has_there_is_a_proof_too(
    mine: Settings, journal: Journal, spark: SparkSession, clip: ClipModel, merged: bool
) -> None:
    """Before the first merge, and beside a table; what other posts say too betrays nobody."""
    red, blue = photo(mine, "red"), photo(mine, "blue")

    def seen(sha: str) -> Vector:
        return Vector(f"photo:{sha}", clip.name, clip.embed_texts(["빨강"])[0])

    def added(post_id: str, words: str, *photos: str) -> None:
        content = StoredPost(post(post_id, words), "service", 1, photos, dt.datetime.now(dt.UTC))
        event = PostAdded(post_id, "found", "지갑", "service")
        journal.append(event, "system", None, content.content(), [*map(seen, photos)])

    added("other-post", "빨간 지갑 하나", red)
    if merged:
        merge(mine, spark=spark)
    added("erased-post", "빨간 지갑 하나", red, blue)
    added("erased-later", "빨간 지갑 하나 둘 셋", blue)
    done = of_posts.erase(mine, ["erased-post"], proof=True, spark=spark)
    assert done.proof is not None
    assert (done.posts, done.proof.found) == (("erased-post",), ())
    assert (done.proof.bytes > 0) == merged
    left = Path(kept_photo(f"{mine.table}/photos", blue))  # a merge was killed after it
    left.parent.mkdir(parents=True)
    left.write_bytes(b"a photo")
    with pytest.raises(StorageError, match=f"erased, but traces .* a photo's hash .*{blue}"):
        of_posts.erase(mine, ["erased-later"], proof=True, spark=spark)


@pytest.mark.long
def test_a_proof_is_of_all_that_was_erased_and_of_nothing_that_is_there(
    mine: Settings, journal: Journal, spark: SparkSession, clip: ClipModel
) -> None:
    """One post in the table, one that only the journal has; and what is merged after them has the
    words of both."""
    write(journal, clip, post("in-the-table", "검정색 장지갑 하나"))
    merge(mine, spark=spark)
    blue = photo(mine, "blue")
    write(journal, clip, post("journal-only", "파란색 반지갑 하나"))
    vector = Vector(f"photo:{blue}", clip.name, clip.embed_texts(["파랑"])[0])
    journal.append(
        PostEdited("journal-only", ("title",)), "system", None, last_content(journal), [vector]
    )
    write(journal, clip, post("s-3", "검정색 장지갑 하나"))
    write(journal, clip, post("s-4", "파란색 반지갑 하나"))
    ids = ["in-the-table", "journal-only"]
    done = of_posts.erase(mine, ids, proof=True, spark=spark)
    assert done.proof is not None
    assert done.proof.found == ()
    assert told(mine).keys() == {"s-3", "s-4"}
    left = Path(kept_photo(f"{mine.table}/photos", blue))
    left.parent.mkdir(parents=True)
    left.write_bytes(b"a photo")
    write(journal, clip, post("another", "빨간색 손지갑"))
    merge(mine, spark=spark)
    write(journal, clip, post("the-last", "하늘색 손지갑"))
    journal.append(
        PostEdited("the-last", ("title",)), "system", None, last_content(journal), [vector]
    )
    with pytest.raises(StorageError, match=f"erased, but traces .*{blue}"):
        of_posts.erase(mine, ["another", "the-last"], proof=True, spark=spark)


def test_what_is_taken_in_after_the_service_has_erased_it_stays(
    mine: Settings, journal: Journal, spark: SparkSession, clip: ClipModel, tmp_path: Path
) -> None:
    """Whether a merge has come between the two or not; of what was erased nothing is left."""
    source = tmp_path / "posts.csv"
    head = "post_id,kind,category,title,place\n"
    source.write_text(f"{head}a,found,지갑,하나,강남역 물품보관함\nb,found,지갑,둘,\n", "utf-8")
    ingest(mine, Source(str(source)), spark=spark)  # no journal has been merged yet
    journal.forget("post:a", "system")
    source.write_text(f"{head}a,found,지갑,다시,\n", "utf-8")
    report = ingest(mine, Source(str(source)), spark=spark)
    assert (report.accepted, report.updated) == (1, 0)
    assert told(mine) == {"a": "다시", "b": "둘"}
    merge(mine, spark=spark)
    assert told(mine) == {"a": "다시", "b": "둘"}
    was = Subject(frozenset(), words=frozenset(["강남역 물품보관함"]))
    assert look(walk(mine.table), was).found == ()
