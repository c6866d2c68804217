"""JSON, CSV and pages: the numbers as they are, a stranger's text harmless, files whole."""

import csv
import datetime as dt
import io
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from matching_spark.cli.views import to_table
from matching_spark.domain.results import Match, SearchResult
from matching_spark.errors import UsageError
from matching_spark.operations.output import to_csv, to_html, to_json, write_output
from matching_spark.storage import write_file


def result(score: float = 0.5, title: str = "검정 지갑", photo: str | None = "x") -> SearchResult:
    match = Match(
        1,
        "p1",
        score,
        "photo",
        "found",
        "지갑",
        "",
        title,
        "",
        "검정",
        dt.date(2026, 11, 1),
        "강남역",
        "서울",
        "open",
        "서울강남경찰서",
        "02-000-0112",
        "",
        photo,
        {"image-image": score},
    )
    return SearchResult(
        {"text": title},
        "m@1",
        "CPUExecutionProvider",
        "42",
        "memory",
        True,
        "cosine",
        0.25,
        7,
        {"total": 12.0},
        (match,),
    )


@given(st.floats(-1, 1))
def test_scores_are_not_rounded(score: float) -> None:
    assert json.loads(to_json(result(score)))["results"][0]["score"] == score


def test_the_keys_of_the_contract() -> None:
    got = json.loads(to_json(result()))
    assert list(got) == [
        "query",
        "model",
        "provider",
        "snapshot",
        "runner",
        "exact",
        "score_kind",
        "threshold",
        "searched",
        "elapsed_ms",
        "results",
    ]
    assert {
        "rank",
        "post_id",
        "score",
        "matched",
        "category",
        "title",
        "happened_on",
        "place",
        "kept_at",
        "photo",
        "components",
    } <= set(got["results"][0])
    assert got["results"][0]["happened_on"] == "2026-11-01"


def test_csv_for_excel() -> None:
    data = to_csv(result(title="=HYPERLINK(1)"))
    assert data.startswith(b"\xef\xbb\xbf")
    rows = list(csv.DictReader(io.StringIO(data.decode("utf-8-sig"))))
    assert rows[0]["title"] == "'=HYPERLINK(1)"
    assert rows[0]["category"] == "지갑"
    assert float(rows[0]["score"]) == 0.5


def test_a_page_is_whole_and_harmless() -> None:
    out = io.BytesIO()
    Image.new("RGB", (900, 600), "red").save(out, "JPEG")
    page = to_html(result(title="<script>alert(1)</script>"), lambda uri: out.getvalue())
    assert "<script" not in page
    assert "data:image/jpeg;base64," in page
    assert "http" not in page

    def missing(uri: str) -> bytes:
        raise FileNotFoundError(uri)

    assert "사진 없음" in to_html(result(), missing)


def test_an_empty_result_says_what_to_try() -> None:
    empty = SearchResult({}, "m", None, None, "memory", True, "cosine", None, 0, {"total": 1.0}, ())
    assert "lower --threshold" in str(to_table(empty).caption)
    assert json.loads(to_json(empty))["results"] == []


def test_files_are_written_by_their_ending_and_whole(tmp_path: Path) -> None:
    for ending in ("json", "csv", "html"):
        write_output(result(), tmp_path / f"deep/r.{ending}", lambda uri: b"")
    assert len(list((tmp_path / "deep").iterdir())) == 3
    with pytest.raises(UsageError, match=r"\.json, \.csv, \.html"):
        write_output(result(), tmp_path / "r.pdf", lambda uri: b"")
    (tmp_path / "taken").mkdir()
    with pytest.raises(OSError, match="taken"):
        write_file(tmp_path / "taken", b"x")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["deep", "taken"]
