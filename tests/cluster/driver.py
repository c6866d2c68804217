"""`driver.py ACTION POINT URI SOURCE`: an ingest, a compact, or a merge of the journal that its
environment names, that kills itself at a point of it.

With it go its JVM and its workers: they are of its process group, of which it is the leader.
"""

import os
import signal
import sys
import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from matching_spark import PostsTable, Settings, start_session
from matching_spark.config import Hadoop, Spark, load_settings
from matching_spark.ingest import vector_files
from matching_spark.ingest.vector_import import ingest_vectors
from matching_spark.operations.merge import merge
from matching_spark.progress import Silent
from matching_spark.table import compact

STEPS = compact._Compact  # noqa: SLF001  # it dies between the steps, which are private
COMMIT = PostsTable.commit.__name__
REWRITE, EXPIRE = STEPS._rewrite.__name__, STEPS._expire.__name__  # noqa: SLF001
POINTS = [
    *(("ingest", p) for p in ("staged", f"before {COMMIT}", f"in {COMMIT}", f"after {COMMIT}")),
    *(("upsert", p) for p in (f"before {COMMIT}", f"in {COMMIT}", f"after {COMMIT}")),
    *(("compact", p) for p in (f"in {REWRITE}", f"after {REWRITE}", f"in {EXPIRE}")),
]
CONF = {
    "spark.master": "local[1]",
    "spark.driver.memory": "700m",
    "spark.sql.shuffle.partitions": "2",
}


def die() -> None:
    os.killpg(0, signal.SIGKILL)


def around(owner: type, original: Callable[..., Any], point: str) -> None:
    """Die before, within or after a method, where the point says so by its name.

    The method and not its name is handed in: the type checker sees that it is there.
    """
    name = original.__name__

    def wrapped(*arguments: Any, **options: Any) -> Any:
        if point == f"in {name}":
            threading.Timer(0.7, die).start()
        if point == f"before {name}":
            die()
        result = original(*arguments, **options)
        if point == f"after {name}":
            die()
        return result

    setattr(owner, name, wrapped)


def main(action: str, point: str, uri: str, source: str) -> None:
    around(PostsTable, PostsTable.commit, point)
    for step in (STEPS._rewrite, STEPS._expire):  # noqa: SLF001
        around(STEPS, step, point)
    vector_files.TASK_BYTES = 1

    class Dying(Silent):
        def count(self, what: str, done: int, total: int) -> None:
            if point == "staged" and done:
                die()

    spark = start_session(Settings(spark=Spark(conf=CONF)))
    if action == "merge":
        merge(load_settings()[0], spark=spark)
    elif action == "ingest":
        ingest_vectors(source, uri, spark, "found", Hadoop(), progress=Dying())
    else:
        compact.compact(PostsTable.open(uri, spark, Hadoop(snapshot_keep=timedelta(0))))
    print("done")


if __name__ == "__main__":
    main(*sys.argv[1:])
