"""JSON, CSV and pages: the numbers as they are, a stranger's text harmless, files whole."""

import csv
import datetime as dt
import html
import io
import json
import os
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from rich.cells import cell_len

from matching_spark.cli.console import Plain
from matching_spark.cli.views import Found
from matching_spark.domain.results import Match, Pair, SearchResult
from matching_spark.domain.told import figures, percent
from matching_spark.errors import StorageError, UsageError
from matching_spark.filesystems.whole_files import write_file
from matching_spark.matching.decisions import VERDICTS
from matching_spark.matching.pairs import ABOUT
from matching_spark.operations import output, pages, search
from matching_spark.operations.output import to_csv, to_json, write_output
from matching_spark.operations.pages import pairs_page, search_page
from matching_spark.score.components import LANGUAGES, Language


def result(score: float = 0.5, title: str = "검정 지갑", photo: str | None = "x") -> SearchResult:
    match = Match(
        *(1, "p1", score, "photo", "found", "지갑", "", title, "", "검정", dt.date(2026, 11, 1)),
        *("강남역", "서울", "open", "서울강남경찰서", "02-000-0112", "", photo),
        {"image-image": score},
    )
    return SearchResult(
        *({"text": title}, "m@1", "CPUExecutionProvider", "42", "memory", True, "cosine", 0.25, 7),
        *({"total": 12.0}, None, (match,)),
    )


@given(st.floats(-1, 1))
def test_scores_are_not_rounded(score: float) -> None:
    assert json.loads(to_json(result(score)))["results"][0]["score"] == score


def test_the_keys_of_the_contract() -> None:
    got = json.loads(to_json(result()))
    assert list(got) == [
        *("query", "model", "provider", "snapshot", "runner", "runner_why", "exact", "score_kind"),
        *("threshold", "searched", "elapsed_ms", "not_here", "nothing", "complete", "results"),
    ]
    assert set(got["results"][0]) >= {
        *("rank", "post_id", "score", "matched", "category", "title", "happened_on", "place"),
        *("kept_at", "photo", "components"),
    }
    assert got["results"][0]["happened_on"] == "2026-11-01"


def test_csv_for_excel() -> None:
    data = to_csv(result(title="=HYPERLINK(1)"))
    assert data.startswith(b"\xef\xbb\xbf")
    rows = list(csv.DictReader(io.StringIO(data.decode("utf-8-sig"))))
    assert rows[0]["title"] == "'=HYPERLINK(1)"
    assert rows[0]["category"] == "지갑"
    assert float(rows[0]["score"]) == 0.5


PHOTO = io.BytesIO()
Image.new("RGB", (900, 600), "red").save(PHOTO, "JPEG")
BAD = "<script>alert(1)</script>"
NO_LINKS = ("javascript:alert(1)", "//x.kr/", "http://", "https://[", "data:text/html,x", BAD)


def pair(**found: object) -> Pair:
    post = dict.fromkeys(ABOUT, "") | {"post_id": "L1", "happened_on": None, "photo": None}
    post |= {"category": "지갑", "title": "검정 지갑", "status": "open"}
    return Pair(post, post | {"post_id": "F1"} | found, 1, 0.5, "fused", {}, "m", 0.284, {}, "ask")


def page_of(language: Language = "ko", **found: Any) -> str:
    """A page of each kind, of one found post."""
    (match,) = result().matches
    one = replace(result(), matches=(replace(match, **found),), query={"text": BAD})
    load = {"x": PHOTO.getvalue()}.__getitem__
    pairs = pairs_page([pair(photo="x", **found)], 1, load, language)
    return search_page(one, load, PHOTO.getvalue(), language) + pairs


def test_pages_are_whole_and_harmless() -> None:
    page = page_of(
        title=BAD, kept_at=BAD, place=BAD, colour=BAD, kept_phone="02-1<b>", source_url=BAD
    )
    assert "<script" not in page
    assert "<b>" not in page
    assert page.count("data:image/jpeg;base64,") == 3
    assert not re.search(r"(?:src|href)=(?!'data:)", page)

    def missing(uri: str) -> bytes:
        raise FileNotFoundError(uri)

    assert "사진 없음" in search_page(result(), missing)


@pytest.mark.parametrize("url", NO_LINKS)
def test_what_is_no_address_is_no_link(url: str) -> None:
    assert "href" not in page_of(source_url=url, kept_phone="문의 바람")


