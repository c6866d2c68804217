"""What another user of this machine gets of what listens."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from multiprocessing import get_context
from multiprocessing.connection import Connection
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


def error_as_nobody(call: Callable[[], object], uid: int = 65534) -> str:
    """What a call raises where another user makes it; '' for nothing. What it needs of modules has
    to be imported before: another user may not read the folder of this Python."""
    ours, theirs = get_context("fork").Pipe(duplex=False)
    child = get_context("fork").Process(target=_said, args=(call, uid, theirs))
    child.start()
    theirs.close()
    said: str = ours.recv()
    child.join()
    return said


def _said(call: Callable[[], object], uid: int, to: Connection) -> None:
    os.setgroups([])
    os.setresgid(uid, uid, uid)
    os.setresuid(uid, uid, uid)
    try:
        call()
        to.send("")
    except Exception as error:
        to.send(f"{type(error).__name__}: {error}")
