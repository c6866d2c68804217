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
    ConfOption,
    JsonOption,
    SettingsOption,
    TableOption,
    VerboseOption,
    begin,
    choose,
    errors,
    progress_bar,
)
from matching_spark.cluster_commands import app as cluster
from matching_spark.config import Origin
from matching_spark.decide_commands import decide
from matching_spark.duplicates_commands import duplicates
from matching_spark.errors import InputError, MatchingError, UsageError
from matching_spark.evaluate_commands import calibrate, evaluate
from matching_spark.index_commands import index
from matching_spark.log import masked
from matching_spark.maintenance_commands import compact, undo, warm
from matching_spark.match_commands import match
from matching_spark.model_commands import app as models
from matching_spark.model_commands import reembed
from matching_spark.posts import Filters, parse_date

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
app.add_typer(models, name="models")
app.add_typer(cluster, name="cluster")
app.command()(reembed)
app.command()(match)
app.command()(compact)
app.command()(warm)
app.command()(undo)
app.command()(decide)
app.command()(duplicates)
app.command()(evaluate)
app.command()(calibrate)
app.command()(index)

CLOSED_AT_ONCE = 2000  # ids in one UPDATE
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
def ingest(
    source: Annotated[
        str, typer.Argument(help="A folder of photos, a CSV, JSONL, XML or Parquet file, or api.")
    ],
    kind: Annotated[
        str | None, typer.Option(help="lost or found, for posts that do not say.")
    ] = None,
    format: Annotated[
        str | None, typer.Option(help="folder, csv, jsonl, lost112 or parquet.")
    ] = None,
    since: Annotated[
        str | None, typer.Option(help="Of `api`: the first day; default: a week before --until.")
    ] = None,
    until: Annotated[
        str | None, typer.Option(help="Of `api`: the last day; default: today.")
    ] = None,
    model: Annotated[str | None, typer.Option(help="The CLIP model: a name or a folder.")] = None,
    rejects: Annotated[
        str | None, typer.Option(help="Where rejects are listed; default: beside the table.")
    ] = None,
    table: TableOption = None,
    conf: ConfOption = None,
    settings_file: SettingsOption = None,
    as_json: JsonOption = False,
    verbose: VerboseOption = 0,
) -> None:
    """Take in posts and their photos, or vectors made elsewhere; run it again at any time."""
    run = begin(table, conf, settings_file, as_json, verbose, model={"name": model})
    from matching_spark.posts import KINDS
    from matching_spark.sources import FORMATS, detect_format, read_posts

    choose("--kind", kind, KINDS)
    choose("--format", format, FORMATS)
    format = format or detect_format(source)
    hadoop = run.settings.hadoop
    portal = None
    if format == "lost112":
        from matching_spark.lost112_commands import Portal

        portal = Portal(run, source, kind, since, until)
        posts = portal.posts()
    elif since or until:
        raise UsageError("--since and --until are for `ingest api --format lost112`")
    elif format != "parquet":
        posts = read_posts(source, format, kind)  # type: ignore[arg-type]
    from matching_spark.clip import ClipModel
    from matching_spark.ingest import default_rejects, ingest_posts, write_rejects
    from matching_spark.session import session
    from matching_spark.storage import absolute
    from matching_spark.table import PostsTable
    from matching_spark.vectors import ingest_vectors

    uri = run.table_uri
    errors.print("starting Spark ...")
    with session(run.settings) as spark, progress_bar() as progress:
        if format == "parquet":
            report = ingest_vectors(source, uri, spark, kind, hadoop, progress)  # type: ignore[arg-type]
        else:
            clip = ClipModel.of(run.settings.model)
            opened = PostsTable.open_or_create(
                uri, spark, model=clip.name, dimension=clip.dimension, hadoop=hadoop
            )
            report = ingest_posts(posts, opened, clip, progress, absolute(source))
            if portal is not None:
                portal.finish(opened, report)
        write_rejects(report, rejects or default_rejects(report.table, source))
    summary = Table(title=f"ingested into {report.table}", title_justify="left")
    for name in ("accepted", "rejected", "skipped", "placeholders"):
        summary.add_column(name, justify="right")
    summary.add_column("photos/s", justify="right")
    summary.add_column("seconds", justify="right")
    counts = (report.accepted, report.rejected, report.skipped, report.placeholders)
    summary.add_row(
        *(f"{n:,}" for n in counts), f"{report.photos_per_second:.0f}", f"{report.seconds:.1f}"
    )
    if report.rejects_file:
        summary.caption = f"{len(report.rejects):,} rejects, with reasons: {report.rejects_file}"
    run.emit(report.to_dict(), summary)


