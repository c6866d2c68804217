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
from draw import COLOURS, colour_rgb, photos, restyle, tint
from drawings import learn_drawings
from PIL import Image
from scenes import World
from sources import HELD_OUT, TRAINED, Sprites, sprites, things
from sure import RATE, learn, measured

from matching_spark.embed.clip import ClipModel
from matching_spark.embed.confidence import FILE, FORMAT, Confidence
from matching_spark.embed.naming import Names, names_of
from matching_spark.filesystems.whole_files import write_file

PHOTOS = 1000  # of each set of vendors
TEACH = 16_000  # drawn photos that drawings' names are learnt of
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
    vectors, thing, colour = embedded(clip, drawn(World(art, vendors, seed), PHOTOS))
    other = np.random.default_rng(seed).integers(2, size=len(thing))
    return Seen.of(vectors, thing, colour, np.where(thing >= 0, thing % 2, other), names)


Drawn = Iterator[tuple[list[Image.Image], list[int], list[int]]]


def embedded(clip: ClipModel, shots: Drawn) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Their vectors, things and colours."""
    vectors: list[np.ndarray] = []
    thing: list[int] = []
    colour: list[int] = []
    for pictures, of, tints in shots:
        vectors.append(clip.embed_images(pictures))
        thing += of
        colour += tints
    return np.concatenate(vectors), np.array(thing), np.array(colour)


def drawn(world: World, count: int, restyled: bool = False) -> Drawn:
    """Photos, the number of each one's thing, that of its colour; -1 for none.

    restyled: half of them as another artist would draw them.
    """
    rng, generator, of = world.rng, world.generator, world.of
    for batch in range(count // AT_ONCE):
        thing = [rng.choice(sorted(of)) for _ in range(AT_ONCE)]
        colour = [rng.randrange(len(COLOURS)) for _ in range(AT_ONCE)]
        empty = [rng.random() < EMPTY for _ in range(AT_ONCE)]
        items = world.art([rng.choice(of[t]) for t in thing])
        keep = torch.rand(AT_ONCE, generator=generator) * 0.3
        tinted = torch.ones(AT_ONCE, dtype=torch.bool)
        items = tint(items, colour_rgb(colour, generator), tinted, keep)
        if restyled and batch % 2:
            items = restyle(items, generator)
        others = world.art([rng.choice(of[rng.choice(sorted(of))]) for _ in range(AT_ONCE)])
        for layer in (items, others):
            layer[torch.tensor(empty), 3] = 0
        pixels = photos(items, others, generator).permute(0, 2, 3, 1)
        yield (
            [Image.fromarray(p) for p in (pixels * 255).round().byte().numpy()],
            [-1 if e else t for t, e in zip(thing, empty, strict=True)],
            [-1 if e else c for c, e in zip(colour, empty, strict=True)],
        )


def from_photographs(clip: ClipModel, folder: Path) -> tuple[Seen, np.ndarray]:
    """Those of the set to tune on whose name the list has; the vectors of all that are learnt on."""
    from photographs import photographs, read

    names, every = names_of(clip), photographs("tune")
    called = {name: i for i, each in enumerate(names.things) for name in each.names}
    things, colours = [], []
    for photograph in every:
        shows = photograph.shows
        tint, _, of = shows.get("colour", "").partition("/")
        said = (shows.get("lost") or shows.get("word") or of).split("/")
        things.append(next((called[name] for name in said if name in called), -1))
        colours.append(names.colours.index(tint) if tint else -2)
    vectors = np.concatenate([clip.embed_images([data]) for data in read(every, folder)])
    half = np.random.default_rng(0).integers(2, size=len(every))
    thing, colour = np.array(things), np.array(colours)
    known = thing >= 0
    seen = Seen.of(vectors[known], thing[known], colour[known], half[known], names)
    return seen, vectors[half == EVEN]


def main(folder: Path, data: Path, photographs: Path | None, seed: int = 2000) -> None:
    clip, art = ClipModel(folder), sprites(data)
    names = names_of(clip)
    sets = {"held-out vendor": from_drawings(clip, art, (HELD_OUT,), seed)}
    drawings = None
    if photographs is not None:
        sets["photographs"], learnt_on = from_photographs(clip, photographs)
        lessons = drawn(World(art, TRAINED, seed + 2), TEACH, restyled=True)
        vectors, thing, _ = embedded(clip, lessons)
        drawings = learn_drawings(vectors, thing, len(things()), learnt_on)
    weights = (1.0, PHOTOGRAPHS)[: len(sets)]
    halves = [seen.part(EVEN) for seen in sets.values()]
    sure = learn(halves, names, clip.name, weights, drawings)
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
