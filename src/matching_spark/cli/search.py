"""matching-spark search: the posts most like a photo, words, a vector or another post."""

import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from matching_spark import operations
from matching_spark.cli.options import (
    CategoryOption,
    ColourOption,
    Common,
    LanguageOption,
    RegionOption,
    ScoreOption,
    SinceOption,
    StatusOption,
    ThresholdOption,
    UntilOption,
    check_words,
    day_of_loss,
    not_empty,
    on_a_table,
    stderr,
    terminal,
    where_of,
)
from matching_spark.domain.points import parse_point
from matching_spark.domain.posts import clean
from matching_spark.domain.results import SearchResult
from matching_spark.errors import InputError, UsageError
from matching_spark.filesystems.whole_files import check_file
from matching_spark.layout import read_photo

if TYPE_CHECKING:
    from matching_spark.cli.views import Found
    from matching_spark.search.query import Query

CHOICES = 9  # answers that are listed; others may be typed
WAYS = {False: "Enter: not known", True: "its number or another, Enter: not known"}


@on_a_table
def search(
    common: Common,
    image: Annotated[str | None, typer.Option(help="A photo.")] = None,
    text: Annotated[str | None, typer.Option(help="Words, Korean or English.")] = None,
    embedding: Annotated[Path | None, typer.Option(help="A .npy vector.")] = None,
    post: Annotated[str | None, typer.Option(help="The id of a post of the table.")] = None,
    kind: Annotated[
        str | None,
        typer.Option(metavar="lost|found", help="Default: found, or the other of --post."),
    ] = None,
    category: CategoryOption = None,
    colour: ColourOption = None,
    region: RegionOption = None,
    place: Annotated[
        str | None, typer.Option(help="Where it was lost, or found for --kind lost; it weighs.")
    ] = None,
    near: Annotated[
        str | None, typer.Option(metavar="LAT,LON", help="Where that lies, in degrees; it weighs.")
    ] = None,
    identifier: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NUMBER", help="A number that the thing has, of a card, a device, a document."
        ),
    ] = None,
    lost_on: Annotated[
        str | None,
        typer.Option(help="The day of the loss, or of the find for --kind lost; it weighs."),
    ] = None,
    weigh: Annotated[
        bool,
        typer.Option(
            "--weigh", help="--category, --colour and --region weigh too, and filter nothing."
        ),
    ] = False,
    understand: Annotated[
        bool | None,
        typer.Option(
            "--understand/--no-understand",
            help="What --text says of category, colour, place and day weighs; "
            "default: similarity.understand.",
        ),
    ] = None,
    ask: Annotated[
        bool,
        typer.Option("--ask", help="In doubt, ask for the fact that is expected to settle most."),
    ] = False,
    since: SinceOption = None,
    until: UntilOption = None,
    status: StatusOption = "open",
    top_k: Annotated[
        int | None, typer.Option(help="At most so many matches; default: similarity.top_k.")
    ] = None,
    threshold: ThresholdOption = None,
    metric: Annotated[
        str | None,
        typer.Option(
            metavar="cosine|euclidean", help="How near is measured; default: similarity.metric."
        ),
    ] = None,
    score: ScoreOption = None,
    language: LanguageOption = None,
    runner: Annotated[
        str | None,
        typer.Option(
            metavar="auto|spark|memory",
            help="memory: this process alone; default: similarity.runner.",
        ),
    ] = None,
    nprobe: Annotated[
        str | None,
        typer.Option(
            metavar="N|all",
            help="Look at the nearest N cells only (see index); default: similarity.nprobe.",
        ),
    ] = None,
    snapshot: Annotated[str | None, typer.Option(help="An older state of the table.")] = None,
    output: Annotated[Path | None, typer.Option(help="F.json, F.csv or F.html.")] = None,
) -> None:
    """Find the posts most like a photo, words, a vector or a post of the table."""
    run = common.begin(
        similarity={
            "top_k": top_k,
            "threshold": threshold,
            "metric": metric,
            "runner": runner,
            "score": score,
            "language": language,
            "understand": understand,
            "nprobe": None if nprobe == "all" else nprobe,
        }
    )
    if nprobe == "all":  # also over a setting
        run.settings.similarity.nprobe = None
    _check_given({"--image": image, "--text": text, "--embedding": embedding, "--post": post}, ask)
    check_words({"--text": text, "--place": place})
    where = where_of(kind, category, colour, region, since, until, status)
    if embedding is not None and score == "fused":
        raise UsageError("--embedding is compared by cosine: a vector has no facts to weigh")
    weighs = place or near or identifier or lost_on or weigh
    if post is not None and weighs:
        raise UsageError(
            "--post has its own facts: --place, --near, --identifier, --lost-on, --weigh are for "
            "others"
        )
    if output is not None:
        ending = check_file(output, operations.output.ENDINGS)
    post_id, day = None if post is None else clean(post), day_of_loss("--lost-on", lost_on)
    query = operations.search.query_of(
        where, image, text, embedding, post_id, place=clean(place), happened_on=day
    )
    query = _placed(query, near)
    if weigh:
        where = replace(where, category=None, colour=None, region=None)
    person = _Person() if ask else None
    at = not_empty("--snapshot", snapshot)
    with terminal() as progress:
        result = operations.search.search(
            run.settings, query, where, at, progress, identifier or (), person
        )
    if weighs and result.score_kind != "fused":
        stderr.print(
            "place, day, number and --weigh change nothing here: the score is by cosine alone"
        )
    if run.settings.similarity.nprobe is not None and result.exact:
        stderr.print(
            "--nprobe changes nothing here: the table has no cells, which `matching-spark index` "
            "trains"
        )
    if output is not None:
        photo = operations.search.photo_of(result) if ending == ".html" else None
        operations.output.write_output(
            result, output, read_photo, photo, run.settings.similarity.language
        )
        stderr.print(f"written: {output}")
    if run.as_json or person is None or person.shown is not result:
        run.emit(result.to_dict(), lambda: _view(result))


