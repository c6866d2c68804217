"""What a decoder gives becomes RGB as people see it: 8 bits, over white, in sRGB, smaller if asked.

Strip by strip, so that beside what the decoder keeps and the result there is next to nothing.
"""

import io
import re
import struct
import sys
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageCms, ImageFile, TiffImagePlugin
from PIL.ExifTags import Base as Tag

from matching_spark.embed.parsers import STUMBLES
from matching_spark.errors import PhotoError

MAX_PROFILE_BYTES = 4 << 20  # a printer's has 2 MB
STRIP_PIXELS = 1 << 20  # of which there are a few copies, of 4 bytes a pixel
# Of whole numbers without a scale: the largest of 8, 10, 12, 14 and 16 bits.
DEPTHS = (255, 1023, 4095, 16383, 65535)
# The mode -> what its profile calls its colour space.
PROFILED = {"RGB": "RGB", "CMYK": "CMYK", "L": "GRAY", "LAB": "Lab"}
NEAR = 12  # of 255: between two makers' sRGB; what is linear is off by up to 80
_SOME = np.stack(np.meshgrid(*[np.arange(0, 256, 51)] * 3), -1).reshape(1, -1, 3).astype(np.uint8)
_APART = 2  # of Tag.PlanarConfiguration: each in a place of its own
# By mode and form of a TIFF, what its numbers are: Pillow takes signed bytes for others, and whole
# numbers of 32 bits for signed.
_OTHER: Mapping[tuple[str, int], type[np.generic]] = {("L", 2): np.int8, ("I", 1): np.uint32}
# What Pillow multiplies a PNG's grey by, and forgets for the one that is clear.
_KEYS = {"L;2": 85, "L;4": 17}
# How Pillow names RGB of 16 bits, of which it keeps the upper eight; by which it keeps the others.
_DEEP = re.compile(r"(?:RGB[AX]?|[RGBA]);16([BLN])")
_OTHER_HALF = {"B": "L", "L": "B", "N": "B" if sys.byteorder == "little" else "L"}
_Change = Callable[[Image.Image], Image.Image]
Frame = tuple[int, int, int, int]  # left, top, right, bottom


