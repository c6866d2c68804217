"""matching-spark status: what is in a table, in a table and a few sentences."""

from typing import TYPE_CHECKING

from rich.table import Table

from matching_spark import operations
from matching_spark.cli.options import Common, on_a_table

if TYPE_CHECKING:
    from matching_spark.operations.status import Status
    from matching_spark.table.compact import Waiting


@on_a_table
def status(
    common: Common,
) -> None:
    """Posts by kind, category and state; model, snapshot, files and bytes."""
    run = common.begin()
    state = operations.status.status(run.settings)
    view = Table("kind", "category", "state", title=state.table, title_justify="left")
    view.add_column("posts", justify="right")
    for row in state.posts:
        view.add_row(row.kind, row.category or "-", row.status, f"{row.posts:,}")
    view.caption, view.caption_justify = _caption(state), "left"
    run.emit(state.to_dict(), view)


def _caption(state: "Status") -> str:
    soon, cache, cells = state.expiring, state.cache, state.cells
    text = (
        f"{state.total:,} posts, model {state.model} ({state.dimension} numbers), snapshot "
        f"{state.snapshot}, {state.data_files} data files and {state.delete_files} delete files, "
        f"{state.bytes / 1e6:.1f} MB; models run on {state.provider}\n{_gain(state.compact)}\n"
        f"{soon.total:,} found posts expire within {soon.within_days} days"
        f"{', first: ' + soon.posts[0].post_id if soon.posts else ''}; `close --expired` closes "
        f"what has; cached on this host: {cache.shards} shards, {cache.resident_bytes / 1e6:.1f} "
        f"of {cache.max_bytes / 1e6:.0f} MB, {cache.hits:,} hits and {cache.misses:,} misses"
    )
    if cells is not None:
        text += f"; cells: {cells.photos} of photos, {cells.texts} of words"
        text += f" ({cells.advice})" if cells.advice else ""
    return text


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
    waits = f"{compact.waiting_snapshots:,} older snapshots wait for hadoop.snapshot_keep"
    return f"compact would {', '.join(parts) or 'change nothing'}; {waits}"