@app.command()
def search(
    image: Annotated[str | None, typer.Option(help="A photo.")] = None,
    text: Annotated[str | None, typer.Option(help="Words, Korean or English.")] = None,
    embedding: Annotated[Path | None, typer.Option(help="A .npy vector.")] = None,
    post: Annotated[str | None, typer.Option(help="The id of a post of the table.")] = None,
    kind: Annotated[
        str | None, typer.Option(help="lost or found; default: found, or the other of --post.")
    ] = None,
    category: Annotated[str | None, typer.Option()] = None,
    colour: Annotated[str | None, typer.Option()] = None,
    region: Annotated[str | None, typer.Option()] = None,
    since: Annotated[str | None, typer.Option(help="2026-11-01, inclusive.")] = None,
    until: Annotated[str | None, typer.Option(help="2026-11-20, inclusive.")] = None,
    status: Annotated[
        str, typer.Option(help="open, claimed, withdrawn, expired, or any.")
    ] = "open",
    top_k: Annotated[int | None, typer.Option(help="At most so many matches.")] = None,
    threshold: Annotated[float | None, typer.Option(help="The least score, inclusive.")] = None,
    metric: Annotated[str | None, typer.Option(help="cosine or euclidean.")] = None,
    score: Annotated[
        str | None, typer.Option(help="cosine or fused; default: fused where it is calibrated.")
    ] = None,
    language: Annotated[str | None, typer.Option(help="ko or en: of the reasons given.")] = None,
    runner: Annotated[
        str | None, typer.Option(help="spark, or memory: this process alone.")
    ] = None,
    nprobe: Annotated[
        str | None, typer.Option(help="Look at the nearest N cells only (see index); or all.")
    ] = None,
    snapshot: Annotated[str | None, typer.Option(help="An older state of the table.")] = None,
    output: Annotated[Path | None, typer.Option(help="F.json, F.csv or F.html.")] = None,
    table: TableOption = None,
    conf: ConfOption = None,
    settings_file: SettingsOption = None,
    as_json: JsonOption = False,
    verbose: VerboseOption = 0,
) -> None:
    """Find the posts most like a photo, words, a vector or a post of the table."""
    run = begin(
        table,
        conf,
        settings_file,
        as_json,
        verbose,
        similarity={
            "top_k": top_k,
            "threshold": threshold,
            "metric": metric,
            "runner": runner,
            "score": score,
            "language": language,
            "nprobe": None if nprobe == "all" else nprobe,
        },
    )
    if nprobe == "all":  # also over a setting
        run.settings.similarity.nprobe = None
    given = [
        name
        for name, value in (
            ("--image", image),
            ("--text", text),
            ("--embedding", embedding),
            ("--post", post),
        )
        if value is not None
    ]
    if not given or (len(given) > 1 and set(given) != {"--image", "--text"}):
        raise UsageError(
            "search by one of --image, --text, --embedding or --post (--image and --text may go "
            f"together); given: {', '.join(given) or 'none'}"
        )
    try:
        where = Filters(
            kind=kind,  # type: ignore[arg-type]
            category=category,
            colour=colour,
            region=region,
            since=parse_date(since),
            until=parse_date(until),
            status=None if status == "any" else status,  # type: ignore[arg-type]
        )
    except InputError as error:
        raise UsageError(f"--{error}") from None
    if embedding is not None and score == "fused":
        raise UsageError("--embedding is compared by cosine: a vector has no facts to weigh")
    if where.since and where.until and where.since > where.until:
        raise UsageError(f"--since {where.since} is after --until {where.until}")

    from matching_spark.output import check_output, to_table, write_output
    from matching_spark.search import Question, answer
    from matching_spark.storage import read_bytes

    if output is not None:
        check_output(output)
    question = Question(image, text, embedding, post)
    result = answer(run.settings, question, where, snapshot)
    if output is not None:
        write_output(result, output, read_bytes, question.photo(result))
        errors.print(f"written: {output}")
    run.emit(result.to_dict(), to_table(result))


