"""The colours that a sentence says of what was lost, and not of what is beside it."""

import re
from collections.abc import Collection, Mapping, Sequence
from itertools import pairwise

from matching_spark.domain.sentences.colour_words import NOUN, SPELT, colour_said
from matching_spark.domain.sentences.colours_denied import NOT, tells_nothing, unsure
from matching_spark.domain.sentences.sentence import Mention, Role, Word
from matching_spark.domain.sentences.things_named import MODEL
from matching_spark.domain.sentences.things_said import AND, HELD, PART, has_its_own
from matching_spark.domain.vocabulary import VAGUE

REACH = 3  # words that may stand between a colour and its thing: 검은색 루이비통 남자 지갑
_SUBJECT = 9  # words before a colour that tell what is told of
_SEVERAL = 4  # words of one colour, at most: dark blue, 빨강 파랑

_AND_TAIL = re.compile(r"이?랑|하고|[과와]|이?나")
_TOPIC = ("은", "는")
_LOCATIVE = r"에서?(?:는|도)?"
_BEFORE = frozenset(
    [
        *("is", "was", "are", "were", "but", "both", "it's", "its", "colour", "color", "in"),
        *("colored", "coloured", "colour", "color"),
    ]
)
_SHADES = frozenset(
    [
        *("light", "dark", "bright", "deep", "pale", "mostly", "all", "just", "plain"),
        *("짙은", "어두운", "밝은", "옅은", "연한", "진한", "그냥", "거의", "전체", "완전", "약간"),
    ]
)
# 빨간 거예요, a green one: what was lost, where nothing else is the subject.
_ONE = re.compile(
    r"(?:거|것|걸)(?:고|구요|예요|에요|요|입니다|이고|이에요|인데\w*|였\w*)?|거든요|one|ones"
)
_ONE_IS = re.compile(r"(?:제|내|저희|우리)?(?:거|것|자체|건)(?:은|는|이)?|(?:제|내)?게")
_MINE = frozenset(["제", "내", "저희", "우리", "원래", "찾는", "잃은"])
_IS = re.compile(r".+(?:[이]?고요?|이며|[예에]요|입니다|이?요|임|인데\w*|이?구요|이?라|네요)")
_ENDS_A_PART = re.compile(rf"{PART.pattern}(?:이?[에예]요|입니[다더]|이?[고구][요예]?)?$")
# All that stands before a colour told of what was lost: the missing one is a medium size yellow.
_IT_IS = frozenset(
    [
        *("it's", "it", "they're", "they", "is", "was", "are", "were", "a", "an", "the", "missing"),
        *("lost", "one", "mine", "small", "big", "large", "medium", "size", "sized", "long"),
        *("short", "little", "new", "old", "plain", "all", "light", "dark"),
    ]
)
# Of what is told of another: theirs is black.
_COPULA = frozenset(["is", "was", "are", "were"])
_ITSELF = frozenset(
    ["it", "they", "colour", "color", "one", "ones", "outside", "body", "mine", "thing", "item"]
)
_ANOTHERS = frozenset(["theirs", "hers", "his", "yours", "everybody's", "everyone's"])
# What has a colour of its own: a ride, or a part of one.
_COLOURED_ITSELF = re.compile(r"지하철|전철|열차|기차|셔틀|\d+호선|핸들에|발판에|subway|train")
_MADE_OF = frozenset(
    [
        *("leather", "plastic", "metal", "canvas", "nylon", "wool", "cotton", "denim", "suede"),
        *("fabric", "hard", "soft", "shell", "hardshell", "matte", "rubber", "silicone", "velvet"),
    ]
)
_CARS = frozenset(["taxi", "cab", "bus", "car", "van", "train", "uber"])
_LABELLED = re.compile("[=:]")
_COVER = re.compile(r"표지[은는가]?|(?:hard|soft)?covers?")
_FRAME = re.compile(r"(?:뿔)?테[는가]?|frames?")  # of glasses
# Behind a colour, what is no part of it: 의자에 두고 나왔어요 검정색 11월 28일.
_WHEN = re.compile(
    r"\d+월|\d+일|\d+시|\d+[/.]\d|어제|어젯|그제|그저께|오늘|아까|방금|지난|[월화수목금토일](?:요일|욜)"
)
_ABOUT_COLOUR = re.compile(
    r"(?:특징|전체|몸통(?=[은이])|바탕|색|색상|색깔|컬러|칼라|겉|겉면|뒷면|뒤판|외관|본체|몸체|colou?r)(?:은|는|이|가)?$"
)
_HANDLE = re.compile("손잡이|뚜껑|지퍼|끈|줄(?!무늬)|키링|케이스")  # a part, and no pattern
# Behind a colour: what a pattern is on is the thing's.
_GROUND = re.compile(r"(?:바탕|배경)|(?:바탕|배경|원단|천|가죽)(?:에|의|이고|이며|인데)")
# Mine is green, 제 건 남색 지갑이에요: then no other colour is of what was lost.
_MINE_IS = re.compile(r"(?:^| )(?:mine|(?:제|내|저희|우리) ?(?:건|게|[거것](?:은|는|이)?))(?= )")
_TOLD_OF = re.compile(r"[은는이가을를에의로고만도]$|에서$|호선")
# Not of 이 and 은 that belong to the word: 빨간색 아이 점퍼, 검정 작은 가방.
_COLOUR_STOPS = re.compile(
    r"(?!.*아이$|어린이$|호랑이$|[작넓좁얇짧굵좋낡깊높낮]은$)"
    r".*(?:을|를|이|가|은|는|에|에서|의|으로|로|고|데|랑|과|와)$"
)


