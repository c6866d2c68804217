"""Sheets of verdicts in CSV, as people fill them in."""

from pathlib import Path

from matching_spark.domain.posts import Reject
from matching_spark.domain.vocabulary import Seen
from matching_spark.sources.verdicts import Row, read_verdicts


def test_a_sheet_of_verdicts_as_people_save_it(tmp_path: Path) -> None:
    words = [
        "확정",
        "같음",
        "예",
        "네",
        "확인",
        "미정",
        "아직모름",
        "아직  모름",
        "？",
        "undecided",
        "응",
    ]
    lines = [f"L{i};F{i};{word};;박" for i, word in enumerate(words)]
    head = "sep=;\n11월 판정;;;;\n;;;;\n분실물;습득물;판정;판정자;담당자\n"
    lines += ["L99;;확정;;박", "L99;;;;박"]
    text = "\n".join([f"{head}a;b;x;김;박", ";;;;", *lines])
    (tmp_path / "a.csv").write_text(text)
    first, *others, wrong, lacks, blank = read_verdicts(str(tmp_path / "a.csv"), Seen())
    assert first == Row(f"{tmp_path}/a.csv:5", "a", "b", "rejected", "김")
    assert [row.verdict for row in others if isinstance(row, Row)] == [
        *["confirmed"] * 5,
        *[None] * 5,
    ]
    assert {row.by for row in others if isinstance(row, Row)} == {"박"}
    assert isinstance(wrong, Reject)
    assert wrong.reason == "bad-decision"
    assert isinstance(lacks, Reject)
    assert (lacks.reason, lacks.post_id) == ("no-id", "L99")
    assert isinstance(blank, Row), "who has not decided has said nothing of a pair"


def test_a_verdict_that_a_comma_has_shifted_is_none(tmp_path: Path) -> None:
    sheet = tmp_path / "a.csv"
    sheet.write_text("lost_id,found_id,note,decision\nL1,F1,끈이 다르고, no,yes\nL2,F2,같고,yes\n")
    shifted, row = read_verdicts(str(sheet), Seen())
    assert shifted == Reject(f"{sheet}:2", "", "bad-row", "5 cells, 4 columns")
    assert row == Row(f"{sheet}:3", "L2", "F2", "confirmed", "")
