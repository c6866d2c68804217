"""The rows of a shard that may be among a query's k best, by their codes first (see codes.py).

Codes are multiplied, a chunk of rows at once, and what they say of a row is compared with what k
others are sure to reach. That limit rises with what is seen, of all the chunks together, whatever
thread they are looked at by. The rows that are left are compared whole, the most promising first.
"""

import threading

import numpy as np

from matching_spark.knn.by_vectors import BLOCK, BLOCK_SCORES, Chosen, by_products, scored
from matching_spark.knn.codes import CodedQueries, Float64, quiet_of
from matching_spark.knn.int8_products import Int32
from matching_spark.knn.similarity import MARGIN, Float32, Index, Pairs, VectorSet, low_of
from matching_spark.knn.threads import share

CHUNK_ROWS = 1 << 15  # whose codes are compared at once by few queries
CODED_QUERIES = 256  # of a block: their codes stay in a core's cache
MANY_ROWS, MANY_SCORES = 1 << 12, 1 << 19  # at once: a call of the kernel for many costs 0.1 ms
PROBE_ROWS = 1 << 12  # that say what k rows reach, where a chunk has too few rows to
FEW = 8  # times k: more rows of a chunk, a query, are worth a look at what its own k best reach
DENSE = 32  # where one row of so many must be compared whole, plain products cost no more
TRIED = 4  # chunks: if so many and most of all are like that, the others are not tried
TINY = 1e-6  # what float32 loses of a similarity by codes
HIDDEN = np.iinfo(np.int32).min  # the product of a row that must not be found


