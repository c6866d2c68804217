"""The commands of models: which CLIP to use, what a folder holds, how to make one, to change it."""

import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from matching_spark.cli.options import (
    Common,
    JsonOption,
    SettingsOption,
    VerboseOption,
    begin,
    errors,
    on_a_table,
    progress_bar,
)
from matching_spark.errors import UsageError

app = typer.Typer(help="CLIP models: list, info, check, export.", no_args_is_help=True)
SOURCE = "immich, docs/features/searching.md: Crossmodal-3600, mean of recall@1, 5 and 10"
CHECK_PHOTOS = 32
ModelArgument = Annotated[str, typer.Argument(help="Shipped, a folder, or a hub's owner/model.")]


@dataclass(frozen=True)
class Known:
    """A model that a hub has in our layout. Recalls in %; time of one photo on a 7800X3D."""

    name: str
    dimension: int
    memory_mib: int
    photo_ms: float
    korean: float | None
    english: float


KNOWN = (
    Known("immich-app/nllb-clip-large-siglip__mrl", 1152, 4248, 75.44, 77.21, 72.37),
    Known("immich-app/ViT-SO400M-16-SigLIP2-384__webli", 1152, 3854, 56.57, 75.06, 75.09),
    Known("immich-app/ViT-L-16-SigLIP2-256__webli", 1024, 2830, 23.77, 71.73, 74.26),
    Known("immich-app/ViT-B-16-SigLIP2__webli", 768, 3038, 5.81, 70.25, 75.19),
    Known("immich-app/ViT-B-32-SigLIP2-256__webli", 768, 3061, 3.31, 67.54, 73.15),
    Known("immich-app/XLM-Roberta-Base-ViT-B-32__laion5b_s13b_b90k", 512, 3030, 3.2, 65.44, 68.33),
    Known("immich-app/ViT-B-16-SigLIP__webli", 768, 1081, 5.77, None, 71.64),
    Known("immich-app/ViT-B-32__openai", 512, 1004, 2.26, None, 59.37),
)


@app.command("list")
def list_(as_json: JsonOption = False) -> None:
    """Models worth using, best for Korean first, by published recall."""
    run = begin(None, None, None, as_json, 0)
    view = Table(caption=f"recall in %, from {SOURCE}", caption_justify="left")
    for name in ("model", "numbers", "MiB", "ms/photo", "Korean", "English"):
        view.add_column(name, justify="left" if name == "model" else "right", overflow="fold")
    for known in KNOWN:
        korean = "-" if known.korean is None else f"{known.korean:.2f}"
        cells = (known.dimension, known.memory_mib, known.photo_ms, korean, f"{known.english:.2f}")
        view.add_row(known.name, *map(str, cells))
    run.emit({"source": SOURCE, "models": [asdict(known) for known in KNOWN]}, view)


@app.command()
def info(
    model: ModelArgument = "small-clip",
    settings_file: SettingsOption = None,
    as_json: JsonOption = False,
    verbose: VerboseOption = 0,
) -> None:
    """What a model folder says of itself; fetches a hub's model."""
    from matching_spark.embed.clip import ClipModel

    run = begin(None, None, settings_file, as_json, verbose, model={"name": model})
    clip = ClipModel.of(run.settings.model)
    wants = clip.preprocess
    facts: dict[str, Any] = {
        "model": clip.name,
        "folder": str(clip.folder.resolve()),
        "dimension": clip.dimension,
        "bytes": sum(p.stat().st_size for p in clip.folder.rglob("*") if p.is_file()),
        "photo_px": list(wants.size),
        "resize_mode": wants.resize_mode,
        "interpolation": wants.interpolation.name.lower(),
        "context_length": clip.context_length,
        "thresholds": {
            pair: clip.default_threshold(pair) for pair in ("image-image", "text-image")
        },
    }
    run.emit(facts, _facts(facts))


