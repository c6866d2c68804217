"""What is personal, sealed by a key that is not in the journal: AES-256-GCM (NIST SP 800-38D)."""

import os

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from matching_spark.errors import StorageError, UsageError

NONCE = 12  # bytes, random: SP 800-38D, 8.3 allows 2^32 messages of one key with such
MIN_KEY = 32  # characters, as the settings have it
KEY, FORMER_KEY = "service.key", "service.former_key"  # the settings


class Sealer:
    """Seals and opens bytes, each bound to where it lies."""

    def __init__(self, key: str, former: "Sealer | None" = None, setting: str = KEY) -> None:
        """key: the setting service.key. former: of the key before, while the journal is sealed
        anew: what it has sealed opens too. Raises UsageError for a short key."""
        if len(key) < MIN_KEY:
            raise UsageError(
                f"{setting} has fewer than {MIN_KEY} characters: `openssl rand -base64 32`",
                argument=setting,
            )
        # RFC 5869. It makes no guessable key a strong one: hence the length.
        derived = HKDF(SHA256(), 32, salt=None, info=b"matching-spark journal 1")
        self._cipher = AESGCM(derived.derive(key.encode()))
        self.former = former

    @classmethod
    def of(cls, key: str, former: str | None) -> "Sealer":
        """By service.key and service.former_key. Raises UsageError where they cannot be."""
        if key == former:
            raise UsageError(
                f"{FORMER_KEY} is {KEY} too: leave it away, or set {KEY} to a new one",
                argument=FORMER_KEY,
            )
        return cls(key, None if former is None else cls(former, setting=FORMER_KEY))

    def seal(self, plain: bytes, *where: str) -> bytes:
        """Nonce and ciphertext. where: what it belongs to, which opening must name again."""
        nonce = os.urandom(NONCE)
        return nonce + self._cipher.encrypt(nonce, plain, _bound(where))

    def opens(self, sealed: bytes, *where: str) -> bool:
        """Whether this key, and not the former one, has sealed it."""
        return self._opened(sealed, where) is not None

    def open(self, sealed: bytes, *where: str) -> bytes:
        """Raises StorageError where it is another key's, another place's or was changed."""
        if (plain := self._opened(sealed, where)) is not None:
            return plain
        if self.former is not None:
            return self.former.open(sealed, *where)
        raise StorageError(
            f"what the journal has sealed for {where[-1]} does not open: it was changed, or "
            "service.key is another; set the key that it was written with, or restore a backup"
        )

    def _opened(self, sealed: bytes, where: tuple[str, ...]) -> bytes | None:
        try:
            return self._cipher.decrypt(sealed[:NONCE], sealed[NONCE:], _bound(where))
        except (InvalidTag, ValueError, TypeError, AttributeError):  # SQLite has a number there too
            return None


def _bound(where: tuple[str, ...]) -> bytes:
    return b"\x00".join(each.encode() for each in where)