def _view(result: SearchResult) -> "Found":
    from matching_spark.cli.views import Found  # Rich, which JSON needs not

    return Found(result)


def _check_given(flags: Mapping[str, object], ask: bool) -> None:
    """Raise UsageError for what cannot be searched by together."""
    given = [name for name, value in flags.items() if value is not None]
    if not given or (len(given) > 1 and set(given) != {"--image", "--text"}):
        raise UsageError(
            "search by one of --image, --text, --embedding or --post (--image and --text may go "
            f"together); given: {', '.join(given) or 'none'}"
        )
    if ask and given[0] in ("--embedding", "--post"):
        raise UsageError(
            "--ask is for photos and words: a post tells what it tells, and a vector has no facts"
        )


class _Person:
    """Who sits at the terminal and answers, and the last result that they were shown."""

    def __init__(self) -> None:
        self.shown: SearchResult | None = None

    def __call__(self, result: SearchResult, query: "Query") -> "Query | None":
        """What they answer to the result's question; None where they do not know."""
        question = result.question
        if question is None or not (sys.stdin.isatty() and stderr.is_terminal):
            return None
        from matching_spark.cli.console import cell  # Rich, which JSON needs not

        self.shown = result
        stderr.print(_view(replace(result, question=None)))
        choices = question.answers[:CHOICES]
        listed = "  ".join(f"{n} {answer}" for n, answer in enumerate(choices, 1))
        stderr.print(cell(f"{question.words}  {listed}", "bold"))
        while said := str(typer.prompt(WAYS[bool(choices)], "", show_default=False, err=True)):
            if said.isdecimal() and 0 < int(said) <= len(choices):
                said = choices[int(said) - 1]
            try:
                return operations.question.answered(query, question, said)
            except InputError as error:
                stderr.print(cell(str(error)))
        return None


def _placed(query: "Query", near: str | None) -> "Query":
    """The query with the point that is given as LAT,LON."""
    if near is None:
        return query
    try:
        latitude, longitude = parse_point(near)
    except InputError as error:
        raise UsageError(f"--near: {error}") from None
    return replace(query, latitude=latitude, longitude=longitude)
