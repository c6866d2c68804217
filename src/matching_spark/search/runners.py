"""Where a search is run: by Spark's tasks or in this process. Both give the same answer."""

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import cache, partial
from typing import TYPE_CHECKING, Literal, Protocol, get_args

from matching_spark.errors import StorageError
from matching_spark.score.posterior import Rivals
from matching_spark.search.request import Request
from matching_spark.search.rerank import TaskOutcome, ranked, scan_files
from matching_spark.search.scan import scan_all
from matching_spark.shards.cache import ShardCache
from matching_spark.shards.joined import joined
from matching_spark.shards.overlay import Overlay
from matching_spark.shards.shard import FILES_A_TASK_BYTES, DataFile, Shard, pack
from matching_spark.shards.space import VectorSpace
from matching_spark.spark.failures import cause, check_running

if TYPE_CHECKING:
    from pyspark import SparkContext


RunnerName = Literal["spark", "memory"]
RUNNERS: tuple[RunnerName, ...] = get_args(RunnerName)


class Runner(Protocol):
    """Runs a request over the files that were planned for it."""

    def run(
        self,
        files: Sequence[DataFile],
        request: Request,
        space: VectorSpace,
        newer: Overlay | None = None,
    ) -> TaskOutcome:
        """The ranked matches of each query, posts compared, vectors looked at. newer: rows that
        are laid over the files'.
        """
        ...


MANY = 1000  # matches of a task, whose looking up takes 15 ms
MOST_BYTES = 1 << 30  # of a task, however many: what is lost with an executor is searched again


@dataclass(frozen=True)
class MemoryRunner:
    """In this process; its shards are shared with this host's other processes.

    Once a request's time is over no further shard is begun: what was found so far is the outcome,
    which says that it is not complete.

    view: what of a shard is searched in place of all that it has.
    """

    cache: ShardCache
    view: Callable[[Shard], Shard] | None = None

    def run(
        self,
        files: Sequence[DataFile],
        request: Request,
        space: VectorSpace,
        newer: Overlay | None = None,
    ) -> TaskOutcome:
        centroids = space.centroids()
        shards = self.cache.load_all(files, space, _pool(os.getpid()).map)
        if newer is not None:
            shards = newer.over(files, shards)
        if self.view is not None:  # of parts: they share vectors that a view of the whole copies
            shards = list(map(self.view, shards))
        shards = [
            *joined(shards[: len(files)]),
            *shards[len(files) :],
        ]  # fresh rows are others soon
        # One after the other, and the cores share each: shards at once, whose threads wait for each
        # other's Python, took up to twice as long, and none is spared what another has ruled out.
        parts = scan_all(shards, request, centroids)
        outcome = TaskOutcome.of(parts, request)
        return outcome if len(parts) == len(shards) else replace(outcome, complete=False)


@dataclass(frozen=True)
class SparkRunner:
    """By Spark's tasks, each with some of the files, wherever executors are."""

    cache: ShardCache
    context: "SparkContext"

    def run(
        self,
        files: Sequence[DataFile],
        request: Request,
        space: VectorSpace,
        newer: Overlay | None = None,
    ) -> TaskOutcome:
        assert newer is None  # SimilarityEngine refuses it
        check_running(self.context)
        whole = replace(request, until=None)  # other hosts' clocks begin at other times
        run = partial(scan_files, request=whole, cache=self.cache, space=space)
        try:
            tasks = tasks_of(files, request, self.context.defaultParallelism)
            answers = self.context.parallelize(tasks, len(tasks)).flatMap(run).collect()
        except Exception as error:
            raise StorageError(f"the search failed: {cause(error)}") from error
        return TaskOutcome(
            sum(answer.searched for answer in answers),
            sum(answer.rows for answer in answers),
            [
                ranked([match for answer in answers for match in answer.matches[i]], request.top_k)
                for i in range(len(request.queries))
            ],
            [
                Rivals.joined([answer.rivals[i] for answer in answers])
                for i in range(len(request.queries) if request.rivals else 0)
            ],
        )


def tasks_of(files: Sequence[DataFile], request: Request, cores: int) -> list[list[DataFile]]:
    """The files that each task searches. It looks up the k best of each query, however little it
    reads, and all of them are sent and ranked: so of many queries a task has more files."""
    times = max(1, len(request.queries) * request.top_k // MANY)
    return pack(files, cores, min(times * FILES_A_TASK_BYTES, MOST_BYTES))


@cache
def _pool(process: int) -> ThreadPoolExecutor:
    """The memory runner's threads, one a core, that load shards. One pool a process: a fork has
    none of its parent's threads."""
    return ThreadPoolExecutor(os.cpu_count())
