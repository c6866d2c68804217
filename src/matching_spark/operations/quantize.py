"""A model in int8, and whether it finds what the model in float32 finds.

The gate: photos taken again must find the photos that they were taken of as often as before, and
words the photo that they found first. What does not pass is never seen.
"""

import hashlib
import json
import os
import shutil
import statistics
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import cycle, islice
from pathlib import Path

import numpy as np
from PIL import Image

from matching_spark import storage
from matching_spark.config import Settings
from matching_spark.domain.results import Reported
from matching_spark.domain.vocabulary import CATEGORY, COLOUR
from matching_spark.embed import hub
from matching_spark.embed.clip import FILES, ClipModel
from matching_spark.embed.photos import open_photo, photo_file, photo_sha256
from matching_spark.errors import InputError, ModelError, PhotoError, StorageError, extra
from matching_spark.evaluation.retakes import retake
from matching_spark.evaluation.timing import seconds
from matching_spark.filesystems.whole_files import appearing
from matching_spark.knn.similarity import Float32
from matching_spark.layout import named_sha256
from matching_spark.operations.models import BLANK, WORDS, check_new
from matching_spark.operations.warehouse import reading
from matching_spark.progress import SILENT, Progress

PHOTOS, LEAST_PHOTOS = 500, 50  # of which re-takes are made; among ten every search finds its own
RETAKES = 1000  # at least, some of each photo: one that is lost is a tenth of a point
SEEN = 64  # photos, each itself and taken again, whose ranges the copy is made for
TOP = 10
FALL = 0.005  # of recall@TOP, at most
TIMED, ROUNDS = 8, 5  # photos embedded at once by each model in turn, so often
AT_ONCE = 64  # photos prepared and held
SEED = 20


@dataclass(frozen=True)
class Quantized(Reported):
    """A copy that passed. before, after: of the model and of its copy.

    recall: the share of re-takes whose photo is among the TOP most like them. words_kept: the share
    of words whose first photo by the model is among the copy's first TOP. cosine: the mean of a
    photo's two vectors. photos_per_second: on one thread, pixels ready. unread: files that are no
    photo.
    """

    folder: str
    model: str
    of: str
    photos: int
    retakes: int
    unread: int
    recall_before: float
    recall_after: float
    words_kept: float
    cosine: float
    bytes_before: int
    bytes_after: int
    photos_per_second_before: float
    photos_per_second_after: float


def quantize(
    settings: Settings,
    target: Path | None = None,
    photos: str | None = None,
    progress: Progress = SILENT,
) -> Quantized:
    """Make an int8 copy of the settings' model in a new folder, where its recall holds.

    target: None: beside the model's folder, or here for one that no folder was named of, with
    -int8 behind its name. photos: a folder; None: those that the table keeps. The folder is there
    whole or not at all. Raises ModelError for a model that is quantised already, that cannot be, or
    whose copy does not pass; InputError for too few photos; UsageError for a folder that is not
    empty, or naming what is not installed.
    """
    with extra("quantize", "models quantize"):
        from matching_spark.embed import int8
    model = ClipModel.load(settings.model.name, device="cpu")
    visual, textual = model.folder / "visual/model.onnx", model.folder / "textual/model.onnx"
    if int8.computes_in_int8(visual):
        raise ModelError(f"{model.name} is quantised already: name the float32 model")
    rows = int8.batch_of(visual)
    # What cannot be run is told as `models check` tells it, before a tool stumbles over it.
    model.embed_images([BLANK])
    model.embed_texts([WORDS])
    target = target or _beside(model)
    check_new(target, "out")
    known, unread = _photos(settings, photos)
    progress.say(f"{len(known)} photos; seeing what ranges they have ...")
    with _written(target) as folder:
        batches = _batches(model, known[:SEEN], rows or TIMED)
        int8.static_tower(visual, folder / "visual/model.onnx", batches)
        if int8.computes_in_int8(textual):
            # With what lies beside it: its weights may have any name.
            shutil.copytree(textual.parent, folder / "textual", dirs_exist_ok=True)
        else:
            int8.stored_tower(textual, folder / "textual/model.onnx")
        _rest(model, folder)
        copy = ClipModel(folder, device="cpu")
        gate = _measured(model, copy, known, progress)
        progress.say("timing both on one thread ...")
        before, after = _photos_per_second(model, copy, known[:TIMED])
        sizes = model.size_bytes, copy.size_bytes
        _check(model, gate)
    made = ClipModel(target).name
    return Quantized(
        folder=str(target),
        model=made,
        of=model.name,
        photos=len(known),
        retakes=gate.retakes,
        unread=unread,
        recall_before=gate.before,
        recall_after=gate.after,
        words_kept=gate.words_kept,
        cosine=gate.cosine,
        bytes_before=sizes[0],
        bytes_after=sizes[1],
        photos_per_second_before=before,
        photos_per_second_after=after,
    )


