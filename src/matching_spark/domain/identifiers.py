"""Numbers that name one thing (a card, a document, a device), kept as keyed hashes alone.

Two posts that name the same number are of one thing. The number itself is nobody's business: it
goes through HMAC-SHA256 with a key of the settings, cut to 128 bits. Without the key nobody can try
all numbers of a kind, of which there are few. Hashes of two keys are never compared: each names its
key by a part of another hash.
"""

import hashlib
import hmac
import re
from collections.abc import Iterable

from matching_spark.domain.personal import SERIAL, numbers
from matching_spark.errors import InputError

HEX = 32  # digits: 128 bits
NAMED = 4  # digits that name a key: one of 65,536
MOST = 20  # of a post: a list of goods is no thing
HASHED = re.compile(rf"[a-z]+-([0-9a-f]{{{NAMED}}}):[0-9a-f]{{{HEX}}}")
# What is known in a text by its hyphens alone, where somebody says that it is a number.
BARE = {
    "resident": re.compile(r"\d{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])[1-8]\d{6}"),
    "licence": re.compile(r"(?:1[1-9]|2[0-8])\d{10}"),
}


class Seal:
    """Hashes by one key, as KIND-NAME:HEX. name: of the key, which does not tell it."""

    def __init__(self, key: str) -> None:
        self._key = key.encode()
        self.name = self._digest("the name of this key")[:NAMED]

    def of(self, texts: Iterable[str]) -> tuple[str, ...]:
        """Of the numbers that stand in texts, each once, in order, the first MOST."""
        found = {number for text in texts for number in numbers(text)}
        return tuple(sorted(self._hash(*number) for number in found))[:MOST]

    def of_number(self, text: str) -> tuple[str, ...]:
        """Of a number as somebody gives it, which may be any serial number, or its hash by this
        key. Raises InputError, without the number, where it can be none.
        """
        if hashed := HASHED.fullmatch(text.strip()):
            if hashed[1] != self.name:
                raise InputError("an identifier is the hash of another identifiers.key than is set")
            return (hashed[0],)
        if found := self.of([text]):
            return found
        bare = "".join(text.split())
        for kind, form in BARE.items():
            if form.fullmatch(bare.replace("-", "")):
                return (self._hash(kind, bare.replace("-", "")),)
        if re.fullmatch(SERIAL, bare, re.I) and (found := self.of([f"S/N {bare}"])):
            return found
        raise InputError(
            "an identifier is a card's, a document's, a plate's or a device's number, or 6 to 20 "
            "letters and digits of a serial number, and no telephone's"
        )

    def _hash(self, kind: str, number: str) -> str:
        return f"{kind}-{self.name}:{self._digest(f'{kind}:{number}')[:HEX]}"

    def _digest(self, text: str) -> str:
        return hmac.new(self._key, text.encode(), hashlib.sha256).hexdigest()


def checked(hashes: Iterable[str]) -> str:
    """Hashes as facts have them: each once, in order, joined by spaces. Raises InputError for a
    number in the clear.
    """
    whole = sorted(set(hashes))
    if not all(map(HASHED.fullmatch, whole)):
        raise InputError("identifiers are hashes that domain.identifiers.Seal makes, no numbers")
    return " ".join(whole)
