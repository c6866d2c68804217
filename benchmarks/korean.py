"""Whether Korean queries want normalising before the text tower: particles, joined words, English.

A gallery of drawn photos, each of another thing or colour; a query names one. recall@10 of the
query as it is written, and of the same query with particles cut off and compounds split by the
domain's own words.
"""

import io
from importlib.resources import files

import numpy as np
from PIL import Image

from benchmarks.harness import Row
from matching_spark.config import load_settings
from matching_spark.demo.draw import SHADES, VENDORS, Item, photo, shade
from matching_spark.demo.words import COLOUR_WORDS, Thing, things
from matching_spark.domain import things as every
from matching_spark.embed.clip import ClipModel

PARTICLES = ("에서", "으로", "을", "를", "이", "가", "은", "는", "의", "에", "도", "로")
ENGLISH = dict(
    zip(
        SHADES,
        ("white", "black", "red", "orange", "yellow", "green", "blue", "brown", "purple", "pink"),
        strict=True,
    )
)
K = 10
DRAWS = 1000


def run(full: bool) -> list[Row]:
    model = ClipModel.of(load_settings()[0].model)
    rng = np.random.default_rng(0)
    pairs = [(thing, colour) for thing in things() for colour in SHADES]
    chosen = [pairs[i] for i in rng.permutation(len(pairs))[: 1000 if full else 120]]
    gallery = model.embed_images([_photo(thing, colour, rng) for thing, colour in chosen])
    english = _english()
    colours = [str(rng.choice(COLOUR_WORDS[colour])) for _, colour in chosen]
    names = [str(rng.choice(thing.names)) for thing, _ in chosen]
    variants = {
        "검정 지갑": [f"{c} {n}" for c, n in zip(colours, names, strict=True)],
        "검정지갑": [f"{c}{n}" for c, n in zip(colours, names, strict=True)],
        "검정 지갑을": [f"{c} {n}{_object(n)}" for c, n in zip(colours, names, strict=True)],
        "검정지갑을": [f"{c}{n}{_object(n)}" for c, n in zip(colours, names, strict=True)],
        "검정 지갑을 찾습니다": [
            f"{c} {n}{_object(n)} 찾습니다" for c, n in zip(colours, names, strict=True)
        ],
        "black wallet": [f"{ENGLISH[colour]} {english[thing.code]}" for thing, colour in chosen],
    }
    rows = []
    for name, queries in variants.items():
        plain = _hits(model, queries, gallery)
        normal = _hits(model, [normalised(q) for q in queries], gallery)
        task = f"'{name}' among {len(chosen)} photos, recall@{K}"
        for subject, hits in (("as written", plain), ("normalised", normal)):
            rows.append(_row(task, subject, hits, rng))
        rows.append(_row(task, "gain of normalising", normal - plain, rng))
    return rows


def normalised(query: str) -> str:
    """Particles cut off and compounds split, where what is left are words of the domain."""
    out: list[str] = []
    for token in query.split():
        stems = [token, *(token.removesuffix(p) for p in PARTICLES if token.endswith(p))]
        split = next((parts for stem in stems if (parts := _parts(stem))), None)
        out += split or [token]
    return " ".join(out)


def _parts(word: str) -> list[str] | None:
    """The word as one of the domain's names, or a colour and a name; None if it is neither."""
    if word in _NAMES or word in _COLOURS:
        return [word]
    for colour in _COLOURS:
        if word.startswith(colour) and word.removeprefix(colour) in _NAMES:
            return [colour, word.removeprefix(colour)]
    return None


_NAMES = frozenset(name for thing in things() for name in thing.names)
_COLOURS = sorted((w for of in COLOUR_WORDS.values() for w in of if w), key=len, reverse=True)


def _hits(model: ClipModel, queries: list[str], gallery: np.ndarray) -> np.ndarray:
    scores = model.embed_texts(queries) @ gallery.T
    own = np.diag(scores)
    return np.asarray((scores > own[:, None]).sum(axis=1) < K, float)


def _row(task: str, subject: str, hits: np.ndarray, rng: np.random.Generator) -> Row:
    draws = rng.choice(hits, (DRAWS, len(hits))).mean(axis=1)
    low, high = np.percentile(draws, (2.5, 97.5))
    return Row(
        what=task,
        subject=subject,
        value=float(hits.mean()),
        low=float(low),
        high=float(high),
        runs=DRAWS,
        unit="ratio",
        state="warm",
        includes="a 95 % bootstrap over the queries in place of the extremes",
    )


def _photo(thing: Thing, colour: str, rng: np.random.Generator) -> Image.Image:
    drawings = files("matching_spark.demo") / "drawings"
    vendors = [v for v in VENDORS if (drawings / v / f"{thing.code}.svg").is_file()]
    item = Item(
        thing.code, str(rng.choice(vendors)), colour, shade(colour, rng), 0.1, 1.0, mark=None
    )
    return Image.open(io.BytesIO(photo(item, rng))).convert("RGB")


def _object(word: str) -> str:
    last = ord(word[-1]) - 0xAC00
    return "을" if 0 <= last < 11172 and last % 28 else "를"


def _english() -> dict[str, str]:
    return {each.drawing.lower(): each.english[0] for each in every.things()}
