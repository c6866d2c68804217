"""What a sentence says of a lost thing, as facts: its category, its colour, where and when.

A word in doubt is no fact: of two colours, two places, two days none is taken, unless only one of
them stands in what says that something was lost.
"""

import datetime as dt
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Generic, TypeVar

from matching_spark.domain.days import days_said, the_day
from matching_spark.domain.facts import Facts
from matching_spark.domain.place_names import PlaceNames, PlaceSaid, places_said
from matching_spark.domain.sentence import (
    Role,
    Word,
    english_role,
    lower,
    plain,
    stems,
    words_of,
)
from matching_spark.domain.things import DISTRACTOR, things
from matching_spark.domain.vocabulary import CATEGORY, COLOUR, REGION, VAGUE

T = TypeVar("T")
RUN = 4  # words of a thing's name
REACH = 3  # words that may stand between a colour and its thing: 검은색 루이비통 남자 지갑


@dataclass(frozen=True)
class Understood:
    """facts: what was understood. words: by a fact's name, the words of the text that say it."""

    facts: Facts
    words: Mapping[str, str]


def understand(text: str, today: dt.date, places: PlaceNames | Iterable[str] = ()) -> Understood:
    """The facts that the words of a text say, seen from a day in Seoul.

    places: the names that a place may have, as the posts of a table have them.
    """
    text = plain(text)
    words = words_of(lower(text))
    found = _things(words)
    heads = [each for each in found if each.role in ("object", "bare", "and", "is")]
    heads = heads or [each for each in found if each.role == "holds"]
    known = {at for each in found for at in range(each.first, each.last + 1)}
    said: list[tuple[str, object, str]] = []

    def note(name: str, of: "_Mention[T] | None") -> None:
        if of is not None:
            start, end = words[of.first].start, of.end or words[of.last].end
            said.append((name, of.value, text[start:end]))

    thing = _thing(heads, words)
    if thing is not None and thing.value in CATEGORY.telling - {DISTRACTOR}:
        note("category", thing)
    colour = _the_one(_colours(words, found, heads), words)
    if colour is not None and colour.value != VAGUE:
        note("colour", colour)
    region = _region(words)
    note("region", region)
    names = places if isinstance(places, PlaceNames) else PlaceNames(places)
    note("place", _place(places_said(words, names, known), words, text))
    day = _day(text, words, today)
    if day is not None:
        said.append(("happened_on", *day))
    return Understood(
        Facts(**{name: value for name, value, _ in said}),  # type: ignore[arg-type]
        {name: of for name, _, of in said},
    )


@dataclass(frozen=True)
class _Mention(Generic[T]):
    """words[first] to words[last] say a value. end: of what says it in the text, where the last
    word goes on. tail: that ending. own: where a colour stands before it in one word, that colour.
    """

    value: T
    first: int
    last: int
    role: Role = "bare"
    end: int = 0
    tail: str = ""
    own: str = ""


def _the_one(said: Sequence[_Mention[T]], words: Sequence[Word]) -> _Mention[T] | None:
    """The first where all say the same; else where those in clauses that tell of a loss do."""
    for mine in (said, _in_loss(said, words)):
        if len({each.value for each in mine}) == 1:
            return mine[0]
    return None


def _in_loss(said: Sequence[_Mention[T]], words: Sequence[Word]) -> list[_Mention[T]]:
    clauses = _clauses_of_loss(words)
    return [each for each in said if words[each.first].clause in clauses]


def _clauses_of_loss(words: Sequence[Word]) -> set[int]:
    return {word.clause for word in words if word.lost or _ends_lost(word)}


def _ends_lost(word: Word) -> bool:
    """Whether a verb of loss stands at a noun without a space: 지갑분실."""
    return word.hangul and any(
        Word(word.text[at:], 0, 0, "", 0, True).lost for at in range(2, len(word.text) - 1)
    )


# -- the thing -------------------------------------------------------------------------------

