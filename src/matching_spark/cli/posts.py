"""matching-spark ingest, decide, close, withdraw, duplicates: what people bring, and say of it."""

import getpass
import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Group
from rich.table import Table

from matching_spark import operations
from matching_spark.cli.console import cell
from matching_spark.cli.options import (
    OF_A_POST,
    CategoryOption,
    ColourOption,
    Common,
    IdArgument,
    IdsArgument,
    KindOption,
    ModelOption,
    RegionOption,
    Run,
    SinceOption,
    UntilOption,
    check_words,
    day,
    day_of_loss,
    flags_named,
    not_empty,
    on_a_table,
    one_of,
    terminal,
)
from matching_spark.cli.views import Entry, facts, joined, said, titled
from matching_spark.domain.posts import KINDS, STATUSES, Filters, clean
from matching_spark.domain.vocabulary import CATEGORY
from matching_spark.errors import InputError, UsageError
from matching_spark.sources import FORMATS

if TYPE_CHECKING:
    from collections.abc import Iterable

    from matching_spark.domain.posts import Status
    from matching_spark.matching.decisions import Verdict
    from matching_spark.operations.verdicts import Judged

VERDICTS: dict[str, "Verdict"] = {"confirm": "confirmed", "reject": "rejected"}


@on_a_table
def ingest(
    common: Common,
    source: Annotated[
        str,
        typer.Argument(
            help="A folder of photos, a CSV, Excel, JSONL, XML or Parquet file, or api."
        ),
    ],
    kind: Annotated[
        str | None, typer.Option(metavar="lost|found", help="For posts that do not say.")
    ] = None,
    format: Annotated[
        str | None,
        typer.Option(
            metavar="folder|csv|xlsx|jsonl|lost112|parquet", help="Default: by what SOURCE is."
        ),
    ] = None,
    since: Annotated[
        str | None, typer.Option(help="Of `api`: the first day; default: a week before --until.")
    ] = None,
    until: Annotated[
        str | None, typer.Option(help="Of `api`: the last day; default: today.")
    ] = None,
    model: ModelOption = None,
    rejects: Annotated[
        str | None, typer.Option(help="Where rejects are listed; default: beside the table.")
    ] = None,
    replace: Annotated[
        bool, typer.Option("--replace", help="Take what has the id of another kind or thing too.")
    ] = False,
    source_name: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="Who gives the posts their ids, where several share a table; "
            "default: lost112 of the portal, else desk.",
        ),
    ] = None,
    columns: Annotated[
        list[str] | None,
        typer.Option(
            "--column",
            metavar="HEADING=FIELD",
            help="What a column is, whose heading is not known: --column '유실번호=post_id'.",
        ),
    ] = None,
    strict: Annotated[
        bool,
        typer.Option(
            "--strict",
            help="Exit with 3 when anything was rejected; what could be taken is stored all the "
            "same. Without it, only when all was.",
        ),
    ] = False,
) -> None:
    """Take in posts and their photos, or vectors made elsewhere; run it again at any time."""
    run = common.begin(model={"name": model})
    wanted = one_of("--kind", kind, KINDS)
    one_of("--format", format, FORMATS)
    named = not_empty("--source-name", source_name)
    first, last = day("--since", since), day("--until", until)
    if first and last and first > last:
        raise UsageError(f"--since {first} is after --until {last}")
    with terminal() as progress:
        asked = operations.ingest.Source(
            source, wanted, format, named, first, last, _columns(columns or [])
        )
        report = operations.ingest.ingest(run.settings, asked, rejects, progress, replace=replace)
    counted = ("added", "updated", "skipped", "rejected", "photos", "photos/s", "seconds")
    summary = titled(f"ingested into {report.table}", numbers=counted)
    counts = (report.added, report.updated, report.skipped, report.rejected, report.embedded)
    summary.add_row(
        *(f"{n:,}" for n in counts), f"{report.photos_per_second:.0f}", f"{report.seconds:.1f}"
    )
    taken = f"{report.accepted:,} posts taken in, {report.embedded:,} photos embedded"
    refused = f"{report.rejected:,} posts rejected, " if report.rejected else ""  # else photos only
    refused += f"{report.rejects_listed:,} lines of {report.rejects_file} say why"
    if report.rejects_file:
        taken += f"; {refused}"
    summary.caption = taken
    run.emit(report.to_dict(), summary)
    there = report.accepted + report.skipped
    if report.rejects and (strict or not there):
        raise InputError(f"{'not all' if there else 'nothing'} was taken in: {refused}")


