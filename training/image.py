"""Train the image tower's own parts: `python image.py --data DATA --out CHECKPOINT`.

Where to look and what colour is there are learnt from drawn photos only: two photos of one item
are to be each other's nearest among the photos of a batch. The backbone is locked, so that what it
knows of photographs stays; a step costs its last map's head only.
"""

from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from fit import fit, knobs
from scenes import OWN, scenes
from sources import TRAINED
from torch import nn
from tower import ImageTower

# How far a photo of a thing of a colour may be turned in hue (turns), and its saturation and its
# value multiplied, and the word still be right: limes are green too, and aubergines violet.
Reach = tuple[tuple[float, float], tuple[float, float], tuple[float, float]]
STILL: Reach = ((0.0, 0.0), (0.7, 1.1), (0.8, 1.2))
SHADES: dict[str, Reach] = {
    "흰색": ((-0.5, 0.5), (0.5, 1.2), (0.8, 1.05)),
    "검정": ((-0.5, 0.5), (0.5, 1.2), (0.5, 1.3)),
    "빨강": ((-0.01, 0.01), (0.75, 1.1), (0.55, 1.1)),
    "주황": ((-0.01, 0.01), (0.85, 1.1), (0.85, 1.1)),
    "노랑": ((-0.01, 0.005), (0.6, 1.1), (0.8, 1.1)),
    "초록": ((-0.09, 0.03), (0.5, 1.1), (0.5, 1.2)),
    "파랑": ((-0.04, 0.02), (0.6, 1.1), (0.45, 1.1)),
    "갈색": ((-0.01, 0.03), (0.5, 1.1), (0.7, 1.4)),
    "보라": ((-0.04, 0.06), (0.6, 1.2), (0.35, 1.1)),
    "핑크": ((-0.03, 0.02), (0.6, 1.4), (0.8, 1.1)),
    "회색": ((-0.5, 0.5), (0.5, 1.3), (0.7, 1.2)),
}
# Photographs have another mean than drawn photos; half of the way serves both.
MIDDLE = 0.5
ROUNDS = 1
ITEMS = 32
RATE = 5e-3


def contrast(logits: torch.Tensor, positive: torch.Tensor) -> torch.Tensor:
    """Multi-positive InfoNCE, the mean log-probability of the positives, both ways."""

    def one(z: torch.Tensor, p: torch.Tensor) -> torch.Tensor:
        weights = p / p.sum(1, keepdim=True).clamp(min=1)
        return -(weights * z.log_softmax(1)).sum(1)[p.any(1)].mean()

    return (one(logits, positive.float()) + one(logits.T, positive.T.float())) / 2


class ImageTrainer(nn.Module):
    def __init__(self, data: Path) -> None:
        super().__init__()
        self.tower = ImageTower.fresh(data)
        self.tower.backbone.requires_grad_(False)
        self.tower.semantic.weight.requires_grad_(False)
        self.scale = nn.Parameter(torch.tensor(2.5))

    def forward(
        self, seen: torch.Tensor, small: torch.Tensor, colour: torch.Tensor
    ) -> torch.Tensor:
        """seen: (items, 2, ...) maps. small: (items, 2, 3, ...). colour: (items,)."""
        n = len(seen)
        logits = self.tower.look(seen.flatten(0, 1))
        wide = self.tower.pooled(seen.flatten(0, 1), logits)
        semantic = F.normalize(self.tower.semantic(wide), dim=1).view(n, 2, -1)
        alike = semantic[:, 0] @ semantic[:, 1].T * self.scale.exp().clamp(max=30)
        pairs = contrast(alike, torch.eye(n, dtype=torch.bool))
        named = (colour < OWN).repeat_interleave(2)
        hues = self.tower.hue(small.flatten(0, 1), logits.softmax(1))[named]
        return pairs + F.cross_entropy(
            hues, colour.repeat_interleave(2)[named], label_smoothing=0.05
        )


def lit(small: torch.Tensor, colour: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """Photos in another light, and in shades that the drawings have not but the word still means.

    small: (n, 3, SMALL, SMALL) in [0, 1]. colour: (n,) indices of COLOURS, or OWN.
    """
    n = len(small)

    def between(low: torch.Tensor, high: torch.Tensor) -> torch.Tensor:
        return low + (high - low) * torch.rand(n, generator=generator)

    reach = torch.tensor([*SHADES.values(), STILL])[colour]
    turn, full, bright = (between(*reach[:, k].T)[:, None, None] for k in range(3))
    x = (small * torch.exp(torch.randn(n, 3, 1, 1, generator=generator) * 0.05)).clamp(0, 1)
    high, low = x.amax(1), x.amin(1)
    spread = (high - low).clamp(min=1e-6)
    r, g, b = x.unbind(1)
    hue = torch.where(
        high == r,
        (g - b) / spread,
        torch.where(high == g, 2 + (b - r) / spread, 4 + (r - g) / spread),
    )
    hue, value = hue + 6 * turn, high * bright
    saturation = (spread / high.clamp(min=1e-6) * full).clamp(0, 1)
    k = (torch.tensor([5.0, 3.0, 1.0])[None, :, None, None] + hue[:, None]) % 6
    drop = torch.minimum(k, 4 - k).clamp(0, 1)
    return (value[:, None] * (1 - saturation[:, None] * drop)).clamp(0, 1)


def middle(data: Path, tower: ImageTower) -> None:
    """Set the bias of the semantic part: nought is MIDDLE of the way to the mean drawn photo."""
    shots = scenes(data, TRAINED, "trained", ROUNDS, 0)
    with torch.no_grad():
        total = torch.zeros(tower.semantic.in_features)
        rows = np.arange(0, len(shots.map), 4)
        for i in rows:
            seen = torch.from_numpy(shots.map[i].astype(np.float32))
            total += tower.pooled(seen, tower.look(seen)).mean(0)
        tower.semantic.bias.data = -MIDDLE * (tower.semantic.weight @ (total / len(rows)))


def train(data: Path, out: Path, steps: int, seed: int) -> None:
    torch.manual_seed(seed)
    shots = scenes(data, TRAINED, "trained", ROUNDS, 0)
    colour = torch.from_numpy(shots.colour.copy())
    net = ImageTrainer(data)
    middle(data, net.tower)

    def loss_at(step: int) -> torch.Tensor:
        rows = np.sort(np.random.default_rng([seed, step]).choice(len(colour), ITEMS, False))
        seen = torch.from_numpy(shots.map[rows].astype(np.float32))
        small = torch.from_numpy(shots.small[rows].astype(np.float32)) / 255
        light = torch.Generator().manual_seed(seed * 1_000_003 + step)
        both = colour[rows].repeat_interleave(2)
        small = lit(small.flatten(0, 1), both, light).unflatten(0, (ITEMS, 2))
        return net(seen, small, colour[rows])

    fit(net, loss_at, out, None, run=f"image tower, seed {seed}", steps=steps, peak=RATE)


def load(checkpoint: Path, data: Path) -> ImageTower:
    """The tower of a checkpoint."""
    net = ImageTrainer(data)
    net.load_state_dict(torch.load(checkpoint, weights_only=True)["state"])
    tower: ImageTower = net.tower.eval()
    middle(data, tower)
    return tower


if __name__ == "__main__":
    asked = knobs(__doc__, 300)
    train(asked.data, asked.out, asked.steps, asked.seed)
