"""How sure a model is of what it calls a photo: `python describe.py FOLDER --data DATA`.

Learns describe.json of a model folder on drawn photos of half of the things, as the vendor that
was kept out of training draws them, and prints how good it is on the other half: the drawings of
the vendors that the model was trained on would make it too sure of itself (the share of what is
right at a confidence of 0.9 says so below). Of the photos, some show nothing, and from some the
right names are hidden: there, nothing is to be said.
"""

import argparse
import random
from collections.abc import Iterator
from pathlib import Path

import matching_spark  # noqa: F401  (says no to onnxruntime's telemetry before its import)

# isort: split
import numpy as np
import torch
from draw import COLOURS, colour_rgb, photos, tint
from PIL import Image
from sources import HELD_OUT, TRAINED, Sprites, sprites
from sure import RATE, best_scale, cut, log_loss

from matching_spark.embed.clip import ClipModel
from matching_spark.embed.confidence import FILE, FORMAT, Confidence, Cuts, Scale
from matching_spark.embed.naming import Names, names_of
from matching_spark.storage import write_file

PHOTOS = 2000  # of each set; half are of things that are learnt on
EMPTY = 0.1  # of the photos: nothing lies on the ground
HIDDEN = 0.1  # of the photos: all names of their category are hidden
AT_ONCE = 40
EVEN, ODD = 0, 1  # of the place of a thing in the list: learnt on, measured on


class Seen:
    """What a model makes of drawn photos. No thing and no colour: -1.

    things: (n, things) cosines, those of hidden names -1. colours: (n, colours) cosines. thing,
    category, colour: (n,) the right ones, as Names counts them; half: (n,) EVEN or ODD.
    """

    def __init__(self, clip: ClipModel, art: Sprites, vendors: tuple[str, ...], seed: int) -> None:
        names = names_of(clip)
        vectors, thing, colour = [], [], []
        for pictures, of, tints in drawn(art, vendors, seed):
            vectors.append(clip.embed_images(pictures))
            thing += of
            colour += tints
        every = np.concatenate(vectors)
        rng = np.random.default_rng(seed)
        drawings = [i for i, each in enumerate(names.things) if each.drawing]
        there = np.array(thing) >= 0
        self.half = np.where(there, np.array(thing) % 2, rng.integers(2, size=len(thing)))
        self.thing = np.array([drawings[t] if t >= 0 else -1 for t in thing])
        self.category = np.where(there, names.category[self.thing], -1)
        self.colour = np.array(colour)
        self.things, self.colours = names.of_things(every), names.of_colours(every)
        hidden = there & (rng.random(len(thing)) < HIDDEN)
        self.things[hidden[:, None] & (names.category[None] == self.category[:, None])] = -1
        self.thing[hidden] = self.category[hidden] = -1
        self.known = there & ~hidden

    def part(self, half: int) -> "Seen":
        some = object.__new__(Seen)
        some.__dict__ = {name: values[self.half == half] for name, values in vars(self).items()}
        return some


