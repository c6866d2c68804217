"""What stops a command, and that while a JVM works: its jobs are cancelled, its answer is heard."""

import signal
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import partial
from types import FrameType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pyspark import SparkContext

CANCEL_S = 10  # for the JVM to cancel its jobs; then the interrupt goes on without it
Handler = Callable[[int, FrameType | None], object] | int  # as signal.signal takes it
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)  # the last: the terminal was closed


def heeded() -> list[signal.Signals]:
    """Those of SIGNALS that whoever started this process has not had ignored, as nohup does."""
    return [each for each in SIGNALS if signal.getsignal(each) is not signal.SIG_IGN]


def cancel_jobs(spark: "SparkContext") -> None:
    """Cancel all jobs, by another thread: this one's connection to the JVM waits for an answer
    already, and pyspark's own handler, which asks on it, fails now and then."""
    from py4j.protocol import Py4JError  # half a second for those who use no Spark

    def ask() -> None:
        with suppress(Py4JError, OSError):  # Spark has ended, or its JVM, and all jobs with it
            spark.cancelAllJobs()

    cancel = threading.Thread(target=ask, daemon=True)
    cancel.start()
    cancel.join(CANCEL_S)


@contextmanager
def held_back(act: Callable[[], object] | None) -> Iterator[Callable[[], None]]:
    """An interrupt is raised only when what is done within has ended, or where that calls what is
    given here: so it waits where nothing has begun. act: hastens that end, as cancel_jobs does.

    So the JVM's answer is heard: a statement that nobody listens to any more may yet commit.
    """
    with _caught(act, at_once=False) as heed:
        yield heed


@contextmanager
def cancelling(spark: "SparkContext") -> Iterator[None]:
    """An interrupt cancels the jobs and is raised at once, whatever py4j makes of it; and at the
    end, where a callback, as py4j has for what is let go, had swallowed it."""
    with _caught(partial(cancel_jobs, spark), at_once=True):
        yield


@contextmanager
def _caught(act: Callable[[], object] | None, at_once: bool) -> Iterator[Callable[[], None]]:
    came: list[int] = []

    def heed() -> None:
        if came:
            raise KeyboardInterrupt

    if threading.current_thread() is not threading.main_thread():  # signals are the main thread's
        yield heed
        return

    def interrupted(number: int, frame: object) -> None:
        came.append(number)
        if act is not None:
            act()
        if at_once:
            raise KeyboardInterrupt

    before = {number: signal.getsignal(number) for number in SIGNALS}
    _set(dict.fromkeys(heeded(), interrupted))
    try:
        yield heed
    except Exception as error:
        if came:
            raise KeyboardInterrupt from error
        raise
    finally:  # also in place of the handler that pyspark puts there when it starts
        _set(before)
    heed()


def _set(handlers: Mapping[signal.Signals, Handler | None]) -> None:
    for number, handler in handlers.items():  # None: one that was not Python's
        signal.signal(number, signal.SIG_DFL if handler is None else handler)
