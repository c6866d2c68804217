"""Train the image tower's sense of colour on: `python hue.py IMAGE --data DATA --out CHECKPOINT`.

Where to look is held as image.py left it, so that a step costs a small net at a small size.
"""

from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from fit import digest, fit, knobs
from image import ROUNDS, lit, load
from scenes import OWN, scenes
from sources import TRAINED
from torch import nn
from tower import ImageTower

PHOTOS = 96
RATE = 4e-3


class HueTrainer(nn.Module):
    def __init__(self, hue: nn.Module) -> None:
        super().__init__()
        self.hue = hue

    def forward(
        self, small: torch.Tensor, look: torch.Tensor, colour: torch.Tensor
    ) -> torch.Tensor:
        return F.cross_entropy(self.hue(small, look), colour, label_smoothing=0.05)


def train(image: Path, data: Path, out: Path, steps: int, seed: int) -> None:
    torch.manual_seed(seed)
    shots = scenes(data, TRAINED, "trained", ROUNDS, 0)
    tower = load(image, data)
    with torch.no_grad():
        looks = torch.stack(
            [tower.look(torch.from_numpy(m.astype(np.float32))).softmax(1) for m in shots.map]
        )
    named = np.flatnonzero(shots.colour < OWN)

    def loss_at(step: int) -> torch.Tensor:
        rng = np.random.default_rng([seed, step])
        rows, which = rng.choice(named, PHOTOS), rng.integers(2, size=PHOTOS)
        small = torch.from_numpy(shots.small[rows, which].astype(np.float32)) / 255
        colour = torch.from_numpy(shots.colour[rows])
        light = torch.Generator().manual_seed(seed * 1_000_003 + step)
        return net(lit(small, colour, light), looks[rows, which], colour)

    net = HueTrainer(tower.hue)
    fit(
        net,
        loss_at,
        out,
        None,
        run=f"hue, seed {seed}, look {digest(image.read_bytes())}",
        steps=steps,
        peak=RATE,
    )


def finished(data: Path) -> ImageTower:
    """The image tower as it ships, of both checkpoints."""
    tower = load(data / "image.pt", data)
    net = HueTrainer(tower.hue)
    net.load_state_dict(torch.load(data / "hue.pt", weights_only=True)["state"])
    return tower


if __name__ == "__main__":
    asked = knobs(__doc__, 1000, "image")
    train(asked.image, asked.data, asked.out, asked.steps, asked.seed)
