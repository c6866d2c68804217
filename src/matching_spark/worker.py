"""What Spark's Python workers are forked from: spark.python.daemon.module.

Whoever connects to its socket is given a worker that runs what he sends, and is asked for no
secret: it lies in a folder that only this user may enter, whatever the umask is.

Three things make a short task cheap (an empty job of 4 tasks takes 39 ms and not 211): a worker
starts with everything imported, it does not read the zip files on its path again for every task,
and its collection after every task looks at what the task made, not at the libraries.
"""

import gc
import os
import runpy
import tempfile
import zipimport
from collections.abc import Iterator
from contextlib import contextmanager

import matching_spark.search.rerank  # noqa: F401  (what a search's task needs: numpy, pyarrow, pydantic)

SOCKETS = "PYTHON_WORKER_FACTORY_SOCK_DIR"  # set where workers have Unix sockets


@contextmanager
def _own_folder() -> Iterator[None]:
    if SOCKETS not in os.environ:
        yield
        return
    with tempfile.TemporaryDirectory(prefix="spark-", dir=os.environ[SOCKETS]) as folder:
        os.environ[SOCKETS] = folder
        yield


def main() -> None:
    # Called by every task; the zip files on a worker's path do not change while it lives.
    zipimport.zipimporter.invalidate_caches = lambda self: None  # type: ignore[method-assign]  # it is meant
    gc.freeze()
    with _own_folder():
        # As Spark itself starts it, whichever version it is and whatever its functions are called.
        runpy.run_module("pyspark.daemon", run_name="__main__")


if __name__ == "__main__":
    main()
