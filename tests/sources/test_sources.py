"""Sources: what can be read becomes a post, what cannot a reject with its reason."""

import json
import os
import unicodedata
from pathlib import Path

import pytest
from PIL import Image

from matching_spark.domain.posts import MAX_TEXT, READ_TEXT, Post, Reject, checked
from matching_spark.domain.vocabulary import Seen
from matching_spark.errors import InputError, UsageError
from matching_spark.ingest.report import Rejects, default_rejects
from matching_spark.sources import detect_format, read_posts
from matching_spark.sources.folder import read_folder
from tests.support.sources import read


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


def test_headings_as_desks_write_them(tmp_path: Path) -> None:
    source = tmp_path / "a.csv"
    source.write_text(
        "관리번호,구분,물품명,색상,습득일,습득 장소,Photo,colr,memo\n"
        "F1,습득,지갑,검은색,2026. 11. 1,서울역,a.jpg,x,y\n"
    )
    seen = Seen()
    (post,) = read_posts(str(source), seen=seen)
    assert isinstance(post, Post)
    assert (post.post_id, post.kind, post.title, post.colour) == ("F1", "found", "지갑", "검정")
    assert (str(post.happened_on), post.place) == ("2026-11-01", "서울역")
    assert post.photos == (str(tmp_path / "a.jpg"),)
    assert post.given is not None
    assert {"category", "region"} & post.given == set()
    assert set(seen.unknown) == {"column not used: colr (colour?)", "column not used: memo"}
    source.write_text("post_id,title,제목\n1,a,b\n")
    with pytest.raises(InputError, match="has title twice, in the columns 'title' and '제목'"):
        read(source, kind="found")
    source.write_text("post_id,title,title\n1,a,b\n")
    with pytest.raises(InputError, match="has title twice"):
        read(source, kind="found")


@pytest.mark.parametrize(
    ("said", "own", "subcategory"),
    [
        ("지갑 > 남성용 지갑", "", "남성용 지갑"),
        ("지갑 > 남성용 지갑", None, "남성용 지갑"),
        ("지갑 > 남성용 지갑", " 반지갑 ", "반지갑"),
        ("지갑 >", "", ""),
        ("지갑", "반지갑", "반지갑"),
    ],
)
def test_a_subcategory_behind_its_category(
    tmp_path: Path, said: str, own: str | None, subcategory: str
) -> None:
    row = {"관리번호": "a", "물품분류": said, "소분류": own}
    (tmp_path / "a.jsonl").write_text(json.dumps(row))
    (tmp_path / "a.csv").write_text(f"관리번호,물품분류,소분류\na,{said},{own or ''}\n")
    for name in ("a.jsonl", "a.csv"):
        (post,), rejects = read(tmp_path / name, kind="found")
        assert (post.category, post.subcategory, rejects) == ("지갑", subcategory, [])


def test_names_and_folders_that_are_odd(tmp_path: Path) -> None:
    folder = tmp_path / "nas"
    for name in ("@eaDir/a.jpg", "#recycle/b.jpg", ".Trash/c.jpg", "Thumbs.db", "역/d.jpg"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"x")
    (folder / "link").symlink_to(folder / "역")
    with open(os.fsencode(folder) + b"/" + "지갑.jpg".encode("cp949"), "wb"):
        pass
    seen = Seen()
    rows = list(read_posts(str(folder), kind="found", seen=seen))
    posts = [row for row in rows if isinstance(row, Post)]
    rejects = [row for row in rows if isinstance(row, Reject)]
    assert {p.post_id for p in posts} == {"역/d.jpg", "지갑.jpg"}
    passed = {"#recycle", "@eaDir", "Thumbs.db", "hidden"}
    assert dict(seen.unknown) == {f"passed over: {name}": 1 for name in passed}
    assert [(r.post_id, r.reason) for r in rejects] == [("link", "linked-folder")]
    assert all(os.path.exists(p.photos[0]) for p in posts)


def test_formats(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="there is no"):
        detect_format(str(tmp_path / "nothing"))
    (tmp_path / "a.xyz").write_text("x")
    with pytest.raises(InputError, match="its format is not clear"):
        detect_format(str(tmp_path / "a.xyz"))
    assert detect_format(str(tmp_path)) == "folder"


