"""How good a model folder is: `python evaluate.py FOLDER --data DATA --out measured.json`.

Photos are drawn from the vendor that was kept out of training, and from the trained ones with
another seed. Recall is that of a gallery of 1,000 photos; the interval is 95 % by a bootstrap over
the queries.
"""

import argparse
import json
import random
from pathlib import Path
from typing import Any

import numpy as np
import unseen
from captions import SENTENCE, sentence
from draw import COLOURS
from PIL import Image
from scenes import AT_ONCE, World
from sources import HELD_OUT, TRAINED, Sprites, sprites, things

from matching_spark.domain.things import COLOURS as ENGLISH
from matching_spark.embed.clip import ClipModel

GALLERY = 1000
ENGLISH_FORMS = (
    "{x}",
    "{x}",
    "a {x}",
    "a photo of a {x}",
    "lost {x}",
    "found {x}",
    "I lost my {x}",
    "I lost a {x} on the subway yesterday",
    "a {x} left on the bus",
    "looking for my {x}",
    "have you seen a {x}?",
    "a {x} was found at the station",
    "my {x} is missing, please help",
)
WALLET = "지갑"


def evaluate(folder: Path, data: Path, seed: int = 1000) -> dict[str, Any]:
    model, art = ClipModel(folder, threads=2), sprites(data)
    groups = {"held-out vendor": (HELD_OUT,), "trained vendors": TRAINED}
    out: dict[str, Any] = {}
    for label, vendors in groups.items():
        found = out[label] = _group(model, art, vendors, seed)
        print(f"\n{label}, {GALLERY} photos: recall@1, @5, @10")
        for name, row in found["recall"].items():
            cells = "  ".join(f"{r:.3f} [{a:.3f}, {b:.3f}]" for r, a, b in row)
            print(f"  {name:28} {cells}")
        for name, values in found["cosine"].items():
            print(f"  cosine, {name}: " + ", ".join(f"{k} {v:.2f}" for k, v in values.items()))
    return out


def _group(model: ClipModel, art: Sprites, vendors: tuple[str, ...], seed: int) -> dict[str, Any]:
    world = World(art, vendors, seed)
    names, palette = things(), list(COLOURS)
    rng = np.random.default_rng(seed)
    # Distinct pairs of a thing and a colour, so that a caption names one item of the gallery.
    pairs = [(t, c) for t in sorted(world.of) for c in range(len(palette))]
    random.Random(seed).shuffle(pairs)
    pairs = pairs[:GALLERY]
    sprite = [world.rng.choice(world.of[t]) for t, _ in pairs]
    a, b = _photos(model, world, sprite, [c for _, c in pairs])
    own = random.Random(seed)
    plain = [f"{palette[c]} {names[t].korean[0]}" for t, c in pairs]
    english = [f"{ENGLISH[palette[c]]} {own.choice(names[t].english)}" for t, c in pairs]
    others = unseen.OTHERS
    texts = {
        "Korean words": plain,
        "Korean sentence": [sentence(x, SENTENCE) for x in plain],
        "Korean, unseen sentence": [sentence(x, unseen.UNSEEN) for x in plain],
        "Korean, three other unseen sentences": [
            sentence(x, others[i % len(others)]) for i, x in enumerate(plain)
        ],
        "English": [own.choice(ENGLISH_FORMS).format(x=x) for x in english],
        "English, unseen sentence": [unseen.ENGLISH.format(x=x) for x in english],
    }
    recalls = {"same item": recall(a @ b.T, rng)}
    cosines = {}
    for name, lines in texts.items():
        vectors = model.embed_texts(lines)
        recalls[name] = recall(vectors @ a.T, rng)
        if name == "Korean words":
            cosines["text to its photo"] = spread((vectors * a).sum(1))
    thing, tint = np.array([t for t, _ in pairs]), np.array([c for _, c in pairs])
    scores = a @ b.T
    same = np.eye(len(pairs), dtype=bool)
    recoloured = (thing[:, None] == thing[None]) & (tint[:, None] != tint[None])
    cosines["same item"] = spread(scores[same])
    cosines["same thing, other colour"] = spread(scores[recoloured])
    cosines["other thing"] = spread(scores[thing[:, None] != thing[None]])

    wallets = world.of[next(i for i, n in enumerate(names) if n.korean[0] == WALLET)]
    sprite = [world.rng.choice(wallets) for _ in range(GALLERY)]
    colour = [world.rng.randrange(len(palette)) for _ in range(GALLERY)]
    a, b = _photos(model, world, sprite, colour)
    recalls["same item, wallets only"] = recall(a @ b.T, rng)

    # Every colour of one thing, for 60 things: which of the eleven is it?
    some = random.Random(seed).sample(sorted(world.of), 60)
    sprite = [world.of[t][0] for t in some for _ in palette]
    colour = [c for _ in some for c in range(len(palette))]
    a, b = _photos(model, world, sprite, colour)
    n = len(palette)
    ranks = np.concatenate([ranked(a[i : i + n] @ b[i : i + n].T) for i in range(0, len(a), n)])
    recalls["one thing in all colours"] = _intervals(ranks, rng)
    return {"recall": recalls, "cosine": cosines}


def _photos(
    model: ClipModel, world: World, sprite: list[int], colour: list[int]
) -> list[np.ndarray]:
    """The vectors of two photos of each item."""
    parts = []
    for i in range(0, len(sprite), AT_ONCE):
        shots = world.shots(sprite[i : i + AT_ONCE], colour[i : i + AT_ONCE], 2)
        pixels = (shots * 255).round().byte().permute(0, 1, 3, 4, 2).numpy()
        parts.append([model.embed_images([Image.fromarray(p) for p in half]) for half in pixels])
    return [np.concatenate(half) for half in zip(*parts, strict=True)]


def ranked(scores: np.ndarray) -> np.ndarray:
    """rank[i]: how many columns score higher in row i than its true one, i."""
    return np.asarray((scores > np.diag(scores)[:, None]).sum(1))


def recall(scores: np.ndarray, rng: np.random.Generator) -> list[tuple[float, float, float]]:
    return _intervals(ranked(scores), rng)


def _intervals(rank: np.ndarray, rng: np.random.Generator) -> list[tuple[float, float, float]]:
    """(recall, low, high) at 1, 5 and 10."""
    out = []
    for k in (1, 5, 10):
        hit = rank < k
        low, high = np.percentile(rng.choice(hit, (1000, len(hit))).mean(1), (2.5, 97.5))
        out.append((float(hit.mean()), float(low), float(high)))
    return out


def spread(values: np.ndarray) -> dict[str, float]:
    marks = (1, 5, 10, 50, 90, 99)
    return {f"p{m}": float(v) for m, v in zip(marks, np.percentile(values, marks), strict=True)}


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args()
    measured = evaluate(arguments.folder, arguments.data)
    arguments.out.write_text(json.dumps(measured, ensure_ascii=False, indent=1) + "\n", "utf-8")