def _columns(given: list[str]) -> dict[str, str]:
    """HEADING=FIELD; a heading may have an = of its own."""
    parts = [each.rpartition("=") for each in given]
    if bad := [each for each, (heading, _, _) in zip(given, parts, strict=True) if not heading]:
        raise UsageError(f"--column {bad[0]}: write it as HEADING=FIELD")
    return {heading: field.strip() for heading, _, field in parts}


@on_a_table
def decide(
    common: Common,
    lost_id: Annotated[str | None, typer.Argument(help="The lost post.")] = None,
    found_id: Annotated[str | None, typer.Argument(help="The found post.")] = None,
    verdict: Annotated[
        str | None, typer.Argument(metavar="confirm|reject", help="The same thing, or another.")
    ] = None,
    by: Annotated[str | None, typer.Option(help="Who decides; default: this user.")] = None,
    sheet: Annotated[
        str | None,
        typer.Option(
            "--from",
            metavar="F.csv",
            help="Many at once: `match --output F.csv`, its column decision filled in; .xlsx too.",
        ),
    ] = None,
    close: Annotated[
        bool, typer.Option("--close", help="Close both posts of a confirmed pair, as claimed.")
    ] = False,
) -> None:
    """Record a person's verdict on a pair: a rejected one is not proposed again."""
    run = common.begin()
    given = [each for each in (lost_id, found_id, verdict) if each is not None]
    if len(given) != (3 if sheet is None else 0):
        raise UsageError("decide LOST_ID FOUND_ID confirm|reject, or decide --from F.csv")
    who = not_empty("--by", by) or _this_user()
    if sheet is not None:
        with terminal() as progress:
            judged = operations.verdicts.decide_all(run.settings, sheet, who, close, progress)
        run.emit(judged.to_dict(), _judged(judged))
        if judged.refused and not judged.confirmed + judged.rejected:
            raise InputError(f"no verdict was stored: {len(judged.refused):,} rows of {sheet}")
        return
    lost_id, found_id, verdict = given
    said = VERDICTS[one_of("verdict", verdict, VERDICTS)]
    decision = operations.verdicts.Decision(clean(lost_id), clean(found_id), said, who)
    with terminal() as progress:
        done = operations.verdicts.decide(run.settings, decision, close, progress)
    told = done.to_dict() | {"closed": f"{done.closed} posts"}
    run.emit(done.to_dict(), facts(told))


def _judged(done: "Judged") -> Group:
    """The counts, and a line a row that was not taken."""
    counts = {"confirmed": done.confirmed, "rejected": done.rejected}
    told = {name: f"{n:,} pairs" for name, n in counts.items()}
    told["posts closed"] = f"{done.closed:,}"
    told["not decided"] = f"{done.undecided:,} rows"
    told["not taken"] = f"{len(done.refused):,} rows"
    return Group(facts(told), *(cell(f"{r.source}: {r.detail}") for r in done.refused))


def _this_user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # OSError: from Python 3.13 on
        raise UsageError("this user has no name here: say who decides (--by)") from None


@on_a_table
def edit(
    common: Common,
    post_id: IdArgument,
    category: CategoryOption = None,
    subcategory: Annotated[
        str | None, typer.Option(help="As a source has it: 남성용 지갑.")
    ] = None,
    title: Annotated[str | None, typer.Option(help="What it is, in a few words.")] = None,
    description: Annotated[str | None, typer.Option(help="Marks, contents, more.")] = None,
    colour: ColourOption = None,
    place: Annotated[str | None, typer.Option(help="Where it was lost or found.")] = None,
    region: RegionOption = None,
    on: Annotated[str | None, typer.Option(help="The day it was lost or found.")] = None,
    kept_at: Annotated[str | None, typer.Option(help="The office that keeps it.")] = None,
    kept_phone: Annotated[str | None, typer.Option(help="That office's number.")] = None,
    source_url: Annotated[str | None, typer.Option(help="Its page.")] = None,
) -> None:
    """Change fields of a post; what is not named stays, an empty text ('') clears."""
    run = common.begin()
    given = {
        "category": category,
        "subcategory": subcategory,
        "title": title,
        "description": description,
        "colour": colour,
        "place": place,
        "region": region,
        "kept_at": kept_at,
        "kept_phone": kept_phone,
        "source_url": source_url,
    }
    check_words({f"--{name.replace('_', '-')}": value for name, value in given.items()})
    changes: dict[str, Any] = {n: v for n, v in given.items() if v is not None}
    if on is not None:
        changes["happened_on"] = day_of_loss("--on", on)
    if not changes:
        raise UsageError("edit ID --FIELD VALUE; the fields are in --help")
    with flags_named():
        CATEGORY.check(category)
    with terminal() as progress:
        done = operations.posts.edit(run.settings, clean(post_id), changes, progress)
    view = titled(done.post_id, "field", "was", "is")
    for name, (was, now) in done.changed.items():
        view.add_row(name, said(was), said(now))
    unchanged = facts({done.post_id: "nothing changed: it was so already"})
    run.emit(done.to_dict(), view if done.changed else unchanged)