@app.command()
def close(
    post_ids: Annotated[list[str] | None, typer.Argument(metavar="ID...")] = None,
    state: Annotated[
        str | None, typer.Option("--as", help="claimed, withdrawn, expired or open.")
    ] = None,
    expired: Annotated[
        bool, typer.Option("--expired", help="What is kept longer than holding.days.")
    ] = False,
    table: TableOption = None,
    conf: ConfOption = None,
    settings_file: SettingsOption = None,
    as_json: JsonOption = False,
    verbose: VerboseOption = 0,
) -> None:
    """Close posts: from the next snapshot on they are found no more."""
    from matching_spark.posts import STATUSES

    run = begin(table, conf, settings_file, as_json, verbose)
    if expired == bool(post_ids) or (state is None) != expired:
        raise UsageError("close ID... --as STATE, or close --expired")
    choose("--as", state, STATUSES)
    from matching_spark.holding import expiring, today
    from matching_spark.session import session
    from matching_spark.table import PostsTable

    PostsTable.open(run.table_uri)  # no need of Spark to say that there is none
    with session(run.settings) as spark:
        opened = PostsTable.open(run.table_uri, spark, run.settings.hadoop)
        if expired:
            over = expiring(opened, run.settings.holding.days, today())
            post_ids, state = [each.post_id for each in over], "expired"
        asked = sorted(set(post_ids or ()))
        changed = 0
        for start in range(0, len(asked), CLOSED_AT_ONCE):
            part = asked[start : start + CLOSED_AT_ONCE]
            changed += opened.set_status(part, state)  # type: ignore[arg-type]
    done = Table("changed", "asked", "state", "snapshot")
    done.add_row(str(changed), str(len(asked)), state, opened.snapshot or "")
    run.emit(
        {
            "changed": changed,
            "asked": len(asked),
            "status": state,
            "snapshot": opened.snapshot,
        },
        done,
    )


@app.command()
def withdraw(
    post_ids: Annotated[list[str], typer.Argument(metavar="ID...")],
    table: TableOption = None,
    conf: ConfOption = None,
    settings_file: SettingsOption = None,
    as_json: JsonOption = False,
    verbose: VerboseOption = 0,
) -> None:
    """Close posts as withdrawn."""
    close(post_ids, "withdrawn", False, table, conf, settings_file, as_json, verbose)


@app.command()
def status(
    table: TableOption = None,
    conf: ConfOption = None,
    settings_file: SettingsOption = None,
    as_json: JsonOption = False,
    verbose: VerboseOption = 0,
) -> None:
    """Posts by kind, category and state; model, snapshot, files and bytes."""
    run = begin(table, conf, settings_file, as_json, verbose)
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
def config(
    table: TableOption = None,
    conf: ConfOption = None,
    settings_file: SettingsOption = None,
    as_json: JsonOption = False,
    verbose: VerboseOption = 0,
) -> None:
    """Every setting, its value, and where the value came from."""
    run = begin(table, conf, settings_file, as_json, verbose)
    from matching_spark.session import conf_dir

    origins = [*run.origins, Origin("(spark-defaults.conf)", str(conf_dir()), "SPARK_CONF_DIR")]
    view = Table()
    for name in ("setting", "value", "origin"):
        view.add_column(name, overflow="fold")
    for each in origins:
        view.add_row(each.name, "" if each.value is None else str(each.value), each.origin)
    run.emit({"settings": [vars(each) for each in origins]}, view)


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
