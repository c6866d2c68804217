"""What people decided of pairs: the append-only decisions table; the last word on a pair counts."""

import datetime as dt
from typing import Literal, get_args

from matching_spark.domain.posts import check
from matching_spark.errors import InputError
from matching_spark.table import side_tables
from matching_spark.table.posts_table import PostsTable

Verdict = Literal["confirmed", "rejected"]
VERDICTS: tuple[Verdict, ...] = get_args(Verdict)
NAME = "decisions"
SCHEMA = "lost_id string, found_id string, verdict string, by string, at timestamp"


def decide(table: PostsTable, lost_id: str, found_id: str, verdict: Verdict, by: str) -> None:
    """Store what somebody decided of a pair.

    Raises InputError when there is no such lost or found post.
    """
    check("verdict", verdict, VERDICTS)
    for post_id, kind in ((lost_id, "lost"), (found_id, "found")):
        is_of = table.locate(post_id)[0].kind  # the table is partitioned by it
        if is_of != kind:
            raise InputError(
                f"post {post_id!r} is {is_of}: give the lost post first, then the found"
            )
    decision = (lost_id, found_id, verdict, by, dt.datetime.now(dt.UTC))
    side_tables.append(table, NAME, SCHEMA, [decision])


def latest(uri: str) -> dict[tuple[str, str], Verdict]:
    """The last verdict on each pair (lost_id, found_id) that was decided on."""
    rows = sorted(side_tables.read(uri, NAME), key=lambda row: row["at"])
    return {(row["lost_id"], row["found_id"]): row["verdict"] for row in rows}


def truth(uri: str) -> dict[str, dict[str, bool]]:
    """The decisions as evaluation.labelled.Truth. Raises InputError when there are none."""
    out: dict[str, dict[str, bool]] = {}
    for (lost_id, found_id), verdict in latest(uri).items():
        out.setdefault(lost_id, {})[found_id] = verdict == "confirmed"
    if not out:
        raise InputError(
            f"{uri} has no decisions; `matching-spark decide LOST_ID FOUND_ID confirm|reject`"
        )
    return out
