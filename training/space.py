"""The space in which photos and words meet: SEMANTIC numbers of what it is, then COLOURS of its colour.

What a thing is: the directions in which ImageNet's classifier tells its classes apart (the right
singular vectors of its centred weights), so that a class's own row is where its photos lie and
needs no photograph. A colour: the square roots of eleven probabilities, less those of no opinion.
Each part has unit length, and the squared length of the whole, 1, is shared out by COLOUR_SHARE.
"""

from pathlib import Path

import torch
import torch.nn.functional as F
from backbone import weights
from draw import COLOURS

SEMANTIC = 245
DIMENSION = SEMANTIC + len(COLOURS)
COLOUR_SHARE = 0.17


def directions(data: Path) -> tuple[torch.Tensor, torch.Tensor]:
    """(WIDE, SEMANTIC) orthonormal columns, and ImageNet's classes there: (1000, SEMANTIC), unit.

    Kept in the data folder: what a decomposition turns round depends on the number of threads, and
    both towers must have the same.
    """
    rows = weights()["_fc.weight"]
    rows = rows - rows.mean(0)
    kept = data / "directions.pt"
    if not kept.exists():
        basis = torch.linalg.svd(rows, full_matrices=False)[2][:SEMANTIC].T.contiguous()
        torch.save(basis, kept)
    basis = torch.load(kept, weights_only=True)
    return basis, F.normalize(rows @ basis, dim=1)


def colour_part(probability: torch.Tensor) -> torch.Tensor:
    """(..., 11) probabilities to unit vectors."""
    return F.normalize(probability.sqrt() - (1 / len(COLOURS)) ** 0.5, dim=-1)


def shades(certainty: float = 0.8) -> torch.Tensor:
    """(11, 11): the colour part of each word, as photos of things of that colour have it."""
    n = len(COLOURS)
    return colour_part(torch.eye(n) * certainty + (1 - certainty) / n)


def join(semantic: torch.Tensor, colour: torch.Tensor) -> torch.Tensor:
    """(..., DIMENSION) of two parts of unit length; a colour part of nought says no colour."""
    whole = torch.cat([semantic * (1 - COLOUR_SHARE) ** 0.5, colour * COLOUR_SHARE**0.5], -1)
    return F.normalize(whole, dim=-1)
