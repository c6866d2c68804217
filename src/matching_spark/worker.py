"""What Spark's Python workers are forked from: spark.python.daemon.module.

Three things make a short task cheap (an empty job of 4 tasks takes 43 ms and not 272): a worker
starts with everything imported, it does not read the zip files on its path again for every task,
and its collection after every task looks at what the task made, not at the libraries.
"""

import gc
import runpy
import zipimport

import matching_spark.hits  # noqa: F401  (what a search's task needs: numpy, pyarrow, pydantic)


def main() -> None:
    # Called by every task; the zip files on a worker's path do not change while it lives.
    zipimport.zipimporter.invalidate_caches = lambda self: None  # type: ignore[method-assign]
    gc.freeze()
    # As Spark itself starts it, whichever version it is and whatever its functions are called.
    runpy.run_module("pyspark.daemon", run_name="__main__")


if __name__ == "__main__":
    main()
