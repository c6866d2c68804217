"""Embedding: what an ingest makes of photos, against the model alone, decoding alone, and torch.

Two models: one of ViT-B-32's shape with random weights (`make benchmarks/models/ViT-B-32`; its rows
are left out without it) and the one that ships. What is compared takes turns, so that whatever else
the machine does falls on all of it.
"""

import io
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing import get_context
from pathlib import Path

import numpy as np
from PIL import Image
from pyspark.sql import SparkSession

from benchmarks.harness import ROOT, Row, row
from matching_spark import ClipModel, Settings, start_session
from matching_spark.demo.world import draw_world
from matching_spark.embed.clip import FILES
from matching_spark.embed.int8 import static_tower
from matching_spark.embed.photos import encode_photo, open_photo, open_reduced, photo_sha256
from matching_spark.ingest.staging import Item, Staging, embedder
from matching_spark.knn.similarity import Float32
from matching_spark.progress import SILENT

VIT = ROOT / "benchmarks" / "models" / "ViT-B-32"
TORCH = ROOT / ".venv-torch" / "bin" / "python"
ROUNDS = 3
CORES = 2
LIKE = 0.99  # in int8 a pixel's last bit is worth some thousandths of a cosine
LARGE_PX = (4032, 3024)  # a phone's 12 megapixels
Runs = dict[str, list[float]]


def run(full: bool) -> list[Row]:
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        photos = drawn(work / "world", 192 if full else 64)
        rows = small(work, photos) + large(work)
        if (VIT / "config.json").exists():
            rows += vit(work, photos[: 96 if full else 24])
            rows += int8(work, photos[: 96 if full else 24])
        else:
            print(f"no {VIT}: its rows are left out", file=sys.stderr)
        return rows


def drawn(folder: Path, count: int) -> list[Path]:
    """Photos of the demo, 400 to 1,200 px a side."""
    draw_world(folder, posts=count + 24, seed=11)
    return sorted((folder / "photos").glob("*.jpg"))[:count]


def turns(subjects: Mapping[str, Callable[[], object]], rounds: int = ROUNDS) -> Runs:
    """Seconds of each subject, in turn, `rounds` times; the first round is not counted."""
    taken: Runs = {name: [] for name in subjects}
    for number in range(rounds + 1):
        for name, function in subjects.items():
            start = time.perf_counter()
            function()
            if number:
                taken[name].append(time.perf_counter() - start)
    return taken


def items(photos: list[Path]) -> list[Item]:
    return [Item("photo:" + photo_sha256(p.read_bytes()), str(p)) for p in photos]


class Counted:
    """Takes an accumulator's place where no Spark is."""

    def add(self, number: int) -> None:
        pass


class Pipeline:
    """An ingest's embedding of photos into a folder, as one task and through Spark."""

    def __init__(self, work: Path, photos: list[Path], model: ClipModel) -> None:
        self.todo = items(photos)
        self.model = model
        self.kept, self.staged = work / "photos", work / "staging"
        self.folder = work

    def task(self, *, anew: bool) -> None:
        """In this process, one thread for the model; anew: no photo has been kept yet."""
        if anew:
            shutil.rmtree(self.kept, ignore_errors=True)
        embedder(
            str(self.model.folder.resolve()),
            self.model.name,
            self.model.batch_size,
            self.model.device,
            str(self.staged),
            str(self.kept),
            Counted(),
        )(self.todo)

    def spark(self, session: SparkSession, tasks: int) -> None:
        shutil.rmtree(self.kept, ignore_errors=True)
        staging = Staging(session, str(self.folder), self.model, "bench", SILENT)
        rdd = session.sparkContext.parallelize(self.todo, tasks)
        staging.embed("photos", rdd, len(self.todo))
        staging.clear()


def small(work: Path, photos: list[Path]) -> list[Row]:
    model = ClipModel.load("small-clip", threads=1)
    line = Pipeline(work / "small", photos, model)
    data = [p.read_bytes() for p in photos]
    runs = turns(
        {
            "decoding alone": lambda: [open_photo(d) for d in data],
            "photos that are kept already": lambda: line.task(anew=False),
            "photos that are kept first": lambda: line.task(anew=True),
            "encoding alone": lambda: [encode_photo(open_photo(d)) for d in data],
        }
    )
    what = f"small-clip, {len(photos)} photos of 400 to 1,200 px"
    covers = {
        "decoding alone": "read from memory, decode to RGB, one thread",
        "photos that are kept already": "read, decode, scale, model, stage: a reembed",
        "photos that are kept first": "the same, re-encoded and written: an ingest",
        "encoding alone": "decode, encode: what keeping costs, one thread",
    }
    rows = rates(what, runs, len(photos), covers)
    alone = "decoding alone"
    rows.append(ratio(what, "kept already", runs, alone, "photos that are kept already", 0.25))
    rows.append(
        ratio(what, "kept first", runs, "encoding alone", "photos that are kept first", None)
    )
    return rows


