"""How sure a model is of what it calls a photo: `python describe.py FOLDER --data DATA`.

Learns describe.json of a model folder, and prints how good it is on what it was not learnt on. It
is learnt on drawn photos of half of the things, as the vendor that was kept out of training draws
them, and with --photographs on half of the labelled photographs of the set to tune on: what the
model was trained on would make it too sure of itself. Of the drawn photos some show nothing, and
from some of all the right names are hidden: there, nothing is to be said.
"""

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import matching_spark  # noqa: F401  (says no to onnxruntime's telemetry before its import)

# isort: split
import numpy as np
import torch
from draw import COLOURS, colour_rgb, photos, tint
from PIL import Image
from scenes import World
from sources import HELD_OUT, TRAINED, Sprites, sprites
from sure import RATE, learn, measured

from matching_spark.embed.clip import ClipModel
from matching_spark.embed.confidence import FILE, FORMAT, Confidence
from matching_spark.embed.naming import Names, names_of
from matching_spark.filesystems.whole_files import write_file

PHOTOS = 1000  # of each set of vendors
EMPTY = 0.1  # of the drawn photos: nothing lies on the ground
HIDDEN = 0.1  # of all photos: all names of their category are hidden
AT_ONCE = 40
PHOTOGRAPHS = 3.0  # what they weigh against drawings: a service is shown photographs
EVEN, ODD = 0, 1  # learnt on, measured on


@dataclass(frozen=True)
class Seen:
    """Photos as a model sees them. vectors: (n, dimension). thing, category, colour: (n,) the right
    ones, as Names counts them, -1 for none; unknown: (n,) the colour is not told. hidden: (n, things)
    names that are not to be had. half: (n,) EVEN or ODD.
    """

    vectors: np.ndarray
    thing: np.ndarray
    category: np.ndarray
    colour: np.ndarray
    unknown: np.ndarray
    hidden: np.ndarray
    half: np.ndarray

    @classmethod
    def of(
        cls,
        vectors: np.ndarray,
        thing: np.ndarray,
        colour: np.ndarray,
        half: np.ndarray,
        names: Names,
    ) -> "Seen":
        """colour: -1 for none, -2 where it is not told."""
        rng = np.random.default_rng(0)
        category = np.where(thing >= 0, names.category[thing], -1)
        some = (thing >= 0) & (rng.random(len(thing)) < HIDDEN)
        hidden = some[:, None] & (names.category[None] == category[:, None])
        thing, category = (np.where(some, -1, of) for of in (thing, category))
        return cls(vectors, thing, category, np.maximum(colour, -1), colour == -2, hidden, half)

    def part(self, half: int) -> "Seen":
        return Seen(**{name: values[self.half == half] for name, values in vars(self).items()})


def from_drawings(clip: ClipModel, art: Sprites, vendors: tuple[str, ...], seed: int) -> Seen:
    """Halves by thing, so that no drawing is in both."""
    names = names_of(clip)
    drawings = np.array([i for i, each in enumerate(names.things) if each.drawing])
    vectors, thing, colour = [], [], []
    for pictures, of, tints in drawn(art, vendors, seed):
        vectors.append(clip.embed_images(pictures))
        thing += of
        colour += tints
    number = np.array(thing)
    other = np.random.default_rng(seed).integers(2, size=len(thing))
    half = np.where(number >= 0, number % 2, other)
    known = np.where(number >= 0, drawings[number], -1)
    return Seen.of(np.concatenate(vectors), known, np.array(colour), half, names)


def drawn(
    art: Sprites, vendors: tuple[str, ...], seed: int
) -> Iterator[tuple[list[Image.Image], list[int], list[int]]]:
    """Photos, the number of each one's thing in sources.things(), that of its colour; -1 for none."""
    world = World(art, vendors, seed)
    rng, generator, of = world.rng, world.generator, world.of
    for _ in range(PHOTOS // AT_ONCE):
        thing = [rng.choice(sorted(of)) for _ in range(AT_ONCE)]
        colour = [rng.randrange(len(COLOURS)) for _ in range(AT_ONCE)]
        empty = [rng.random() < EMPTY for _ in range(AT_ONCE)]
        items = world.art([rng.choice(of[t]) for t in thing])
        keep = torch.rand(AT_ONCE, generator=generator) * 0.3
        tinted = torch.ones(AT_ONCE, dtype=torch.bool)
        items = tint(items, colour_rgb(colour, generator), tinted, keep)
        others = world.art([rng.choice(of[rng.choice(sorted(of))]) for _ in range(AT_ONCE)])
        for layer in (items, others):
            layer[torch.tensor(empty), 3] = 0
        pixels = photos(items, others, generator).permute(0, 2, 3, 1)
        yield (
            [Image.fromarray(p) for p in (pixels * 255).round().byte().numpy()],
            [-1 if e else t for t, e in zip(thing, empty, strict=True)],
            [-1 if e else c for c, e in zip(colour, empty, strict=True)],
        )


def from_photographs(clip: ClipModel, folder: Path) -> Seen:
    """Those of the set to tune on whose name the list has."""
    from photographs import photographs

    names = names_of(clip)
    called = {name: i for i, each in enumerate(names.things) for name in each.names}
    vectors, thing, colour = [], [], []
    for photograph in photographs("tune"):
        shows = photograph.shows
        tint, _, of = shows.get("colour", "").partition("/")
        said = (shows.get("lost") or shows.get("word") or of).split("/")
        number = next((called[name] for name in said if name in called), None)
        if number is None:
            continue
        vectors.append(clip.embed_images([photograph.at(folder).read_bytes()])[0])
        thing.append(number)
        colour.append(names.colours.index(tint) if tint else -2)
    half = np.random.default_rng(0).integers(2, size=len(thing))
    return Seen.of(np.stack(vectors), np.array(thing), np.array(colour), half, names)


def main(folder: Path, data: Path, photographs: Path | None, seed: int = 2000) -> None:
    clip, art = ClipModel(folder), sprites(data)
    names = names_of(clip)
    sets = {"held-out vendor": from_drawings(clip, art, (HELD_OUT,), seed)}
    if photographs is not None:
        sets["photographs"] = from_photographs(clip, photographs)
    weights = (1.0, PHOTOGRAPHS)[: len(sets)]
    sure = learn([seen.part(EVEN) for seen in sets.values()], names, clip.name, weights)
    figures = {label: measured(seen.part(ODD), names, sure) for label, seen in sets.items()}
    trained = from_drawings(clip, art, TRAINED, seed + 1)
    figures["trained vendors"] = measured(trained, names, sure)
    for label, rows in figures.items():
        print(f"\n{label}")
        for what, row in rows.items():
            print(f"  {what:9}" + "  ".join(f"{k} {v:.3f}" for k, v in row.items()))
    write(folder, sure, figures, list(sets))


def write(
    folder: Path,
    sure: Confidence,
    figures: dict[str, dict[str, dict[str, float]]],
    on: Sequence[str],
) -> None:
    learnt = {
        "on": f"half of each of: {', '.join(on)}",
        "measured": {
            label: {what: {k: round(v, 4) for k, v in row.items()} for what, row in rows.items()}
            for label, rows in figures.items()
        },
    }
    parts = {name: getattr(sure, name) for name in Confidence.__annotations__} | {"learnt": learnt}
    write_file(folder / FILE, Confidence(**parts).to_json().encode())
    print(f"\nwritten: {folder / FILE}, format {FORMAT}: {RATE:.0%} of what is said is right there")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--photographs", type=Path, help="the folder that photographs.py fills")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    main(arguments.folder, arguments.data, arguments.photographs)