@app.command()
def check(
    model: ModelArgument = "small-clip",
    image: Annotated[str | None, typer.Option(help="A photo.")] = None,
    text: Annotated[str, typer.Option(help="Words that fit the photo.")] = "검정 지갑",
    settings_file: SettingsOption = None,
    as_json: JsonOption = False,
    verbose: VerboseOption = 0,
) -> None:
    """Run a model on a photo and words: what runs it, its vectors, their cosine, its speed."""
    import numpy as np
    from PIL import Image

    from matching_spark import storage
    from matching_spark.embed.clip import ClipModel
    from matching_spark.embed.photos import open_photo

    run = begin(None, None, settings_file, as_json, verbose, model={"name": model})
    clip = ClipModel.of(run.settings.model)
    photo = open_photo(storage.read_bytes(image)) if image else Image.new("RGB", (640, 480), "navy")
    vectors, words = clip.embed_images([photo]), clip.embed_texts([text])
    start = time.perf_counter()
    clip.embed_images([photo] * CHECK_PHOTOS)
    photos_s = time.perf_counter() - start
    start = time.perf_counter()
    clip.embed_texts([text] * CHECK_PHOTOS)
    texts_s = time.perf_counter() - start
    facts = {
        "model": clip.name,
        "runs_on": clip.provider,
        "dimension": clip.dimension,
        "photo_norm": float(np.linalg.norm(vectors[0])),
        "text_norm": float(np.linalg.norm(words[0])),
        "cosine": float(vectors[0] @ words[0]) if image else None,
        "photos_per_second": CHECK_PHOTOS / photos_s,
        "texts_per_second": CHECK_PHOTOS / texts_s,
    }
    run.emit(facts, _facts(facts))


@app.command()
def export(
    architecture: Annotated[str, typer.Argument(help="open_clip's name, as ViT-B-32.")],
    folder: Annotated[Path, typer.Argument(help="The folder to make.")],
    pretrained: Annotated[str | None, typer.Option(help="open_clip's tag, as openai.")] = None,
    as_json: JsonOption = False,
    verbose: VerboseOption = 0,
) -> None:
    """Make a model folder of an open_clip model; needs torch, open_clip and onnx."""
    run = begin(None, None, None, as_json, verbose)
    if folder.exists() and any(folder.iterdir()):
        raise UsageError(f"{folder} is not empty; name a new folder")
    try:
        from matching_spark.embed.open_clip_export import export_pretrained
    except ImportError as error:
        raise UsageError(
            f"models export needs {error.name}: pip install open_clip_torch onnx beside this"
        ) from None
    export_pretrained(architecture, pretrained, folder)
    errors.print(f"written: {folder}; `matching-spark models check {folder}` runs it")
    facts = {"folder": str(folder), "architecture": architecture, "pretrained": pretrained}
    run.emit(facts, _facts(facts))


@on_a_table
def reembed(
    common: Common,
    model: Annotated[str, typer.Option(help="The new model: shipped, a folder, or a hub's.")],
) -> None:
    """Give the table another model's vectors; searches go on with the old until it switches."""
    run = common.begin(model={"name": model})
    from matching_spark.embed.clip import ClipModel
    from matching_spark.ingest.reembed import reembed as change
    from matching_spark.spark.session import session
    from matching_spark.table.posts_table import PostsTable

    clip = ClipModel.of(run.settings.model)
    PostsTable.open(run.table_uri)  # no need of Spark to say that there is none
    with session(run.settings) as spark, progress_bar() as progress:
        opened = PostsTable.open(run.table_uri, spark, run.settings.hadoop)
        report = change(opened, clip, progress)
    run.emit(report.to_dict(), _facts(report.to_dict()))


def _facts(facts: dict[str, Any]) -> Table:
    view = Table(show_header=False)
    view.add_column()
    view.add_column(overflow="fold")
    for name, value in facts.items():
        view.add_row(name, f"{value:.4g}" if isinstance(value, float) else str(value))
    return view
