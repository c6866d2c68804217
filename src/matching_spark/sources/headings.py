"""What a table's columns are called: by the names of a post's fields, or as desks call them."""

import difflib
import re
import unicodedata
from collections.abc import Iterable, Mapping
from functools import cache

from matching_spark.domain.schema import METADATA
from matching_spark.errors import InputError, UsageError

FIELDS = (*METADATA, "photos")
OTHERS: dict[str, tuple[str, ...]] = {
    "post_id": ("id", "관리번호", "접수번호", "게시물번호", "등록번호", "습득번호"),
    "kind": ("구분", "분실습득구분"),
    "category": ("분류", "물품분류", "물품종류", "종류"),
    "subcategory": ("소분류", "세부분류"),
    "title": ("name", "item", "물품명", "품명", "제목", "물건", "습득물명", "분실물명"),
    "description": ("details", "내용", "특징", "상세", "상세내용", "물품특징", "설명"),
    "colour": ("color", "색상", "색", "색깔", "물품색상"),
    "place": ("location", "장소", "습득장소", "분실장소", "발견장소"),
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


def _plain(name: str) -> str:
    text = unicodedata.normalize("NFKC", name).casefold().removeprefix("\ufeff")
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

    own: of `own_columns`; who names a column for a field wants no other for it. Raises InputError
    when two columns are the same field: neither may win in silence.
    """
    own = own or {}
    found: dict[str, str] = {}
    for name in names:
        field = own.get(_plain(name))
        if field is None and (field := _field_of(name)) in own.values():
            continue
        if field is None:
            continue
        if other := next((n for n, f in found.items() if f == field), None):
            raise InputError(
                f"{where} has {field} twice, in the columns {other!r} and {name!r}: keep one"
            )
        found[name] = field
    return found


def absent(names: Iterable[str], own: Mapping[str, str]) -> list[str]:
    """The columns of `own` that are not among the names, in letters and digits alone."""
    return sorted(own.keys() - set(map(_plain, names)))


def _field_of(name: str) -> str | None:
    """By the whole heading, or without what stands in brackets: 습득일(필수)."""
    bare = re.sub(r"\([^)]*\)|\[[^]]*\]", "", unicodedata.normalize("NFKC", name))
    return _FIELD_OF.get(_plain(name)) or _FIELD_OF.get(_plain(bare))


@cache  # a JSON object has the same keys in every line
def unused(name: str) -> str:
    """A column that is no field, with the one that may be meant."""
    near = difflib.get_close_matches(_plain(name), _FIELD_OF, 1, 0.75)
    return f"{name} ({_FIELD_OF[near[0]]}?)" if near else name
