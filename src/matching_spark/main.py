"""The entry point: errors become one sentence and the exit code of their kind."""

import gc
import io
import logging
import signal
import sys
import time
from types import FrameType

from matching_spark.errors import MatchingError

log = logging.getLogger("matching_spark")
INTERRUPTED = 130  # 128 + SIGINT, as shells have it


def _stop(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def run() -> None:
    """The entry point: errors become one sentence and the exit code of their kind."""
    # What a command imports stays: to look through it again and again, as the collector does after
    # every 700 objects, is a tenth of a search. So it comes first.
    gc.set_threshold(50_000)
    import typer

    from matching_spark.cli.app import app
    from matching_spark.cli.options import sentence, stderr

    signal.signal(signal.SIGTERM, _stop)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a result is not lost for a character
    start = time.perf_counter()
    try:
        code = app(standalone_mode=False) or 0  # typer makes 130 of Ctrl-C
    except MatchingError as error:
        log.debug("failed", exc_info=True)
        stderr.print(f"matching-spark: {sentence(error)}")
        code = error.exit_code
    except typer.Exit as error:
        code = error.exit_code
    except (typer.Abort, KeyboardInterrupt):
        code = INTERRUPTED
    except BrokenPipeError:
        sys.stderr.close()
        code = 0
    except Exception as error:
        # click's usage errors show themselves; anything else is a bug and keeps its traceback.
        if not hasattr(error, "exit_code") or not hasattr(error, "format_message"):
            raise
        stderr.print(f"matching-spark: {error.format_message()}")
        code = 2
    if code == INTERRUPTED:
        stderr.print("matching-spark: stopped; what was acknowledged is stored, run it again")
    log.info("done in %.1f s, exit %d", time.perf_counter() - start, code)
    sys.exit(code)


if __name__ == "__main__":
    run()