# Names that are other words too, or of one syllable: things only where they are what was lost.
_OTHERWISE = frozenset(["기타", "표지", "돈", "갤럭시", "폴더", "나비", "풍경", "핀", "조명"])
_NO_THING = frozenset(["유류품", "기타물품", "other", "car", "sports", "산업용품"])
# Behind a thing's name: what is lost is that, or what is told of is its part.
_PART = re.compile(
    r"(?:케이스|커버|줄|끈|고리|스트랩|거치대|뚜껑|손잡이|필름|집(?!에)|껍데기|부품|안장|모양|무늬|그림|캐릭터|로고|스티커|"
    r"글씨|리본|줄무늬|체크|테두리|지퍼|장식|포인트|단추|버튼|하트|별|안감|바탕|라인|"
    r"case|cover|strap|holder|stand|lid|sleeve|sticker|logo|stripe|lining|zipper|pattern|tag|trim)"
)
_INSIDE = re.compile(r"(?:안|속|위|밑|아래|옆|앞|뒤|사이)(?:에|에서|쪽에?)?(?:는|도|서)?$")
_HELD = re.compile(
    r"(?:든|들은|들어|담긴|담은|달린|달려|붙|그려|새겨|적힌|적혀|꽂|넣|끼|있는|있던|있어|있습|있고|있음|포함)"
)
# What is done with things that are not lost.
_USED = re.compile(
    r"(?:읽|쓰고|쓰다|입고|입은|갈아입|타고|타다|탔|샀|사서|사고|산$|보다|보고|마시|먹|찍|빌리|빌려|반납|사러|메고|"
    r"들고|신고|끼고|하고|받고|받아|치고|치다|벗|주웠|주워|습득|꺼내|찾으러)"
)
_AND = frozenset(["그리고", "및", "하고", "또는", "혹은", "아니면", "이랑", "랑", "and", "or"])
_MODEL = re.compile(
    r"(?:프로|맥스|미니|플러스|울트라|라이브|에어|에디션|pro|max|mini|plus|ultra|air|fe|\d+(?:세대|인치)?|"
    r"[a-z]?\d+[a-z]?)+"
)
_AMBIGUOUS_ENGLISH = frozenset(
    [
        *(
            "book",
            "books",
            "watch",
            "ring",
            "tie",
            "bow",
            "fan",
            "die",
            "nail",
            "screw",
            "iron",
            "lock",
        ),
        *(
            "plane",
            "scale",
            "ruler",
            "light",
            "reel",
            "horn",
            "paper",
            "document",
            "box",
            "light switch",
        ),
        *("chest", "hook", "vest", "bell", "cap", "mouse", "chain", "pin", "stole", "cab", "brush"),
        *("cup", "pen", "card", "id", "folder", "envelope", "phone", "key", "keys", "bag", "buds"),
    ]
)


@cache
def _names() -> dict[str, str]:
    """Category, or DISTRACTOR, by a thing's name as `_key` has it."""
    spelt = [(each, word) for word, others in CATEGORY.words.items() for each in (word, *others)]
    spelt += [(name, thing.category) for thing in things() for name in thing.names]
    return {_key(name.lower().replace("-", " ")): word for name, word in spelt} | dict.fromkeys(
        _NO_THING, DISTRACTOR
    )


@cache
def _heads() -> re.Pattern[str]:
    """A Korean name of two syllables or more at the end of a longer word: 루이비통지갑."""
    names = [name for name in _names() if len(name) > 1 and not name.isascii()]
    spelt = "|".join(map(re.escape, sorted(names, key=len, reverse=True)))
    return re.compile(rf"(?P<front>.{{2,}}?)(?P<name>{spelt})")


def _key(name: str) -> str:
    """Without the spaces beside Korean letters, which people write or not."""
    return re.sub(r"(?<=[가-힣]) | (?=[가-힣])", "", " ".join(name.split()))


def _things(words: Sequence[Word]) -> list[_Mention[str]]:
    """Every thing that is spoken of, by category, each with what it does in the sentence."""
    out: list[_Mention[str]] = []
    at = 0
    while at < len(words):
        found = _longest(words, at)
        if found is not None:
            out.append(found)
        at = at + 1 if found is None else found.last + 1
    return [_in_context(out, i, words) for i in range(len(out))]


def _longest(words: Sequence[Word], first: int) -> _Mention[str] | None:
    """The longest name of a thing that begins at words[first]."""
    last = first
    while last + 1 < len(words) and last - first < RUN - 1 and words[last].joined:
        last += 1
    for at in range(last, first - 1, -1):
        before = " ".join(word.text for word in words[first:at])
        for stem, role, tail in stems(words[at]):
            if found := _named(f"{before} {stem}", at == first):
                value, name, own = found
                if (len(name) == 1 or name in _OTHERWISE) and not own:
                    if not _surely(words, first, at, name, tail):
                        continue
                if name == "기타":
                    value = "악기"
                end = words[at].start + len(stem)
                return _model(_Mention(value, first, at, role, end, tail, own), words)
    return None