def test_a_page_has_numbers_to_call_and_the_announcement() -> None:
    page = page_of(source_url="https://x.kr/?a=1&b='2", kept_phone="+82 (0)2-000-0112")
    assert page.count("<a class=tel href='tel:+8220000112'>") == 2
    links = re.findall(r"href='(https[^']*)' target=_blank rel='noopener noreferrer'", page)
    assert [html.unescape(link) for link in links] == ["https://x.kr/?a=1&b='2"] * 2


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_page_is_in_one_language(language: Language) -> None:
    day = dt.date(2026, 11, 25)
    page = page_of(language, happened_on=day, title="x", place="", kept_at="", category="지갑")
    hangul = set(re.findall("[가-힣]+", re.sub("<style>.*?</style>", "", page, flags=re.S)))
    ours = {"검정", "지갑", "서울"}  # of the posts, in the vocabulary's words
    assert bool(hangul - ours) == (language == "ko")
    assert page.count(f"2026-11-25 ({'수' if language == 'ko' else 'Wed'})") == 2


def test_a_page_has_so_much_of_photos_and_says_what_is_left_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (400, 400, 3), dtype=np.uint8)
    Image.fromarray(noise).save(photo := io.BytesIO(), "PNG")
    pairs = [pair(photo=f"{i}") for i in range(20)]
    loads: list[str] = []

    def load(uri: str) -> bytes:
        loads.append(uri)
        return photo.getvalue()

    whole = pairs_page(pairs, 20, load, "en")
    assert "left out" not in whole
    (size,) = set(map(len, re.findall("<img[^>]*>", whole)))
    limit = 7 * size + size // 2
    monkeypatch.setattr(pages, "MAX_PHOTOS", limit)
    loads.clear()
    page = pairs_page(pairs, 20, load, "en")
    assert page.count("<img") == 7
    assert "13 photos are left out" in page
    assert page.count("<article") == 20, "each pair is there all the same"
    assert len(loads) == 8, "what is not shown is not read"


def test_a_page_tells_a_verdict_that_came_meanwhile() -> None:
    for verdict in VERDICTS:
        page = pairs_page([replace(pair(), decided=verdict)], 1, str.encode, "en")
        assert f"<em>{verdict}</em>" in page


@pytest.mark.parametrize(
    ("lost", "found", "differs"),
    [
        ("검정", "파랑", 1),
        ("검정", "검정", 0),
        ("검정", "기타", 0),
        ("검정", "얼룩무늬", 0),
        ("", "검정", 0),
    ],
)
def test_what_differs_is_what_the_score_says_differs(lost: str, found: str, differs: int) -> None:
    one = pair(colour=found)
    page = pairs_page([replace(one, lost=one.lost | {"colour": lost})], 1, str.encode, "en")
    assert page.count("<em>differs</em>") == differs


def test_what_is_nearly_impossible_is_no_markup() -> None:
    one = replace(result().matches[0], probability=0.0001, band="below")
    page = search_page(
        replace(result(), not_here=0.9999, score_kind="fused", matches=(one,), nothing=True),
        str.encode,
    )
    assert "&lt; 0.1 %" in page
    assert "아직 들어온 물건이 없는 것 같습니다 (없을 확률 &gt; 99.9 %)" in page


def test_a_page_of_more_pairs_than_it_shows_says_so() -> None:
    assert "1 best of 10,000 pairs" in pairs_page([pair()], 10_000, str.encode, "en")
    assert "no pair" in pairs_page([], 0, str.encode, "en")


@pytest.mark.parametrize(
    ("probability", "said"),
    [
        (0.284, "28 %"),
        (0.00630708, "0.6 %"),
        (4e-7, "< 0.1 %"),
        (0.996, "99.6 %"),
        (0.99951, "> 99.9 %"),
        (0, "0 %"),
        (1, "100 %"),
    ],
)
def test_a_probability_is_told_in_percent(probability: float, said: str) -> None:
    assert percent(probability) == said


@given(st.floats(0, 1, exclude_min=True, exclude_max=True))
def test_nothing_is_told_as_impossible_or_certain(probability: float) -> None:
    assert percent(probability).strip("<> %") not in ("0", "0.0", "100", "100.0")


@given(st.floats(-1e12, 1e12))
def test_a_number_is_told_without_an_exponent(number: float) -> None:
    """As the threshold of words in a large table, 3.8e-05."""
    said = figures(number)
    assert float(said) == float(f"{number:.4g}")
    assert not set(said) & {*"eE"}


def terminal(shown: SearchResult, width: int) -> list[str]:
    out = io.StringIO()
    Plain(file=out, width=width, color_system=None).print(Found(shown))
    return out.getvalue().splitlines()


def many(*bands: str, title: str = "검정 지갑") -> SearchResult:
    (match,) = result(title=title).matches
    each = [
        replace(
            match,
            rank=n,
            post_id=f"F{n:018}-1",
            score=0.5 / n,
            probability=0.9 / n,
            band=band,
            why="색이 맞습니다.",
        )
        for n, band in enumerate(bands, 1)
    ]
    return replace(result(), matches=tuple(each), score_kind="fused", not_here=0.1)


