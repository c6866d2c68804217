"""How large the pictures inside an AVIF are, whatever its boxes tell.

libavif takes a picture's size from a box (`ispe`) and scales to it what its decoder gives; how much
memory that takes, only the sequence headers of AV1 say.
"""

from collections.abc import Sequence

from matching_spark.embed.boxes import Item, boxes
from matching_spark.errors import PhotoError

MAX_UNITS = 65_536  # of an item; a picture has 2, or one for each of its tiles
_SEQUENCE_HEADER = 1  # a kind of AV1's units (OBU)


def largest_picture(data: bytes, own: Sequence[Item]) -> int:
    """Pixels of the largest sequence header of its items; 0 where it has none, as what is cut off.

    Raises PhotoError too-complex for parts without end, unsupported-format for a film.
    """
    if any(kind == b"moov" for kind, _ in boxes(data, 0, len(data))):
        raise PhotoError("unsupported-format", "an AVIF that is a film; send a still one")
    largest = read = 0
    for item in own:
        if len(item.pieces) > 1:
            raise PhotoError("too-complex", "an item of an AVIF that lies in pieces")
        for at, length in item.pieces:
            read += length
            if read > len(data):
                raise PhotoError("too-complex", "items of an AVIF that lie upon one another")
            largest = max(largest, _largest_of(data[at : at + length]))
    return largest


def _largest_of(units: bytes) -> int:
    """Of AV1's units; of other bytes 0, or any number."""
    at = largest = 0
    try:
        for _ in range(MAX_UNITS):
            head = units[at]
            at += 2 if head & 4 else 1
            length = len(units) - at
            if head & 2:
                length, at = _leb128(units, at)
            if head >> 3 & 15 == _SEQUENCE_HEADER:
                largest = max(largest, _pixels(units[at : at + min(length, 256)]))
            at += length
    except IndexError:  # the end, or no units
        return largest
    raise PhotoError("too-complex", f"units of an AVIF's item: more than {MAX_UNITS:,}")


def _leb128(units: bytes, at: int) -> tuple[int, int]:
    """(the number that begins there, where it ends), seven bits a byte."""
    number = 0
    for shift in range(0, 56, 7):
        number |= (units[at] & 127) << shift
        at += 1
        if not units[at - 1] & 128:
            break
    return number, at


class _Bits:
    """Reads numbers of any count of bits, the highest first. Raises IndexError at the end."""

    def __init__(self, data: bytes) -> None:
        self._whole, self._left = int.from_bytes(data), 8 * len(data)

    def __call__(self, count: int) -> int:
        self._left -= count
        if self._left < 0:
            raise IndexError(self._left)
        return self._whole >> self._left & (1 << count) - 1


def _pixels(header: bytes) -> int:
    """Of a sequence header's largest frame: section 5.5 of AV1's specification."""
    bits = _Bits(header)
    bits(4)  # profile, still picture
    if bits(1):  # a reduced header
        bits(5)
    else:
        _skip_points(bits, _model_bits(bits))
    width, height = bits(4) + 1, bits(4) + 1
    return (bits(width) + 1) * (bits(height) + 1)


def _model_bits(bits: _Bits) -> int:
    """Past the timing; how many bits a delay of the decoder's model has, 0 without one."""
    if not bits(1):
        return 0
    bits(64)
    if bits(1):
        zeros = 0
        while not bits(1):
            zeros += 1
        bits(zeros)
    if not bits(1):
        return 0
    delay = bits(5) + 1
    bits(42)
    return delay


def _skip_points(bits: _Bits, delay: int) -> None:
    """Past the operating points."""
    shown = bits(1)
    for _ in range(bits(5) + 1):
        bits(12)
        if bits(5) > 7:  # the level; a high one has a tier
            bits(1)
        if delay and bits(1):
            bits(2 * delay + 1)
        if shown and bits(1):
            bits(4)
