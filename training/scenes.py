"""Drawn photos of every thing in every colour, and what the backbone sees in them.

An item is a drawing in one shade; it is photographed twice, in two scenes, so that the same photos
teach what is one thing (pairs), what a thing is called, and what its colour is.
"""

import random
from dataclasses import dataclass
from pathlib import Path

import matching_spark  # noqa: F401  (says no to onnxruntime's telemetry before its import)

# isort: split
import numpy as np
import onnxruntime as ort
import torch
from backbone import CELLS, MAP, SIDE, Lite0, normal
from draw import COLOURS, CROWD, colour_rgb, photos, restyle, tint
from sources import Sprites, sprites

OWN = len(COLOURS)  # the colour of a thing that keeps its drawing's own
SMALL = 56  # px: the side at which colours are read
AT_ONCE = 24


@dataclass(frozen=True)
class Scenes:
    """map: (items, 2, MAP, CELLS, CELLS) float16. small: (items, 2, 3, SMALL, SMALL) uint8.

    thing, colour: (items,) indices of sources.things() and of COLOURS (OWN: its own).
    """

    map: np.ndarray
    small: np.ndarray
    thing: np.ndarray
    colour: np.ndarray


class World:
    """Photographs items. of[t]: the sprites of thing t by the vendors."""

    def __init__(self, art: Sprites, vendors: tuple[str, ...], seed: int) -> None:
        keep = [i for i, v in enumerate(art.vendor) if art.vendors[v] in vendors]
        self.pictures = torch.from_numpy(art.pictures[keep]).permute(0, 3, 1, 2)
        self.of: dict[int, list[int]] = {}
        for i, t in enumerate(art.thing[keep]):
            self.of.setdefault(int(t), []).append(i)
        self.rng = random.Random(seed)
        self.generator = torch.Generator().manual_seed(seed)

    def shots(
        self,
        sprite: list[int],
        colour: list[int],
        times: int,
        *,
        restyled: bool = False,
        crowded: bool = False,
    ) -> torch.Tensor:
        """(times, items, 3, SIDE, SIDE) in [0, 1]: photos of items, each in one shade.

        restyled: as another artist would draw them. crowded: among other things, at times.
        """
        n = len(sprite)
        rgb = colour_rgb([c if c < OWN else -1 for c in colour], self.generator)
        keep = torch.rand(n, generator=self.generator) * 0.3
        tinted = tint(self.art(sprite), rgb, torch.tensor(colour) < OWN, keep)
        if restyled:
            tinted = restyle(tinted, self.generator)
        out = []
        for _ in range(times):
            other = torch.randint(len(self.pictures), (n, 1 + CROWD), generator=self.generator)
            near = self.art(other.flatten()).unflatten(0, (n, 1 + CROWD))
            crowd = near[:, 1:] if crowded else None
            out.append(photos(tinted, near[:, 0], self.generator, crowd))
        return torch.stack(out)

    def art(self, which: list[int] | torch.Tensor) -> torch.Tensor:
        """(n, 4, s, s) in [0, 1]: drawings by their numbers."""
        return self.pictures[which].float() / 255


def reduced(pixels: torch.Tensor) -> torch.Tensor:
    """(n, 3, SIDE, SIDE) to (n, 3, SMALL, SMALL): the mean of what falls together."""
    return torch.nn.functional.avg_pool2d(pixels, SIDE // SMALL)


class Eye:
    """The backbone in ONNX Runtime, three times as fast as torch runs it."""

    def __init__(self, data: Path) -> None:
        path = data / "backbone.onnx"
        if not path.exists():
            part = path.with_suffix(".part")
            torch.onnx.export(
                Lite0.pretrained(),
                (torch.zeros(2, 3, SIDE, SIDE),),
                part,
                input_names=["x"],
                output_names=["map"],
                dynamic_axes={"x": {0: "n"}, "map": {0: "n"}},
                opset_version=17,
                dynamo=False,
            )
            part.replace(path)
        options = ort.SessionOptions()
        options.intra_op_num_threads = torch.get_num_threads()
        self.session = ort.InferenceSession(path, options, providers=["CPUExecutionProvider"])

    def maps(self, pixels: torch.Tensor) -> np.ndarray:
        """(n, 3, SIDE, SIDE) in [0, 1] to (n, MAP, CELLS, CELLS) float16."""
        seen: np.ndarray = self.session.run(None, {"x": normal(pixels).contiguous().numpy()})[0]
        return seen.astype(np.float16)


def scenes(data: Path, vendors: tuple[str, ...], name: str, rounds: int, seed: int) -> Scenes:
    """`rounds` items of every thing in every colour; kept in the data folder as `name`."""
    folder = data / f"scenes-{name}-{rounds}-{seed}"
    if not (folder / "colour.npy").exists():
        _photograph(folder, World(sprites(data), vendors, seed), Eye(data), rounds, seed)
    read = {k: np.load(folder / f"{k}.npy", mmap_mode="r") for k in Scenes.__annotations__}
    return Scenes(**read)


def _photograph(folder: Path, world: World, eye: Eye, rounds: int, seed: int) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    rng = random.Random(seed)
    items = [(t, c) for t in sorted(world.of) for c in range(OWN + 1)] * rounds
    rng.shuffle(items)
    n = len(items)
    maps = np.lib.format.open_memmap(
        folder / "map.npy", "w+", np.float16, (n, 2, MAP, CELLS, CELLS)
    )
    small = np.lib.format.open_memmap(folder / "small.npy", "w+", np.uint8, (n, 2, 3, SMALL, SMALL))
    for i in range(0, n, AT_ONCE):
        some = items[i : i + AT_ONCE]
        sprite = [rng.choice(world.of[t]) for t, _ in some]
        colour = [c for _, c in some]
        shots = world.shots(sprite, colour, 2, restyled=rng.random() < 0.5, crowded=True)
        for k in (0, 1):
            maps[i : i + len(some), k] = eye.maps(shots[k])
            small[i : i + len(some), k] = (reduced(shots[k]) * 255).round().byte().numpy()
        if i // AT_ONCE % 20 == 0:
            print(f"{i} of {n} items photographed for {folder.name}", flush=True)
    maps.flush()
    small.flush()
    np.save(folder / "thing.npy", np.array([t for t, _ in items]))
    np.save(folder / "colour.npy", np.array([c for _, c in items]))  # last: the folder is whole
