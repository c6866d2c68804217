"""What is in a table, and what waits to be done about it. No JVM."""

import datetime as dt
from dataclasses import dataclass

from matching_spark.config import Settings
from matching_spark.domain.posts import seoul_today
from matching_spark.domain.results import Reported
from matching_spark.embed.clip import provider
from matching_spark.matching.retention import Expiring, expiring
from matching_spark.operations.index import CellsState, described
from matching_spark.operations.warehouse import reading
from matching_spark.shards.cache import ShardCache, Usage
from matching_spark.table.compact import Waiting, waiting

LISTED = 100  # posts about to expire that are named; all are counted


@dataclass(frozen=True)
class PostCount:
    """How many posts there are of a kind, category and state."""

    kind: str
    category: str
    status: str
    posts: int


@dataclass(frozen=True)
class ExpiringSoon:
    """Open found posts that expire within so many days: how many, and the first LISTED of them."""

    within_days: int
    total: int
    posts: tuple[Expiring, ...]


@dataclass(frozen=True)
class Status(Reported):
    """A table as it is now. snapshots: those that can be asked, the newest first.

    bytes: of the data files. compact: what one would gain. cache: of this host. cells: None where
    there are none. provider: what ONNX Runtime runs models on here.
    """

    table: str
    model: str
    dimension: int
    snapshot: str | None
    snapshots: tuple[str, ...]
    data_files: int
    delete_files: int
    bytes: int
    total: int
    posts: tuple[PostCount, ...]
    compact: Waiting
    cache: Usage
    cells: CellsState | None
    provider: str
    expiring: ExpiringSoon


def status(settings: Settings) -> Status:
    """The settings' table as it is now. Raises InputError when there is none."""
    table = reading(settings)
    facts = table.status()
    posts = tuple(PostCount(**row) for row in facts["posts"])
    holding = settings.holding
    soon = expiring(table, holding.days, seoul_today() + dt.timedelta(days=holding.soon_days))
    return Status(
        **facts | {"snapshots": tuple(facts["snapshots"]), "posts": posts},
        compact=waiting(table),
        cache=ShardCache.of(settings.cache).usage(),
        cells=described(table),
        provider=provider(settings.model.device),
        expiring=ExpiringSoon(holding.soon_days, len(soon), tuple(soon[:LISTED])),
    )
