"""Ctrl-C and SIGTERM while a JVM works: its jobs are cancelled, and its answer is heard."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pyspark import SparkContext

CANCEL_S = 10  # that a JVM may take to cancel its jobs
SIGNALS = (signal.SIGINT, signal.SIGTERM)


def cancel_jobs(spark: "SparkContext") -> None:
    """Cancel all jobs, from another thread: on this one's connection an answer is waited for, and
    pyspark's own handler, which asks there, fails now and then."""
    cancel = threading.Thread(target=spark.cancelAllJobs, daemon=True)
    cancel.start()
    cancel.join(CANCEL_S)


@contextmanager
def held_back(spark: "SparkContext | None") -> Iterator[None]:
    """Interrupts cancel the jobs of what is done within, which ends by the JVM's answer.

    Only then are they raised: a statement that nobody listens to any more may yet commit.
    """
    if threading.current_thread() is not threading.main_thread():  # signals are the main thread's
        yield
        return
    came: list[int] = []

    def hold(number: int, frame: object) -> None:
        came.append(number)
        if spark is not None:
            cancel_jobs(spark)

    before = {number: signal.signal(number, hold) for number in SIGNALS}
    try:
        yield
    except Exception as error:
        if came:
            raise KeyboardInterrupt from error
        raise
    finally:
        for number, handler in before.items():  # None: one that was not Python's
            signal.signal(number, signal.SIG_DFL if handler is None else handler)
    if came:
        raise KeyboardInterrupt
