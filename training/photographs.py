"""Photographs to measure with, never to train on: `python photographs.py FOLDER --mirror MIRRORS`.

photographs.txt has a line for each repository they come from: set, kinds, name, commit, terms.
photographs.sha256 has one for each photo, below its [repository]folder: checksum, what it shows, name. A mirror is a folder of git repositories as
OWNER+NAME[/repo][/.git], OWNER/NAME or NAME. No photo is in a commit of this project.

What a photo shows is told by kind:
thing      one and the same object, in another place: its name
garment    a thing on a plain ground, to be cut out and put on two busy ones
catalogue  a product's picture: the product
shelf      photos of the product in a shop: the product
word       Korean/English: a photo among a thousand that the word is to find
crowd      nothing asked for: one more of that thousand
far        nothing asked for: one more of the thousands that a thing is looked for among
lost       Korean/English: what people lose and lists of classes have no name for
also       English names asked for that the photo may answer to besides: it is left out there
colour     colour/Korean/English: a thing of one colour
range      one of those that the ranges of static int8 are taken from
"""

import argparse
import hashlib
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from matching_spark.embed.photos import open_photo
from matching_spark.embed.preprocess import Preprocess

HERE = Path(__file__).parent
SETS = ("tune", "final")
KINDS = ("thing garment catalogue shelf word crowd far lost also colour range").split()
DIGITS = 12  # of a checksum's 64: enough to tell a photo that is another one
SIDE = 224


@dataclass(frozen=True)
class Source:
    """A repository at a commit. kinds: what its photos are measured for."""

    set: str
    kinds: tuple[str, ...]
    repository: str
    commit: str
    terms: str


@dataclass(frozen=True)
class Photograph:
    """shows: kind -> what it shows, as the module's words say."""

    source: Source
    path: str
    sha256: str
    shows: dict[str, str]

    def at(self, folder: Path) -> Path:
        return folder / self.source.repository.replace("/", "+") / self.path


def sources(file: Path = HERE / "photographs.txt") -> list[Source]:
    rows = [line.split("|") for line in file.read_text(encoding="utf-8").splitlines()]
    return [
        Source(s, tuple(kinds.split(",")), name, commit, terms)
        for s, kinds, name, commit, terms in rows
    ]


def photographs(wanted: str, file: Path = HERE / "photographs.sha256") -> list[Photograph]:
    """A set's, in the list's order, which every array keeps."""
    of = {s.repository: s for s in sources()}
    out, source, home = [], None, ""
    for line in file.read_text(encoding="utf-8").splitlines():
        if line.startswith("["):
            repository, _, home = line[1:].partition("]")
            source = of[repository]
        elif source is not None and source.set == wanted:
            digits, told, name = line.split("\t")
            shows = dict(one.split(":", 1) for one in told.split(";"))
            out.append(Photograph(source, home + name, digits, shows))
    return out


def of_kind(photos: Sequence[Photograph], kind: str) -> tuple[list[int], list[str]]:
    """Where in the set its photos are, and what each shows."""
    at = [i for i, photo in enumerate(photos) if kind in photo.shows]
    return at, [photos[i].shows[kind] for i in at]


def collect(folder: Path, mirrors: Sequence[Path], wanted: Sequence[str] = SETS) -> list[str]:
    """Copies what the folder lacks from the mirrors and checks every photo: a line for each fault."""
    faults = []
    by: dict[Source, list[Photograph]] = {}
    for photo in (p for s in wanted for p in photographs(s)):
        by.setdefault(photo.source, []).append(photo)
    for source, photos in by.items():
        lacking = [p for p in photos if not p.at(folder).is_file()]
        home = f"https://github.com/{source.repository} at {source.commit}"
        store = next((g for m in mirrors if (g := _git(m, source))), None)
        if lacking and store is None:
            faults.append(f"{len(lacking)} of {len(photos)} photos are missing: {home}")
            continue
        for photo, data in zip(lacking, _blobs(store, lacking) if lacking else (), strict=True):
            if data is None:
                faults.append(f"{photo.path} is missing: {home}, and not in {store}")
                continue
            photo.at(folder).parent.mkdir(parents=True, exist_ok=True)
            part = photo.at(folder).with_name(photo.at(folder).name + ".part")
            part.write_bytes(data)
            part.replace(photo.at(folder))
        for photo in photos:
            where = photo.at(folder)
            if where.is_file() and _digits(where.read_bytes()) != photo.sha256:
                faults.append(f"{where} is another photo than {photo.path} of {home}: remove it")
    return faults


def _git(mirror: Path, source: Source) -> Path | None:
    owner, name = source.repository.split("/")
    for place in (
        f"{owner}+{name}/repo",
        f"{owner}+{name}",
        f"{owner}/{name}",
        name,
        f"{name}.git",
    ):
        for store in (mirror / place / ".git", mirror / place):
            if (store / "HEAD").is_file():
                return store
    return None


def _blobs(store: Path | None, photos: Sequence[Photograph]) -> Iterator[bytes | None]:
    """Each photo's bytes, or None where the repository lacks it."""
    asked = "".join(f"{p.source.commit}:{p.path}\n" for p in photos).encode()
    command = ["git", f"--git-dir={store}", "cat-file", "--batch"]
    got = subprocess.run(command, input=asked, capture_output=True, check=True).stdout
    at = 0
    for _ in photos:
        head, at = got[at : (end := got.index(b"\n", at))], end + 1
        if head.endswith(b" missing"):
            yield None
            continue
        size = int(head.rsplit(b" ", 1)[1])
        yield got[at : at + size]
        at += size + 1


def _digits(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:DIGITS]


def read(photos: Sequence[Photograph], folder: Path) -> Iterator[bytes]:
    """Each photo's bytes. Raises FileNotFoundError naming what to run."""
    for photo in photos:
        try:
            yield photo.at(folder).read_bytes()
        except FileNotFoundError:
            raise FileNotFoundError(
                f"{photo.at(folder)} is missing: python training/photographs.py {folder} --mirror ..."
            ) from None


def cached(wanted: str, folder: Path, name: str) -> Path:
    """Where an array made of a set's photos is kept: of this list, not of an older one."""
    listed = "".join(f"{p.sha256}{p.shows}" for p in photographs(wanted)).encode()
    return folder / f"{wanted}-{name}-{_digits(listed)}.npy"


def pixels(wanted: str, folder: Path) -> np.ndarray:
    """(n, 224, 224, 3) uint8 of a set's photos, mapped from a file that the first call writes."""
    file, photos = cached(wanted, folder, str(SIDE)), photographs(wanted)
    if not file.exists():
        zero, one = np.zeros(3, np.float32), np.ones(3, np.float32)
        plain = Preprocess((SIDE, SIDE), zero, one, "bicubic", "shortest", (0, 0, 0))
        part = file.with_suffix(".part")
        out = np.lib.format.open_memmap(part, "w+", np.uint8, (len(photos), SIDE, SIDE, 3))
        for i, data in enumerate(read(photos, folder)):
            out[i] = (plain.quick(open_photo(data)) * 255).round().transpose(1, 2, 0)
        out.flush()
        part.replace(file)
    kept: np.ndarray = np.load(file, mmap_mode="r")
    return kept


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--mirror", type=Path, action="append", default=[])
    parser.add_argument("--set", choices=SETS, action="append")
    arguments = parser.parse_args()
    wrong = collect(arguments.folder, arguments.mirror, arguments.set or SETS)
    print("\n".join(wrong) or "every photo is there, and the one that the list means")
    raise SystemExit(bool(wrong))
