"""HEIC and AVIF, turned by boxes and by EXIF."""

import io
from collections.abc import Iterator

import numpy as np
import pillow_heif
from PIL import Image

from tests.support.photo_bytes import blanked, saved
from tests.support.zoo.profiles import P3, into
from tests.support.zoo.reference import (
    GREY,
    LAID,
    SEEN,
    Kind,
    taken,
    turned,
    veiled,
)


def heic(image: Image.Image, **options: object) -> bytes:
    out = io.BytesIO()
    pillow_heif.from_pillow(image).save(out, quality=95, **options)
    return out.getvalue()


def heic_by_exif_alone(orientation: int) -> bytes:
    """As some phones write it: EXIF turns it, no irot does."""
    exif = Image.Exif()
    exif[0x0113] = 1  # a tag that the encoder leaves alone, renamed here
    whole = heic(LAID[orientation], exif=exif.tobytes())
    tag = (
        b"\x01\x13\0\x03\0\0\0\x01\0\x01"
        if b"MM\0*" in whole
        else b"\x13\x01\x03\0\x01\0\0\0\x01\0"
    )
    assert tag in whole
    if b"MM\0*" in whole:
        return whole.replace(tag, b"\x01\x12\0\x03\0\0\0\x01\0" + bytes([orientation]))
    return whole.replace(tag, b"\x12\x01\x03\0\x01\0\0\0" + bytes([orientation, 0]))


def heic_of_ten_bits() -> bytes:
    deep = np.asarray(SEEN).astype(np.uint16) * 257
    out = io.BytesIO()
    pillow_heif.from_bytes("RGB;16", SEEN.size, deep.tobytes()).save(out, quality=95)
    return out.getvalue()


def branded(data: bytes) -> bytes:
    """The first brand is the container's; the codec's is one of the others."""
    return data[:8] + b"mif1" + data[12:]


def heics_and_avifs() -> Iterator[Kind]:
    clear, over = veiled()
    yield taken("HEIC", heic(SEEN), "as it is")
    for orientation in (3, 6, 2, 5):
        data = heic(LAID[orientation], exif=turned(orientation).tobytes())
        yield taken(f"HEIC turned by irot and imir, {orientation}", data, "upright")
    yield taken(
        "HEIC, EXIF orientation 6 and no irot",
        heic_by_exif_alone(6),
        "as it lies: the standard has irot alone turn it",
        LAID[6],
    )
    yield taken("HEIC with alpha", heic(clear), "over white", over)
    yield taken("HEIC of 10 bits", heic_of_ten_bits(), "scaled")
    yield taken(
        "HEIC in tiles",
        heic(SEEN.resize((192, 128)), tile_size=64),
        "as it is",
        SEEN.resize((192, 128)),
    )
    tiled = heic(SEEN.resize((192, 128)), tile_size=64)
    half = tiled[: len(tiled) // 2]
    yield Kind("HEIC in tiles, cut off in the middle", half, "truncated", "")
    yield Kind(
        "HEIC in tiles, zeros from the middle on", half.ljust(len(tiled), b"\0"), "truncated", ""
    )
    shown = into(P3)
    shown.info["icc_profile"] = P3
    yield taken("HEIC, Display P3", heic(shown), "by the profile")
    yield taken("HEIC, its container's brand first (mif1)", branded(heic(SEEN)), "as it is")
    yield Kind("HEIC, cut off in the middle", heic(SEEN)[:-200], "truncated", "")
    yield taken("AVIF", saved(SEEN, "AVIF", quality=95), "as it is")
    yield taken(
        "AVIF, its container's brand first (mif1)",
        branded(saved(SEEN, "AVIF", quality=95)),
        "as it is",
    )
    yield taken("AVIF with alpha", saved(clear, "AVIF", quality=95), "over white", over)
    yield taken("AVIF, grey", saved(SEEN.convert("L"), "AVIF", quality=95), "grey", GREY)
    for orientation in (6, 5):
        data = saved(LAID[orientation], "AVIF", quality=95, exif=turned(orientation))
        yield taken(f"AVIF turned by irot and imir, {orientation}", data, "upright")
    xmp = b"<rdf:Description xmlns:tiff='http://ns.adobe.com/tiff/1.0/' tiff:Orientation=\"6\"/>"
    yield taken(
        "AVIF that XMP says is turned, and no irot",
        saved(SEEN, "AVIF", quality=95, xmp=xmp),
        "as it lies: the standard has irot alone turn it",
    )
    film = saved(SEEN, "AVIF", save_all=True, append_images=[GREY])
    yield Kind("AVIF, moving", film, "unsupported-format", "")
    unread = branded(saved(SEEN, "AVIF").replace(b"avif", b"miaf"))
    yield Kind("HEIF of AV1 that does not call itself AVIF", unread, "unsupported-format", "")
    yield Kind("AVIF, cut off in the middle", saved(SEEN, "AVIF")[:-200], "truncated", "")
    packed = blanked(saved(SEEN, "AVIF", quality=95))
    yield Kind("AVIF, zeros in the middle", packed, "truncated", "")
