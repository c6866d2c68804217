"""A post that was erased and that its source brings again is a post as any other."""

from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from matching_spark.config import Settings
from matching_spark.errors import InputError, NotFoundError
from matching_spark.journal.events import PostEdited
from matching_spark.matching import decisions
from matching_spark.operations.ingest import Source, ingest
from matching_spark.operations.merge import merge
from matching_spark.operations.posts import erase
from matching_spark.service.posts.desk import Desk
from tests.service.conftest import WHO
from tests.support.journaled import in_table

pytestmark = pytest.mark.long
LOST, AGAIN = "own-lost", "own-found"
WORDS = "은색 손목시계, 뒷면에 이름 김아무개"


@pytest.fixture
def source(tmp_path: Path) -> Source:
    place = tmp_path / "posts.csv"
    lines = [
        "post_id,kind,category,title",
        f"{LOST},lost,지갑,지갑을 잃음",
        f"{AGAIN},found,지갑,지갑",
    ]
    place.write_text("\n".join(lines), "utf-8")
    return Source(str(place))


def test_it_can_be_changed_decided_on_and_erased(
    desk: Desk, service: Settings, source: Source, spark: SparkSession
) -> None:
    ingest(service, source, spark=spark)
    desk.refresh()
    desk.decide(LOST, AGAIN, "rejected", WHO, None)
    stale = desk.tail.upto
    desk.forget(AGAIN, WHO, "erase-1")
    with pytest.raises(NotFoundError):
        desk.edit(AGAIN, {"title": WORDS}, WHO, None)
    ingest(service, source, spark=spark)  # it merges first
    desk.refresh()
    desk.forget(AGAIN, WHO, "erase-1")  # sent again: what was asked for is done
    with pytest.raises(InputError, match="was erased"):  # by who has not heard of the erasure
        desk.journal.append(PostEdited(AGAIN, ("title",)), WHO, None, {}, seen=stale)

    desk.edit(AGAIN, {"title": WORDS}, WHO, None)
    assert desk.set_status(AGAIN, "claimed", WHO, None) == desk.post(AGAIN)
    desk.decide(LOST, AGAIN, "confirmed", WHO, None)
    merge(service, spark=spark)
    row = in_table(service.table)[AGAIN]
    assert (row["title"], row["status"]) == (WORDS, "claimed")
    assert decisions.latest(service.table) == {(LOST, AGAIN): "confirmed"}

    desk.refresh()
    desk.forget(AGAIN, WHO, "erase-2")
    desk.forget(AGAIN, WHO, "erase-2")
    assert desk.post(AGAIN) is None
    assert not desk.journal.history(f"post:{AGAIN}")
    merge(service, spark=spark)
    assert AGAIN not in in_table(service.table)
    assert decisions.latest(service.table) == {}
    desk.refresh()
    with pytest.raises(NotFoundError):
        desk.edit(AGAIN, {"title": WORDS}, WHO, None)


def test_what_was_written_of_it_since_is_erased_by_the_command_line(
    desk: Desk, service: Settings, source: Source, spark: SparkSession
) -> None:
    """Also where all of it comes to the table by one merge, as after a mark that was lost."""
    ingest(service, source, spark=spark)
    erase(service, [AGAIN], spark=spark)
    ingest(service, source, spark=spark)
    desk.refresh()
    desk.edit(AGAIN, {"title": WORDS}, WHO, None)
    vector = f"text:{AGAIN}"
    assert desk.journal.vectors([vector], desk.model.name)
    erase(service, [AGAIN], spark=spark)
    assert not desk.journal.history(f"post:{AGAIN}")
    assert not desk.journal.vectors([vector], desk.model.name)
    merge(service, spark=spark)
    assert AGAIN not in in_table(service.table)


def test_in_a_batch_with_its_erasure_it_is_erased_first(
    desk: Desk, service: Settings, source: Source, spark: SparkSession
) -> None:
    """As in a table that was restored from a backup of before: what it was stays in no snapshot."""
    ingest(service, source, spark=spark)
    desk.refresh()
    desk.decide(LOST, AGAIN, "rejected", WHO, None)
    desk.forget(AGAIN, WHO, None)
    ingest(service, source, spark=spark)
    desk.refresh()
    desk.edit(AGAIN, {"title": WORDS}, WHO, None)
    desk.decide(LOST, AGAIN, "confirmed", WHO, None)
    fresh = service.model_copy(deep=True)
    fresh.table += "-restored"
    alone = fresh.model_copy(deep=True)
    alone.service.journal = None
    ingest(alone, source, spark=spark)
    done = merge(fresh, spark=spark)
    assert done.erased == 1
    assert in_table(fresh.table)[AGAIN]["title"] == WORDS
    assert decisions.latest(fresh.table) == {(LOST, AGAIN): "confirmed"}