def _surely(words: Sequence[Word], first: int, at: int, name: str, tail: str) -> bool:
    """Whether a short name is of a thing there: 책을, 책 분실, 검정 책; 못 찾았어요 has no nail."""
    after = words[at + 1] if at + 1 < len(words) and words[at].joined else None
    lost = not tail and name != "못" and after is not None and after.lost
    coloured = first > 0 and words[first - 1].joined and _colour_said(words[first - 1]) is not None
    return tail in ("을", "를") or lost or coloured


def _named(said: str, single: bool) -> tuple[str, str, str] | None:
    """Category, name and colour of what is called so; a colour or more may stand before it."""
    key = _key(said)
    if key in _names():
        return _names()[key], key, ""
    if not single or key.isascii():
        return None
    if coloured := _COLOURED.match(key):
        rest = key[coloured.end() :]
        if rest and (found := _named(rest, True)):
            return found[0], found[1], _colour_of(coloured)
    if compound := _heads().fullmatch(key):
        return _names()[compound["name"]], compound["name"], ""
    return None


def _model(of: _Mention[str], words: Sequence[Word]) -> _Mention[str]:
    """With what names the model behind a thing: 에어팟 프로 2세대를."""
    at = of.last
    if of.tail or not words[at].hangul:
        return of
    role, tail = of.role, of.tail
    while not tail and at + 1 < len(words) and words[at].joined:
        read = ((r, t) for s, r, t in stems(words[at + 1]) if _MODEL.fullmatch(s))
        found = next(read, None)
        if found is None:
            break
        role, tail, at = *found, at + 1
    return _Mention(of.value, of.first, at, role, words[at].end - len(tail), tail, of.own)


def _in_context(said: Sequence[_Mention[str]], i: int, words: Sequence[Word]) -> _Mention[str]:
    """A mention with the role that its neighbours give it."""
    of = said[i]
    role = of.role
    if not words[of.first].hangul:
        role = english_role(words, of.first)
    more = words[of.last + 1].text if of.last + 1 < len(words) and words[of.last].joined else ""
    after = said[i + 1] if i + 1 < len(said) else None
    beside = after is not None and after.first == of.last + 1
    if role == "bare" or not words[of.first].hangul:
        if more and _PART.match(more) and not (beside and words[of.first].hangul):
            role = "other"
        elif more and words[of.first].hangul and _INSIDE.match(more):
            role = "holds" if more[0] in "안속" else "where"
        elif beside and more:  # 노트북 가방 is a bag
            role = "other"
        elif beside or more in _AND:
            role = role if role == "where" else "and"
    if more and role in ("bare", "object"):
        if _HELD.match(more) or (of.tail in ("을", "를") and _USED.match(more)):
            role = "other"
    return _Mention(of.value, of.first, of.last, role, of.end, of.tail, of.own)


def _thing(heads: Sequence[_Mention[str]], words: Sequence[Word]) -> _Mention[str] | None:
    """What was lost: of several, the nearest to a verb of loss in its clause, the object first."""
    if len({each.value for each in heads}) == 1:
        return heads[0]
    tied: dict[int, _Mention[str]] = {}
    for at, word in enumerate(words):
        if not (word.lost or _ends_lost(word)):
            continue
        mine = [(n, e) for n, e in enumerate(heads) if words[e.first].clause == word.clause]
        before = [each for each in mine if each[1].first <= at]
        after = [each for each in mine if each[1].first > at]
        near = (before[-1:] or after[:1]) if word.hangul else (after[:1] or before[-1:])
        for n, each in near:
            tied[n] = each
            if each.role == "and" and n:  # my phone and wallet
                tied[n - 1] = heads[n - 1]
            for other in (n - 1, n + 1):
                if 0 <= other < len(heads) and heads[min(n, other)].role == "and":
                    tied[other] = heads[other]
    values = {each.value for each in tied.values()}
    return next(iter(tied.values())) if len(values) == 1 else None


# -- the colour ------------------------------------------------------------------------------

