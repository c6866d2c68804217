"""matching-spark demo: the tour."""

from pathlib import Path
from typing import Annotated

import typer

from matching_spark import operations
from matching_spark.cli.options import (
    ConfOption,
    JsonOption,
    SettingsOption,
    VerboseOption,
    begin,
    terminal,
)
from matching_spark.cli.views import Found


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
    run = begin(str(output / "table"), conf, settings_file, as_json, verbose)
    with terminal() as progress:
        result = operations.tour.tour(run.settings, output, posts, seed, progress)
    run.emit(result.to_dict(), Found(result))