def colours_said(
    words: Sequence[Word],
    found: Sequence[Mention[str]],
    heads: Sequence[Mention[str]],
    but: Collection[int] = frozenset(),
) -> list[Mention[str]]:
    """The colours that are said of what was lost, or of nothing else; but: by which words none."""
    inside = {at for each in found for at in range(each.first, each.last + 1)}.union(but)
    at_first = {each.first: each for each in found}
    out = [Mention(each.own, each.first, each.first, end=each.end) for each in heads if each.own]
    values = {each.value for each in heads}
    for at, word in enumerate(words):
        read = None if at in inside else colour_said(word)
        if read is None or tells_nothing(words, at):
            continue
        value, role, tail = read
        if not word.hangul and word.joined and SPELT.get(words[at + 1].text) == value:
            continue  # navy blue
        if tail == "에" and any(PART.match(each.text) for each in words[at + 1 : at + 1 + REACH]):
            role = "is"  # 노란색에 오리 그림
        if unsure(words, at, role, tail):
            value = VAGUE
        if at + 1 < len(words) and word.joined and _GROUND.fullmatch(words[at + 1].text):
            out.append(Mention(value, at, at, end=word.end))
            continue
        mention = Mention(value, at, at, end=word.end - len(tail))
        of = _modified(words, at, role, at_first, found)
        if of is not None:
            if of in heads and not _one_of_two(of, heads, words):
                out.append(mention)
        elif _told(words, at, role, found, heads, values):
            out.append(mention)
    return [each for each in out if _of_mine_alone(words, each.first)] or out


def _of_mine_alone(words: Sequence[Word], at: int) -> bool:
    """Whether it is told of the lost thing as against another's: mine is green."""
    near = [word for word in words[max(0, at - _SUBJECT) : at] if word.clause == words[at].clause]
    last = max((n for n, word in enumerate(near, 1) if colour_said(word)), default=0)
    return _MINE_IS.search(" ".join([word.text for word in near[last:]] + [""])) is not None


def _one_of_two(of: Mention[str], heads: Sequence[Mention[str]], words: Sequence[Word]) -> bool:
    """Whether a thing was lost with it that has no colour: jeans and a white shirt."""
    at = heads.index(of)
    for this, after in pairwise(heads[max(0, at - 1) : at + 2]):
        between = words[this.last + 1 : after.first]
        joined = _AND_TAIL.fullmatch(this.tail) or any(word.text in AND for word in between)
        other = after if this is of else this
        before = words[other.first - 1 : other.first]
        near = len(between) <= REACH and words[this.first].clause == words[after.first].clause
        if joined and near and not other.own and not any(map(colour_said, before)):
            return True
    return False


