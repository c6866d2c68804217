"""Which CLIP to use: what a model's folder says, how it runs here, how one is made."""

import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from matching_spark.config import Model
from matching_spark.domain.posts import clean
from matching_spark.domain.results import Reported
from matching_spark.embed import hub
from matching_spark.embed.clip import ClipModel
from matching_spark.embed.photos import open_photo, photo_file
from matching_spark.errors import InputError, PhotoError, UsageError
from matching_spark.filesystems.whole_files import appearing

CHECK_PHOTOS = 32
CARD_CHARS = 100_000
BLANK = Image.new("RGB", (640, 480), "navy")
WORDS = "검정 지갑"  # what a check embeds unless told otherwise


@dataclass(frozen=True)
class ModelInfo(Reported):
    """What a model's folder says of itself. photo_px: what the tower wants; context_length: tokens.

    thresholds: the least cosine of a match by the model's card, None where it names none. commit:
    at which a hub's was fetched, None of others. card: what its makers say of it in Markdown
    (what it was measured on, where it is weak, its terms), None where there is no README.md.
    """

    model: str
    folder: str
    dimension: int
    bytes: int
    photo_px: tuple[int, ...]
    resize_mode: str
    interpolation: str
    context_length: int
    thresholds: dict[str, float | None]
    commit: str | None
    card: str | None


@dataclass(frozen=True)
class ModelCheck(Reported):
    """A model's two towers run once and then CHECK_PHOTOS times. cosine: None without a photo."""

    model: str
    runs_on: str
    dimension: int
    photo_norm: float
    text_norm: float
    cosine: float | None
    photos_per_second: float
    texts_per_second: float


@dataclass(frozen=True)
class Exported(Reported):
    """A model folder that was made."""

    folder: str
    architecture: str
    pretrained: str | None


def info(settings: Model) -> ModelInfo:
    """What the settings' model says of itself; a hub's is fetched. Raises ModelError."""
    clip = ClipModel.of(settings)
    wants = clip.preprocess
    return ModelInfo(
        model=clip.name,
        folder=str(clip.folder.resolve()),
        commit=hub.commit_of(clip.folder),
        dimension=clip.dimension,
        bytes=clip.size_bytes,
        photo_px=tuple(wants.size),
        resize_mode=wants.resize_mode,
        interpolation=wants.interpolation,
        context_length=clip.context_length,
        thresholds={pair: clip.default_threshold(pair) for pair in ("image-image", "text-image")},
        card=_card(clip.folder),
    )


def _card(folder: Path) -> str | None:
    path = folder / "README.md"
    if not path.is_file():
        return None
    with path.open(encoding="utf-8", errors="replace") as file:
        return file.read(CARD_CHARS)


def check(settings: Model, image: str | None = None, text: str = WORDS) -> ModelCheck:
    """Run the settings' model on a photo (None: a blue rectangle) and words.

    Raises ModelError for the model, PhotoError for the photo, InputError where there is none, or
    no word.
    """
    if not clean(text):
        raise InputError("there is no word to embed: name some, or leave it out", argument="text")
    clip = ClipModel.of(settings)
    photo = _photo(image) if image else BLANK
    vectors, words = clip.embed_images([photo]), clip.embed_texts([text])
    start = time.perf_counter()
    clip.embed_images([photo] * CHECK_PHOTOS)
    photos_s = time.perf_counter() - start
    start = time.perf_counter()
    clip.embed_texts([text] * CHECK_PHOTOS)
    texts_s = time.perf_counter() - start
    return ModelCheck(
        model=clip.name,
        runs_on=clip.provider,
        dimension=clip.dimension,
        photo_norm=float(np.linalg.norm(vectors[0])),
        text_norm=float(np.linalg.norm(words[0])),
        cosine=float(vectors[0] @ words[0]) if image else None,
        photos_per_second=CHECK_PHOTOS / photos_s,
        texts_per_second=CHECK_PHOTOS / texts_s,
    )


def _photo(place: str) -> Image.Image:
    try:
        return open_photo(photo_file(place))
    except FileNotFoundError:
        raise InputError(f"there is no photo {place}", argument="image") from None
    except PhotoError as error:
        raise error.of(place) from None


def check_new(folder: Path, argument: str | None = None) -> None:
    """Raise UsageError for a place where no model folder can be made, before it takes minutes."""
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise UsageError(f"{folder} is not empty; name a new folder", argument=argument)
    if folder.is_mount() or folder.resolve() == Path.cwd():
        raise UsageError(f"{folder} cannot be replaced; name a new folder", argument=argument)


def export(architecture: str, pretrained: str | None, folder: Path) -> Exported:
    """Make a model folder of an open_clip model. It is there whole or not at all.

    Raises UsageError for a folder that is not empty, or naming what is not installed.
    """
    check_new(folder)
    try:  # torch and open_clip, which are no dependencies
        from matching_spark.embed.open_clip_export import export_pretrained
    except ImportError as error:
        raise UsageError(
            f"models export needs {error.name}: pip install open_clip_torch onnx beside this"
        ) from None
    with appearing(folder) as half:
        export_pretrained(architecture, pretrained, half)
    return Exported(str(folder), architecture, pretrained)
