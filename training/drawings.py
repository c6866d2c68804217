"""What drawings are called, learnt of drawn photos by the trained vendors, and how a drawing is told
from a photograph, learnt of those and of photographs.
"""

import numpy as np
import torch

from matching_spark.embed.drawings import Drawings

DECAY = 1e-6  # of what things are: less or more of it, up to 1e-5, changes a hundredth
# In log-odds: a service is shown a thousand photographs for each drawing. Without it a fifth of
# photographs of shops' things on plain ground, of repositories that it was not shown, were taken
# for drawings; with it one in fifty, and nine of ten drawings still are.
RARE = 7.0


def learn_drawings(
    drawn: np.ndarray, thing: np.ndarray, things: int, photographs: np.ndarray
) -> Drawings:
    """drawn: (n, dimension) vectors of drawn photos, as a model sees them. thing: (n,) what each
    shows, of so many; -1 for none. photographs: (m, dimension)."""
    right = np.where(thing >= 0, thing, things)
    named = regression(drawn, right, things + 1)
    both = np.concatenate([photographs, drawn])
    told = regression(both, np.repeat([0, 1], [len(photographs), len(drawn)]), 2)
    gate = told[1] - told[0]
    gate[-1] -= RARE
    return Drawings.of(gate, named)


def regression(vectors: np.ndarray, right: np.ndarray, classes: int) -> np.ndarray:
    """(classes, dimension + 1): a logistic regression's weights, and what is added."""
    x, y = torch.tensor(vectors, dtype=torch.float32), torch.tensor(right)
    centre = x.mean(dim=0)
    x = torch.cat([x - centre, torch.ones(len(x), 1)], dim=1)
    weights = torch.zeros(classes, x.shape[1], requires_grad=True)
    optimizer = torch.optim.LBFGS([weights], max_iter=600, line_search_fn="strong_wolfe")

    def loss() -> torch.Tensor:
        optimizer.zero_grad()
        off = torch.nn.functional.cross_entropy(x @ weights.T, y) + DECAY * (weights**2).sum()
        off.backward()
        return off

    optimizer.step(loss)
    out: np.ndarray = weights.detach().numpy().astype(np.float64)
    out[:, -1] -= out[:, :-1] @ centre.numpy()
    return out