def seen(image: Image.Image, factor: int = 1, frame: Frame | None = None) -> Image.Image:
    """RGB over white, in sRGB, reduced by the whole factor, without metadata; as it lies.

    frame: what of it is a picture; the rest of its canvas is clear.
    """
    width, height = image.size
    frame = None if frame == (0, 0, width, height) else frame
    rows = max(1, STRIP_PIXELS // (width * factor)) * factor
    eight_bits, to_srgb = _eight_bits(image), _to_srgb(image)
    all_clear = _is_all_clear(image)
    if not (frame or to_srgb or image.mode != "RGB" or image.has_transparency_data):
        out = image.reduce(factor)
        out.info = {}
        return out
    out = Image.new("RGB", (-(-width // factor), -(-height // factor)))
    for top in range(0, height, rows):
        strip = image.crop((0, top, width, min(height, top + rows)))
        strip = eight_bits(strip)
        if all_clear:
            strip = _bared(strip)
        if frame:
            strip = _framed(strip, (frame[0], frame[1] - top, frame[2], frame[3] - top))
        strip = _flat(strip, factor, to_srgb)
        out.paste(strip, (0, top // factor))
    return out


def prepared(image: Image.Image) -> None:
    """Before it is decoded: correct what Pillow has of a PNG's clear colour and a TIFF's planes.

    Raises PhotoError unsupported-format for planes of which it can be told nothing right.
    """
    if image.format == "PNG":
        _key_as_decoded(image)
    elif isinstance(image, TiffImagePlugin.TiffImageFile):
        _name_planes(image)


def is_deep(image: ImageFile.ImageFile) -> bool:
    """Whether an opened picture that is not decoded yet is RGB of 16 bits."""
    keyed, packed = "transparency" in image.info, [_packed(tile.args) for tile in image.tile]
    return bool(packed) and not keyed and all(map(_DEEP.fullmatch, packed))


def load(image: ImageFile.ImageFile, again: Callable[[], ImageFile.ImageFile]) -> None:
    """Decode it. RGB of 16 bits of which 14 or fewer are used, as of a camera's sensor, is scaled
    as grey is: what Pillow keeps of 10 are four levels, all but black. again: opens it once more.
    """
    deep = is_deep(image)
    image.load()
    most = [int(top) for _, top in np.array(image.getextrema())] if deep else []
    if not most or (max(most[:3]) << 8 | 255) > DEPTHS[-2]:
        return
    lower = again()
    prepared(lower)
    lower.tile = [_of_other_half(tile) for tile in lower.tile]
    lower.load()
    largest = [max(most[:3])] * 3 + most[3:]
    tops = np.array([next(d for d in DEPTHS if d >= (each << 8 | 255)) for each in largest])
    rows = max(1, STRIP_PIXELS // 8 // image.width)  # of numbers of 8 bytes
    for top in range(0, image.height, rows):
        place = (0, top, image.width, min(image.height, top + rows))
        upper = np.asarray(image.crop(place)).astype(np.uint32)
        values = (upper << 8 | np.asarray(lower.crop(place))) / tops * 255
        image.paste(Image.fromarray(values.round().astype(np.uint8), image.mode), place)


def _packed(args: Any) -> str:
    """Pillow's name of how a piece of a picture is packed."""
    return str(args[0] if isinstance(args, tuple) else args)


def _of_other_half(tile: Any) -> Any:
    name = _packed(tile.args)
    other = name[:-1] + _OTHER_HALF[name[-1]]
    args = (other, *tile.args[1:]) if isinstance(tile.args, tuple) else other
    return tile._replace(args=args)


def _key_as_decoded(image: Image.Image) -> None:
    """Let the clear colour be what its numbers become."""
    key, tiles = image.info.get("transparency"), getattr(image, "tile", [])
    packed = tiles[0].args if tiles else ""
    if isinstance(key, int) and packed in _KEYS:
        image.info["transparency"] = key * _KEYS[packed]
    elif isinstance(key, tuple) and packed == "RGB;16B":  # of which the upper half is kept
        image.info["transparency"] = tuple(each >> 8 for each in key)


def _name_planes(image: TiffImagePlugin.TiffImageFile) -> None:
    """Let planes that are not packed have 16 bits where they do: Pillow calls each by its letter
    alone, of whatever numbers, as if they had 8."""
    tags, tiles = image.tag_v2, image.tile
    apart = tags.get(Tag.PlanarConfiguration) == _APART
    if not (apart and tiles) or tiles[0].codec_name != "raw":
        return
    bits = _first(tags.get(Tag.BitsPerSample, 1))
    falls = tags.get(Tag.PhotometricInterpretation) == 0
    if bits not in (1, 8, 16) or falls or tags.get(Tag.FillOrder, 1) != 1:
        why = "a TIFF in planes whose numbers are not of 1, 8 or 16 bits and up from black"
        raise PhotoError("unsupported-format", why)
    if bits == 16:
        name = f";16{'L' if tags.prefix == b'II' else 'B'}"
        image.tile = [t._replace(args=(t.args[0] + name, *t.args[1:])) for t in tiles if t.args]


def _framed(strip: Image.Image, frame: Frame) -> Image.Image:
    """Clear outside of the frame, which decoders fill with a colour of their own."""
    left, top, right, bottom = frame
    inside = max(left, 0), max(top, 0), min(right, strip.width), min(bottom, strip.height)
    out = Image.new("RGBA", strip.size)
    if inside[0] < inside[2] and inside[1] < inside[3]:
        out.paste(strip.convert("RGBA").crop(inside), inside)
    return out


def _flat(strip: Image.Image, factor: int, to_srgb: _Change | None) -> Image.Image:
    clear = strip.has_transparency_data
    if clear:
        strip = (strip.convert("LA") if strip.mode == "La" else strip).convert("RGBA")
    elif strip.mode not in PROFILED:
        strip = strip.convert("RGB")
    if factor > 1:
        strip = strip.reduce(factor)
    if clear:
        white = Image.new("RGBA", strip.size, "white")
        strip = Image.alpha_composite(white, strip).convert("RGB")
    return (to_srgb(strip) if to_srgb else strip).convert("RGB")


def _is_all_clear(image: Image.Image) -> bool:
    """A picture of which nothing would be seen: its writer, as Windows' clipboard or what takes a
    game's screen, has left the fourth byte alone. One colour throughout is no picture."""
    if image.mode in ("RGBA", "LA", "PA"):
        *colours, alpha = np.array(image.getextrema())
        return not alpha.any() and any(low < high for low, high in colours)
    key = image.info.get("transparency")
    if image.mode != "P" or key is None:
        return False
    clear = {key} if isinstance(key, int) else {at for at, alpha in enumerate(key) if not alpha}
    used = {at for at, many in enumerate(image.histogram()) if many}
    return used <= clear and len(used) > 1


def _bared(strip: Image.Image) -> Image.Image:
    """Its colours, whatever its alpha says of them."""
    out = strip.convert("RGB")
    out.info.pop("transparency", None)
    return out


def _eight_bits(image: Image.Image) -> _Change:
    """Numbers without a scale by the largest of the whole image: Pillow's own conversion clips."""
    tags = image.tag_v2 if isinstance(image, TiffImagePlugin.TiffImageFile) else {}
    other = _OTHER.get((image.mode, _form(tags)))
    if other is None and image.mode not in ("I", "F") and not image.mode.startswith("I;"):
        return _palette_of_bytes(image, tags)
    most = _largest(image, other)
    top = max(most, 1.0) if image.mode == "F" else next((d for d in DEPTHS if d >= most), most)
    if _form(tags) == 2:  # with a sign: half of them are below 0
        top = min(top, 2 ** (_first(tags.get(Tag.BitsPerSample, 8)) - 1) - 1)
    # A TIFF may count down from white, as a scanner's; of 8 bits and fewer Pillow turns it about.
    key = image.info.get("transparency")
    down = tags.get(Tag.PhotometricInterpretation) == 0

    def scaled(strip: Image.Image) -> Image.Image:
        values = _numbers(strip, other).astype(np.float32)
        values = np.nan_to_num(values, copy=False, nan=0, posinf=top, neginf=0)
        light = values.clip(0, top) / top
        grey = Image.fromarray(((1 - light if down else light) * 255).round().astype(np.uint8))
        if isinstance(key, int):
            grey.putalpha(Image.fromarray(np.where(values == key, 0, 255).astype(np.uint8)))
        return grey

    return scaled


def _palette_of_bytes(image: Image.Image, tags: Mapping[int, Any]) -> _Change:
    """As it is; but the palette of a TIFF that has 8 bits in its 16, as old ones, is black by their
    upper half: libtiff's own programs tell it by its largest, too."""
    colours = tags.get(Tag.ColorMap, ())
    if image.mode not in ("P", "PA") or not 0 < max(colours, default=0) < 256:
        return lambda strip: strip

    def coloured(strip: Image.Image) -> Image.Image:
        strip.putpalette(bytes(colours), "RGB;L")
        return strip

    return coloured


def _form(tags: Mapping[int, Any]) -> int:
    """What the numbers of a TIFF are: 1 without a sign, 2 with one, 3 floats; 0 of what is none."""
    return _first(tags.get(Tag.SampleFormat, 1)) if tags else 0


def _first(value: int | tuple[int, ...]) -> int:
    return value[0] if isinstance(value, tuple) else value


def _numbers(image: Image.Image, other: type[np.generic] | None) -> npt.NDArray[Any]:
    """other: of which type they are."""
    values = np.asarray(image)
    return values if other is None else values.view(other)


def _largest(image: Image.Image, other: type[np.generic] | None) -> float:
    """Of what is finite."""
    width, height = image.size
    rows = max(1, STRIP_PIXELS // width)
    most = 0.0
    for top in range(0, height, rows):
        values = _numbers(image.crop((0, top, width, min(height, top + rows))), other)
        most = max(most, float(np.max(values, initial=0, where=np.isfinite(values))))
    return most


def _to_srgb(image: Image.Image) -> _Change | None:
    """The colours that its profile means; None, as they are, without one to go by."""
    mode = image.mode
    if mode in ("I", "F", "LA", "La") or mode.startswith("I;"):
        mode = "L"
    elif mode not in PROFILED or (image.has_transparency_data and mode != "L"):
        mode = "RGB"
    profile = image.info.get("icc_profile")
    try:
        if mode == "LAB":
            own = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB"))
        elif profile and len(profile) <= MAX_PROFILE_BYTES:
            own = ImageCms.ImageCmsProfile(io.BytesIO(_without_elements(profile)))
        else:
            return None
        if own.profile.xcolor_space.strip() != PROFILED[mode]:
            return None
        turn = ImageCms.buildTransform(
            own,
            ImageCms.createProfile("sRGB"),
            mode,
            "RGB",
            flags=ImageCms.Flags.BLACKPOINTCOMPENSATION,
        )
        if "sRGB" in (own.profile.profile_description or "") and _is_near(turn, mode):
            return None
    except (ImageCms.PyCMSError, *STUMBLES):  # a broken profile is no reason to refuse its photo
        return None
    # What was laid over white is RGB, though it be grey.
    return lambda strip: turn.apply(strip if strip.mode == mode else strip.convert(mode))


def _is_near(turn: ImageCms.ImageCmsTransform, mode: str) -> bool:
    """Whether it leaves colours as they are, but for what tables and rounding do.

    Not by its name alone: "Linear sRGB" has another curve, and its photos would be seen dark.
    """
    some = Image.fromarray(_SOME).convert(mode)
    before, after = np.asarray(some.convert("RGB")), np.asarray(turn.apply(some))
    return bool(np.abs(after.astype(int) - before).max() <= NEAR)


def _without_elements(profile: bytes) -> bytes:
    """Without its processing elements, curves of any number of pieces: 1 MB of them take minutes.

    A profile that has them has a table or a matrix too, for those who do not know them.
    """
    (tags,) = struct.unpack_from(">I", profile, 128)
    out = bytearray(profile)
    for at in range(132, min(132 + 12 * tags, len(profile)), 12):
        if out.startswith(b"D2B", at):
            out[at : at + 3] = b"no "
    return bytes(out)