_SPELT = {
    each: word for word, others in COLOUR.words.items() for each in (word, *others) if word != each
} | {word: word for word in COLOUR.words if word != VAGUE}
_BARE_OTHERWISE = frozenset(["자주", "오렌지", "밤", "하양"])  # often, a fruit, a town
_COLOURED = re.compile(
    r"(?:연한?|진한?|올|새|샛|시|다크|라이트|파스텔)?(?P<word>"
    + "|".join(sorted((s for s in _SPELT if not s.isascii()), key=len, reverse=True))
    + r")(?P<suffix>(?:색상|색깔|컬러|칼라|색|빛)?(?:계열|계통|톤)?)"
)
# 검정, 검은색, 블랙 may stand behind a thing; 검은 tells of what comes.
_NOUN = re.compile(r"^(?!.*(?:[은는]|[란간]|얀|만|른)$)|색")
_ABOUT_COLOUR = re.compile(r"(?:색|색상|색깔|컬러|칼라|겉|외관|colou?r)(?:은|는|이|가)?$")
_NOT = re.compile(r"(?:아니|아닌|아님|말고|not$|isn|wasn|n't)")
_COLOUR_STOPS = re.compile(r".*(?:을|를|이|가|은|는|에|에서|의|으로|로|고|데)$")


def _colour_of(found: re.Match[str]) -> str:
    return _SPELT[found["word"]]


def _colour_said(word: Word) -> tuple[str, Role, str] | None:
    """The colour that the whole word says, with its role and its ending."""
    if not word.hangul:
        said = _SPELT.get(word.text, "") if word.text != "other" else ""
        return (said, "bare", "") if said else None
    for stem, role, tail in stems(word):
        found = _COLOURED.fullmatch(stem)
        if found and (found["suffix"] or found["word"] not in _BARE_OTHERWISE):
            return _colour_of(found), role, tail
    return None


def _colours(
    words: Sequence[Word], found: Sequence[_Mention[str]], heads: Sequence[_Mention[str]]
) -> list[_Mention[str]]:
    """The colours that are said of what was lost, or of nothing else."""
    inside = {at for each in found for at in range(each.first, each.last + 1)}
    at_first = {each.first: each for each in found}
    out = [_Mention(each.own, each.first, each.first, end=each.end) for each in heads if each.own]
    values = {each.value for each in heads}
    for at, word in enumerate(words):
        read = None if at in inside else _colour_said(word)
        if read is None or _negated(words, at):
            continue
        value, role, tail = read
        mention = _Mention(value, at, at, end=word.end - len(tail))
        of = _modified(words, at, role, at_first, found)
        if of is not None:
            if of in heads:
                out.append(mention)
        elif _told(words, at, role, found, heads, values):
            out.append(mention)
    return out


def _negated(words: Sequence[Word], at: int) -> bool:
    """갈색은 아니고, 갈색 말고, not brown."""
    after = words[at + 1].text if at + 1 < len(words) and words[at].joined else ""
    before = words[at - 1].text if at else ""
    return bool(
        (words[at].hangul and (_NOT.match(after) or words[at].text.endswith("말고")))
        or (not words[at].hangul and (before == "not" or before.endswith("n't")))
    )


def _modified(
    words: Sequence[Word],
    at: int,
    role: Role,
    at_first: Mapping[int, _Mention[str]],
    found: Sequence[_Mention[str]],
) -> _Mention[str] | None:
    """The thing that a colour stands before, which the last of several beside each other is."""
    if role not in ("bare", "and", "other") and words[at].text[-1:] != "인":
        return None
    for next_ in range(at + 1, min(at + 2 + REACH, len(words))):
        if not words[next_ - 1].joined and words[next_ - 1].gap.strip() not in ("/", "&", "+", ","):
            return None
        if thing := at_first.get(next_):
            while (more := at_first.get(thing.last + 1)) and words[thing.last].joined:
                if thing.tail:
                    break
                thing = more
            return thing
        word = words[next_]
        coloured = _colour_said(word)
        if coloured is None and (
            _PART.match(word.text)
            or _HELD.match(word.text)
            or word.lost
            or (word.hangul and word.text not in _AND and _COLOUR_STOPS.match(word.text))
            or (not word.hangul and word.text in _ENGLISH_STOPS)
        ):
            return None
    return None


_ENGLISH_STOPS = frozenset(
    [
        *(
            "in",
            "on",
            "at",
            "with",
            "from",
            "of",
            "by",
            "near",
            "for",
            "to",
            "is",
            "was",
            "and",
            "or",
        ),
        *(
            "line",
            "train",
            "bus",
            "taxi",
            "that",
            "which",
            "my",
            "the",
            "a",
            "it",
            "i",
            "has",
            "chair",
        ),
    ]
)


