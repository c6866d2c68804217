"""A sheet of verdicts on pairs, as people fill it in: one row a pair, in CSV or a workbook."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Literal

from matching_spark.domain.posts import Reject, clean
from matching_spark.domain.sheets import unmarked
from matching_spark.domain.vocabulary import Seen, Vocabulary
from matching_spark.errors import InputError
from matching_spark.sources import check_file, delimited, ending_of, workbook
from matching_spark.sources.headings import headings_of, nearest, shifted

COLUMN = Vocabulary(  # of headings in letters and digits alone
    "column",
    {
        "lost_id": ("lostid", "lost", "분실물", "분실번호", "분실물번호", "분실물관리번호"),
        "found_id": ("foundid", "found", "습득물", "습득번호", "습득물번호", "습득물관리번호"),
        "decision": ("verdict", "판정", "결정", "판단"),
        "by": ("decidedby", "판정자", "결정자", "담당자", "담당"),
    },
    within=False,
)
NEEDED = ("lost_id", "found_id", "decision")
DECISION = Vocabulary(
    "decision",
    {
        "confirmed": (
            *("confirm", "yes", "y", "o", "same", "맞음", "맞다", "일치", "동일", "확정", "같음"),
            *("예", "네", "확인"),
        ),
        "rejected": ("reject", "no", "n", "x", "different", "아님", "아니다", "불일치", "다름"),
        "undecided": ("?", "-", "u", "unsure", "모름", "아직 모름", "아직모름", "보류", "미정"),
    },
    within=False,
)


@dataclass(frozen=True)
class Row:
    """A row: whose verdict on which pair, and where it stands; None: nothing is decided yet."""

    where: str
    lost_id: str
    found_id: str
    verdict: Literal["confirmed", "rejected"] | None
    by: str


def read_verdicts(uri: str, seen: Seen, shown: Collection[str] = ()) -> Iterator[Row | Reject]:
    """The rows of a sheet with the columns lost_id, found_id and decision; `by` where it has one.

    seen: notes other columns, and what else of a workbook is not read. shown: columns that tell a
    person of the pair, which are not noted. Raises InputError when it cannot be read at all.
    """
    check_file(uri, "sheet of verdicts")
    wide = ending_of(uri) == "xlsx"
    records: Iterator[tuple[int, list[str] | str]] = (
        workbook.rows_of(uri, seen)
        if wide
        else delimited.rows_of(uri, lambda names: sum(map(bool, map(_field, names))))
    )

    def known(names: list[str]) -> int:
        found = set(map(_field, names))
        return len(found) * found.issuperset(NEEDED)

    names = headings_of(records, uri, known, seen)
    fields = [_field(name) for name in names]
    if wrong := [name for name in NEEDED if fields.count(name) != 1]:
        there = ", ".join(names) or "none"
        raise InputError(f"{uri} has not one column {', '.join(wrong)}; its columns are: {there}")
    for name in (n for n in names if n and n not in shown and not _field(n)):
        seen.column(name, lambda each: nearest(each, COLUMN.spelt))
    for number, cells in records:
        where = f"{uri}:{number}"
        if why := cells if isinstance(cells, str) else "" if wide else shifted(cells, names):
            yield Reject(where, "", "bad-row", why)
            continue
        row: dict[str, str] = {}
        for field, cell in zip(fields, cells, strict=False):
            if field and not row.get(field):  # of two columns of `by`, what the first says
                row[field] = clean(unmarked(cell))
        if any(map(clean, cells)):
            yield _read(where, row)


def _field(name: str) -> str:
    return COLUMN.find("".join(filter(str.isalnum, clean(name))))


def _read(where: str, row: dict[str, str]) -> Row | Reject:
    lost_id, found_id = row.get("lost_id", ""), row.get("found_id", "")
    said, pair = row.get("decision", ""), f"{lost_id} {found_id}".strip()
    word = DECISION.find(said)
    if said and not word:
        detail = f"decision {said!r}; write confirm or reject (맞음, 아님), or nothing"
        return Reject(where, pair, "bad-decision", detail)
    is_decided = word in ("confirmed", "rejected")
    if is_decided and not (lost_id and found_id):
        return Reject(where, pair, "no-id", "it lacks the lost or the found post's id")
    verdict: Literal["confirmed", "rejected"] | None = None
    if is_decided:
        verdict = "confirmed" if word == "confirmed" else "rejected"
    return Row(where, lost_id, found_id, verdict, row.get("by", ""))
