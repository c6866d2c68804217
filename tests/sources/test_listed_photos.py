"""Photos as rows list them: by separators, by addresses, in any number."""

import json
import time
from pathlib import Path

import pytest

from matching_spark.sources.folder import ENDINGS
from tests.support.sources import read


def test_photos_as_people_list_them(tmp_path: Path) -> None:
    (tmp_path / "사진").mkdir()
    for name in ("a.jpg", "b, c.png"):
        (tmp_path / "사진" / name).write_bytes(b"x")
    rows = ["사진\\a.jpg", '"a.jpg, b.PNG"', '"사진/b, c.png"', '"a.jpg;b.heic\nc.webp"']
    every = [f"x{ending}" for ending in sorted(ENDINGS)]
    rows.append(f'"{",".join(every)}"')
    lines = [f"p{i},x,{row}" for i, row in enumerate(rows)]
    (tmp_path / "a.csv").write_text("\n".join(["post_id,title,photos", *lines]))
    posts, _ = read(tmp_path / "a.csv", kind="lost")
    assert [[Path(p).name for p in post.photos] for post in posts] == [
        ["a.jpg"],
        ["a.jpg", "b.PNG"],
        ["b, c.png"],
        ["a.jpg", "b.heic", "c.webp"],
        every,
    ]
    assert all(Path(posts[i].photos[0]).is_file() for i in (0, 2))


def test_photos_of_a_row(tmp_path: Path) -> None:
    source = tmp_path / "posts.jsonl"
    photos = ["a.jpg", "a.jpg", "/x/b.jpg", "hdfs://n/c.jpg", "http://h/d.jpg"]
    photos += ["u/img02_no_img.gif", "u/IMG03_no_img.GIF"]
    source.write_text(json.dumps({"post_id": "a", "kind": "lost", "photos": photos}))
    posts, rejects = read(source)
    assert posts[0].photos == (str(tmp_path / "a.jpg"), "/x/b.jpg", "hdfs://n/c.jpg")
    assert posts[0].placeholders == 2
    assert [r.reason for r in rejects] == ["remote-photo"]


@pytest.mark.parametrize("photo", ["http://h/{}", "{}\0"])
def test_a_row_of_any_number_of_photos_takes_no_time(photo: str, tmp_path: Path) -> None:
    """Each was held against all others, and listed: a minute for a megabyte of addresses."""
    source = tmp_path / "posts.jsonl"
    photos = [photo.format(number) for number in range(50_000)]
    source.write_text(json.dumps({"post_id": "a", "kind": "lost", "title": "t", "photos": photos}))
    start = time.perf_counter()
    posts, rejects = read(source)
    assert time.perf_counter() - start < 5
    assert [post.post_id for post in posts] == ["a"]
    assert (len(rejects), rejects[-1].detail) == (51, "49,950 more of them are none to be taken")


@pytest.mark.parametrize("name", ["a\0b.jpg", "\ud800.jpg", "a\\\0.jpg", "a;\0.jpg"])
def test_what_is_no_files_name_costs_the_photo_only(name: str, tmp_path: Path) -> None:
    (tmp_path / "b.jpg").write_bytes(b"x")
    source = tmp_path / "posts.jsonl"
    photos = {"a": [name, "b.jpg"], "b": name}
    rows = [{"post_id": i, "kind": "lost", "photos": each} for i, each in photos.items()]
    source.write_text("\n".join(map(json.dumps, rows)))
    posts, rejects = read(source)
    assert [post.post_id for post in posts] == ["a", "b"]
    assert posts[0].photos == (str(tmp_path / "b.jpg"),)
    assert [r.reason for r in rejects] == ["bad-photo"] * 2


def test_a_cell_that_is_one_name_is_one_photo(tmp_path: Path) -> None:
    for name in ("a.jpg, b.jpg", "c;d.png"):
        (tmp_path / name).write_bytes(b"x")
    cells = ['"a.jpg, b.jpg"', "c;d.png", '"a.jpg, e.jpg"']
    rows = [f"p{i},x,{cell}" for i, cell in enumerate(cells)]
    (tmp_path / "a.csv").write_text("\n".join(["post_id,title,photos", *rows]))
    posts, _ = read(tmp_path / "a.csv", kind="lost")
    assert [[Path(p).name for p in post.photos] for post in posts] == [
        ["a.jpg, b.jpg"],
        ["c;d.png"],
        ["a.jpg", "e.jpg"],
    ]