@on_a_table
def close(
    common: Common,
    post_ids: Annotated[list[str] | None, typer.Argument(metavar="ID", help=OF_A_POST)] = None,
    state: Annotated[
        str | None,
        typer.Option("--as", metavar="claimed|withdrawn|expired|open", help="Their new state."),
    ] = None,
    expired: Annotated[
        bool, typer.Option("--expired", help="What is kept longer than holding.days.")
    ] = False,
) -> None:
    """Close posts: from the next snapshot on they no longer appear in searches."""
    run = common.begin()
    if expired == bool(post_ids) or (state is None) != expired:
        raise UsageError("close ID... --as STATE, or close --expired")
    status = one_of("--as", state, STATUSES)
    _closed(run, post_ids or (), status)


@on_a_table
def withdraw(common: Common, post_ids: IdsArgument) -> None:
    """Close posts as withdrawn."""
    _closed(common.begin(), post_ids, "withdrawn")


@on_a_table
def erase(
    common: Common,
    post_ids: IdsArgument,
    proof: Annotated[
        bool, typer.Option("--proof", help="Read every file afterwards, and say what was read.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Erase without asking first.")] = False,
) -> None:
    """Erase posts and all that hangs on them; undo and history of the table end there."""
    run = common.begin()
    ids = [*map(clean, post_ids)]
    if not yes and sys.stdin.isatty() and sys.stderr.isatty():
        typer.confirm(
            f"erase {', '.join(ids)} from {run.settings.table}? What was written before can then "
            "no longer be undone",
            abort=True,
            err=True,
        )
    with terminal() as progress:
        done = operations.posts.erase(run.settings, ids, proof, progress)
    view = titled(done.table, "posts", "rows", "photos", "snapshots ended")
    view.add_row(
        f"{len(done.posts):,}",
        ", ".join(f"{name} {n:,}" for name, n in done.rows.items()),
        f"{done.photos:,}" + (f", {done.shared_photos:,} shared stay" * bool(done.shared_photos)),
        f"{done.snapshots:,}",
    )
    if done.proof is not None:
        files = ", ".join(f"{n:,} {kind}" for kind, n in sorted(done.proof.files.items()))
        view.caption = f"no trace in {files} ({done.proof.bytes >> 20:,} MB)"
    run.emit(done.to_dict(), view)


def _closed(run: Run, post_ids: "Iterable[str]", status: "Status | None") -> None:
    """Give the posts that state; None: expired, to what is kept too long."""
    with terminal() as progress:
        if status is None:
            done = operations.posts.close_expired(run.settings, progress)
        else:
            done = operations.posts.close(run.settings, [*map(clean, post_ids)], status, progress)
    view = Table("changed", "asked", "state", "snapshot")
    view.add_row(str(done.changed), str(done.asked), done.status, done.snapshot or "")
    run.emit(done.to_dict(), view)


@on_a_table
def duplicates(
    common: Common,
    kind: KindOption = None,
    since: SinceOption = None,
    until: UntilOption = None,
    threshold: Annotated[
        float | None, typer.Option(help="The lowest cosine; default: holding.duplicate_cosine.")
    ] = None,
) -> None:
    """Open posts with a near-identical photo, the same place and day; they are never merged."""
    run = common.begin(holding={"duplicate_cosine": threshold})
    with flags_named():
        where = Filters(
            kind=one_of("--kind", kind, KINDS),
            since=day("--since", since),
            until=day("--until", until),
        )
    report = operations.posts.duplicates(run.settings, where)
    entries = []
    for each in report.duplicates:
        head = (f"cosine {each.score:.3f}", each.post_id, each.other_id)
        entries.append(Entry("", head, "", joined(each.kind, each.happened_on, each.place)))
    more = f"; {report.left_out:,} more are not shown" if report.left_out else ""
    count = cell(
        f"{len(report.duplicates):,} pairs from a cosine of {report.threshold:g} on, among posts "
        f"that have a photo, a day, and a place or region{more}",
        "dim",
    )
    run.emit(report.to_dict(), Group(*entries, count))
