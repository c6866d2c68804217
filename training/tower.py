"""The image tower: the backbone as it is, where to look, and what colour is there."""

from pathlib import Path

import torch
import torch.nn.functional as F
from backbone import CELLS, MAP, WIDE, Lite0
from draw import COLOURS
from scenes import SMALL, reduced
from space import SEMANTIC, colour_part, directions, join
from torch import nn

LOOK_SHARE = 0.6  # of the weight of a cell; the rest is every cell's alike
SOFT = 0.35  # how sharp the look is when things are told apart, against when it reads colours


class Look(nn.Module):
    """One logit a cell: how likely the thing lies there. The middle is likelier."""

    def __init__(self) -> None:
        super().__init__()
        self.score = nn.Conv2d(MAP, 1, 1)
        nn.init.zeros_(self.score.weight)
        nn.init.zeros_(self.score.bias)
        line = torch.linspace(-1, 1, CELLS)
        self.register_buffer("far", (line[None] ** 2 + line[:, None] ** 2).flatten())
        self.centre = nn.Parameter(torch.tensor(0.5))

    def forward(self, seen: torch.Tensor) -> torch.Tensor:
        """(n, MAP, CELLS, CELLS) to (n, CELLS * CELLS)."""
        return self.score(seen).flatten(1) - self.centre * self.far


class Hue(nn.Module):
    """The colour of what is looked at: a say of each pixel, weighed by the look and by itself."""

    def __init__(self, width: int = 32) -> None:
        super().__init__()
        self.first, self.second = nn.Conv2d(6, width, 1), nn.Conv2d(width, width, 3, padding=1)
        self.say = nn.Conv2d(width, len(COLOURS) + 1, 1)

    def forward(self, small: torch.Tensor, look: torch.Tensor) -> torch.Tensor:
        """small: (n, 3, SMALL, SMALL) in [0, 1]; look: (n, cells) weights. (n, 11) logits."""
        x = small * 2 - 1
        around = x.mean((2, 3), keepdim=True).expand_as(x)
        said = self.say(F.relu(self.second(F.relu(self.first(torch.cat([x, around], 1))))))
        at = F.interpolate(
            look.view(-1, 1, CELLS, CELLS), size=SMALL, mode="bilinear", align_corners=False
        )
        at = at * torch.sigmoid(said[:, -1:])
        return (said[:, :-1] * at).sum((2, 3)) / at.sum((2, 3)).clamp(min=1e-9)


class ImageTower(nn.Module):
    """Pixels (n, 3, SIDE, SIDE), (x - 127) / 128, to unit vectors (n, DIMENSION)."""

    def __init__(self) -> None:
        super().__init__()
        self.backbone = Lite0()
        self.look, self.hue = Look(), Hue()
        self.semantic = nn.Linear(WIDE, SEMANTIC)

    @classmethod
    def fresh(cls, data: Path) -> "ImageTower":
        """With the pretrained backbone; the parts that are trained are not yet."""
        tower = cls()
        tower.backbone = Lite0.pretrained()
        tower.semantic.weight.data = directions(data)[0].T.contiguous()
        tower.semantic.bias.data.zero_()
        tower.eval()
        return tower

    def pooled(self, seen: torch.Tensor, logits: torch.Tensor) -> torch.Tensor:
        """(n, WIDE): the cubic mean over cells by their weights: strong answers count more."""
        wide = self.backbone.head(seen).flatten(2)
        share = LOOK_SHARE * (logits * SOFT).softmax(1) + (1 - LOOK_SHARE) / CELLS**2
        return (wide * wide * wide * share[:, None]).sum(2).clamp(min=1e-9) ** (1 / 3)

    def parts(self, seen: torch.Tensor, small: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """The two unit parts, of a map and the photo at SMALL px in [0, 1]."""
        logits = self.look(seen)
        semantic = F.normalize(self.semantic(self.pooled(seen, logits)), dim=1)
        return semantic, colour_part(self.hue(small, logits.softmax(1)).softmax(1))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        small = reduced(x) * (128 / 255) + 127 / 255
        return join(*self.parts(self.backbone(x), small))
