"""One tree of errors; each knows its exit code.

MatchingError                 1
├── UsageError                2   the command or an argument is wrong
├── InputError                3   a source, a query or a post cannot be read
│   ├── PhotoError            3   one photo: `reason` is its short, countable name
│   ├── NotFoundError         3   a post that there is not
│   └── StaleError            3   a post that has changed since it was read
├── StorageError              4   a file system, the table or the cluster cannot be reached
├── RemoteError               4   the portal's API or a webhook cannot be reached
└── ModelError                5   another model than the table's, or none
"""

from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from difflib import get_close_matches
from typing import Literal


class MatchingError(Exception):
    """What this project raises on purpose; the message says what to do next.

    argument: the name of the argument or setting at fault, where there is one; whoever called says
    it in its own words, the command line as a flag.
    """

    exit_code = 1

    def __init__(self, *text: object, argument: str | None = None) -> None:
        super().__init__(*text)
        self.argument = argument


class UsageError(MatchingError):
    """faults: of several things that are wrong, each."""

    exit_code = 2

    def __init__(
        self, *text: object, argument: str | None = None, faults: Sequence["UsageError"] = ()
    ) -> None:
        super().__init__(*text, argument=argument)
        self.faults = faults

    @classmethod
    def of(cls, faults: Sequence["UsageError"]) -> "UsageError":
        """One error of them all, a line each. Raises IndexError for none."""
        if len(faults) < 2:
            return faults[0]
        return cls(listed(faults), faults=faults)


class InputError(MatchingError):
    exit_code = 3


PhotoReason = Literal[
    "empty",
    "truncated",
    "not-a-photo",
    "unsupported-format",
    "too-many-pixels",
    "too-small",
    "too-thin",
    "too-complex",
    "too-many-bytes",
]


class PhotoError(InputError):
    """A photo that cannot be used. `reason`: for counting."""

    def __init__(self, reason: PhotoReason, detail: str = "") -> None:
        super().__init__(f"{reason}: {detail}" if detail else reason)
        self.reason = reason

    def of(self, place: object) -> "PhotoError":
        """The same, of a photo that lies somewhere."""
        detail = str(self).partition(": ")[2]
        return PhotoError(self.reason, f"{place}: {detail}" if detail else str(place))

    def __reduce__(self) -> tuple[type["PhotoError"], tuple[PhotoReason, str]]:
        return PhotoError, (self.reason, str(self).partition(": ")[2])


class NotFoundError(InputError):
    pass


class StaleError(InputError):
    pass


class StorageError(MatchingError):
    exit_code = 4


class RemoteError(MatchingError):
    exit_code = 4


class ModelError(MatchingError):
    exit_code = 5


@contextmanager
def extra(name: str, needing: str) -> Iterator[None]:
    """Import libraries of one of the package's extras. needing: what needs them.

    Raises UsageError that says how to install one that is not there; one that is there and does not
    load says so itself.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        raise UsageError(
            f"{needing} needs {error.name}: pip install 'matching-spark[{name}]'"
        ) from None


def listed(faults: Iterable[object]) -> str:
    """Several things that are wrong, a line each."""
    lines = [f"\n- {each}" for each in faults]
    return f"{len(lines)} settings are wrong:{''.join(lines)}"


def unknown(name: str, value: str, choices: Iterable[str]) -> str:
    """What is said of a word that is none of a few."""
    return f"{name} {value!r} is not known; choose one of: {', '.join(choices)}"


def meant(said: str, names: Collection[str]) -> str:
    """A question: which of some dotted names was meant, by its last word, else by all of it."""
    last = {each.rpartition(".")[2] for each in names}
    like = get_close_matches(said.rpartition(".")[2], last)
    found = get_close_matches(said, [n for n in names if n.rpartition(".")[2] in like], cutoff=0)
    found = found or get_close_matches(said, names)
    return (
        f"is it {' or '.join(found)}?" if found else "`matching-spark config` lists what there is"
    )