def _modified(
    words: Sequence[Word],
    at: int,
    role: Role,
    at_first: Mapping[int, Mention[str]],
    found: Sequence[Mention[str]],
) -> Mention[str] | None:
    """The thing that a colour stands before, which the last of several beside each other is."""
    if role not in ("bare", "and", "other") and words[at].text[-1:] != "인":
        return None
    for next_ in range(at + 1, min(at + 2 + REACH, len(words))):
        gap = words[next_ - 1].gap.strip()
        listed = gap == "," and colour_said(words[next_]) is not None
        if not (words[next_ - 1].joined or gap in ("/", "&", "+") or listed):
            return None
        if thing := at_first.get(next_):
            while (more := at_first.get(thing.last + 1)) and words[thing.last].joined:
                if thing.tail:
                    break
                thing = more
            topics = at and words[at - 1].text[-1] in _TOPIC and thing.tail in _TOPIC
            return None if topics and NOUN.search(words[at].text) else thing  # 가방은 검정 지갑은
        word = words[next_]
        if word.text in ("and", "or") and next_ + 1 < len(words) and colour_said(words[next_ + 1]):
            continue  # a black and white scarf
        coloured = colour_said(word)
        if coloured is None and (
            (PART.match(word.text) and word.text != "체크")  # which all of a cloth is
            or HELD.match(word.text)
            or word.lost
            or (word.hangul and word.text not in AND and _COLOUR_STOPS.match(word.text))
            or (not word.hangul and word.text in _ENGLISH_STOPS)
        ):
            return None
    return None


_ENGLISH_STOPS = frozenset(
    [
        *("in", "on", "at", "with", "from", "of", "by", "near", "for", "to", "is", "was", "and"),
        *("or", "line", "train", "bus", "taxi", "that", "which", "my", "the", "a", "it", "i"),
        *("has", "chair"),
    ]
)


def _behind_names(words: Sequence[Word], first: int, heads: Sequence[Mention[str]]) -> bool:
    """Whether names alone, of who made it or where, stand between a colour and its thing or what
    tells of its loss: 배드민턴채 요넥스 빨강, 찾습니다 레이밴 블랙, 지갑이고 몽블랑 검정입니다.
    """
    for at in range(first - 1, max(-1, first - 2 - REACH), -1):
        word = words[at]
        head = next((each for each in heads if each.last == at), None)
        if head is not None:
            return head.role == "is" or head.tail in ("", *_TOPIC)
        if word.clause != words[first].clause or word.lost:
            return True
        part = PART.match(word.text) or _ENDS_A_PART.search(word.text)
        if _TOLD_OF.search(word.text) or part or colour_said(word):
            return False
    return first <= 1 + REACH


def _first_of_several(words: Sequence[Word], at: int) -> int:
    """Where what stands before a colour and belongs to it begins: dark blue, 빨강 파랑."""
    for first in range(at, max(0, at - _SEVERAL), -1):
        before = words[first - 1]
        same = SPELT.get(before.text) == SPELT.get(words[at].text)
        said = colour_said(before) if words[first].hangul or same else None
        shade = before.text in _SHADES or (said is not None and said[1] == "bare")
        if not (before.joined and shade):
            return first
    return max(0, at - _SEVERAL)


def _names_a_part(words: Sequence[Word], at: int) -> bool:
    """Whether a part is what comes behind a colour, or behind a word more: 검은색 가죽 스트랩."""
    more = words[at + 1 : at + 3]
    behind = more[: 1 + (bool(more) and more[0].joined)] if words[at].joined else []
    here = [word.text for word in behind if word.clause == words[at].clause]
    return any(PART.match(text) or _ENDS_A_PART.search(text) for text in here)


