"""Every command by its name, and three that are short: the tour, what is there, what is set.

stdout carries the result (JSON unless it is a terminal), stderr progress and log.
"""

import datetime as dt
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from matching_spark.cli.cluster import app as cluster
from matching_spark.cli.decide import decide
from matching_spark.cli.duplicates import duplicates
from matching_spark.cli.evaluate import calibrate, evaluate
from matching_spark.cli.index import index
from matching_spark.cli.match import match
from matching_spark.cli.models import app as models
from matching_spark.cli.models import reembed
from matching_spark.cli.options import (
    Common,
    ConfOption,
    JsonOption,
    SettingsOption,
    VerboseOption,
    begin,
    errors,
    on_a_table,
    progress_bar,
)
from matching_spark.cli.posts import close, ingest, withdraw
from matching_spark.cli.search import search
from matching_spark.cli.table import adopt, compact, undo, warm
from matching_spark.config import Origin

# What needs Spark, ONNX Runtime or pyiceberg is imported by the command that needs it: --help and
# usage errors answer at once.

app = typer.Typer(
    name="matching-spark",
    help="Find lost things: photos and words against what was found, by CLIP on Spark.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
LISTED = 100  # posts about to expire in the JSON of `status`; all are counted


@app.command()
def demo(
    posts: Annotated[int, typer.Option(min=20, max=100_000, help="How many posts to draw.")] = 400,
    seed: Annotated[int, typer.Option(help="Same seed, same bytes.")] = 0,
    output: Annotated[Path, typer.Option(help="Where everything goes.")] = Path("demo-out"),
    conf: ConfOption = None,
    settings_file: SettingsOption = None,
    as_json: JsonOption = False,
    verbose: VerboseOption = 0,
) -> None:
    """The tour: draw posts, ingest them, search with a lost thing's photo, show what came."""
    from matching_spark.operations.tour import tour

    run = begin(str(output / "table"), conf, settings_file, as_json, verbose)
    with progress_bar() as progress:
        result = tour(run.settings, output, posts, seed, progress, errors.print)
    from matching_spark.operations.output import to_table

    run.emit(result.to_dict(), to_table(result))


@app.command()
@on_a_table
def status(
    common: Common,
) -> None:
    """Posts by kind, category and state; model, snapshot, files and bytes."""
    run = common.begin()
    from matching_spark.cli.index import described
    from matching_spark.embed.clip import provider
    from matching_spark.matching.retention import expiring, today
    from matching_spark.shards.cache import ShardCache
    from matching_spark.table.compact import waiting
    from matching_spark.table.posts_table import PostsTable

    opened = PostsTable.of(run.settings)
    state = opened.status() | {"compact": waiting(opened).to_dict()}
    state["cache"] = asdict(ShardCache.of(run.settings.cache).usage())
    state["cells"] = cells = described(opened)
    state["provider"] = provider(run.settings.model.device)
    holding = run.settings.holding
    soon = expiring(opened, holding.days, today() + dt.timedelta(days=holding.soon_days))
    state["expiring"] = {
        "within_days": holding.soon_days,
        "total": len(soon),
        "posts": [asdict(each) for each in soon[:LISTED]],
    }
    view = Table("kind", "category", "state", title=state["table"], title_justify="left")
    view.add_column("posts", justify="right")
    for row in state["posts"]:
        view.add_row(row["kind"], row["category"] or "-", row["status"], f"{row['posts']:,}")
    view.caption = (
        f"{state['total']:,} posts, model {state['model']} ({state['dimension']} numbers), "
        f"snapshot {state['snapshot']}, {state['data_files']} data files and "
        f"{state['delete_files']} delete files, {state['bytes'] / 1e6:.1f} MB; models run on "
        f"{state['provider']}\n{_gain(state['compact'])}\n{len(soon):,} found posts expire within "
        f"{holding.soon_days} days{', first: ' + soon[0].post_id if soon else ''}; "
        "`close --expired` closes what has"
    )
    kept = state["cache"]
    view.caption += (
        f"; cached on this host: {kept['shards']} shards, {kept['resident_bytes'] / 1e6:.1f} of "
        f"{kept['max_bytes'] / 1e6:.0f} MB, {kept['hits']:,} hits and {kept['misses']:,} misses"
    )
    if cells is not None:
        view.caption += f"; cells: {cells['photos']} of photos, {cells['texts']} of words"
        view.caption += f" ({cells['advice']})" if cells["advice"] else ""
    view.caption_justify = "left"
    run.emit(state, view)


def _gain(compact: dict[str, int]) -> str:
    """What a compact would do, in a sentence."""
    parts = []
    if compact["small_files"] or compact["deleted_rows"]:
        parts.append(
            f"make {compact['files_after']:,} data files of them ({compact['small_files']:,} are "
            f"small) and fold {compact['deleted_rows']:,} deleted rows in"
        )
    if compact["expiring_snapshots"]:
        freed = f"{compact['expiring_bytes'] / 1e6:.1f} MB"
        parts.append(f"expire {compact['expiring_snapshots']:,} snapshots, freeing {freed}")
    waits = f"{compact['waiting_snapshots']:,} older snapshots wait for hadoop.snapshot_keep"
    return f"compact would {', '.join(parts) or 'change nothing'}; {waits}"


@app.command()
@on_a_table
def config(
    common: Common,
) -> None:
    """Every setting, its value, and where the value came from."""
    run = common.begin()
    from matching_spark.spark.session import conf_dir

    origins = [*run.origins, Origin("(spark-defaults.conf)", str(conf_dir()), "SPARK_CONF_DIR")]
    view = Table()
    for name in ("setting", "value", "origin"):
        view.add_column(name, overflow="fold")
    for each in origins:
        view.add_row(each.name, "" if each.value is None else str(each.value), each.origin)
    run.emit({"settings": [vars(each) for each in origins]}, view)


for command in (
    *(ingest, search, match, decide, close, withdraw, duplicates),
    *(evaluate, calibrate, reembed),
    *(compact, warm, undo, adopt, index),
):
    app.command()(command)
app.add_typer(models, name="models")
app.add_typer(cluster, name="cluster")