def test_sources_of_one_name_have_rejects_of_their_own(tmp_path: Path) -> None:
    places = [str(tmp_path / name) for name in ("a/posts.csv", "b/posts.csv", "a/posts.jsonl")]
    assert len({default_rejects("t", place) for place in places}) == 3
    assert default_rejects("t", places[0]) == default_rejects("t", places[0])
    for begins in ("", "a", "ab"):  # where the cut would fall into a letter
        long = default_rejects(str(tmp_path), str(tmp_path / (begins + "습득물" * 27 + ".csv")))
        with Rejects(long) as rejects:
            rejects.add(Reject("a", "b", "no-id", ""))
            assert rejects.publish() == long
        assert Path(long).exists()
        assert long.encode().decode() == long


EXAMPLE = Path(__file__).parents[2] / "examples" / "found.csv"


def test_the_example_is_understood_whole() -> None:
    seen = Seen()
    rows = list(read_posts(str(EXAMPLE), kind="found", seen=seen))
    posts = [row for row in rows if isinstance(row, Post)]
    assert len(posts) == len(rows) == 5
    assert [post.category for post in posts] == ["지갑", "가방", "휴대폰", "컴퓨터", "의류"]
    assert all(post.title and post.colour and post.region and post.happened_on for post in posts)
    listed = [photo for post in posts for photo in post.photos]
    assert len(listed) == 4
    assert all(map(os.path.isfile, listed))
    assert dict(seen.unknown) == {"column not used: 비고": 1}


@pytest.mark.parametrize(
    ("name", "good", "long", "encoding"),
    [
        ("a.csv", "post_id,title\n{},x", "long,{}", "utf-8"),
        ("a.csv", "post_id,title\n{},x", 'long,"{}', "utf-16"),
        (
            "a.jsonl",
            '{{"post_id": "{}", "title": "x"}}',
            '{{"post_id": "long", "title": "{}"}}',
            "utf-8",
        ),
    ],
)
def test_a_line_without_end_is_one_reject(
    tmp_path: Path, name: str, good: str, long: str, encoding: str
) -> None:
    lines = [good.format("a"), long.format("가" * 3_000_000), good.format("b").split("\n")[-1]]
    (tmp_path / name).write_bytes("\n".join(lines).encode(encoding))
    posts, rejects = read(tmp_path / name, kind="found")
    assert [p.post_id for p in posts] == ["a", "b"]
    (one,) = rejects
    assert one.source == f"{tmp_path / name}:{3 if name == 'a.csv' else 2}"
    assert "has over" in one.detail


@pytest.mark.parametrize("format", ["csv", "xlsx", "jsonl", "lost112"])
def test_a_pipe_is_refused_by_its_name(tmp_path: Path, format: str) -> None:
    os.mkfifo(tmp_path / "pipe.xml")
    with pytest.raises(InputError, match="is a pipe or a device"):
        list(read_posts(str(tmp_path / "pipe.xml"), format, kind="found"))
    if format == "lost112":
        rows = list(read_posts(str(tmp_path), format))
        assert [row.reason for row in rows if isinstance(row, Reject)] == ["unreadable"]


def test_a_number_is_whole_wherever_a_long_cell_is_cut(tmp_path: Path) -> None:
    number = "010-1234-5678 "
    texts = ["가" * (MAX_TEXT - 5) + number + "나" * 300]
    texts += [number * 99 + "가" * (READ_TEXT - 99 * len(number) - at) + number for at in range(14)]
    rows = ({"post_id": i, "description": text} for i, text in enumerate(texts))
    (tmp_path / "a.jsonl").write_text("\n".join(map(json.dumps, rows)))
    posts, _ = read(tmp_path / "a.jsonl", kind="found")
    assert len(posts) == len(texts)
    assert not any(c.isdigit() for post in posts for c in checked(post).description)


@pytest.mark.parametrize("name", ["a.mpo", "a.HIF", "a.apng"])
def test_what_is_read_may_be_called_so(name: str, tmp_path: Path) -> None:
    """Formats of embed.parsers by the names that cameras and editors give them."""
    (tmp_path / name).write_bytes(b"photo")
    (post,) = read_folder(str(tmp_path), "found", Seen())
    assert isinstance(post, Post)
    assert post.post_id == name