def _is_one(words: Sequence[Word], at: int) -> bool:
    """Whether what comes behind a colour is said to be so without a subject: 밤색 가죽이고, a red
    one, white samsung.
    """
    for _ in range(_SEVERAL):
        if words[at].joined and colour_said(words[at + 1]):
            at += 1
    after = words[at + 1] if words[at].joined else None
    if after is None or after.clause != words[at].clause or _names_a_part(words, at):
        return False
    stop = _COLOUR_STOPS.match(after.text) if after.hangul else after.text in _ENGLISH_STOPS
    brand = after.joined and not stop and at + 2 < len(words)  # 하얀색 삼성 거고
    behind = words[at + 2].text if brand and not _ONE_IS.fullmatch(after.text) else ""
    if _ONE.fullmatch(after.text) or _ONE.fullmatch(behind) or _IS.fullmatch(behind):
        return True
    over = not after.joined or at + 2 == len(words) or words[at + 2].clause != after.clause
    return bool(
        (over and not stop and not after.lost) or (after.hangul and _IS.fullmatch(after.text))
    )


def _told(
    words: Sequence[Word],
    at: int,
    role: Role,
    found: Sequence[Mention[str]],
    heads: Sequence[Mention[str]],
    values: set[str],
) -> bool:
    """Whether a colour before no thing is told of what was lost: 색은 검정, 지갑 (검정)."""
    word = words[at]
    after = words[at + 1] if at + 1 < len(words) else None
    if after is not None and _of_what_comes(word, after.text):
        return False
    over = after is None or not word.joined or after.lost or after.clause != word.clause
    ends = over or _is_another(words, at + 1) or _before_names(words, at)
    inside = None if ends or (after is not None and _WHEN.match(after.text)) else after
    ends = inside is None
    first = _first_of_several(words, at)
    before = words[first - 1] if first else None
    if before is None:
        return ends or role == "is" or _is_one(words, first)
    beside = [before.text, _subject(words, first)] + ([inside.text] if inside is not None else [])
    if any(map((_COVER if values == {"도서용품"} else _FRAME).fullmatch, beside)):
        return True
    behind = first - 1
    while behind and not words[behind].hangul and MODEL.fullmatch(words[behind].text):
        behind -= 1  # iPhone 13 mini (pink)
    thing = next((each for each in found if each.last in (first - 1, behind)), None)
    if not word.hangul:
        thing = thing or next((each for each in found if each.last == first - 2), None)
        return _told_in_english(words, first, ends, thing, heads)
    if _ABOUT_COLOUR.match(before.text):
        of = words[first - 2] if first > 1 else None  # 검은색 바탕 흰 글씨
        return not (of and (PART.match(of.text) or (colour_said(of) and of.joined)))
    if _ONE_IS.fullmatch(before.text):
        return _of_mine(words, first, found, heads)
    if thing is not None:
        part = role != "is" and inside is not None and _names_a_part(words, at)
        return thing in heads and not part
    named = NOUN.search(word.text) is not None
    alone = role in ("bare", "is") and (ends or role == "is" or _is_one(words, at))
    there = ends and before.text.endswith("에서")  # 모자 놓고 왔어요 강남역에서 검정
    if named and alone and (there or _behind_names(words, first, heads)):
        return True
    noun = before.lost and role == "bare" and named and not (inside and _HANDLE.match(inside.text))
    return _fresh(words, first) and (role == "is" or ends or noun or _is_one(words, first))


def _before_names(words: Sequence[Word], at: int) -> bool:
    """Whether who made it or of what is named, and no more, in English behind its colour and a
    comma or a bracket: brown Tommy Hilfiger, dark green hard shell."""
    first = at - 1 if at and words[at - 1].text in _SHADES else at
    if words[at].capital or not first or words[first - 1].joined or words[first - 1].text in _CARS:
        return False
    for last in range(at + 1, min(at + 2 + REACH, len(words))):
        if words[last].hangul or not (words[last].capital or words[last].text in _MADE_OF):
            return False
        if not words[last].joined or last + 1 == len(words):
            return True
    return False


