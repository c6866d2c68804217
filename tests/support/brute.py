"""Brute force: every post's score in float64, sorted; what every route must give."""

import datetime as dt
from dataclasses import dataclass

import numpy as np

from matching_spark.search.request import Vectors


@dataclass(frozen=True)
class Plain:
    """A post as plain arrays: photos (n, d), text (d,) or None."""

    post_id: str
    photos: np.ndarray
    text: np.ndarray | None
    day: dt.date | None = None


def similarity(a: np.ndarray, b: np.ndarray, metric: str) -> float:
    a, b = a.astype(np.float64), b.astype(np.float64)
    a, b = a / np.linalg.norm(a), b / np.linalg.norm(b)
    return float(a @ b) if metric == "cosine" else float(1 / (1 + np.linalg.norm(a - b)))


def score(post: Plain, query: Vectors, metric: str) -> float | None:
    def photos(vector: np.ndarray | None) -> float | None:
        if vector is None or not len(post.photos):
            return None
        return max(similarity(vector, photo, metric) for photo in post.photos)

    words = (
        None
        if query.text is None or post.text is None
        else similarity(query.text, post.text, metric)
    )
    by_image, by_text = photos(query.image), photos(query.text)
    if query.image is None:
        return by_text if by_text is not None else words
    there = [s for s in (by_image, by_text, words) if s is not None]
    return sum(there) / len(there) if there else None


def search(
    posts: list[Plain], query: Vectors, k: int, threshold: float | None, metric: str = "cosine"
) -> list[tuple[str, float]]:
    scored = [(post.post_id, score(post, query, metric)) for post in posts]
    kept = [(i, s) for i, s in scored if s is not None and (threshold is None or s >= threshold)]
    return sorted(kept, key=lambda pair: (-pair[1], pair[0]))[:k]


def stable(want: list[tuple[str, float]]) -> list[tuple[str, float]]:
    """Brute force's order, where its own rounding (1e-15) did not decide between equals."""
    return sorted(((i, round(value, 9)) for i, value in want), key=lambda p: (-p[1], p[0]))