def drawn(
    art: Sprites, vendors: tuple[str, ...], seed: int
) -> Iterator[tuple[list[Image.Image], list[int], list[int]]]:
    """Photos, the place of each one's thing in things(), that of its colour; -1 for nothing."""
    rng, generator = random.Random(seed), torch.Generator().manual_seed(seed)
    of: dict[int, list[int]] = {}
    for i, (t, v) in enumerate(zip(art.thing, art.vendor, strict=True)):
        if art.vendors[v] in vendors:
            of.setdefault(int(t), []).append(i)

    def some(sprites: list[int]) -> torch.Tensor:
        return torch.from_numpy(art.pictures[sprites]).permute(0, 3, 1, 2).float() / 255

    for _ in range(PHOTOS // AT_ONCE):
        thing = [rng.choice(sorted(of)) for _ in range(AT_ONCE)]
        colour = [rng.randrange(len(COLOURS)) for _ in range(AT_ONCE)]
        empty = [rng.random() < EMPTY for _ in range(AT_ONCE)]
        items = some([rng.choice(of[t]) for t in thing])
        keep = torch.rand(AT_ONCE, generator=generator) * 0.3
        all_tinted = torch.ones(AT_ONCE, dtype=torch.bool)
        items = tint(items, colour_rgb(colour, generator), all_tinted, keep)
        items[torch.tensor(empty), 3] = 0
        others = some([rng.choice(of[rng.choice(sorted(of))]) for _ in range(AT_ONCE)])
        others[torch.tensor(empty), 3] = 0
        pixels = photos(items, others, generator).permute(0, 2, 3, 1)
        yield (
            [Image.fromarray(p) for p in (pixels * 255).round().byte().numpy()],
            [-1 if e else t for t, e in zip(thing, empty, strict=True)],
            [-1 if e else c for c, e in zip(colour, empty, strict=True)],
        )


def learn(seen: Seen, names: Names, model: str) -> Confidence:
    def of_things(scale: Scale) -> float:
        p = scale.probabilities(seen.things)
        return log_loss(p, seen.thing) + log_loss(names.by_category(p), seen.category)

    scale_t = best_scale(of_things)
    scale_c = best_scale(lambda s: log_loss(s.probabilities(seen.colours), seen.colour))
    p = scale_t.probabilities(seen.things)
    cuts = Cuts(
        cut(p, seen.thing),
        cut(names.by_category(p), seen.category),
        cut(scale_c.probabilities(seen.colours), seen.colour),
    )
    return Confidence(FORMAT, model, scale_t, scale_c, cuts, RATE, {})


def measured(seen: Seen, names: Names, sure: Confidence) -> dict[str, dict[str, float]]:
    """What is right, of category, thing and colour."""
    p = sure.things.probabilities(seen.things)
    return {
        "category": _row(names.by_category(p), seen.category, seen.known, sure.cuts.category),
        "thing": _row(p, seen.thing, seen.known, sure.cuts.thing),
        "colour": _row(
            sure.colours.probabilities(seen.colours),
            seen.colour,
            seen.colour >= 0,
            sure.cuts.colour,
        ),
    }


def _row(p: np.ndarray, right: np.ndarray, known: np.ndarray, cut: float) -> dict[str, float]:
    """top1, top3: of photos of things that the names have, the right one is first, among three.
    said: of all, that something is; right: of what is said. nothing_said: that nothing is, where
    nothing should be. error: what is said and what is right differ by so much on average, over
    tenths of confidence (the expected calibration error).
    """
    best, sure = p.argmax(axis=1), p.max(axis=1)
    place = (p > p[np.arange(len(p)), np.maximum(right, 0)][:, None]).sum(axis=1)[known]
    said, hit = sure >= cut, best == right
    bins = np.minimum((sure * 10).astype(int), 9)
    off = [abs((sure - hit)[bins == b].sum()) for b in range(10)]
    return {
        "top1": float((place < 1).mean()),
        "top3": float((place < 3).mean()),
        "said": float(said.mean()),
        "right": float(hit[said].mean()) if said.any() else 1.0,
        "nothing_said": float(1 - said[~known].mean()),
        "log_loss": log_loss(p, right),
        "error": float(sum(off) / len(p)),
    }


def main(folder: Path, data: Path, seed: int = 2000) -> None:
    clip, art = ClipModel(folder), sprites(data)
    names = names_of(clip)
    held_out = Seen(clip, art, (HELD_OUT,), seed)
    sure = learn(held_out.part(EVEN), names, clip.name)
    trained = Seen(clip, art, TRAINED, seed + 1)
    sets = {"held-out vendor": held_out.part(ODD), "trained vendors": trained}
    figures = {label: measured(seen, names, sure) for label, seen in sets.items()}
    for label, rows in figures.items():
        print(f"\n{label}")
        for what, row in rows.items():
            print(f"  {what:9}" + "  ".join(f"{k} {v:.3f}" for k, v in row.items()))
    theirs = measured(held_out.part(ODD), names, learn(trained, names, clip.name))
    print("\nheld-out vendor, had it been learnt on the trained ones")
    for what, row in theirs.items():
        print(f"  {what:9}" + "  ".join(f"{k} {v:.3f}" for k, v in row.items()))
    learnt = {
        "on": f"{HELD_OUT}, every other thing",
        "measured_on": f"{HELD_OUT}, the things between; and the vendors that were trained on",
        "photos": len(held_out.part(EVEN).thing),
        "figures": {
            label: {what: {k: round(v, 4) for k, v in row.items()} for what, row in rows.items()}
            for label, rows in figures.items()
        },
    }
    done = Confidence(FORMAT, clip.name, sure.things, sure.colours, sure.cuts, RATE, learnt)
    write_file(folder / FILE, done.to_json().encode())
    print(f"\nwritten: {folder / FILE}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--data", type=Path, required=True)
    arguments = parser.parse_args()
    main(arguments.folder, arguments.data)
