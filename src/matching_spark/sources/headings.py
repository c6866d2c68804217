"""What a table's columns are called: by the names of a post's fields, or as desks call them."""

import difflib
import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from operator import itemgetter

from matching_spark.domain.posts import clean, few_marks
from matching_spark.domain.schema import TOLD
from matching_spark.domain.vocabulary import Seen
from matching_spark.errors import InputError, UsageError

FIELDS = (*TOLD, "photos", "identifiers")
OTHERS: dict[str, tuple[str, ...]] = {
    "post_id": ("id", "관리번호", "접수번호", "게시물번호", "등록번호", "습득번호"),
    "kind": ("구분", "분실습득구분"),
    "category": ("분류", "물품분류", "물품종류", "종류"),
    "subcategory": ("소분류", "세부분류"),
    "title": ("name", "item", "물품명", "품명", "제목", "물건", "습득물명", "분실물명"),
    "description": ("details", "내용", "특징", "상세", "상세내용", "물품특징", "설명"),
    "colour": ("color", "색상", "색", "색깔", "물품색상"),
    "place": ("location", "장소", "습득장소", "분실장소", "발견장소"),
    "latitude": ("lat", "위도"),
    "longitude": ("lon", "lng", "경도"),
    "identifiers": ("identifier", "serialnumber", "serialno", "시리얼번호"),
    "region": ("지역", "습득지역", "분실지역"),
    "happened_on": (
        *("date", "날짜", "일자", "습득일", "습득일자", "습득일시", "습득날짜"),
        *("분실일", "분실일자", "분실일시", "분실날짜", "발견일"),
    ),
    "status": ("state", "상태", "처리상태", "보관상태"),
    "kept_at": ("보관장소", "보관기관", "보관처", "보관부서"),
    "kept_phone": ("phone", "전화", "전화번호", "연락처", "보관처전화", "보관장소연락처"),
    "source_url": ("url", "link", "링크", "주소"),
    "photos": (
        *("photo", "image", "images", "picture", "pictures", "사진", "이미지"),
        *("사진파일", "사진파일명", "사진명", "이미지파일"),
    ),
}

ALIKE = 0.75  # difflib's ratio, from which on a column may be meant
LONGEST = 200  # characters of a heading that may name a field
HEADER_ROWS = 20  # a sheet's title and date may stand above its headings
LESSER = ("등록번호", "습득번호")  # an id only where no heading before them is one
# What stands in brackets behind a heading and says how its cells are written, not what they are.
_REMARK = re.compile(
    r"(?:필수|선택) ?(?:입력|항목|사항)?|required|optional|(?:예|예시|ex|e\.g\.) ?[:.)].*"
    r"|[년연월일시분초 :./-]*|[ymdhs :./-]*|\W*",
    re.I,
)


def _plain(name: str) -> str:
    text = unicodedata.normalize("NFKC", few_marks(name)).casefold().removeprefix("\ufeff")
    return "".join(c for c in text if c.isalnum())


_FIELD_OF = {_plain(field): field for field in FIELDS} | {
    _plain(other): field for field, others in OTHERS.items() for other in others
}


def own_columns(columns: Mapping[str, str]) -> dict[str, str]:
    """heading -> field as somebody names them, checked. Raises UsageError for what is no field."""
    for heading, field in columns.items():
        if field not in FIELDS:
            raise UsageError(
                f"{heading}={field}: a column becomes one of: {', '.join(FIELDS)}",
                argument="column",
            )
        if not _plain(heading):
            raise UsageError(f"={field}: which column it is, is not said", argument="column")
    return {_plain(heading): field for heading, field in columns.items()}


def fields_of(
    names: Iterable[str], where: str, own: Mapping[str, str] | None = None
) -> dict[str, str]:
    """name -> the field that it is called by; names of no field are left out.

    own: of `own_columns`; who names a column for a field wants no other for it. A heading with a
    remark, or of LESSER, gives way to the one that is called so in full, and is left out. Raises
    InputError when two columns are the same field alike: neither may win in silence.
    """
    own = own or {}
    claims: dict[str, list[tuple[int, str]]] = {}
    for name in names:
        claim = (own[_plain(name)], 0) if _plain(name) in own else _claim(name)
        if claim and (_plain(name) in own or claim[0] not in own.values()):
            claims.setdefault(claim[0], []).append((claim[1], name))
    found: dict[str, str] = {}
    for field, claimed in claims.items():
        (first, name), *others = sorted(claimed, key=itemgetter(0))
        if others and others[0][0] == first:
            raise InputError(
                f"{where} has {field} twice, in the columns {name!r} and {others[0][1]!r}: keep one"
            )
        found[name] = field
    return found


def absent(names: Iterable[str], own: Mapping[str, str]) -> list[str]:
    """The columns of `own` that are not among the names, in letters and digits alone."""
    return sorted(own.keys() - set(map(_plain, names)))


def headings_of(
    records: Iterator[tuple[int, list[str] | str]],
    uri: str,
    known: Callable[[list[str]], int],
    seen: Seen,
) -> list[str]:
    """The names of the columns: the first row, or one below it that knows more of them than one;
    the rows that are read from `records` are noted in `seen`.

    known: how many of a row's cells name columns, 0 where one that is needed is not among them.
    Raises InputError when the first row cannot be read.
    """
    above: list[str] = []
    first: list[str] | None = None
    for _, cells in islice(records, HEADER_ROWS):
        if isinstance(cells, str):
            if first is None:
                raise InputError(f"{uri}: its header cannot be read: {cells}")
            continue
        names = [clean(name) for name in cells]
        if known(names) > (first is not None):
            for line in above:
                seen.note("row above the headings, not used", line)
            return names
        first = first or names
        above.append(" ".join(filter(None, names))[:80])
    return first or []


def shifted(cells: Sequence[str], names: Sequence[str]) -> str:
    """Why a row of CSV is not taken that has more cells than there are columns, as by a comma in a
    text: what is behind it stands below others' names. '' of another row."""
    return f"{len(cells)} cells, {len(names)} columns" if len(cells) > len(names) else ""


def _claim(name: str) -> tuple[str, int] | None:
    """The field that a heading names, and its rank among those that name it: 0 in full, 1 without
    a remark (습득일(필수)), then LESSER. Other brackets are a part of the name: 연락처(신고자) is
    another's number.
    """
    if len(name) > LONGEST:
        return None
    text = unicodedata.normalize("NFKC", name)
    bare = re.sub(r"[(\[]([^)\]]*)[)\]]", lambda m: "" if _is_remark(m[1]) else m[0], text)
    for rank, plain in enumerate((_plain(text), _plain(bare))):
        if field := _FIELD_OF.get(plain):
            return field, LESSER.index(plain) + 2 if plain in LESSER else rank
    return None


def _is_remark(text: str) -> bool:
    return all(_REMARK.fullmatch(part.strip()) for part in text.split(","))


def unused(name: str) -> str:
    """A column that is no field, with the one that may be meant."""
    return nearest(name, _FIELD_OF)


def nearest(name: str, spelt: Mapping[str, str]) -> str:
    """The name, with the column that may be meant. spelt: columns by their plain spellings."""
    plain = _plain(name)
    # Twice the letters in common are ALIKE of all letters: a longer name is like none of them.
    if len(plain) > (2 / ALIKE - 1) * max(map(len, spelt)):
        return name
    near = difflib.get_close_matches(plain, spelt, 1, ALIKE)
    return f"{name} ({spelt[near[0]]}?)" if near else name