def _told(
    words: Sequence[Word],
    at: int,
    role: Role,
    found: Sequence[_Mention[str]],
    heads: Sequence[_Mention[str]],
    values: set[str],
) -> bool:
    """Whether a colour before no thing is told of what was lost: 색은 검정, 지갑 (검정), it's black."""
    word, before = words[at], words[at - 1] if at else None
    thing = next((each for each in found if each.last == at - 1), None)
    after = words[at + 1] if at + 1 < len(words) else None
    ends = after is None or not word.joined or after.lost or after.clause != word.clause
    if before is None:
        return ends or role == "is"
    if word.hangul:
        if _ABOUT_COLOUR.match(before.text):
            return not (at > 1 and _PART.match(words[at - 2].text))
        if thing is not None and thing.value in values:
            part = after is not None and word.joined and _PART.match(after.text)
            return thing in heads and not part and _NOUN.search(word.text) is not None
        if role == "is":
            return before.clause != word.clause or not re.search("[은는이가]$", before.text)
        return (not before.joined or before.clause != word.clause) and ends
    if before.text in ("is", "was", "it's", "its", "colour", "color", "in", "colored", "coloured"):
        return not any(_PART.match(each.text) for each in words[max(0, at - 3) : at - 1])
    return thing is not None and thing in heads and ends


# -- where and when --------------------------------------------------------------------------

_REGIONS = {
    each: word
    for word, others in REGION.words.items()
    for each in (word, *others)
    if word not in (VAGUE, "해외")
}
_REGION = re.compile(
    "(?P<word>"
    + "|".join(sorted((each for each in _REGIONS if not each.isascii()), key=len, reverse=True))
    + ")(?P<suffix>특별자치도|특별자치시|특별시|광역시|시내|시|도)?"
)
_ELSEWHERE = re.compile(r"(?:가는|가던|가려|갔다|행|방면|방향|출발|도착|올라|내려)")
_PLACE_BEHIND = frozenset(["station", "university", "univ", "airport", "tower", "line", "forest"])


def _region(words: Sequence[Word]) -> _Mention[str] | None:
    """The region; where one goes to another, neither."""
    out: list[_Mention[str]] = []
    for at, word in enumerate(words):
        after = words[at + 1] if at + 1 < len(words) and word.joined else None
        if not word.hangul:
            if (value := _REGIONS.get(word.text)) and (
                after is None or after.text not in _PLACE_BEHIND
            ):
                to = at and words[at - 1].text in ("to", "for", "from")
                out.append(_Mention("" if to else value, at, at))
            continue
        for stem, role, tail in stems(word):
            found = _REGION.fullmatch(stem)
            if found is None:
                continue
            near = after is not None and re.search("[시군구](?:에서?)?$", after.text)
            if found["word"] == "경기" and not found["suffix"] and not near:
                break  # a match
            away = role not in ("bare", "where") or bool(after and _ELSEWHERE.match(after.text))
            value = "" if away else _REGIONS[found["word"]]
            out.append(_Mention(value, at, at, end=word.end - len(tail)))
            break
    one = _the_one(out, words)
    return one if one is not None and one.value else None


def _place(said: Sequence[PlaceSaid], words: Sequence[Word], text: str) -> _Mention[str] | None:
    """The place, the longer of two that stand side by side: 강남역 스타벅스에서."""
    joined: list[PlaceSaid] = []
    for each in said:
        last = joined[-1] if joined else None
        if last and last.open and each.first == last.last + 1 and words[last.last].joined:
            joined[-1] = max(last, each, key=lambda place: len(place.run))
        else:
            joined.append(each)
    runs = {each.run.replace(" ", "") for each in joined}
    mentions = [
        _Mention(text[words[each.first].start : each.end], each.first, each.last, end=each.end)
        for each in joined
        if not any(
            each.run.replace(" ", "") in run and each.run.replace(" ", "") != run for run in runs
        )
    ]
    return _the_one(mentions, words)


def _day(text: str, words: Sequence[Word], today: dt.date) -> tuple[dt.date, str] | None:
    """The day and its words; of several that differ, what the clauses of a loss say."""
    said = days_said(lower(text), today)
    clauses = _clauses_of_loss(words)

    def clause(at: int) -> int:
        return next((word.clause for word in words if word.end > at), -1)

    for mine in (said, [each for each in said if clause(each.start) in clauses]):
        if mine and (day := the_day(mine)):
            first = min(mine, key=lambda each: len(each.days))
            return day, text[first.start : first.end]
    return None
