"""Numbers that name one thing (a card, a document, a device), kept as keyed hashes alone.

Two posts that name the same number are of one thing. The number itself is nobody's business: it
goes through HMAC-SHA256 with a key of the settings, cut to 128 bits. Without the key nobody can try
all numbers of a kind, of which there are few.
"""

import hashlib
import hmac
import re
from collections.abc import Iterable

from matching_spark.domain.personal import SERIAL, numbers
from matching_spark.errors import InputError

HEX = 32  # digits: 128 bits
MOST = 20  # of a post: a list of goods is no thing
HASHED = re.compile(rf"[a-z]+:[0-9a-f]{{{HEX}}}")


class Seal:
    """Hashes by one key, as KIND:HEX."""

    def __init__(self, key: str) -> None:
        self._key = key.encode()

    def of(self, texts: Iterable[str]) -> tuple[str, ...]:
        """Of the numbers that stand in texts, each once, in order, the first MOST."""
        found = {number for text in texts for number in numbers(text)}
        return tuple(sorted(self._hash(*number) for number in found))[:MOST]

    def of_number(self, text: str) -> tuple[str, ...]:
        """Of a number as somebody gives it, which may be any serial number. Raises InputError,
        without the number, where it can be none.
        """
        if found := self.of([text]):
            return found
        bare = "".join(text.split())
        if not (re.fullmatch(SERIAL, bare, re.I) and any(map(str.isdigit, bare))):
            raise InputError(
                "an identifier is a card's, a document's, a plate's or a device's number, or 6 to "
                "20 letters and digits of a serial number"
            )
        return self.of([f"S/N {bare}"])

    def _hash(self, kind: str, number: str) -> str:
        digest = hmac.new(self._key, f"{kind}:{number}".encode(), hashlib.sha256)
        return f"{kind}:{digest.hexdigest()[:HEX]}"


def checked(hashes: Iterable[str]) -> str:
    """Hashes as facts have them: each once, in order, joined by spaces. Raises InputError for a
    number in the clear.
    """
    whole = sorted(set(hashes))
    if not all(map(HASHED.fullmatch, whole)):
        raise InputError("identifiers are hashes that domain.identifiers.Seal makes, no numbers")
    return " ".join(whole)
