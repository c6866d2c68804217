"""The commands of models: which CLIP to use, what a folder holds, how to make one."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Group

from matching_spark import operations
from matching_spark.cli.app import PLAIN
from matching_spark.cli.console import cell
from matching_spark.cli.options import (
    Common,
    check_words,
    here,
    on_a_table,
    printing,
    stderr,
    terminal,
    with_options,
    with_settings,
)
from matching_spark.cli.views import Entry, facts, in_words
from matching_spark.domain.descriptions import Description, Guess
from matching_spark.embed.catalogue import KNOWN, SOURCE
from matching_spark.errors import InputError
from matching_spark.log import visible

models = typer.Typer(
    help="CLIP models: list, info, check, describe, export, quantize.",
    no_args_is_help=True,
    **PLAIN,
)
ModelArgument = Annotated[
    str, typer.Argument(help="Shipped, a folder, or a hub's owner/model[@COMMIT].")
]


@models.command("list")
@with_options("as_json")
def list_(common: Common) -> None:
    """Models worth using, best for Korean first, by published recall; with their licences."""
    run = common.begin()
    entries = []
    for known in KNOWN:
        korean = "Korean -" if known.korean is None else f"Korean {known.korean:.2f} %"
        recall = f"{korean}, English {known.english:.2f} %"
        size = f"{known.dimension} numbers, {known.memory_mib:,} MiB, {known.photo_ms} ms a photo"
        terms = f"{known.licence}{f', {known.limits}' if known.limits else ''}"
        # The terms whole too: who may use it stands in them.
        entries.append(Entry("", (known.name, terms), "", f"{recall}; {size}"))
    source = cell(f"recall, from {SOURCE}", "dim")
    run.emit(
        {"source": SOURCE, "models": [asdict(known) for known in KNOWN]}, Group(*entries, source)
    )


@models.command()
@with_settings
def info(common: Common, model: ModelArgument = "small-clip") -> None:
    """What a model folder says of itself, with its card; fetches a hub's model."""
    run = common.begin(model={"name": model})
    said = operations.models.info(run.settings.model).to_dict()
    from rich.markdown import Markdown  # 40 ms, which no other command takes

    card = said["card"]
    told = facts({name: value for name, value in said.items() if name != "card"})
    run.emit(said, Group(told, Markdown(visible(card))) if card else told)


@models.command()
@with_settings
def check(
    common: Common,
    model: ModelArgument = "small-clip",
    image: Annotated[str | None, typer.Option(help="A photo.")] = None,
    text: Annotated[str, typer.Option(help="Words that fit the photo.")] = "검정 지갑",
) -> None:
    """Run a model on a photo and words: what runs it, its vectors, their cosine, its speed."""
    run = common.begin(model={"name": model})
    check_words({"--text": text})
    done = operations.models.check(run.settings.model, image, text).to_dict()
    run.emit(done, facts(done))


@models.command()
@with_settings
def describe(
    common: Common,
    photos: Annotated[list[str], typer.Argument(metavar="PHOTO", help="Files or URIs.")],
    model: Annotated[
        str | None,
        typer.Option(
            help="Shipped, a folder, or a hub's owner/model[@COMMIT]; default: model.name."
        ),
    ] = None,
) -> None:
    """Photos in words: category, colour and a title, each with how sure the model is of it."""
    run = common.begin(model={"name": model})
    with terminal() as progress:
        done = operations.describe.describe_by(run.settings.model, photos, progress)
    for reject in done.rejects:
        stderr.print(f"{reject.source} is left out: {reject.detail}")
    run.emit(done.to_dict(), Group(*(_described(*each) for each in done.photos)))
    if not done.photos:
        raise InputError("none of the photos could be read")


def _described(photo: str, said: Description) -> Group:
    """The title, and below it the likeliest words, after a ? where none is said."""
    told = [f"{name} {_guessed(guess)}" for name, guess in said.guesses]
    return Group(
        Entry("", (photo,), in_words(said), ""), *(cell(f"    {line}", "dim") for line in told)
    )


def _guessed(guess: Guess) -> str:
    words = ", ".join(
        f"{each.korean} / {each.english} {each.confidence:.0%}" for each in guess.candidates
    )
    return words if guess.korean else f"? ({words})"


@models.command()
@printing
def export(
    common: Common,
    architecture: Annotated[str, typer.Argument(help="open_clip's name, as ViT-B-32.")],
    folder: Annotated[Path, typer.Argument(callback=here, help="The folder to make.")],
    pretrained: Annotated[str | None, typer.Option(help="open_clip's tag, as openai.")] = None,
) -> None:
    """Make a model folder of an open_clip model; needs torch, open_clip and onnx."""
    run = common.begin()
    made = operations.models.export(architecture, pretrained, folder).to_dict()
    stderr.print(f"written: {folder}; `matching-spark models check {folder}` runs it")
    run.emit(made, facts(made))


@models.command()
@on_a_table
def quantize(
    common: Common,
    model: ModelArgument,
    out: Annotated[
        Path | None,
        typer.Option(
            callback=here, help="The folder to make; default: the model's name with -int8."
        ),
    ] = None,
    photos: Annotated[
        str | None,
        typer.Option(metavar="FOLDER", help="Of photos; default: those that the table keeps."),
    ] = None,
) -> None:
    """Make a smaller, faster copy of a model in int8, where it finds what the model finds."""
    run = common.begin(model={"name": model})
    with terminal() as progress:
        made = operations.quantize.quantize(run.settings, out, photos, progress)
    stderr.print(
        f"written: {made.folder}; its vectors are its own: `matching-spark reembed --model "
        f"{made.folder}` gives a table them; thresholds are to be learned again (`calibrate`)"
    )
    run.emit(made.to_dict(), facts(made.to_dict()))