def _beside(model: ClipModel) -> Path:
    called = model.name.rpartition("@")[0].replace("/", "--") + "-int8"
    named = model.folder.resolve()
    ours = named.is_relative_to(hub.SHIPPED.resolve()) or hub.commit_of(named) is not None
    return Path(called) if ours else model.folder.parent / called


@contextmanager
def _written(target: Path) -> Iterator[Path]:
    """The new folder, with one of each tower. Raises StorageError where there is no room for it."""
    try:
        with appearing(target) as folder:
            for tower in ("visual", "textual"):
                (folder / tower).mkdir()
            yield folder
    except OSError as error:
        raise StorageError(f"{target} cannot be written: {error}") from error


def _rest(model: ClipModel, folder: Path) -> None:
    """The files beside the towers, but for what is true of the float32 model only: thresholds."""
    for name in FILES:
        if not name.endswith(".onnx"):
            shutil.copyfile(model.folder / name, folder / name)
    config = json.loads((folder / "config.json").read_text("utf-8"))
    config["matching_spark"] = {"int8_of": model.name}
    text = json.dumps(config, indent=2, ensure_ascii=False) + "\n"
    (folder / "config.json").write_text(text, encoding="utf-8")


def _photos(settings: Settings, folder: str | None) -> tuple[list[Image.Image], int]:
    """Up to PHOTOS different photos, drawn by their hashes, and how many files could not be read.

    A kept photo's name is the hash of its bytes, so that the first of them are drawn at random.
    """
    if folder is not None and not storage.exists(folder):
        raise InputError(f"there is no {folder}", argument="photos")
    where = folder if folder is not None else reading(settings).photos
    files = storage.walk(where)
    if folder is None:
        files = filter(named_sha256, files)
    else:
        root = len(storage.absolute(folder))  # the same ones wherever the folder lies

        def drawn(file: str) -> bytes:
            return hashlib.sha256(os.fsencode(file[root:].lstrip("/"))).digest()

        files = iter(sorted(files, key=drawn))
    known: dict[str, Image.Image] = {}
    unread = 0
    for each in files:
        try:
            data = photo_file(each)
            known.setdefault(photo_sha256(data), _small(open_photo(data)))
        except (PhotoError, StorageError, FileNotFoundError):
            unread += 1
        if len(known) == PHOTOS:
            break
    if len(known) < LEAST_PHOTOS:
        raise InputError(
            f"{where} has {len(known)} photos: what int8 costs is seen on {LEAST_PHOTOS} at least; "
            "name a folder of more",
            argument="photos",
        )
    return list(known.values()), unread


def _small(photo: Image.Image) -> Image.Image:
    """As large as towers look at: 500 of them are held."""
    photo.thumbnail((640, 640), Image.Resampling.BICUBIC)
    return photo


