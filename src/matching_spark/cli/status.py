"""matching-spark status: what is in a table, in a table and a few sentences."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from rich.console import Group

from matching_spark import operations
from matching_spark.cli.console import cell
from matching_spark.cli.options import Common, on_a_table
from matching_spark.cli.views import titled

if TYPE_CHECKING:
    from matching_spark.operations.status import Status
    from matching_spark.table.compact import Waiting


@on_a_table
def status(common: Common) -> None:
    """Posts by kind, category and state; model, snapshot, files and bytes."""
    run = common.begin()
    state = operations.status.status(run.settings)
    view = titled(state.table, "kind", "category", "state", numbers=["posts"])
    for row in state.posts:
        view.add_row(row.kind, row.category or "-", row.status, f"{row.posts:,}")
    run.emit(state.to_dict(), Group(view, *map(cell, _sentences(state))))


def _sentences(state: "Status") -> Iterator[str]:
    soon, cache, cells = state.expiring, state.cache, state.cells
    yield (
        f"{state.total:,} posts in {state.data_files} data files and {state.delete_files} delete "
        f"files, {state.bytes / 1e6:.1f} MB, snapshot {state.snapshot}"
    )
    yield f"model {state.model} ({state.dimension} numbers); models run on {state.provider}"
    yield _gain(state.compact)
    first = f", first: {soon.posts[0].post_id}" if soon.posts else ""
    yield (
        f"{soon.total:,} found posts expire within {soon.within_days} days{first}; "
        "`close --expired` closes what has"
    )
    yield (
        f"cached on this host: {cache.shards:,} shards, {cache.resident_bytes / 1e6:.1f} of "
        f"{cache.max_bytes / 1e6:,.0f} MB, {cache.hits:,} hits and {cache.misses:,} misses"
    )
    if cells is not None:
        advice = f" ({cells.advice})" if cells.advice else ""
        yield f"cells: {cells.photos} of photos, {cells.texts} of words{advice}"


def _gain(compact: "Waiting") -> str:
    """What a compact would do, in a sentence."""
    parts = []
    if compact.small_files or compact.deleted_rows:
        parts.append(
            f"make {compact.files_after:,} data files of them ({compact.small_files:,} are "
            f"small) and fold {compact.deleted_rows:,} deleted rows in"
        )
    if compact.expiring_snapshots:
        freed = f"{compact.expiring_bytes / 1e6:.1f} MB"
        parts.append(f"expire {compact.expiring_snapshots:,} snapshots, freeing {freed}")
    waits = f"older snapshots that wait for hadoop.snapshot_keep: {compact.waiting_snapshots:,}"
    return f"compact would {', '.join(parts) or 'change nothing'}; {waits}"
