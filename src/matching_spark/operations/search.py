"""One search as the command line asks it: the question embedded, compared, answered."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from matching_spark import storage
from matching_spark.config import Settings
from matching_spark.domain.posts import Filters, Kind
from matching_spark.domain.results import SearchResult
from matching_spark.embed.clip import ClipModel
from matching_spark.errors import InputError, ModelError
from matching_spark.score.ranking import Facts, Score
from matching_spark.search.fused import of_row
from matching_spark.search.request import Vectors
from matching_spark.similarity_engine import Query, SimilarityEngine
from matching_spark.table.posts_table import PostsTable

EXTERNAL = "external/"  # vectors made elsewhere: there is no model to embed a photo with


@dataclass(frozen=True)
class Question:
    """What is looked for: a photo, words, both, a vector's file, or a post's id."""

    image: str | None = None
    text: str | None = None
    embedding: Path | None = None
    post_id: str | None = None

    def described(self) -> dict[str, Any]:
        values = {
            "image": self.image,
            "text": self.text,
            "post_id": self.post_id,
            "embedding": None if self.embedding is None else str(self.embedding),
        }
        return {name: value for name, value in values.items() if value is not None}

    def photo(self, result: SearchResult) -> bytes | None:
        """The query's picture for a page, where it has one."""
        uri = self.image or result.query.get("photo")
        return storage.read_bytes(uri) if uri else None


def answer(
    settings: Settings, question: Question, where: Filters, snapshot: str | None = None
) -> SearchResult:
    """Answer a question by the settings' table, model and runner; Spark is stopped at the end."""
    table = PostsTable.open(settings.table)
    with engine_of(settings, table, _model(settings, table, question)) as engine:
        return ask(engine, settings, question, where, snapshot)


@contextmanager
def engine_of(
    settings: Settings, table: PostsTable, model: ClipModel | None = None
) -> Iterator[SimilarityEngine]:
    """An engine of the settings' runner; what it started of Spark is stopped at the end."""
    runner, cache = settings.similarity.runner, settings.cache
    if runner == "memory":
        yield SimilarityEngine(table, runner, model, cache)
        return
    from matching_spark.spark.session import context

    with context(settings) as started:
        yield SimilarityEngine(table, runner, model, cache, started)


def ask(
    engine: SimilarityEngine,
    settings: Settings,
    question: Question,
    where: Filters,
    snapshot: str | None = None,
) -> SearchResult:
    """Answer a question with an engine that is there already."""
    start = time.perf_counter()
    described = question.described()
    exclude: frozenset[str] = frozenset()
    default_kind: Kind = "found"
    wanted = settings.similarity
    score: Score | None = "cosine" if question.embedding is not None else wanted.score
    calibration = engine.fusion(score, wanted.metric)
    facts = Facts(where.category or "", where.colour or "", where.region or "")
    if question.post_id is not None:
        vectors, post = engine.post_vectors(question.post_id, snapshot)
        if calibration is None and vectors.image is not None:
            vectors = Vectors(image=vectors.image)
        default_kind = "lost" if post["kind"] == "found" else "found"
        facts = of_row(post, post["kind"])
        described |= {"title": post["title"], "photo": post["photo"]}
        exclude = frozenset([question.post_id])
    elif question.embedding is not None:
        rows = engine.check_vectors(_load_vector(question.embedding))
        if len(rows) != 1:
            raise InputError(f"{question.embedding} holds {len(rows)} vectors; a search takes one")
        vectors = Vectors(image=rows[0])
    else:
        vectors = engine.embed([Query(question.image, question.text)])[0]
    embed_ms = (time.perf_counter() - start) * 1000
    threshold = wanted.threshold
    if threshold is None and calibration is not None:
        threshold = calibration.thresholds[vectors.limit(facts)]
    elif threshold is None and engine.model and wanted.metric == "cosine":
        threshold = _card_threshold(engine.model, vectors)
    if where.kind is None:
        where = replace(where, kind=default_kind)
    if question.post_id is None and where.kind == "lost":
        facts = replace(facts, kind="found")
    return engine.answer(
        vectors,
        described,
        embed_ms=embed_ms,
        top_k=wanted.top_k,
        threshold=threshold,
        where=where,
        metric=wanted.metric,
        snapshot=snapshot,
        exclude=exclude,
        calibration=calibration,
        facts=facts,
        language=wanted.language,
        nprobe=wanted.nprobe,
    )


def _model(settings: Settings, table: PostsTable, question: Question) -> ClipModel | None:
    """The table's model; None where only vectors are compared and the model is not at hand."""
    needed = question.image is not None or question.text is not None
    if table.model.startswith(EXTERNAL):
        if needed:
            raise ModelError(
                f"{table.uri} holds {table.model} vectors, made elsewhere: there is no model to "
                "embed a photo or words with; search with --embedding F.npy or --post ID"
            )
        return None
    if needed:
        model = ClipModel.of(settings.model)
        table.check_model(model.name)
        return model
    return table_model(settings, table)


def table_model(settings: Settings, table: PostsTable) -> ClipModel | None:
    """The settings' model where it is the table's: its card has the thresholds; else None."""
    try:
        model = ClipModel.of(settings.model)
        table.check_model(model.name)
    except ModelError:
        return None
    return model


def _card_threshold(model: ClipModel, vectors: Vectors) -> float | None:
    """The model card's for the pair of modalities; none for both at once, which no card has."""
    if vectors.image is not None and vectors.text is not None:
        return None
    return model.default_threshold("image-image" if vectors.image is not None else "text-image")


def _load_vector(path: Path) -> np.ndarray:
    try:
        vector: np.ndarray = np.load(path, allow_pickle=False)
    except FileNotFoundError:
        raise InputError(f"there is no {path}") from None
    except (ValueError, OSError, EOFError) as error:
        raise InputError(f"{path} is not a .npy of numbers: {error}") from None
    return vector
