"""Drawn worlds are embedded in processes of their own, which end whatever ends the caller."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from matching_spark import ClipModel
from matching_spark.demo.embedded import processes, shards
from matching_spark.errors import StorageError
from tests.support.full import full
from tests.support.processes import in_session, wait_until

CALLER = """
import os, time
from matching_spark.demo.embedded import processes

if __name__ == "__main__":
    with processes() as pool:
        pool.submit(os.getpid).result()
        print("at work", flush=True)
        time.sleep(600)
"""


@pytest.mark.parametrize("ended", [signal.SIGKILL, signal.SIGTERM])
def test_they_end_with_the_process_that_asked(tmp_path: Path, ended: signal.Signals) -> None:
    script = tmp_path / "caller.py"
    script.write_text(CALLER)
    with subprocess.Popen(
        [sys.executable, str(script)], stdout=subprocess.PIPE, text=True, start_new_session=True
    ) as caller:
        assert caller.stdout is not None
        assert caller.stdout.readline() == "at work\n"
        assert len(in_session(caller.pid)) > 1
        caller.send_signal(ended)
    wait_until(lambda: not in_session(caller.pid), "the workers end")


def test_a_full_disk_is_named(clip: ClipModel, tmp_path: Path) -> None:
    """It was said that the result cannot be written to stdout."""
    with processes() as pool, full(), pytest.raises(StorageError, match=f"{tmp_path}/0.parquet"):
        shards(clip, [[]], tmp_path, pool, lambda done, total: None)
    assert not list(tmp_path.iterdir())
