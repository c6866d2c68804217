"""What is installed has a licence that somebody has looked at, the libraries in wheels too."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


def listed(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(ROOT / "scripts" / "licences.py"), *arguments]
    return subprocess.run(command, capture_output=True, text=True)


def test_every_licence_here_is_known_and_copyleft_is_named_in_the_notice() -> None:
    done = listed()
    assert done.returncode == 0, done.stderr
    notice = (ROOT / "NOTICE").read_text("utf-8")
    bound = [line for line in done.stdout.splitlines() if "GPL" in line]
    assert "    libx265: GPL-2.0" in bound
    for line in bound:
        assert line.strip().partition(":")[0] in notice


@pytest.mark.parametrize(
    ("metadata", "record", "says"),
    [
        ("License-Expression: AGPL-3.0-only", "", "made-up (AGPL-3.0-only)"),
        ("", "", "made-up (nothing is said)"),
        ("License-Expression: MIT", "made_up.libs/libodd-1a2b.so.3,,\n", "libodd in made-up"),
    ],
)
def test_what_nobody_has_looked_at_fails(
    tmp_path: Path, metadata: str, record: str, says: str
) -> None:
    folder = tmp_path / "lib" / "python3.11" / "site-packages" / "made_up-1.dist-info"
    folder.mkdir(parents=True)
    (folder / "METADATA").write_text(
        f"Metadata-Version: 2.4\nName: made-up\nVersion: 1\n{metadata}\n"
    )
    (folder / "RECORD").write_text(record)
    done = listed(str(tmp_path))
    assert done.returncode == 1
    assert f"not looked at: {says}" in done.stderr
