"""A process's streams: full, closed, left early, of another encoding. No result is lost for one."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

COMMAND = [sys.executable, "-m", "matching_spark.main"]


@pytest.mark.parametrize(
    ("shell", "code", "says"),
    [
        ("exec {} config > /dev/full", 4, "the result cannot be written to stdout: No space left"),
        ("exec {} --version > /dev/full", 4, "the result cannot be written to stdout: No space"),
        ("exec {} config --help > /dev/full", 4, "the result cannot be written to stdout: No sp"),
        ("exec {} config >&-", 0, ""),
        ("exec {} config >&- 2>&-", 0, ""),
        ("exec {} demo --photos none <&-", 3, "none is no folder of pictures"),
        (
            "mkdir gone; cd gone; rmdir ../gone; exec {} config",
            4,
            "working folder has been removed",
        ),
    ],
)
def test_where_nothing_can_be_said_it_is_no_bug(
    tmp_path: Path, shell: str, code: int, says: str
) -> None:
    command = f"{sys.executable} -m matching_spark.main"
    done = subprocess.run(
        ["bash", "-c", shell.format(command)], cwd=tmp_path, capture_output=True, text=True
    )
    assert (done.returncode, says in done.stderr) == (code, True)
    assert len(done.stderr.splitlines()) == (1 if says else 0), "no traceback"


def test_a_password_of_another_encoding_is_refused(tmp_path: Path) -> None:
    """In a UTF-8 locale and without one: it was told by a traceback."""
    env = os.environ | {
        "MATCHING_SERVICE__JOURNAL": str(tmp_path),
        "MATCHING_SERVICE__KEY": "k" * 48,
    }
    said = "비밀번호가 깁니다".encode("cp949") + b"\n"
    for spoken in ("C", "C.UTF-8"):
        done = subprocess.run(
            [*COMMAND, "account", "add", "kim"],
            input=said,
            capture_output=True,
            env=env | {"LC_ALL": spoken},
        )
        assert (done.returncode, done.stdout) == (2, b"")
        assert done.stderr.startswith(b"matching-spark: the password is no text in UTF-8: ")


@pytest.mark.parametrize(
    ("shell", "result"),
    [
        ("{} config -v 2>&1 > result | true", True),
        ("{} config -v 2> /dev/full > result", True),
        ("{} config -v | true", False),
        ("MATCHING_LOGGING__FILE=/dev/full {} config -vv > result", True),
    ],
)
def test_work_goes_on_where_nobody_hears_of_it(tmp_path: Path, shell: str, result: bool) -> None:
    """Progress and log that cannot be said, or kept, end nothing; a reader may leave early."""
    slow = f"sleep 0.3; {sys.executable} -m matching_spark.main"  # until `true` has ended
    script = f'main() {{ {slow} "$@"; echo $? > code; }}; {shell.format("main")}'
    done = subprocess.run(["bash", "-c", script], cwd=tmp_path, capture_output=True, text=True)
    assert (tmp_path / "code").read_text() == "0\n", done.stderr
    assert "Traceback" not in done.stderr
    assert done.stderr.count("/dev/full cannot be written: No space left") == ("FILE" in shell)
    if result:
        assert json.loads((tmp_path / "result").read_text())["settings"]
