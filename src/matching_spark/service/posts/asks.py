"""What was asked, kept for a while: so that a photo is sent once, whatever is asked of it next."""

import secrets
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from matching_spark.errors import InputError
from matching_spark.service.pages.contexts import Told
from matching_spark.service.posts.seen import SeenPhoto

KEPT_S = 3600.0  # a person looks away, and goes on
MOST_BYTES = 256 << 20  # of photos and vectors


@dataclass(frozen=True)
class Asked:
    """A photo, or none, and what was told of the thing last."""

    photo: SeenPhoto | None
    told: Told

    @property
    def size(self) -> int:
        photo = 0 if self.photo is None else self.photo.nbytes
        return 1000 + photo + 4 * (len(self.told.words) + len(self.told.place))


class Asks:
    """Thread-safe, in memory only: nobody's photo is written to a disk for having been looked for.

    clock: seconds; most: bytes of all.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic, most: int = MOST_BYTES) -> None:
        self._clock, self._most = clock, most
        self._held: OrderedDict[str, tuple[float, Asked, int]] = OrderedDict()  # the oldest first
        self._bytes = 0
        self._turn = threading.Lock()

    def keep(self, asked: Asked, name: str = "") -> str:
        """A name that nobody guesses, of 128 random bits. name: of what it takes the place of, if
        that is kept still."""
        size = asked.size  # which waits for its photo
        with self._turn:
            self._forget_old()
            name = name if name in self._held else secrets.token_urlsafe(16)
            _, _, before = self._held.pop(name, (0.0, asked, 0))
            self._held[name] = (self._clock(), asked, size)
            self._bytes += size - before
            while self._held and self._bytes > self._most:
                self._forget_first()
        return name

    def sweep(self) -> None:
        """Forget what is too long ago: a thread calls it every so often."""
        with self._turn:
            self._forget_old()

    def find(self, name: str) -> Asked:
        """Raises InputError where it was too long ago."""
        with self._turn:
            since, asked, _ = self._held.get(name, (0.0, None, 0))
            if asked is None or self._clock() - since > KEPT_S:
                raise InputError("this search has ended: search once more", argument="asked")
            return asked

    def _forget_first(self) -> None:
        _, (_, _, size) = self._held.popitem(last=False)
        self._bytes -= size

    def _forget_old(self) -> None:
        while self._held and self._clock() - next(iter(self._held.values()))[0] > KEPT_S:
            self._forget_first()
