"""Sources: what can be read becomes a post, what cannot a reject with its reason."""

import bz2
import gzip
import json
import lzma
import os
import re
import tempfile
import time
import unicodedata
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from matching_spark.domain.posts import MAX_TEXT, READ_TEXT, Post, Reject, checked, clean
from matching_spark.domain.vocabulary import Seen
from matching_spark.errors import InputError, UsageError
from matching_spark.ingest.report import Rejects, default_rejects
from matching_spark.sources import detect_format, read_posts
from matching_spark.sources.folder import ENDINGS, read_folder


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


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp949", "utf-16", "utf-32"])
def test_csv_as_excel_and_others_write_it(tmp_path: Path, encoding: str) -> None:
    (tmp_path / "posts.csv").write_bytes(CSV.replace("\n", "\r\n").encode(encoding))
    posts, rejects = read(tmp_path / "posts.csv")
    assert not rejects
    assert posts[0].post_id == "ㄱ1"
    assert posts[0].title == "검정 지갑"
    assert str(posts[0].happened_on) == "2026-11-01"
    assert posts[0].photos == (str(tmp_path / "a.jpg"), str(tmp_path / "b.jpg"))


def test_csv_that_is_off(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("key,title\n1,x\n")
    with pytest.raises(InputError, match="no column post_id; its columns are: key, title"):
        read(tmp_path / "a.csv")
    (tmp_path / "b.csv").write_text("post_id,title\n1,x,y\n2,지갑\n")
    posts, rejects = read(tmp_path / "b.csv", kind="lost")
    assert [p.post_id for p in posts] == ["2"]
    assert rejects[0].reason == "bad-row"
    (tmp_path / "c.csv").write_bytes(b"post_id,title\n1,\xff\xff\n")
    with pytest.raises(InputError, match="neither UTF-8, UTF-16 nor CP949"):
        read(tmp_path / "c.csv")
    (tmp_path / "d.csv").write_text("")
    assert read(tmp_path / "d.csv") == ([], [])


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp949"])
@given(
    st.lists(st.text("검정지갑찾습니다 ab", min_size=1, max_size=9), min_size=3, max_size=30),
    st.data(),
)
def test_a_letter_cut_in_half_costs_its_own_row(
    encoding: str, titles: list[str], data: st.DataObject
) -> None:
    """As a system that cuts a column by its bytes writes it; the others are what they were."""
    torn = data.draw(st.sets(st.integers(0, len(titles) - 1), max_size=len(titles) // 3))
    lines = [
        f"{i},지갑,{title}".encode(encoding.removesuffix("-sig")) for i, title in enumerate(titles)
    ]
    lines = [line + "갑".encode(encoding)[-3:][:1] * (i in torn) for i, line in enumerate(lines)]
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder, "a.csv")
        source.write_bytes(b"\n".join(["post_id,category,title".encode(encoding), *lines, b""]))
        posts, rejects = read(source, kind="found")
    whole = [(str(i), clean(title)) for i, title in enumerate(titles) if i not in torn]
    assert [(post.post_id, post.title) for post in posts] == whole
    assert [r.source.rpartition(":")[2] for r in rejects] == [str(i + 2) for i in sorted(torn)]
    assert all("cut in half" in r.detail for r in rejects)


@pytest.mark.parametrize("encoding", ["utf-8", "cp949"])
@pytest.mark.parametrize("end", ["\n", "\r", "\r\n"])
@pytest.mark.parametrize("many", [3, 6_000])  # of over a megabyte
def test_lines_by_any_mark_are_read_one_by_one(
    tmp_path: Path, encoding: str, end: str, many: int
) -> None:
    title = " ".join(["검정 지갑"] * 20)
    rows = ["post_id,title", *(f"{i},{title}" for i in range(many))]
    data = end.join(rows).encode(encoding)
    (tmp_path / "a.csv").write_bytes(data + f"{end}x,".encode() + b"\xff" + end.encode())
    posts, rejects = read(tmp_path / "a.csv", kind="found")
    assert len(posts) == many
    assert {post.title for post in posts} == {title}
    assert ["cut in half" in each.detail for each in rejects] == [True]


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be"])
@pytest.mark.parametrize("torn", ["cut", "half a pair"])
def test_letters_of_two_and_four_bytes_that_are_cut(
    tmp_path: Path, encoding: str, torn: str
) -> None:
    """A byte below 128 where no letter is, too: the end of a file that was cut."""
    text = "\ufeffpost_id,category,title\n1,지갑,검정\n2,지갑,".encode(encoding)
    last = (
        "a".encode(encoding)[:-1] if torn == "cut" else "\ud83d".encode(encoding, "surrogatepass")
    )
    (tmp_path / "a.csv").write_bytes(
        text + last + (b"" if torn == "cut" else "\n".encode(encoding))
    )
    posts, rejects = read(tmp_path / "a.csv", kind="found")
    assert [post.post_id for post in posts] == ["1"]
    assert ["cut in half" in each.detail for each in rejects] == [True]


@pytest.mark.parametrize(
    ("begin", "says"),
    [
        (gzip.compress(CSV.encode()), r"compressed \(gzip\): unpack it"),
        (lzma.compress(CSV.encode()), r"compressed \(xz\)"),
        (bz2.compress(CSV.encode()), r"compressed \(bzip2\)"),
        (b"PK\x03\x04" + bytes(40), "a workbook or an archive: name a workbook .xlsx"),
        (b"%PDF-1.7\n", "a PDF"),
        (b"PAR1" + bytes(40), "Parquet: name it .parquet"),
    ],
)
@pytest.mark.parametrize("name", ["a.csv", "a.jsonl"])
def test_what_is_no_text_is_called_what_it_is(
    tmp_path: Path, name: str, begin: bytes, says: str
) -> None:
    (tmp_path / name).write_bytes(begin)
    with pytest.raises(InputError, match=rf"{name} is {says}"):
        read(tmp_path / name)


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ({}, "no-id"),
        ({"post_id": ""}, "no-id"),
        ({"post_id": ["a"]}, "no-id"),
        ({"post_id": "a", "happened_on": "어제"}, "bad-date"),
        ({"post_id": "a", "happened_on": "2026-13-01"}, "bad-date"),
        ({"post_id": "a", "happened_on": "0001-01-01"}, "bad-date"),
        ({"post_id": "a", "category": "우주선"}, "bad-category"),
        ({"post_id": "a", "kind": "stolen"}, "bad-kind"),
        ({"post_id": "a", "kind": "lost"}, "kind-differs"),
        ({"post_id": "a", "status": "gone"}, "bad-status"),
        ({"post_id": "a", "photos": [1]}, "bad-row"),
        ({"post_id": "a", "title": ["x"]}, "bad-row"),
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


def test_keys_of_json_that_are_no_fields(tmp_path: Path) -> None:
    source = tmp_path / "a.jsonl"
    source.write_text('{"post_id": "a", "color": "black", "n": NaN, "x": 1e400}\n' * 2)
    seen = Seen()
    rows = list(read_posts(str(source), kind="found", seen=seen))
    assert [row.colour for row in rows if isinstance(row, Post)] == ["검정"] * 2
    assert dict(seen.unknown) == {"column not used: n": 2, "column not used: x": 2}


def test_what_json_calls_no_number_is_not_given(tmp_path: Path) -> None:
    source = tmp_path / "a.jsonl"
    source.write_text(
        '{"post_id": "a", "title": "x", "description": NaN, "place": -Infinity, '
        '"happened_on": NaN, "photos": NaN, "region": 1e400}'
    )
    (post,), rejects = read(source, kind="found")
    assert not rejects
    assert (post.description, post.place, post.region) == ("", "", "")
    assert (post.happened_on, post.photos) == (None, ())


@pytest.mark.parametrize("encoding", ["utf-16", "utf-8"])
def test_a_quote_that_is_never_closed_takes_no_other_row(tmp_path: Path, encoding: str) -> None:
    rows = [f"B{i},found,지갑 {i}" for i in range(50)]
    rows[3] = 'B3,found,"줄이\n바뀐 ""말"", 쉼표"'
    text = "\n".join(["post_id,kind,title", 'A1,found,"15 인치 노트북', *rows])
    (tmp_path / "a.csv").write_bytes(text.encode(encoding))
    posts, rejects = read(tmp_path / "a.csv")
    assert [p.post_id for p in posts] == [f"B{i}" for i in range(50)]
    assert [p.read_from.rpartition(":")[2] for p in posts[:5]] == ["3", "4", "5", "6", "8"]
    assert posts[3].title == '줄이\n바뀐 "말", 쉼표'
    assert [(r.source, r.reason) for r in rejects] == [(f"{tmp_path}/a.csv:2", "bad-row")]
    assert re.search(r"an open quote would take in \d+ lines", rejects[0].detail)


def test_of_a_file_of_open_quotes_every_other_row_is_taken(tmp_path: Path) -> None:
    rows = 20_000
    lines = [f'A{i},found,"x' if i % 2 else f"B{i},found,y" for i in range(rows)]
    (tmp_path / "a.csv").write_text("\n".join(["post_id,kind,title", *lines]))
    posts, rejects = read(tmp_path / "a.csv")
    assert [p.post_id for p in posts] == [f"B{i}" for i in range(0, rows, 2)]
    assert len(rejects) == rows // 2
    assert rejects[-1].source == f"{tmp_path}/a.csv:{rows + 1}"


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


def test_a_row_of_empty_cells_is_none(tmp_path: Path) -> None:
    text = "post_id,kind,title\n,,\na,found,x\n , ,\n,,,,,\n,found,x\n"
    (tmp_path / "a.csv").write_text(text)
    posts, rejects = read(tmp_path / "a.csv")
    assert [p.post_id for p in posts] == ["a"]
    assert [(r.source.rpartition(":")[2], r.reason) for r in rejects] == [("6", "no-id")]


def test_a_reject_names_its_own_line(tmp_path: Path) -> None:
    text = "post_id,kind,title\na,found,x\nb,found,x,y\n\nc,stolen,x\nd,found,x\n"
    (tmp_path / "a.csv").write_text(text)
    posts, rejects = read(tmp_path / "a.csv")
    assert [p.post_id for p in posts] == ["a", "d"]
    assert [r.source.rpartition(":")[2] for r in rejects] == ["3", "5"]


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


def test_jsonl_that_is_off_goes_on(tmp_path: Path) -> None:
    source = tmp_path / "posts.jsonl"
    source.write_bytes(b'{"post_id": \n[1]\n\n\xff\n{"post_id": "a", "title": "x"}\n')
    posts, rejects = read(source, kind="found")
    assert [r.reason for r in rejects] == ["bad-row"] * 3
    assert "save the file as UTF-8" in rejects[2].detail
    assert len(posts) == 1


@pytest.mark.parametrize(
    ("row", "says"),
    [
        ('{"post_id": "a", "title": "x", "title": "y"}', "it has 'title' twice"),
        ('{"post_id": "a", "title": %s}' % ("9" * 5_000), "a number of over 1,000 digits"),
        ('{"post_id": "a", "title": %s}' % ("[" * 90_000), "brackets in brackets"),
        ('{"post_id": "a", "title": true}', "title is not text"),
        ('{"post_id": "a", "identifiers": {"serial": "1"}}', "identifiers is not a list"),
        ('[{"post_id": "a"}]', "not a JSON object: one stands on each line"),
    ],
)
def test_a_line_that_says_two_things_or_none_is_not_guessed(
    tmp_path: Path, row: str, says: str
) -> None:
    (tmp_path / "a.jsonl").write_text(row + '\n{"post_id": "b", "title": "x"}\n')
    posts, rejects = read(tmp_path / "a.jsonl", kind="found")
    assert [post.post_id for post in posts] == ["b"]
    assert [(r.reason, says in r.detail) for r in rejects] == [("bad-row", True)]
    (tmp_path / "a.jsonl").write_text(row, "utf-16")
    with pytest.raises(InputError, match="is UTF-16, and JSON is UTF-8: save it so"):
        read(tmp_path / "a.jsonl", kind="found")


def test_photos_of_a_row(tmp_path: Path) -> None:
    source = tmp_path / "posts.jsonl"
    photos = [
        "a.jpg",
        "a.jpg",
        "/x/b.jpg",
        "hdfs://n/c.jpg",
        "http://h/d.jpg",
        "u/img02_no_img.gif",
        "u/IMG03_no_img.GIF",
    ]
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
    "above",
    ["sep=;\n", "습득물 대장;;\n;;\n", '"제목, 둘째; 줄"\n\n', "작성: 2026, 11, 1, 가, 나\n"],
)
def test_lines_above_the_headings(tmp_path: Path, above: str) -> None:
    (tmp_path / "a.csv").write_text(above + '관리번호;"물품\n명";내용\nid;지갑;"가, 나; 다"\n')
    posts, rejects = read(tmp_path / "a.csv", kind="found")
    assert not rejects
    assert [(p.post_id, p.title, p.description) for p in posts] == [("id", "지갑", "가, 나; 다")]


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


@pytest.mark.parametrize("format", ["csv", "xlsx", "jsonl", "lost112"])
def test_a_pipe_is_refused_by_its_name(tmp_path: Path, format: str) -> None:
    os.mkfifo(tmp_path / "pipe.xml")
    with pytest.raises(InputError, match="is a pipe or a device"):
        list(read_posts(str(tmp_path / "pipe.xml"), format, kind="found"))
    if format == "lost112":
        rows = list(read_posts(str(tmp_path), format))
        assert [row.reason for row in rows if isinstance(row, Reject)] == ["unreadable"]


def test_files_that_were_put_together_have_their_headings_again(tmp_path: Path) -> None:
    """The same, and those of other columns in another order; no post is made of them."""
    first, second = "관리번호,물품명,memo\na,지갑,x\n", "물품명,관리번호\n우산,c\n"
    (tmp_path / "a.csv").write_text(f"{first}\ufeff{first.replace('a,', 'b,')}\ufeff{second}")
    seen = Seen()
    rows = list(read_posts(str(tmp_path / "a.csv"), kind="found", seen=seen))
    posts = [(row.post_id, row.title) for row in rows if isinstance(row, Post)]
    assert posts == [("a", "지갑"), ("b", "지갑"), ("c", "우산")]
    assert len(posts) == len(rows)
    assert sum(many for what, many in seen.unknown.items() if what.startswith("headings")) == 2


def test_cells_below_no_heading_are_noted(tmp_path: Path) -> None:
    """As below the second line of headings, which nobody reads."""
    (tmp_path / "a.csv").write_text("post_id,title,,\n1,지갑,,서울역\n2,우산,검정,강남역\n")
    seen = Seen()
    assert len(list(read_posts(str(tmp_path / "a.csv"), kind="found", seen=seen))) == 2
    what = "cells below no heading, not used: column"
    assert dict(seen.unknown) == {f"{what} 3": 1, f"{what} 4": 2}


@pytest.mark.parametrize("cell", ['="0007"', '"=""0007"""', "'=0007", "0007"])
def test_a_text_that_is_kept_from_a_spreadsheet_is_itself(tmp_path: Path, cell: str) -> None:
    (tmp_path / "a.csv").write_text(f"post_id,title\n{cell},{cell}\n")
    (post,), _ = read(tmp_path / "a.csv", kind="found")
    assert post.post_id == post.title == ("=0007" if "'" in cell else "0007")


def test_a_number_that_a_spreadsheet_has_shortened_is_no_id(tmp_path: Path) -> None:
    """All ids of a day would be one."""
    short = ["2.02611E+11", "2E+15", "2.0261101e15"]
    kept = ["3E12", "20261101001", "E+11", "1.5"]
    (tmp_path / "a.csv").write_text("\n".join(["post_id,title", *(f"{i},x" for i in short + kept)]))
    posts, rejects = read(tmp_path / "a.csv", kind="found")
    assert [post.post_id for post in posts] == kept
    assert [(r.post_id, r.reason, "as text" in r.detail) for r in rejects] == [
        (each, "bad-id", True) for each in short
    ]


def test_every_error_of_a_spreadsheet_is_an_empty_cell(tmp_path: Path) -> None:
    errors = ["#N/A", "#FIELD!", "#GETTING_DATA", "#CONNECT!", "Err:502"]
    (tmp_path / "a.csv").write_text(
        "\n".join(["id,title", *(f"{i},{e}" for i, e in enumerate(errors))])
    )
    posts, _ = read(tmp_path / "a.csv", kind="found")
    assert [post.title for post in posts] == [""] * len(errors)


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
