"""How what takes long tells of itself: in sentences, and by counts of what is done."""

from typing import Protocol


class Progress(Protocol):
    """Whoever calls hands one in: the command line draws bars, a service may write its log."""

    def say(self, what: str) -> None:
        """What begins now, or what was done: a sentence, or part of one with ` ...` at its end."""

    def count(self, what: str, done: int, total: int) -> None:
        """So many of `total` are done, `what` being their name. From any thread, often."""


class Silent:
    """Tells nobody."""

    def say(self, what: str) -> None:
        """Nothing."""

    def count(self, what: str, done: int, total: int) -> None:
        """Nothing."""


SILENT: Progress = Silent()
