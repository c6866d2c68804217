"""Labelled pairs made of arrays: each lost post with every found one."""

import numpy as np

from matching_spark.domain.facts import Facts
from matching_spark.evaluation.labelled import LabelledPairs
from matching_spark.knn.similarity import Float32, Mask

NONE = Facts()


def whole_lists(same: Mask, values: dict[str, Float32], facts: Facts = NONE) -> LabelledPairs:
    """same: (lost, found). values[name]: (lost * found,), a lost post's side by side. facts: of
    each lost post."""
    lost, found = same.shape
    return LabelledPairs(
        tuple(f"L{i}" for i in range(lost)),
        tuple(f"F{i}" for i in range(found)),
        (facts,) * lost,
        np.ones(lost, bool),
        np.repeat(np.arange(lost), found),
        np.tile(np.arange(found), lost),
        same.ravel(),
        np.ones(same.size),
        values,
    )