@pytest.mark.parametrize(
    "title", ["지갑", "아주 긴 제목 " * 20, "두\n줄", "\x1b[31m[bold]x[/bold]", ""]
)
def test_ten_matches_fit_a_terminal_two_lines_each(title: str) -> None:
    lines = terminal(many(*["ask"] * 10, title=title), 80)
    assert len(lines) == 21
    assert all(cell_len(line) <= 80 for line in lines)
    for n in range(10):
        assert re.search(rf"%, worth a look +F{n + 1:018}-1", lines[2 * n])
        assert "2026-11-01, 강남역; 색이 맞습니다" in lines[2 * n + 1]
    assert "\x1b" not in "".join(lines)


@pytest.mark.parametrize("place", ["강남역", "2호선 강남역 11번 출구 앞 버스정류장 " * 20])
def test_whom_to_call_is_whole(place: str) -> None:
    """Behind a reason of any length, and a stranger's story of a place fills no screen."""
    why = "사진과 설명이 비슷하고, 분실 1일 뒤에 습득되었고, 색도 일치합니다. 다만 지역은 다릅니다."
    (match,) = many("ask").matches
    lines = terminal(replace(many("ask"), matches=(replace(match, why=why, place=place),)), 80)
    assert len(lines) <= 8
    assert all(cell_len(line) <= 80 for line in lines)
    said = " ".join(" ".join(lines).split())
    assert f"{why.rstrip('.')}; 서울강남경찰서, 02-000-0112" in said


def test_what_is_below_the_bound_stands_apart() -> None:
    lines = terminal(many("propose", "ask", *["below"] * 8), 80)
    assert lines[4] == "unlikely:"
    assert lines[8:9] == ["and 5 more: --json and --output have them"]
    assert "90 %, very likely" in lines[0]
    lines = terminal(replace(many("below"), not_here=0.97, nothing=True), 80)
    assert lines[:2] == ["It is not here yet, with a probability of 97 %.", "unlikely:"]
    lines = terminal(replace(many("ask"), not_here=0.97, nothing=True), 80)
    assert lines[0] == "It is not here yet, with a probability of 97 %."
    lines = terminal(replace(many("below"), not_here=0.6), 80)
    assert lines[:2] == ["Nothing stands out: tell more of it, or --ask.", "unlikely:"]


@pytest.mark.parametrize("width", [25, 40, 60])
def test_ids_are_whole_on_a_narrow_terminal(width: int) -> None:
    lines = terminal(many("ask", "ask"), width)
    assert [line.split()[-1] for line in lines if "-1" in line and "F0" in line] == [
        f"F{n:018}-1" for n in (1, 2)
    ]


def test_an_empty_result_says_what_was_asked_and_what_to_try() -> None:
    query = {"text": "우산", "filters": {"category": "지갑"}}
    empty = replace(result(), query=query, matches=(), searched=7)
    (said,) = terminal(empty, 400)
    assert "text '우산' among 7 posts (category 지갑)" in said
    assert "lower --threshold (-1: no limit)" in said
    assert "(0: no limit)" in terminal(replace(empty, score_kind="fused"), 400)[0]
    assert "fewer filters" in terminal(replace(empty, searched=0), 400)[0]
    sure = replace(empty, score_kind="fused", not_here=0.97, nothing=True)
    assert terminal(sure, 400)[0] == "It is not here yet, with a probability of 97 %."
    assert terminal(sure, 400)[1].startswith("Nothing like")
    assert "not here" not in terminal(replace(sure, searched=0), 400)[0], "nothing was looked at"
    assert json.loads(to_json(empty))["results"] == []


def test_files_are_written_by_their_ending_and_whole(tmp_path: Path) -> None:
    for ending in ("json", "csv", "html"):
        write_output(result(), tmp_path / f"deep/r.{ending}", lambda uri: b"")
    assert len(list((tmp_path / "deep").iterdir())) == 3
    with pytest.raises(UsageError, match=r"\.json, \.csv, \.html"):
        write_output(result(), tmp_path / "r.pdf", lambda uri: b"")
    (tmp_path / "taken").mkdir()
    with pytest.raises(StorageError, match="taken cannot be written"):
        write_file(tmp_path / "taken", b"x")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["deep", "taken"]


def test_a_photo_whose_name_is_no_utf8_is_a_query_in_every_file(tmp_path: Path) -> None:
    odd = os.fsdecode(b"caf\xe9.jpg")
    asked = replace(result(), query={"image": odd})
    for ending in output.ENDINGS:
        write_output(asked, tmp_path / f"r{ending}", lambda uri: b"")
    assert json.loads((tmp_path / "r.json").read_text("utf-8"))["query"]["image"] == odd


def test_a_page_goes_without_a_photo_that_is_gone(tmp_path: Path) -> None:
    for query in ({"image": str(tmp_path / "gone.jpg")}, {"photo": str(tmp_path / "of nobody")}):
        assert search.photo_of(replace(result(), query=query)) is None
