"""Work of a search that the cores of this process share."""

import os
import re
import threading
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import TypeVar

Item = TypeVar("Item")


def cores() -> int:
    """That a search may use: OMP_NUM_THREADS, which Spark sets to a task's cores; where that is no
    count, which OpenMP passes over too, those that the system lets this process use."""
    named = os.environ.get("OMP_NUM_THREADS", "").partition(",")[0].strip()  # "4,2" where nested
    if re.fullmatch("0*[1-9][0-9]{0,4}", named):
        return int(named)
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def share(do: Callable[[Item], None], items: Iterable[Item]) -> None:
    """Do it to each of the items, in any order, with whatever other threads are idle.

    This thread works too, so that it waits for none that is busy elsewhere. Raises what `do` does.
    """
    todo = list(items)
    lock = threading.Lock()
    todo.reverse()

    def work() -> None:
        while True:
            with lock:
                if not todo:
                    return
                item = todo.pop()
            do(item)

    helpers = min(cores(), len(todo)) - 1
    asked = [_pool(os.getpid()).submit(work) for _ in range(helpers)] if helpers > 0 else []
    try:
        work()
    finally:
        with lock:
            todo.clear()
        for each in asked:
            if not each.cancel():
                each.result()


@cache
def _pool(process: int) -> ThreadPoolExecutor:
    """One pool a process: a fork has none of its parent's threads."""
    return ThreadPoolExecutor(max(1, cores() - 1), "knn")
