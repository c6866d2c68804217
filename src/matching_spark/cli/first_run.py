"""The first run: the demo's page on this machine, until Enter or Ctrl-C."""

import os
import secrets
import sys
import threading
import webbrowser
from collections.abc import Callable
from contextlib import closing, suppress
from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING

from matching_spark.errors import NotFoundError, extra
from matching_spark.progress import Progress

if TYPE_CHECKING:
    from matching_spark.config import Settings

NEEDED = "fastapi"  # which only the extra brings
OFFICE = "demo"  # who may sign in
DISPLAYS = ("DISPLAY", "WAYLAND_DISPLAY")  # of a Unix desktop


def wanted(serve: bool | None) -> bool:
    """Whether the demo ends with its page: as the flag says, else on a terminal where somebody sits
    and the extra is there. Raises UsageError where it is asked for and the extra is not there."""
    if serve:
        with extra("service", "the service"):
            import_module(NEEDED)
    if serve is None:
        sits = sys.stdin.isatty() and sys.stdout.isatty() and not os.environ.get("CI")
        return sits and find_spec(NEEDED) is not None
    return serve


def shown(settings: "Settings", progress: Progress) -> None:
    """Serve the demo's page, and open it where there is a display, until somebody ends it."""
    from matching_spark.service.server import serve  # the extra's, and a second

    password = _office_password(settings)
    over = threading.Event()

    def ready(url: str) -> None:
        progress.say(f"try a photo of your own at {url} (Enter or Ctrl-C ends it)")
        progress.say(f"the office's pages: {url}office, sign in as {OFFICE} with {password}")
        if sys.platform == "darwin" or any(map(os.environ.get, DISPLAYS)):
            webbrowser.open(url)
        if sys.stdin.isatty():
            threading.Thread(target=_enter, args=(over.set,), name="enter", daemon=True).start()

    serve(settings, progress, demo=True, ready=ready, stop=over)


def _office_password(settings: "Settings") -> str:
    """Of the demo's one account, which is made anew at each start: nothing keeps it."""
    # The extra's too.
    from matching_spark.journal.store import Journal
    from matching_spark.service.guards.accounts import Accounts

    with closing(Journal.open_or_create(settings)) as journal:
        accounts, password = Accounts(journal), secrets.token_urlsafe(12)
        with suppress(NotFoundError):
            accounts.remove(OFFICE)
        accounts.add(OFFICE, password)
    return password


def _enter(end: Callable[[], None]) -> None:
    if sys.stdin.readline():  # '' is a terminal that has gone, which sends a signal of its own
        end()
