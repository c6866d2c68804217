"""What another user of this machine gets of what listens."""

import json
import os
import subprocess
import sys
from typing import Any

import pytest

from tests.support import stranger

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root may become another user")


def tried(file: str, *targets: str) -> dict[str, Any]:
    """What another user gets of them."""
    command = [sys.executable, stranger.__file__, file, *targets]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    answers: dict[str, Any] = json.loads(done.stdout)
    return answers
