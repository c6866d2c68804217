"""Sources: what can be read becomes a post, what cannot a reject with its reason."""

import json
import unicodedata
from pathlib import Path

import pytest
from PIL import Image

from matching_spark.domain.posts import Post, Reject
from matching_spark.errors import InputError, UsageError
from matching_spark.sources import detect_format, read_posts


def read(source: Path, **options: str) -> tuple[list[Post], list[Reject]]:
    rows = list(read_posts(str(source), **options))  # type: ignore[arg-type]
    return [r for r in rows if isinstance(r, Post)], [r for r in rows if isinstance(r, Reject)]


def test_a_folder(tmp_path: Path) -> None:
    folder = tmp_path / "사진"
    (folder / "역").mkdir(parents=True)
    for name in ("a.png", "a.JPG", "역/지갑.jpeg"):
        Image.new("RGB", (9, 9)).save(folder / name, "PNG")
    decomposed = unicodedata.normalize("NFD", "가방.png")
    Image.new("RGB", (9, 9)).save(folder / decomposed)
    (folder / "memo.txt").write_text("x")
    (folder / ".DS_Store").write_text("x")
    posts, rejects = read(folder, kind="found")
    assert {p.post_id for p in posts} == {"a.png", "a.JPG", "역/지갑.jpeg", "가방.png"}
    assert all(Path(p.photos[0]).is_file() for p in posts)
    assert [(r.post_id, r.reason) for r in rejects] == [("memo.txt", "unsupported-format")]
    with pytest.raises(UsageError, match="name its kind, lost or found"):
        read(folder)


CSV = (
    "post_id,kind,category,title,happened_on,photos\n"
    "ㄱ1,found,지갑,검정 지갑,2026.11.01,a.jpg;b.jpg\n"
)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp949"])
def test_csv_as_excel_and_others_write_it(tmp_path: Path, encoding: str) -> None:
    (tmp_path / "posts.csv").write_bytes(CSV.replace("\n", "\r\n").encode(encoding))
    posts, rejects = read(tmp_path / "posts.csv")
    assert not rejects
    assert posts[0].post_id == "ㄱ1"
    assert posts[0].title == "검정 지갑"
    assert str(posts[0].happened_on) == "2026-11-01"
    assert posts[0].photos == (str(tmp_path / "a.jpg"), str(tmp_path / "b.jpg"))


def test_csv_that_is_off(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("id,title\n1,x\n")
    with pytest.raises(InputError, match="no column post_id; its columns are: id, title"):
        read(tmp_path / "a.csv")
    (tmp_path / "b.csv").write_text("post_id,title\n1,x,y\n2,지갑\n")
    posts, rejects = read(tmp_path / "b.csv", kind="lost")
    assert [p.post_id for p in posts] == ["2"]
    assert rejects[0].reason == "bad-row"
    (tmp_path / "c.csv").write_bytes(b"post_id,title\n1,\xff\xff\n")
    with pytest.raises(InputError, match="neither UTF-8 nor CP949"):
        read(tmp_path / "c.csv")
    (tmp_path / "d.csv").write_text("")
    assert read(tmp_path / "d.csv") == ([], [])


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ({}, "no-id"),
        ({"post_id": ""}, "no-id"),
        ({"post_id": ["a"]}, "no-id"),
        ({"post_id": "x" * 600}, "bad-row"),
        ({"post_id": "a", "happened_on": "어제"}, "bad-date"),
        ({"post_id": "a", "happened_on": "2026-13-01"}, "bad-date"),
        ({"post_id": "a", "category": "우주선"}, "bad-category"),
        ({"post_id": "a", "kind": "stolen"}, "bad-kind"),
        ({"post_id": "a", "kind": "lost"}, "kind-differs"),
        ({"post_id": "a", "status": "gone"}, "bad-status"),
        ({"post_id": "a", "photos": [1]}, "bad-row"),
        ({"post_id": "a", "title": ["x"]}, "bad-row"),
        ({"post_id": "a", "title": "", "photos": []}, "nothing-to-find"),
    ],
)
def test_a_row_is_rejected_by_its_reason(
    tmp_path: Path, row: dict[str, object], reason: str
) -> None:
    source = tmp_path / "posts.jsonl"
    source.write_text(json.dumps({"title": "지갑"} | row) + "\n" + '{"post_id": 7, "title": "b"}\n')
    posts, rejects = read(source, kind="found")
    assert [r.reason for r in rejects] == [reason]
    assert rejects[0].source == f"{source}:1"
    assert [p.post_id for p in posts] == ["7"]


def test_jsonl_that_is_off_goes_on(tmp_path: Path) -> None:
    source = tmp_path / "posts.jsonl"
    source.write_bytes(b'{"post_id": \n[1]\n\n\xff\n{"post_id": "a", "title": "x"}\n')
    posts, rejects = read(source, kind="found")
    assert [r.reason for r in rejects] == ["bad-row"] * 3
    assert len(posts) == 1


def test_photos_of_a_row(tmp_path: Path) -> None:
    source = tmp_path / "posts.jsonl"
    photos = [
        "a.jpg",
        "a.jpg",
        "/x/b.jpg",
        "hdfs://n/c.jpg",
        "http://h/d.jpg",
        "u/img02_no_img.gif",
    ]
    source.write_text(json.dumps({"post_id": "a", "kind": "lost", "photos": photos}))
    posts, rejects = read(source)
    assert posts[0].photos == (str(tmp_path / "a.jpg"), "/x/b.jpg", "hdfs://n/c.jpg")
    assert posts[0].placeholders == 1
    assert [r.reason for r in rejects] == ["remote-photo"]


def test_formats(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="there is no"):
        detect_format(str(tmp_path / "nothing"))
    (tmp_path / "a.xyz").write_text("x")
    with pytest.raises(InputError, match="its format is not clear"):
        detect_format(str(tmp_path / "a.xyz"))
    assert detect_format(str(tmp_path)) == "folder"
