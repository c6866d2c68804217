"""Names by which the service knows a thing, and nobody else anything: sealed, no id in them."""

import base64
import binascii

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESSIV
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from matching_spark.errors import InputError

MAX_NAME = 4096  # characters: an id has 512 of up to 4 bytes
BLOCK = 48  # bytes: ids of any source come to the same length, unless they are long


class Names:
    """AES-SIV (RFC 5297): the same text has always the same name, and no other name opens."""

    def __init__(self, key: str, purpose: str) -> None:
        """key: the setting service.key. purpose: a name of one does not open for another."""
        self._cipher = AESSIV(derived(key, f"names {purpose}", 64))

    def seal(self, text: str) -> str:
        """A name of A-Z a-z 0-9 _ and -. text: without NUL, as ids are (domain.posts)."""
        plain = text.encode()
        padded = plain.ljust(-(-len(plain) // BLOCK) * BLOCK, b"\0")
        return base64.urlsafe_b64encode(self._cipher.encrypt(padded, None)).decode().rstrip("=")

    def open(self, name: str) -> str:
        """Raises InputError for one that was not sealed here."""
        try:
            if len(name) > MAX_NAME:
                raise ValueError
            raw = base64.b64decode(name + "=" * (-len(name) % 4), altchars=b"-_", validate=True)
            return self._cipher.decrypt(raw, None).rstrip(b"\0").decode()
        except (InvalidTag, ValueError, binascii.Error):
            raise InputError("this name is none of this service's: load the page again") from None


def derived(key: str, purpose: str, size: int) -> bytes:
    """Bytes made of service.key (RFC 5869), others for each purpose."""
    info = f"matching-spark service {purpose}".encode()
    return HKDF(SHA256(), size, salt=None, info=info).derive(key.encode())
