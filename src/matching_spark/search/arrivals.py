"""Whose lists a few new posts may change: the new posts are scanned, not all that there are."""

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from matching_spark.knn.similarity import Mask
from matching_spark.score.posterior import FLOOR, Rivals
from matching_spark.search.request import Request
from matching_spark.search.rerank import decide, rivals
from matching_spark.search.scan import scan
from matching_spark.search.scores import posteriors
from matching_spark.shards.shard import Shard


def concerned(request: Request, new: Shard, lists: Sequence[Rivals]) -> Mask:
    """(q,) whether one of the new posts may be worth a look in the list of a query.

    lists: of each query, what its last search told of the posts that it could find. Whatever else
    came since makes a post of the list no likelier than `at_most` says, so nobody is left out to
    whom a search would show one of the new posts; but for what has gone since, whose place others
    may take.
    """
    whole = replace(request, rivals=True, nprobe=None, top_k=len(new), until=None)
    part = scan(new, whole)
    if request.scoring.calibration is None:
        return np.array([bool(found) for found in decide([part], whole)], dtype=bool)
    told = rivals([part], whole)
    joined = [Rivals.joined(each) for each in zip(lists, told, strict=True)]
    out = []
    for of, list_ in zip(told, posteriors(whole, joined), strict=True):
        assert list_ is not None
        # Those below FLOOR are told of by their number alone: any of them may be just below.
        evidence = max(math.log(of.best), FLOOR) if of.best else FLOOR
        most = list_.at_most(list_.scale.told(evidence)) if of.posts else 0.0
        out.append(request.scoring.costs.band(most) != "below")
    return np.array(out, dtype=bool)
