"""How well a model folder knows photographs: `python measure.py FOLDER --photographs FOLDER`.

Every photo goes through the project's own path from bytes to a vector. Intervals are 95 % by a
bootstrap over the queries. The set `tune` is for tuning; `final` is looked at when all is done.
"""

import argparse
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import unseen
from captions import SENTENCE, sentence
from grounds import composites
from photographs import KINDS, SETS, Photograph, of_kind, photographs, pixels, read
from PIL import Image

from matching_spark.domain.things import COLOURS as ENGLISH
from matching_spark.embed.clip import ClipModel

Texts = Callable[[Sequence[str]], np.ndarray]
ENGLISH_SENTENCE = "I lost my {x} on the subway yesterday"
FORMS: dict[
    str, tuple[int, Callable[[str], str]]
] = {  # name -> (0 Korean, 1 English; what is said)
    "Korean word": (0, str),
    "Korean sentence": (0, lambda x: sentence(x, SENTENCE)),
    "Korean, unseen sentence": (0, lambda x: sentence(x, unseen.UNSEEN)),
    "English word": (1, str),
    "English sentence": (1, lambda x: ENGLISH_SENTENCE.format(x=x)),
    "English, unseen sentence": (1, lambda x: unseen.ENGLISH.format(x=x)),
}
BATCH = 64


