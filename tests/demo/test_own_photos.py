"""The demo with a person's own pictures: each is found again."""

import json
import os
from pathlib import Path
from unicodedata import normalize

import numpy as np
import pytest
from pyspark.sql import SparkSession

from matching_spark import PostsTable, Settings
from matching_spark.demo.draw import VENDORS, Item, photo, shade
from matching_spark.domain.posts import Post, Reject, checked
from matching_spark.domain.vocabulary import Seen
from matching_spark.operations import own_photos
from tests.support.commands import Done, command

POSTS = 24  # drawn, among which the pictures are
THINGS = {  # names that a person's phone gives, in folders
    "IMG_1.jpg": ("1f45b", "검정"),
    "IMG_2.JPG": ("1f392", "파랑"),
    "bus/IMG_1.jpg": ("1f455", "빨강"),
    "bus/우산.jpg": ("2602", "노랑"),
    "bus/home/cup.jpg": ("2615", "초록"),
}


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder: Path = tmp_path_factory.mktemp("own") / "my pictures"
    rng = np.random.default_rng(5)
    for name, (code, colour) in THINGS.items():
        item = Item(code, VENDORS[0], colour, shade(colour, rng), 0.1, 1.0, None)
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(photo(item, rng))
    (folder / "broken.jpg").write_bytes(b"no photo")
    (folder / "notes.txt").write_text("to do")
    (folder / ".hidden.jpg").write_bytes(b"no photo")
    return folder


@pytest.fixture(scope="module")
def shown(
    pictures: Path, tmp_path_factory: pytest.TempPathFactory, spark: SparkSession
) -> tuple[Path, Done]:
    """A folder in which the command has run, and what it said."""
    folder: Path = tmp_path_factory.mktemp("shown")
    demo = ("demo", "--posts", str(POSTS), "--photos", pictures)
    return folder / "demo-out", command(*demo, cwd=folder, spark=spark)


def test_the_command_says_what_there_is(shown: tuple[Path, Done]) -> None:
    _, done = shown
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    assert len(said["pictures"]) == len(THINGS)
    assert {"shown", "photo", "words", "rejects"} <= set(said)
    assert "broken.jpg is left out" in done.stderr


def test_each_picture_is_found_again(
    pictures: Path, shown: tuple[Path, Done], settings: Settings, spark: SparkSession
) -> None:
    output, done = shown
    wanted = settings.model_copy(update={"table": str(output / "table")})
    # Nothing fails on what is there already, and it is the same.
    toured = own_photos.tour(wanted, str(pictures), output, posts=POSTS, spark=spark)
    again = json.loads(json.dumps(toured.to_dict(), ensure_ascii=False, default=str))
    assert again["pictures"] == json.loads(done.stdout)["pictures"]
    ids = [own.post_id.partition("/") for own in toured.pictures]
    assert [name for _, _, name in ids] == sorted(THINGS)
    (folder,) = {folder for folder, _, _ in ids}
    assert folder.rpartition("-")[0] == pictures.name, "with a sign of where it lies"
    places = [own.by_photo for own in toured.pictures]
    assert None not in places, places
    assert places.count(1) >= 2, places
    for own in toured.pictures:
        assert (own.by_words is not None) <= (own.description.title.korean is not None)
    left_out = {Path(reject.source).name for reject in toured.rejects}
    assert left_out == {"broken.jpg", "notes.txt"}
    # They are posts like any other, as they were described.
    table = PostsTable.of(wanted, spark)
    rows = {row["post_id"]: row for row in table.frame().collect()}
    assert len(rows) == POSTS + len(THINGS)
    for own in toured.pictures:
        row, said = rows[own.post_id], own.description
        assert (row["kind"], row["status"]) == ("found", "open")
        assert row["title"] == (said.title.korean or "")
        assert row["category"] == (said.category.korean or "")
        assert row["colour"] == said.post_colour
    assert (output / "matches.html").is_file()
    assert (output / "words.html").is_file() == (toured.words is not None)
    # The query is no copy of any of them.
    query = (output / "query.jpg").read_bytes()
    assert all(query != (pictures / name).read_bytes() for name in THINGS)


@pytest.mark.parametrize(
    ("folder", "called"),
    [(normalize("NFD", "사진").encode(), "사진"), ("사진".encode("cp949"), "사진"), (b" x ", "x")],
)
def test_a_picture_has_the_id_that_it_is_stored_by(
    tmp_path: Path, folder: bytes, called: str
) -> None:
    """Or it is looked for by another one, and nowhere found: a Mac's folders, Korean Windows'."""
    place = tmp_path / os.fsdecode(folder)
    place.mkdir()
    for name in ("a.jpg", "b\nc.jpg"):
        (place / name).write_bytes(b"a picture's")
    one, other = own_photos._named(str(place), Seen())  # noqa: SLF001  (all else takes a minute)
    assert isinstance(one, Post)
    assert one.post_id == checked(one).post_id
    assert one.post_id.startswith(f"{called}-")
    assert isinstance(other, Reject)
    assert other.reason == "bad-id"


@pytest.mark.parametrize("what", ["nothing", "a file", "no pictures"])
def test_a_folder_without_pictures_is_refused_before_anything_is_drawn(
    tmp_path: Path, what: str
) -> None:
    place = tmp_path / "place"
    if what == "a file":
        place.write_text("text")
    if what == "no pictures":
        place.mkdir()
        (place / "a.jpg").write_bytes(b"no photo")
    done = command("demo", "--photos", place, cwd=tmp_path)
    assert done.returncode == 3
    assert f"{place} " in done.stderr
    assert "--photos" in done.stderr
    assert not (tmp_path / "demo-out" / "world").exists()
