"""The entry point: errors become one sentence and the exit code of their kind."""

import errno
import gc
import io
import logging
import os
import re
import resource
import signal
import sys
import threading
import time
import traceback
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any

from matching_spark.errors import MatchingError, StorageError
from matching_spark.spark.interrupts import heeded

if TYPE_CHECKING:
    from sys import UnraisableHookArgs

log = logging.getLogger("matching_spark")
INTERRUPTED = 130  # 128 + SIGINT, as shells have it
AGAIN_S = 0.01
OPEN_FILES = 1 << 16
FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO)
# The modules that write to stdout.
WRITES_RESULTS = re.compile(rf"(rich|typer)\.|matching_spark\.cli\.|{__name__}$")
# Of what this process may have no more, by how the system and libraries say it.
LACKS = {
    "MemoryError|failed to map segment|[Cc]annot allocate memory": "this process may have no more "
    "memory: allow it more (ulimit -v; MemoryMax= of systemd)",
    "can't start new thread|Resource temporarily unavailable": "no more processes or threads may "
    "be started: allow more (ulimit -u; TasksMax= of systemd)",
}


def _leave_at_signals() -> None:
    """A signal ends this process at once, as long as nothing has begun: libraries that are being
    imported swallow an interrupt, make another error of it, or end in a traceback."""
    for number in heeded():
        signal.signal(number, lambda *_: os._exit(INTERRUPTED))


def heed_signals() -> None:
    """SIGTERM and a terminal that is closed end a command as Ctrl-C does, so that what it has made
    for a while is removed; also where one of them meets code that nothing leaves."""
    for number in heeded():
        signal.signal(number, _stop)
    sys.unraisablehook = _unraisable


def _stop(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _unraisable(lost: "UnraisableHookArgs") -> None:
    """In a callback, as imports have, an exception is told and forgotten: a stop comes again."""
    if issubclass(lost.exc_type, KeyboardInterrupt):
        threading.Timer(AGAIN_S, os.kill, (os.getpid(), signal.SIGTERM)).start()
    else:
        sys.__unraisablehook__(lost)


def _open_streams() -> None:
    """Where the shell has closed one (`>&-`, `<&-`), what is said goes nowhere, and nothing comes.

    In the order of their numbers: what is opened next has the lowest that is free.
    """
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: SIM115  (as long as the process)
        elif isinstance(stream, io.TextIOWrapper):
            # A result is not lost for a character; what comes is as words of the command line are.
            stream.reconfigure(errors="surrogateescape" if mode == "r" else "backslashreplace")


def _allow_files() -> None:
    """Every shard that is resident holds its file open, of which a system allows 1,024 to who does
    not ask for more, as a JVM does: a service's merges of a day write as many."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = OPEN_FILES if hard == resource.RLIM_INFINITY else min(hard, OPEN_FILES)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def _check_folder() -> None:
    try:
        os.getcwd()
    except FileNotFoundError:
        raise StorageError(
            "the working folder has been removed: go to one that is there (cd ~)"
        ) from None


def _import_from_elsewhere() -> None:
    """Others may write to a working folder, as /tmp is: processes that this one starts, Spark's
    workers among them, import what lies there only where this one does too."""
    if os.getcwd() not in map(os.path.abspath, sys.path):
        os.environ["PYTHONSAFEPATH"] = "1"


def _without_pyiceberg_yaml() -> None:
    """Its file in the home or the working folder, where others may write, tells of catalogs, of
    which a command has no use; one that cannot be read ended every command in a traceback."""
    os.environ["PYICEBERG_HOME"] = str(Path(__file__).parent / "table")


def _of_the_machine(error: Exception) -> StorageError:
    """That a file or folder is closed to this user, which may be said of any that somebody names;
    that the result, or another file, could not be written; that this process may have no more
    memory or threads, of which each library tells in its own way.

    Raises the error itself where it is another.
    """
    for words, lack in LACKS.items():
        if re.search(words, repr(error)):
            return StorageError(lack)
    if not isinstance(error, OSError):
        raise error
    place = None if error.filename is None else os.fsdecode(error.filename)
    if error.errno in (errno.EACCES, errno.EROFS) and place is not None:
        from matching_spark.guard.owners import denied  # as below

        return StorageError(f"{place} cannot be used: {denied(place)}")
    if error.errno not in FULL:
        raise error
    if place is None and WRITES_RESULTS.match(_writer(error)):
        _silence_stdout()
        return StorageError(
            f"the result cannot be written to stdout: {error.strerror}; what was stored is stored"
        )
    return StorageError(
        f"{place or 'a file'} cannot be used: {error.strerror}; make room where the table, the "
        "cache (cache.folder) and files of a while (TMPDIR) lie; -vv says what it was for"
    )


def _writer(error: OSError) -> str:
    """The name of the module that a nameless file could not be written in."""
    *_, (frame, _) = traceback.walk_tb(error.__traceback__)
    return str(frame.f_globals.get("__name__"))


def _silence_stdout() -> None:
    from matching_spark.log import silence  # with its settings, after the collector is told

    silence(sys.stdout)


def _say_usage(error: Any) -> None:
    """What click says of wrong usage, and which help says how; of a group without a word its help
    alone, as it stands."""
    from matching_spark.cli.app import named  # as below
    from matching_spark.cli.options import stderr

    words, command = named(sys.argv[1:])  # click itself does not tell of every error whose it is
    said = str(error.format_message())
    if command.no_args_is_help and len(words) == len(sys.argv) - 1:
        print(said, file=sys.stderr)
        return
    how = " ".join(("matching-spark", *words, "--help"))
    stderr.print(f"matching-spark: {said.rstrip('.')} (`{how}`)")


def run() -> None:
    """The entry point: errors become one sentence and the exit code of their kind."""
    # What a command imports stays: to look through it again and again, as the collector does after
    # every 700 objects, is a tenth of a search. So it comes first.
    gc.set_threshold(50_000)
    _leave_at_signals()
    _open_streams()
    _allow_files()
    # After the collector is told.
    import typer

    from matching_spark.cli.app import app, flags_of
    from matching_spark.cli.options import sentence, stderr

    heed_signals()
    start = time.perf_counter()
    try:
        _check_folder()
        _import_from_elsewhere()
        _without_pyiceberg_yaml()
        code = app(standalone_mode=False) or 0  # typer makes 130 of Ctrl-C
        sys.stdout.flush()
    except MatchingError as error:
        log.debug("failed", exc_info=True)
        stderr.print(f"matching-spark: {sentence(error, flags_of(sys.argv[1:]))}")
        code = error.exit_code
    except typer.Exit as error:
        code = error.exit_code
    except (typer.Abort, KeyboardInterrupt):
        code = INTERRUPTED
    except (BrokenPipeError, SystemExit) as error:
        # Whoever reads the result has left, of which click makes an exit with 1.
        if not any(isinstance(e, BrokenPipeError) for e in (error, error.__context__)):
            raise
        _silence_stdout()
        code = 0
    except Exception as error:
        # click's usage errors show themselves; what is neither is a bug and keeps its traceback.
        if hasattr(error, "exit_code") and hasattr(error, "format_message"):
            _say_usage(error)
            code = 2
        else:
            said = _of_the_machine(error)
            log.debug("failed", exc_info=True)
            stderr.print(f"matching-spark: {said}")
            code = StorageError.exit_code
    if code == INTERRUPTED:
        stderr.print("matching-spark: stopped; what was acknowledged is stored, run it again")
    log.info("done in %.1f s, exit %d", time.perf_counter() - start, code)
    sys.exit(code)


if __name__ == "__main__":
    run()