def large(work: Path) -> list[Row]:
    """Photos of 12 megapixels: scaled by their decoder as far as a tower allows, and whole."""
    rng = np.random.default_rng(3)
    data = [phone_photo(p, rng) for p in drawn(work / "more", 8)]
    model = ClipModel.load("small-clip", threads=1)
    wants = model.preprocess

    def exact(each: bytes) -> Float32:
        with Image.open(io.BytesIO(each)) as image:
            return wants(image.convert("RGB"))

    def scaled(each: bytes) -> Float32:
        return wants(*open_reduced(each, wants.spare_factor))

    runs = turns(
        {
            "whole": lambda: [exact(d) for d in data],
            "scaled by the decoder": lambda: [scaled(d) for d in data],
        }
    )
    what = f"{len(data)} JPEGs of {LARGE_PX[0]} x {LARGE_PX[1]}, small-clip's input"
    rows = rates(what, runs, len(data), dict.fromkeys(runs, "decode, scale, normalise; one thread"))
    cosines = (
        model.embed_pixels([exact(d) for d in data]) * model.embed_pixels([scaled(d) for d in data])
    ).sum(axis=1)
    met = bool(cosines.min() >= LIKE)
    covers = "against the whole photo's vector"
    rows.append(
        row(what, "cosine", cosines.tolist(), "cosine", "warm", covers, f"at least {LIKE}", met)
    )
    return rows


def phone_photo(path: Path, rng: np.random.Generator) -> bytes:
    """A drawn photo at a phone's size, with a sensor's noise."""
    big = Image.open(path).convert("RGB").resize(LARGE_PX, Image.Resampling.BICUBIC)
    noise = rng.normal(0, 6, (LARGE_PX[1], LARGE_PX[0], 1)).astype(np.float32)
    noisy = np.clip(np.asarray(big, np.float32) + noise, 0, 255).astype(np.uint8)
    out = io.BytesIO()
    Image.fromarray(noisy).save(out, "JPEG", quality=90)
    return out.getvalue()


def vit(work: Path, photos: list[Path]) -> list[Row]:
    one = ClipModel.load(str(VIT), threads=1)
    every = ClipModel.load(str(VIT), threads=CORES)
    tensors = [one.preprocess(open_photo(p.read_bytes())) for p in photos]
    line = Pipeline(work / "vit", photos, one)
    session = start_session(Settings(spark={"conf": {"spark.master": f"local[{CORES}]"}}))  # type: ignore[arg-type]
    pool = ProcessPoolExecutor(CORES, get_context("spawn"), ready, (photos,))
    with pool, torch(photos) as peer:
        subjects: dict[str, Callable[[], object]] = {
            "session.run, 1 thread": lambda: bare(one, tensors),
            "one task": lambda: line.task(anew=True),
            "one Spark task": lambda: line.spark(session, 1),
            f"session.run, {CORES} threads": lambda: bare(every, tensors),
            f"session.run, {CORES} processes of 1 thread": lambda: list(
                pool.map(share, range(CORES))
            ),
            f"{CORES} Spark tasks": lambda: line.spark(session, CORES),
        }
        if peer is not None:
            subjects[f"open_clip in torch, {CORES} threads"] = peer
        runs = turns(subjects)
    session.stop()
    what = f"ViT-B-32's shape, {len(photos)} photos of 400 to 1,200 px"
    alone = "the model alone, tensors ready in memory"
    whole = "read, decode, keep, scale, model, stage"
    covers = {name: alone if name.startswith("session") else whole for name in runs}
    covers |= {name: "open, transform, model" for name in runs if name.startswith("open_clip")}
    rows = rates(what, runs, len(photos), covers)
    tasks, bare_all = f"{CORES} Spark tasks", f"session.run, {CORES} threads"
    rows += [
        ratio(what, "one task", runs, "session.run, 1 thread", "one task", 0.9),
        ratio(what, "one Spark task", runs, "session.run, 1 thread", "one Spark task", 0.9),
        ratio(what, tasks, runs, bare_all, tasks, 0.9),
    ]
    apart_, threads = f"session.run, {CORES} processes of 1 thread", bare_all
    rows.append(ratio(what, apart_, runs, threads, apart_, None))
    rows += [
        ratio(what, tasks, runs, name, tasks, 1.0) for name in runs if name.startswith("open_clip")
    ]
    return rows