def places(scores: np.ndarray, true: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
    """(queries,) how many wrong columns score higher than the best true one of each row.

    scores: (queries, gallery). true: the same shape, bool. out: columns that do not count.
    """
    best = np.where(true, scores, -np.inf).max(1)
    wrong = ~true if out is None else ~true & ~out
    return np.asarray((wrong & (scores > best[:, None])).sum(1))


def shares(place: np.ndarray, ks: Sequence[int] = (1, 10)) -> dict[str, Any]:
    """@k -> (share, low, high) of queries whose answer is among the first k."""
    rng = np.random.default_rng(0)
    draws = rng.integers(0, len(place), (1000, len(place)))
    found: dict[str, Any] = {"queries": len(place)}
    for k in ks:
        hit = place < k
        low, high = np.percentile(hit[draws].mean(1), (2.5, 97.5))
        found[f"@{k}"] = (round(float(hit.mean()), 4), round(float(low), 4), round(float(high), 4))
    return found


def measure(
    photos: Sequence[Photograph], vectors: np.ndarray, grounds: np.ndarray, texts: Texts
) -> dict[str, dict[str, Any]]:
    """name -> its shares. vectors: (n, d) of the photos. grounds: (m, 2, d) of the composites."""
    out = {}
    at, names = of_kind(photos, "thing")
    if at:
        name = np.array(names)
        true = np.zeros((len(at), len(photos)), bool)
        true[:, at] = name[:, None] == name
        itself = np.zeros_like(true)
        itself[np.arange(len(at)), at] = True
        place = places(vectors[at] @ vectors.T, true & ~itself, itself)
        out["same thing in another place"] = shares(place) | {"gallery": len(photos) - 1}
    if len(grounds):
        same = np.eye(len(grounds), dtype=bool)
        place = places(grounds[:, 0] @ grounds[:, 1].T, same)
        out["cut out, on two busy grounds"] = shares(place) | {"gallery": len(grounds)}
    at, names = of_kind(photos, "catalogue")
    shelf, products = of_kind(photos, "shelf")
    if at:
        true = np.array(names)[:, None] == np.array(products)
        out["catalogue picture to shelf photo"] = shares(
            places(vectors[at] @ vectors[shelf].T, true)
        ) | {"gallery": len(shelf)}
    return out | _words(photos, vectors, texts) | _lost(photos, vectors, texts) | _colours(
        photos, vectors, texts
    )  # fmt: skip


def _words(photos: Sequence[Photograph], vectors: np.ndarray, texts: Texts) -> dict[str, Any]:
    gallery = [i for i, p in enumerate(photos) if {"word", "crowd"} & p.shows.keys()]
    shown = np.array([photos[i].shows.get("word", "") for i in gallery])
    asked = sorted(set(shown) - {""})
    out = {}
    for form, (language, said) in FORMS.items() if asked else ():
        told = texts([said(a.split("/")[language]) for a in asked])
        true = np.array(asked)[:, None] == shown
        out[f"words: {form}"] = shares(places(told @ vectors[gallery].T, true)) | {
            "gallery": len(gallery)
        }
    return out


def _lost(photos: Sequence[Photograph], vectors: np.ndarray, texts: Texts) -> dict[str, Any]:
    """By the word: is any photo of it among the first? Photo by photo: is this one, alone of it?"""
    at, names = of_kind(photos, "lost")
    crowd = [i for i, p in enumerate(photos) if {"word", "crowd"} & p.shows.keys()]
    gallery, asked = at + crowd, sorted(set(names))
    every = np.array(names + [""] * len(crowd))
    true = np.array(asked)[:, None] == every
    # What a person would take for an answer too is neither right nor wrong.
    left = np.array([[_answers(photos[i], a) for i in gallery] for a in asked]) & ~true
    out: dict[str, Any] = {}
    for form, (language, said) in FORMS.items() if asked else ():
        scores = texts([said(a.split("/")[language]) for a in asked]) @ vectors[gallery].T
        size = {"gallery": len(gallery)}
        place = places(scores, true, left)
        out[f"lost: {form}"] = shares(place) | size
        if form.endswith(" word"):
            out[f"lost: {form}"]["by name"] = dict(zip(asked, place.tolist(), strict=True))
        row = np.array([asked.index(n) for n in names])
        own = np.arange(len(gallery)) == np.arange(len(at))[:, None]
        place = places(scores[row], own, (left | true)[row])
        out[f"lost, photo by photo: {form}"] = shares(place) | size
    return out


def _answers(photo: Photograph, asked: str) -> bool:
    """Whether a photo of something else may be meant by the name: a cowboy hat by a hat."""
    english = asked.split("/")[1]
    other = photo.shows.get("word", "/").split("/")[1]
    return english in photo.shows.get("also", "").split(",") or english in other.split()


def _colours(photos: Sequence[Photograph], vectors: np.ndarray, texts: Texts) -> dict[str, Any]:
    """Of the eleven colour words, is the first one right?"""
    at, told = of_kind(photos, "colour")
    out = {}
    forms: dict[str, Callable[[str, str, str], str]] = {
        "Korean, with the thing": lambda colour, korean, english: f"{colour} {korean}",
        "Korean, alone": lambda colour, korean, english: colour,
        "English, with the thing": lambda colour, korean, english: f"{ENGLISH[colour]} {english}",
    }
    for form, said in forms.items() if at else ():
        place = []
        for i, shows in zip(at, told, strict=True):
            colour, korean, english = shows.split("/")
            scores = texts([said(c, korean, english) for c in ENGLISH]) @ vectors[i]
            place.append(int((scores > scores[list(ENGLISH).index(colour)]).sum()))
        out[f"colour of eleven: {form}"] = shares(np.array(place), (1, 2)) | {
            "gallery": len(ENGLISH)
        }
    return out


def embed(model: ClipModel, photos: Sequence[Photograph], folder: Path) -> np.ndarray:
    """(n, d) of the photos' bytes."""
    rows, batch = [], []
    for data in read(photos, folder):
        batch.append(model.pixels(data))
        if len(batch) == BATCH:
            rows.append(model.embed_pixels(batch))
            batch = []
    return np.concatenate([*rows, model.embed_pixels(batch)])


def remembered(texts: Texts) -> Texts:
    """The same, each line embedded once."""
    known: dict[str, np.ndarray] = {}

    def told(lines: Sequence[str]) -> np.ndarray:
        new = [line for line in dict.fromkeys(lines) if line not in known]
        if new:
            known.update(zip(new, texts(new), strict=True))
        return np.stack([known[line] for line in lines])

    return told


def load(wanted: str, folder: Path) -> dict[str, tuple[np.ndarray, list[str]]]:
    """kind -> (pixels uint8 (n, 224, 224, 3), what each shows); composites as 'grounds'."""
    every, photos = pixels(wanted, folder), photographs(wanted)
    out = {}
    for kind in KINDS:
        at, shows = of_kind(photos, kind)
        out[kind] = (every[at], shows)
    return out | {"grounds": (composites(wanted, folder), [])}


def measured(model: ClipModel, wanted: str, folder: Path) -> dict[str, dict[str, Any]]:
    photos = photographs(wanted)
    vectors = embed(model, photos, folder)
    pairs = composites(wanted, folder)
    flat = pairs.reshape(-1, *pairs.shape[2:])
    grounds = [
        model.embed_images([Image.fromarray(p) for p in flat[i : i + BATCH]])
        for i in range(0, len(flat), BATCH)
    ]
    joined = np.concatenate(grounds).reshape(len(pairs), 2, -1) if grounds else np.empty((0, 2, 1))
    return measure(photos, vectors, joined, remembered(model.embed_texts))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", type=Path)
    parser.add_argument("--photographs", type=Path, required=True)
    parser.add_argument("--set", choices=SETS, default="tune")
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    model = ClipModel(arguments.model, threads=1)
    found = measured(model, arguments.set, arguments.photographs)
    print(f"{model.name}, set {arguments.set}")
    for name, row in found.items():
        cells = "  ".join(
            f"{k} {v[0]:.3f} [{v[1]:.3f}, {v[2]:.3f}]" for k, v in row.items() if k[0] == "@"
        )
        print(f"  {name:48} {cells}  ({row['queries']} queries, gallery {row['gallery']})")
    if arguments.out:
        n = len(photographs(arguments.set))
        before = arguments.out.read_text("utf-8") if arguments.out.exists() else "{}"
        kept = json.loads(before)  # the other set's
        text = json.dumps(
            kept | {arguments.set: {"model": model.name, "photographs": n, **found}},
            ensure_ascii=False,
            indent=1,
        )
        arguments.out.write_text(text + "\n", "utf-8")