def _is_another(words: Sequence[Word], at: int) -> bool:
    """Whether what comes there is no more of it: black not white, 블랙 케이스는 빨강."""
    its_own = at + 1 < len(words) and has_its_own(words[at], words[at + 1])
    return its_own or NOT.match(words[at].text) is not None


def _of_what_comes(word: Word, after: str) -> bool:
    """2호선(초록색)에서, 빨간 지하철에서, 핑크 핸들에 흰색 발판."""
    if re.fullmatch(_LOCATIVE, after):
        return True
    return word.joined and _COLOURED_ITSELF.match(after) is not None


def _told_in_english(
    words: Sequence[Word],
    at: int,
    ends: bool,
    thing: Mention[str] | None,
    heads: Sequence[Mention[str]],
) -> bool:
    """The same of an English colour that begins at words[at], behind a thing or none."""
    with_ = words[at].joined and words[at + 1].text == "with"
    if _fresh(words, at) and (with_ or _is_one(words, at)):
        return True
    near = words[max(0, at - _SUBJECT) : at]
    here = [word for word in near if word.clause == words[at].clause]
    begun = max((n for n, word in enumerate(here, 1) if "," in word.gap), default=0)
    clause = [word.text for word in here[begun:] if word.text != "and" and not colour_said(word)]
    if clause and _IT_IS.issuperset(clause):
        if any(
            _anothers(words, n)
            for n in range(max(0, at - _SUBJECT), at)
            if words[n].sentence == words[at].sentence
        ):
            return False  # theirs is here and it's navy
        return not _names_a_part(words, at)  # it's a green Pixel with a black case
    if thing is not None and thing not in heads:
        return False
    if "(" in words[at - 1].gap and thing is None:
        return False  # with a charm (yellow)
    if words[at - 1].text == "the" and at + 1 < len(words) and _ONE.fullmatch(words[at + 1].text):
        return True
    if words[at - 1].text in _BEFORE:
        before = [word.text for word in words[max(0, at - 3) : at - 1]]
        of_another = before[-1:] and before[-1] in _ANOTHERS
        of_another = of_another or (thing is None and before[:1] in (["the"], ["its"], ["and"]))
        of_another = of_another and _subject(words, at) not in _ITSELF
        return not (_names_a_part(words, at) or of_another or any(map(PART.match, before)))
    return ends and (thing is not None or not words[at - 1].joined)


def _subject(words: Sequence[Word], at: int) -> str:
    """What an English colour is said of: the zip is gold."""
    told = at > 1 and words[at - 1].text in _COPULA and words[at - 2].joined
    return words[at - 2].text if told else ""


def _anothers(words: Sequence[Word], at: int) -> bool:
    """Whether it speaks of another's: theirs is; but his hat."""
    said = words[at].text in _ANOTHERS
    whose = words[at].text == "his" and words[at].joined and words[at + 1].text not in _COPULA
    return said and not whose


def _fresh(words: Sequence[Word], at: int) -> bool:
    """Whether what begins there is told without a subject: behind a clause, a comma, 벤츠고."""
    before = words[at - 1]
    if before.clause != words[at].clause or before.lost or NOT.match(before.text):
        return True
    if not before.joined:
        return _LABELLED.search(before.gap) is None
    return bool(_IS.fullmatch(before.text))


def _of_mine(
    words: Sequence[Word],
    at: int,
    found: Sequence[Mention[str]],
    heads: Sequence[Mention[str]],
) -> bool:
    """Whether the one before is what was lost: 제 거는, 두고 온 건; not 옆에 있던 건."""
    told = next((each for each in found if each.last == at - 2), None)
    mine = any(word.text in _MINE for word in words[max(0, at - 2) : at - 1])
    mine = mine or words[at - 1].text.startswith(("제", "내", "저희", "우리"))
    near = [word for word in words[max(0, at - 4) : at - 1] if word.clause == words[at].clause]
    lost = any(word.lost for word in near)
    return mine or lost or (told is not None and told in heads)
