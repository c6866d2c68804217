"""By what name a photo is asked for: sealed, so that it says nothing and none can be made up.

AES-SIV (RFC 5297) gives the same photo the same name, which a browser's cache knows again.
"""

import base64
import binascii
import struct

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESSIV
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from matching_spark.errors import NotFoundError

MAX_NAME = 4096  # characters: an id has 512 of up to 4 bytes
BLOCK = 48  # bytes: ids of any source come to the same length, unless they are long
_HEAD = struct.Struct(">BH")  # which photo of the post, its side


class PhotoNames:
    """Seals and opens names of photos. key: the setting service.key, as journal.sealing has it."""

    def __init__(self, key: str) -> None:
        derived = HKDF(SHA256(), 32, salt=None, info=b"matching-spark photo names 1")
        self._cipher = AESSIV(derived.derive(key.encode()))

    def seal(self, post_id: str, index: int, size: int) -> str:
        """The name, of A-Z a-z 0-9 _ and -. index: from 0, the cover; size: px of the longer side.

        An id holds no NUL (domain.posts).
        """
        plain = _HEAD.pack(index, size) + post_id.encode()
        padded = plain.ljust(-(-len(plain) // BLOCK) * BLOCK, b"\0")
        return base64.urlsafe_b64encode(self._cipher.encrypt(padded, None)).decode().rstrip("=")

    def open(self, name: str) -> tuple[str, int, int]:
        """(post_id, index, size). Raises NotFoundError for what `seal` has not given."""
        try:
            if len(name) > MAX_NAME:
                raise ValueError(name)
            sealed = base64.b64decode(name + "=" * (-len(name) % 4), b"-_", validate=True)
            plain = self._cipher.decrypt(sealed, None)
        except (ValueError, binascii.Error, InvalidTag):
            raise NotFoundError("there is no such photo") from None
        index, size = _HEAD.unpack_from(plain)
        return plain[_HEAD.size :].rstrip(b"\0").decode(), index, size
