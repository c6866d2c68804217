"""The command line: every command is a few lines over the library.

stdout carries the result (JSON unless it is a terminal), stderr progress and log.
"""

import datetime as dt
import logging
import signal
import sys
import time
from dataclasses import asdict
from pathlib import Path
from types import FrameType
from typing import Annotated

import typer
from rich.table import Table

from matching_spark.cli import (
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
from matching_spark.cluster_commands import app as cluster
from matching_spark.config import Origin
from matching_spark.decide_commands import decide
from matching_spark.duplicates_commands import duplicates
from matching_spark.errors import MatchingError
from matching_spark.evaluate_commands import calibrate, evaluate
from matching_spark.index_commands import index
from matching_spark.log import masked
from matching_spark.maintenance_commands import adopt, compact, undo, warm
from matching_spark.match_commands import match
from matching_spark.model_commands import app as models
from matching_spark.model_commands import reembed
from matching_spark.post_commands import close, ingest, withdraw
from matching_spark.search_commands import search

# What needs Spark, ONNX Runtime or pyiceberg is imported by the command that needs it: --help and
# usage errors answer at once.

log = logging.getLogger("matching_spark")
app = typer.Typer(
    name="matching-spark",
    help="Find lost things: photos and words against what was found, by CLIP on Spark.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
LISTED = 100  # posts about to expire in the JSON of `status`; all are counted
INTERRUPTED = 130  # 128 + SIGINT, as shells have it


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
    from matching_spark.demo.tour import tour

    run = begin(str(output / "table"), conf, settings_file, as_json, verbose)
    with progress_bar() as progress:
        result = tour(run.settings, output, posts, seed, progress, errors.print)
    from matching_spark.output import to_table

    run.emit(result.to_dict(), to_table(result))


@app.command()
@on_a_table
def status(
    common: Common,
) -> None:
    """Posts by kind, category and state; model, snapshot, files and bytes."""
    run = common.begin()
    from matching_spark.cache import ShardCache
    from matching_spark.clip import provider
    from matching_spark.holding import expiring, today
    from matching_spark.index_commands import described
    from matching_spark.maintenance import waiting
    from matching_spark.table import PostsTable

    opened = PostsTable.open(run.table_uri, hadoop=run.settings.hadoop)
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
    from matching_spark.session import conf_dir

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


def _stop(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def run() -> None:
    """The entry point: errors become one sentence and the exit code of their kind."""
    signal.signal(signal.SIGTERM, _stop)
    start = time.perf_counter()
    try:
        code = app(standalone_mode=False) or 0  # typer makes 130 of Ctrl-C
    except MatchingError as error:
        log.debug("failed", exc_info=True)
        errors.print(f"matching-spark: {masked(str(error))}", markup=False)
        code = error.exit_code
    except typer.Exit as error:
        code = error.exit_code
    except (typer.Abort, KeyboardInterrupt):
        code = INTERRUPTED
    except BrokenPipeError:
        sys.stderr.close()
        code = 0
    except Exception as error:
        # click's usage errors show themselves; anything else is a bug and keeps its traceback.
        if not hasattr(error, "exit_code") or not hasattr(error, "format_message"):
            raise
        errors.print(f"matching-spark: {error.format_message()}", markup=False)
        code = 2
    if code == INTERRUPTED:
        errors.print("matching-spark: stopped; what was acknowledged is stored, run it again")
    log.info("done in %.1f s, exit %d", time.perf_counter() - start, code)
    sys.exit(code)


if __name__ == "__main__":
    run()
