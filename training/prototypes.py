"""Where photos of each concept lie: what words of it are turned into.

Of ImageNet's classes it is the classifier's own row, of a drawn thing the mean of its drawn photos,
of both a mixture; what has no class of its own leans on the classes that its photos are taken for.
"""

from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from concepts import concepts
from fit import digest
from image import ROUNDS, load
from scenes import scenes
from sources import TRAINED, things
from space import SEMANTIC, directions

CLASS_SHARE = 0.6  # of a thing that has both, against its drawings
NEAR_SHARE = 0.5  # of classes that are only alike
FALLING = 0.8  # of one alike to the next


def prototypes(data: Path) -> torch.Tensor:
    """(concepts, SEMANTIC) unit vectors."""
    return blend(drawn(data), directions(data)[1])


def blend(drawings: torch.Tensor, classes: torch.Tensor) -> torch.Tensor:
    """drawings: (drawn things, SEMANTIC), in the list's order. classes: (1000, SEMANTIC)."""
    drawn = iter(drawings)
    out = []
    for concept in concepts():
        row = torch.zeros(SEMANTIC)
        if concept.classes:
            row += F.normalize(classes[list(concept.classes)].mean(0), dim=0)
        if concept.near:
            falling = FALLING ** torch.arange(len(concept.near))
            share = NEAR_SHARE if concept.classes or concept.drawing else 1.0
            row += share * F.normalize(falling @ classes[list(concept.near)], dim=0)
        row = F.normalize(row, dim=0)
        if concept.drawing:
            share = CLASS_SHARE if concept.classes else NEAR_SHARE if concept.near else 0.0
            row = share * row + (1 - share) * next(drawn)
        out.append(F.normalize(row, dim=0))
    return torch.stack(out)


def drawn(data: Path) -> torch.Tensor:
    """(things, SEMANTIC): each drawn thing's mean, less the mean of all, unit."""
    kept = data / f"drawn-{digest((data / 'image.pt').read_bytes())}.pt"
    if not kept.exists():
        tower, shots = load(data / "image.pt", data), scenes(data, TRAINED, "trained", ROUNDS, 0)
        total = torch.zeros(len(things()), SEMANTIC)
        with torch.no_grad():
            for i, thing in enumerate(shots.thing):
                seen = torch.from_numpy(shots.map[i].astype(np.float32))
                wide = tower.pooled(seen, tower.look(seen))
                total[thing] += F.normalize(tower.semantic(wide), dim=1).sum(0)
        mean = F.normalize(total, dim=1)
        torch.save(F.normalize(mean - mean.mean(0), dim=1), kept)
    return torch.load(kept, weights_only=True)
