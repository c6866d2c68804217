"""Take docs/matches.jpg, the demo's page as a browser shows it: `python docs/matches.py`, after
`make demo`. Needs Chromium, and a font with Hangul.
"""

import io
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from PIL import Image

DOCS = Path(__file__).parent
PAGE = DOCS.parent / "demo-out" / "matches.html"
WIDTH, HEIGHT = 1200, 900  # CSS px


def take(page: Path, picture: Path) -> None:
    """A JPEG of the page's first screen, in the light scheme. Exits when there is no browser."""
    names = ("chromium", "chromium-browser", "google-chrome", "chrome")
    browser = next(filter(None, map(shutil.which, names)), None)
    if browser is None:
        sys.exit(f"one of {', '.join(names)} must be on the path")
    with tempfile.TemporaryDirectory() as folder:
        shot = Path(folder) / "shot.png"
        # As root Chromium runs without its sandbox only; the page is ours and loads nothing.
        flags = ("--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars")
        size = f"--window-size={WIDTH},{HEIGHT}"
        command = [browser, *flags, size, f"--screenshot={shot}", page.absolute().as_uri()]
        subprocess.run(command, check=True, capture_output=True, timeout=120)
        image = Image.open(io.BytesIO(shot.read_bytes())).convert("RGB")
    image.save(picture, "JPEG", quality=85, optimize=True)


if __name__ == "__main__":
    take(Path(sys.argv[1]) if sys.argv[1:] else PAGE, DOCS / "matches.jpg")