def _again(photos: Sequence[Image.Image], times: int) -> Iterator[Image.Image]:
    """Re-takes of each photo in turn, the same ones whenever they are asked for."""
    rng = np.random.default_rng(SEED)
    for number, photo in enumerate(photos):
        for _ in range(times):
            other = (number + 1 + int(rng.integers(len(photos) - 1))) % len(photos)
            yield retake(photo, photos[other], rng)


def _batches(model: ClipModel, photos: Sequence[Image.Image], rows: int) -> list[Float32]:
    """What the ranges are seen on, `rows` at a time; the first fill up a last batch of fewer."""
    seen = [model.pixels(each) for each in [*photos, *_again(photos, 1)]]
    whole = -(-len(seen) // rows) * rows
    filled = list(islice(cycle(seen), whole))
    return [np.stack(filled[at : at + rows]) for at in range(0, whole, rows)]


@dataclass(frozen=True)
class _Gate:
    retakes: int
    before: float
    after: float
    words_kept: float
    cosine: float


def _measured(
    model: ClipModel, copy: ClipModel, photos: Sequence[Image.Image], progress: Progress
) -> _Gate:
    """Both models on the same pixels: the photos as they are, and taken again."""
    times = -(-RETAKES // len(photos))
    total = len(photos) * (1 + times)
    rows: list[tuple[Float32, Float32]] = []
    taken = iter([*photos]), _again(photos, times)
    done = 0
    for each in taken:
        while batch := [model.pixels(photo) for photo in islice(each, AT_ONCE)]:
            rows.append((model.embed_pixels(batch), copy.embed_pixels(batch)))
            progress.count("photos", done := done + len(batch), total)
    both = whole, narrow = [np.concatenate(side) for side in zip(*rows, strict=True)]
    own = np.repeat(np.arange(len(photos)), times)
    words = [f"{colour} {thing}" for colour in COLOUR.words for thing in CATEGORY.words]
    first = (model.embed_texts(words) @ whole[: len(photos)].T).argmax(axis=1)
    before, after = (recall(each[len(photos) :], each[: len(photos)], own) for each in both)
    return _Gate(
        retakes=len(own),
        before=before,
        after=after,
        words_kept=recall(copy.embed_texts(words), narrow[: len(photos)], first),
        cosine=float((whole * narrow).sum(axis=1).mean()),
    )


def recall(queries: Float32, rows: Float32, own: np.ndarray) -> float:
    """The share of queries whose own row is among the TOP most like it; equal ones go before."""
    scores = queries @ rows.T
    mine = scores[np.arange(len(own)), own]
    return float(((scores >= mine[:, None]).sum(axis=1) <= TOP).mean())


def _check(model: ClipModel, gate: _Gate) -> None:
    if gate.before - gate.after > FALL:
        raise ModelError(
            f"{model.name} is not copied: of {gate.retakes:,} photos taken again, float32 finds "
            f"{gate.before:.1%} among the first {TOP} and int8 {gate.after:.1%}, more than "
            f"{FALL:.1%} fewer; keep the float32 model"
        )
    if 1 - gate.words_kept > FALL:
        raise ModelError(
            f"{model.name} is not copied: of words, the photo that float32 finds first is among "
            f"int8's first {TOP} for {gate.words_kept:.1%} only, at least {1 - FALL:.1%} are "
            "needed; keep the float32 model"
        )


def _photos_per_second(
    model: ClipModel, copy: ClipModel, photos: Sequence[Image.Image]
) -> tuple[float, float]:
    """Of the model and of its copy, in turn, so that whatever else runs falls on both."""
    pixels = [model.pixels(each) for each in photos]
    both = [ClipModel(each.folder, threads=1, device="cpu") for each in (model, copy)]
    taken: tuple[list[float], list[float]] = ([], [])
    for number in range(ROUNDS):
        for each, mine in zip(both, taken, strict=True):
            mine += seconds(partial(each.embed_pixels, pixels), 1, int(not number))
    before, after = (len(pixels) / statistics.median(mine) for mine in taken)
    return before, after
