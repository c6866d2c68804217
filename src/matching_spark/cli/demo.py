"""matching-spark demo: the tour."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Group, RenderableType

from matching_spark import operations
from matching_spark.cli import first_run
from matching_spark.cli.console import cell
from matching_spark.cli.options import PRINTING, Common, here, terminal, with_options
from matching_spark.cli.views import Entry, Found, in_words
from matching_spark.spark import jvm

if TYPE_CHECKING:
    from matching_spark.operations.own_photos import Own, OwnTour

SHOWN = 20  # pictures, on a terminal


@with_options("conf", "settings_file", *PRINTING)
def demo(
    common: Common,
    photos: Annotated[
        str | None,
        typer.Option(metavar="FOLDER", help="Your own pictures: found posts among the drawn ones."),
    ] = None,
    posts: Annotated[int, typer.Option(min=20, max=100_000, help="How many posts to draw.")] = 400,
    seed: Annotated[int, typer.Option(min=0, help="Same seed, same bytes.")] = 0,
    serve: Annotated[
        bool | None,
        typer.Option(
            "--serve/--no-serve",
            help="At the end, show the posts on a page of this machine. Default: on a terminal.",
        ),
    ] = None,
    output: Annotated[Path, typer.Option(callback=here, help="Where everything goes.")] = Path(
        "demo-out"
    ),
) -> None:
    """The tour: draw posts, ingest them, search with a lost thing's photo, show what came."""
    run = replace(common, table=str(output / "table")).begin()
    serve = first_run.wanted(serve)
    settings = operations.demo_service.resumed(run.settings, output)
    if photos is None:
        with terminal() as progress:
            result = operations.tour.tour(settings, output, posts, seed, progress)
        run.emit(result.to_dict(), Found(result))
    else:
        with terminal() as progress:
            toured = operations.own_photos.tour(settings, photos, output, posts, seed, progress)
        run.emit(toured.to_dict(), _toured(toured))
    if serve:
        with terminal() as progress:
            progress.say("comparing all lost posts with all found ones, for the office's page ...")
            operations.match.match(run.settings, progress=progress)
            jvm.shut_down()  # 0.8 GB, which the page has no use for
            first_run.shown(operations.demo_service.demo_settings(run.settings, output), progress)


def _toured(tour: "OwnTour") -> Group:
    """Each picture with its words and how well it was found again; then what was found for one."""
    shown = [
        Entry(f"{n:>2}", (own.post_id,), in_words(own.description), _found_again(own))
        for n, own in enumerate(tour.pictures[:SHOWN], 1)
    ]
    parts: list[RenderableType] = [cell("your pictures:", "dim"), *shown]
    if len(tour.pictures) > SHOWN:
        parts.append(cell(f"and {len(tour.pictures) - SHOWN:,} more: --json has them", "dim"))
    parts += [cell(_counted(tour), "dim"), cell("")]
    parts += [cell(f"found for another take of {tour.shown}:", "dim"), Found(tour.photo)]
    if tour.words is not None:
        parts += [cell(""), cell(f"found for {tour.words.query['text']!r}:", "dim")]
        parts.append(Found(tour.words))
    return Group(*parts)


def _found_again(own: "Own") -> str:
    words = own.description.title.korean
    by_words = f"; by its words {_place(own.by_words)}" if words else ""
    return f"found again by another take of it {_place(own.by_photo)}{by_words}"


def _place(rank: int | None) -> str:
    return "not among those found" if rank is None else "first" if rank == 1 else f"as no. {rank}"


def _counted(tour: "OwnTour") -> str:
    """How many were found again."""
    every = tour.pictures
    named = [own for own in every if own.description.title.korean]
    first = sum(own.by_photo == 1 for own in every)
    among = sum(own.by_words is not None for own in named)
    by_words = f"; {len(named):,} have words, which find {among:,} of them"
    return (
        f"{first:,} of {len(every):,} come first for another take of them"
        f"{by_words if named else '; none could be named'}"
    )
