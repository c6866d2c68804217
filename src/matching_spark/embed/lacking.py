"""Whether a piece of a photo is missing though its decoder makes a picture of it and tells nobody.

In a JPEG and in a WebP nothing says how long the coded pixels are. A decoder that comes to their
end too early goes on with zeros, and zeros that a copy has left in the place of a piece are pixels
to it, too. Both show by what it makes of other bytes: behind pixels that are all there they change
nothing, and in the place of the last ones something.
"""

import re
from collections.abc import Callable, Iterator, Sequence

from PIL import Image

from matching_spark.embed.structure import BLANK, RESTART, Structure

_SOME = bytes(1 + (11 + 37 * i) % 254 for i in range(254))  # no mark begins with any of them
# What are no pixels; with every bit turned; and both from elsewhere on: one may happen to show what
# a few bits that are lacking did.
_SOME += _SOME
OTHERS = tuple(
    bytes(abs(turned - each) for each in _SOME[at : at + 254])
    for at in (0, 90)
    for turned in (0, 255)
)
AHEAD = 8  # bytes that a JPEG's decoder asks for before it needs one of them
JPEG_END = b"\xff\xd9"
_ZEROS = re.compile(b"\0*")
Decode = Callable[[bytes], Image.Image | None]  # the picture of a photo's bytes; None: it has none
Place = tuple[int, int]  # where it begins and where it ends


def asking(data: bytes, structure: Structure) -> bytes:
    """A JPEG whose decoder asks for more where the pixels of its one scan end too early, which is
    an error: at an end mark it would go on with zeros. Of several scans it reads up to that mark.
    """
    end = structure.coded[-1][1] if structure.coded else len(data)
    if structure.rows:
        return data[:end] + OTHERS[0][:AHEAD]
    return data if structure.ended else data[:end] + JPEG_END


def lacks(data: bytes, structure: Structure, image: Image.Image, decode: Decode) -> bool:
    """Whether a piece is missing of a photo of which there is a picture. data: a JPEG as `asking`
    gives it; structure: of what it was; image: `decode` of it.
    """

    def alike(other: bytes) -> bool:
        seen = decode(other)
        return seen is not None and seen.tobytes() == image.tobytes()

    coded, view = list(structure.coded), memoryview(data)
    # One run of zeros, the longest, is enough of them: each takes as long as the photo.
    runs = ((n, *run) for n, place in enumerate(coded) for run in blank(data, *place))
    scan, zeros, behind = max(runs, key=lambda run: run[2] - run[1], default=(0, 0, 0))
    if behind:
        begin, last = coded[scan]
        restart = RESTART.search(data, behind, last) if structure.restarts else None
        end = restart.start() if restart else last
        at = end - BLANK - data.endswith(b"\xff", begin, end - BLANK)  # no mark is made of it
        if alike(b"".join((view[:at], OTHERS[0][: end - at], view[end:]))):
            if behind < end or not structure.marks:
                return True  # more of the picture was made of them than was in their place
            zeros += data.endswith(b"\xff", begin, zeros)  # with the zero that such a byte has
            data, gone = b"".join((view[:zeros], view[end:])), end - zeros  # they are no part of it
            coded[scan] = begin, last - gone
            coded[scan + 1 :] = [(a - gone, b - gone) for a, b in coded[scan + 1 :]]
            if not alike(data):
                return True
    return structure.marks and not all(map(alike, _same(data, structure, coded)))


def blank(data: bytes, begin: int, end: int, least: int = BLANK) -> Iterator[Place]:
    """Where so many zeros and more lie in a row."""
    while (begin := data.find(bytes(least), begin, end)) >= 0:
        if run := _ZEROS.match(data, begin, end):
            begin = run.end()
            yield run.span()


def _same(data: bytes, structure: Structure, coded: Sequence[Place]) -> Iterator[bytes]:
    """A JPEG with other bytes behind its pixels, which change nothing where all of them are there;
    those of a whole one in one scan without restarts are, or its decoder would have asked for more.
    """
    view, mores = memoryview(data), OTHERS[1:]
    if structure.ended:
        mores = mores[:1] if structure.restarts or not structure.rows else ()
    else:  # it may be a bit that is lacking: by zeros, too
        yield b"".join((view[: coded[-1][1]], JPEG_END))
    for more in mores:
        parts, at = list[bytes | memoryview](), 0
        for begin, end in coded:
            # A decoder that waits for the restart that would come next reads on behind it.
            own, restarts = _before_restarts(data[begin:end], more[:AHEAD])
            after = b"".join((more, bytes([0xFF, 0xD0 + restarts % 8]), more))
            parts += [view[at:begin], own, more[:AHEAD] if structure.rows else after]
            at = end
        yield b"".join(parts if structure.rows else [*parts, view[at:]])


def _before_restarts(scan: bytes, more: bytes) -> tuple[bytes, int]:
    """A scan with other bytes before each, and how many there are."""
    return RESTART.subn(lambda mark: more + mark[0], scan)