def by_codes(queries: Float32, part: VectorSet, k: int, low: Float32, chosen: Chosen) -> Pairs:
    """Of each query (q, d) the rows that may be among its k best and reach low (q,), with scores.

    At most CODED_QUERIES queries are looked at together.
    """
    out = []
    for b in np.array_split(np.arange(len(queries)), -(-len(queries) // CODED_QUERIES)):
        scan = _Scan(queries[b], part, k, low[b], chosen)
        n, step = scan.count, _rows_at_once(len(b))
        share(scan.look, [slice(s, min(s + step, n)) for s in range(0, n, step)])
        out.append(scan.found().of_queries(b))
    return Pairs.joined(out)


def _rows_at_once(queries: int) -> int:
    many = min(MANY_ROWS, MANY_SCORES // queries)
    return min(CHUNK_ROWS, max(BLOCK_SCORES // queries, many))


class _Scan:
    """What is known of a block of queries. low: (q,) what a score in float32 must reach."""

    def __init__(
        self, queries: Float32, part: VectorSet, k: int, low: Float32, chosen: Chosen
    ) -> None:
        assert part.codes is not None
        assert part.errors is not None
        self.queries, self.k, self.low = queries, k, low
        self.vectors, self.codes, self.errors = part.vectors, part.codes, part.errors
        self.rows, self.hidden = chosen.rows, chosen.hidden
        self.asked = CodedQueries.of(queries)
        self.quiet = quiet_of(queries.shape[1])
        self.loud = part.loud
        self.unit = self.asked.lengths / self.asked.scales  # 1 of an error, in products
        self.within = self.asked.within(self.quiet) + TINY
        self.count = len(part.vectors) if self.rows is None else len(self.rows)
        self.stride = self.count // PROBE_ROWS
        self.lock, self.probing = threading.Lock(), threading.Lock()
        self.may: list[Pairs] = []  # with similarities by codes
        self.pending = 0  # of them, since the limit was last raised by them
        self.whole: list[Pairs] = []  # with scores
        self.looked, self.dense = 0, 0  # chunks, and those of them that codes were of no help for

    def look(self, at: slice) -> None:
        """At a chunk of the rows."""
        if self.dense >= TRIED and 2 * self.dense > self.looked:
            self._by_products(at)
            return
        products = self._products(at)
        reach = np.flatnonzero(products >= self._least())
        if len(reach) > min(FEW * self.k * len(self.queries), products.size // DENSE):
            self._raise_by_best(products, at)
            reach = np.flatnonzero(products >= self._least())
            if len(reach) > products.size // DENSE:
                self._probe()
                reach = np.flatnonzero(products >= self._least())
        self.looked += 1
        if len(reach) > products.size // DENSE:
            self.dense += 1
            self._by_products(at)
            return
        place, query = np.divmod(reach, len(self.queries))
        said = (products.ravel()[reach] * self.asked.scales[query]).astype(np.float32)
        self._keep(Pairs(query, self._numbers(place, at), said))

    def found(self) -> Pairs:
        """The rows with their scores, once all chunks are looked at."""
        self._settle()
        rest = Pairs.joined(self.may)
        self.whole.append(scored(self.queries, self.vectors, rest.query, rest.row))
        found = Pairs.joined(self.whole)
        low = np.maximum(self.low, low_of(found, self.k, len(self.queries)))
        return found.where(found.score >= low[found.query])

    def _products(self, at: slice) -> Int32:
        """(n, q) of the codes of some rows; HIDDEN where a row must not be found."""
        if self.rows is None:
            codes = np.ascontiguousarray(self.codes[at])
        else:
            codes = self.codes.take(self.rows[at], axis=0)
        products = self.asked.block.products(codes)
        self._favour_loud(products, at)
        if self.hidden is not None:
            products[self.hidden[at]] = HIDDEN
        return products

    def _probe(self) -> None:
        """Raise the limit, once, by rows from everywhere: a chunk of few says little of it."""
        with self.probing:
            every, self.stride = self.stride, 0
            if every > 1:
                at = slice(0, self.count, every)
                self._raise_by_best(self._products(at), at)

    def _favour_loud(self, products: Int32, at: slice) -> None:
        """Add to the products of rows that codes say less of: so one limit is right for all."""
        if self.rows is None and at.step is None:
            first, last = np.searchsorted(self.loud, (at.start, at.stop))
            rows = self.loud[first:last]
            place = rows - at.start
        else:
            some = np.arange(at.start, at.stop, at.step) if self.rows is None else self.rows[at]
            place = np.flatnonzero(self.errors[some] > self.quiet)
            rows = some[place]
        if len(rows):
            more = (self.errors[rows, None] - self.quiet) * self.unit
            products[place] += np.ceil(more).astype(np.int32)

    def _least(self) -> Int32:
        """(q,) what a product must reach."""
        least = np.floor((self.low - MARGIN - self.within) / self.asked.scales)
        return np.clip(least, HIDDEN + 1, -(HIDDEN + 1)).astype(np.int32)

    def _raise_by_best(self, products: Int32, at: slice) -> None:
        """Raise the limit to what k rows of a chunk reach that promise much: the best of each of
        the best k blocks of rows. A block is every (n / size)-th: maxima are of whole slabs."""
        n, q = products.shape
        size = max(1, min(BLOCK, n // (4 * self.k)))
        blocks = n // size
        if blocks < self.k:
            return
        grid = products[: blocks * size].reshape(size, blocks, q)
        best = np.argpartition(grid.max(axis=0), -self.k, axis=0)[-self.k :]
        query = np.broadcast_to(np.arange(q), best.shape)
        place = grid[:, best, query].argmax(axis=0) * blocks + best
        sure = products[place, query] > HIDDEN
        pairs = Pairs(query[sure], self._numbers(place[sure], at), np.empty(0, np.float32))
        self._raise(scored(self.queries, self.vectors, pairs.query, pairs.row))

    def _raise(self, pairs: Pairs) -> None:
        """The limit to what the pairs reach, by their scores. Each is there once."""
        low = low_of(pairs, self.k, len(self.queries))
        with self.lock:
            self.low = np.maximum(self.low, low)

    def _keep(self, pairs: Pairs) -> None:
        with self.lock:
            self.may.append(pairs)
            self.pending += len(pairs.row)
            settle = self.pending > 2 * FEW * self.k * len(self.queries)
            if settle:
                self.pending = 0
        if settle:
            self._settle()

    def _settle(self) -> None:
        """Compare the most promising rows so far, and keep those that reach the new limit."""
        with self.lock:
            may, self.may = Pairs.joined(self.may), []
        order, counts = may.best_first(len(self.queries))
        rank = np.arange(len(order)) - np.repeat(np.cumsum(counts) - counts, counts)
        first, rest = may.where(order[rank < self.k]), may.where(order[rank >= self.k])
        first = scored(self.queries, self.vectors, first.query, first.row)
        with self.lock:
            whole, self.whole = Pairs.joined([*self.whole, first]), []
        self._raise(whole)
        rest = rest.where(self._upper(rest) >= self.low[rest.query] - MARGIN)
        with self.lock:
            self.whole.append(whole.where(whole.score >= self.low[whole.query]))
            self.may.append(rest)

    def _upper(self, pairs: Pairs) -> Float64:
        """What the pairs' similarities are no more than, by codes."""
        at, asked = pairs.query, self.asked
        loud = np.maximum(self.quiet - self.errors[pairs.row], 0)  # others were favoured by it
        return np.asarray(pairs.score + self.within[at] - asked.lengths[at] * loud)

    def _by_products(self, at: slice) -> None:
        vectors = self.vectors[at] if self.rows is None else self.vectors[self.rows[at]]
        chosen = Chosen(hidden=None if self.hidden is None else self.hidden[at])
        pairs = by_products(self.queries, vectors, self.k, self.low, chosen)
        pairs = Pairs(pairs.query, self._numbers(pairs.row, at), pairs.score)
        self._raise(pairs)
        with self.lock:
            self.whole.append(pairs)

    def _numbers(self, places: Index, at: slice) -> Index:
        """The rows that lie at some places of a chunk."""
        places = places * (at.step or 1) + at.start
        return places if self.rows is None else self.rows[places]