def int8(work: Path, photos: list[Path]) -> list[Row]:
    """The photo tower in int8, as `models quantize` makes it, beside float32."""
    whole = ClipModel.load(str(VIT), threads=1)
    tensors = [whole.preprocess(open_photo(p.read_bytes())) for p in photos]
    copied = work / "int8"
    for tower in ("visual", "textual"):
        (copied / tower).mkdir(parents=True)
    for name in FILES:
        if name == "visual/model.onnx":
            shown = [np.stack(tensors[i : i + 8]) for i in range(0, 16, 8)]
            static_tower(VIT / name, copied / name, shown)
        else:
            (copied / name).symlink_to(VIT / name)
    narrow = ClipModel(copied, threads=1)
    runs = turns(
        {
            "float32, 1 thread": lambda: bare(whole, tensors),
            "int8, 1 thread": lambda: bare(narrow, tensors),
        }
    )
    what = f"ViT-B-32's shape in int8, {len(photos)} photos"
    alone = "the model alone, tensors ready in memory"
    rows = rates(what, runs, len(photos), dict.fromkeys(runs, alone))
    rows.append(ratio(what, "int8", runs, "float32, 1 thread", "int8, 1 thread", 2.2))
    cosines = (whole.embed_pixels(tensors) * narrow.embed_pixels(tensors)).sum(axis=1)
    covers = "a photo's vector by int8 to that by float32; the weights are random"
    rows.append(row(what, "cosine", cosines.tolist(), "cosine", "warm", covers))
    return rows


def bare(model: ClipModel, tensors: list[Float32]) -> None:
    """onnxruntime's own call, in batches of the pipeline's size."""
    session = model._visual  # noqa: SLF001  (beside the package's own way it is what is measured)
    name = session.get_inputs()[0].name
    for start in range(0, len(tensors), model.stride):
        session.run(None, {name: np.stack(tensors[start : start + model.stride])})


_here: list[tuple[ClipModel, list[Float32]]] = []


def ready(photos: list[Path]) -> None:
    """Load the model and make tensors ready in one of several processes."""
    model = ClipModel.load(str(VIT), threads=1)
    _here.append((model, [model.preprocess(open_photo(p.read_bytes())) for p in photos]))


def share(number: int) -> None:
    model, tensors = _here[0]
    bare(model, tensors[number::CORES])


@contextmanager
def torch(photos: list[Path]) -> Iterator[Callable[[], object] | None]:
    """A call that runs open_clip once, in an environment of its own; None without that."""
    if not TORCH.exists():
        yield None
        return
    script = Path(__file__).parent / "peers" / "open_clip_torch.py"
    command = [str(TORCH), str(script), str(CORES), *map(str, photos)]
    pipe = subprocess.PIPE
    with subprocess.Popen(
        command, stdin=pipe, stdout=pipe, stderr=subprocess.DEVNULL, text=True
    ) as peer:
        assert peer.stdin is not None
        assert peer.stdout is not None
        said, heard = peer.stdin, peer.stdout
        if heard.readline().strip() != "ready":
            raise RuntimeError(f"{' '.join(command[:2])} failed")

        def once() -> object:
            said.write("\n")
            said.flush()
            return heard.readline()

        try:
            yield once
        finally:
            said.close()


def rates(what: str, runs: Runs, count: int, covers: Mapping[str, str]) -> list[Row]:
    return [
        row(what, name, [count / s for s in taken], "photos/s", "warm", covers[name])
        for name, taken in runs.items()
    ]


def ratio(what: str, subject: str, runs: Runs, of: str, ours: str, goal: float | None) -> Row:
    """Throughput of `ours` to that of `of`, round by round."""
    values = [a / b for a, b in zip(runs[of], runs[ours], strict=True)]
    middle = statistics.median(values)
    return row(
        what,
        f"{subject} : {of}",
        values,
        "ratio",
        "warm",
        "throughput to throughput, round by round",
        "" if goal is None else f"at least {goal}",
        None if goal is None else middle >= goal,
    )
