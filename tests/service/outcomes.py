"""What people send as a photo, and what each comes to.

`python -m tests.service.outcomes` writes the table of docs/service-photos.md.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from PIL import Image

from tests.support import page
from tests.support.bombs import BOMBS
from tests.support.photo_bytes import heif, saved
from tests.support.zoo.reference import LAID, SEEN, turned

PAGE = page.PAGE.with_name("service-photos.md")
JPEG = saved(SEEN, "JPEG", quality=95)
WIDE = "PNG 30,000 x 30,000 of 1 bit"
CANVAS = "WebP 16,383 x 6,000 in 36 bytes"
HTML = b"<html><script>alert(document.domain)</script></html>"
# reason -> what whoever sent it is to do.
REMEDIES = {
    "empty": "choose the photo again: its file has no bytes",
    "truncated": "send it again: it broke off on its way, or its file is damaged",
    "not-a-photo": "choose another file; a drawing or a page saved as a PNG or JPEG is taken",
    "too-many-bytes": "save it smaller: 50 MB at most",
    "too-many-pixels": "save it smaller: 256 megapixels at most, fewer in some formats",
    "too-complex": "save it again as a JPEG",
}


@dataclass(frozen=True)
class Sent:
    """A field of a form. what: for people; outcome: 'taken', 'none' or a reason."""

    what: str
    outcome: str
    make: Callable[[], bytes]
    name: str = "photo.jpg"
    type: str = "image/jpeg"
    note: str = ""


def turned_jpeg(orientation: int) -> bytes:
    return saved(LAID[orientation], "JPEG", quality=95, exif=turned(orientation).tobytes())


def cut() -> bytes:
    whole = saved(Image.effect_noise((640, 480), 60).convert("RGB"), "JPEG")
    return whole[: len(whole) // 2]


def gif() -> bytes:
    others = [Image.new("RGB", SEEN.size, "red")]
    return saved(SEEN, "GIF", save_all=True, append_images=others, comment=HTML)


SVG = b'<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg"><script>x()</script></svg>'
PDF = b"%PDF-1.7\n1 0 obj\n<< /Type /Catalog >>\nendobj\ntrailer << /Root 1 0 R >>\n%%EOF\n"
HEIC = "IMG_0001.HEIC"
SENDINGS = [
    Sent(f"HEIC called {HEIC}", "taken", lambda: heif(SEEN.size), HEIC, "image/heic"),
    Sent("the same, of no type", "taken", lambda: heif(SEEN.size), HEIC, ""),
    Sent("JPEG of no type", "taken", lambda: JPEG, type=""),
    Sent(
        "JPEG that is called a GIF",
        "taken",
        lambda: JPEG,
        "a.gif",
        "image/gif",
        "as the JPEG it is",
    ),
    Sent("JPEG called ../../etc/passwd", "taken", lambda: JPEG, "../../etc/passwd", "text/html"),
    *(
        Sent(f"JPEG, EXIF orientation {n}", "taken", partial(turned_jpeg, n), note="upright")
        for n in LAID
    ),
    Sent("JPEG without its end mark", "taken", lambda: JPEG[:-2], note="whole"),
    Sent("JPEG, cut off in the middle", "truncated", cut),
    Sent("no file chosen", "none", bytes, "", "application/octet-stream", "no photo is asked by"),
    Sent("a file of 0 bytes", "empty", bytes),
    Sent("a file of 60 MB", "too-many-bytes", lambda: JPEG + bytes(60 << 20)),
    Sent("JPEG with HTML behind it", "taken", lambda: JPEG + HTML, note="the HTML is gone"),
    Sent("GIF of two frames, a script in it", "taken", gif, "a.gif", "image/gif", "the first"),
    Sent("PNG of 30,000 x 30,000 in 200 bytes", "too-many-pixels", BOMBS[WIDE][0], "a.png", ""),
    Sent("WebP of 16,383 x 6,000 in 36 bytes", "too-many-pixels", BOMBS[CANVAS][0], "a.webp", ""),
    Sent("JPEG of 1,000 scans", "too-complex", BOMBS["JPEG, progressive, 1,000 scans"][0]),
    Sent("SVG", "not-a-photo", lambda: SVG, "a.svg", "image/svg+xml"),
    Sent("PDF", "not-a-photo", lambda: PDF, "a.pdf", "application/pdf"),
    Sent("HTML called a JPEG", "not-a-photo", lambda: HTML),
]


def table() -> str:
    rows = []
    for each in SENDINGS:
        note = each.note or REMEDIES.get(each.outcome, "")
        outcome = each.outcome if each.outcome in ("taken", "none") else f"`{each.outcome}`"
        rows.append([each.what, outcome, note])
    return page.drawn(["what is sent", "comes to", "how, or what to do"], rows)


if __name__ == "__main__":
    page.write("sent", table(), PAGE)
