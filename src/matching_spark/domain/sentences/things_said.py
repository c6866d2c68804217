"""The things that a sentence speaks of, by category, each with what it does there."""

import re
from collections.abc import Collection, Sequence
from dataclasses import replace

from matching_spark.domain.sentences.colour_words import NOUN, colour_said
from matching_spark.domain.sentences.sentence import (
    WITHIN,
    Mention,
    Role,
    Word,
    english_role,
    taken_back,
)
from matching_spark.domain.sentences.things_named import MODEL, MONEY, longest
from matching_spark.domain.things import DISTRACTOR

# Behind a thing's name: what is lost is that, or what is told of is its part.
PART = re.compile(
    r"(?:[가-힣]{0,3}(?:케이스|커버|필름|스트랩)|줄(?!있는|달린|있음)|끈(?!있는|달린)|고리|거치대|뚜껑|손잡이|집(?!에)|껍데기|부품|안장|모양|무늬|그림|캐릭터|로고|스티커|"
    r"글씨|키링|자국|얼룩|흠집|리본|줄무늬|체크|테두리|지퍼|장식|포인트|단추|버튼|하트|별|태그|택(?![시배])|안감|바탕|라인|렌즈(?!통)|바퀴|굽|챙|점(?:이|들이?|박이|무늬)?$|도트|물방울|땡땡이|소매|핸들(?!러)|발판|"
    r"case|cover|strap|holder|stand|lid|sleeve|sticker|logo|stripe|lining|zipper|pattern|tag|trim"
    r"|네임택|이름표|밑창|lanyard|wheel|lens|grip|buckle|hood(?!ie)|cord(?!uroy)|string|tassel|handle|sole|letters|stitching"
    r"|key ?ring|keychain|charm|game|match|team)"
)

# The case of earphones is filed with them: it charges them, and is lost as often.
_CHARGED = re.compile(r"에어팟|이어팟|버즈|이어폰|airpod|buds|earbud|earphone")
_CASE = re.compile(r"(?:충전)?케이스|(?:charging )?case")

PART_SUBJECT = re.compile(rf"(?:시계|가방|안경|이어폰)?{PART.pattern}[은는이가만]")

_ITS_PART = re.compile(
    rf"(?:\S+ )?{PART.pattern}[은는](?: \S*[^고며데서\s])?"
)  # 케이스는 파란 곰돌이

# What tells that a thing is in or on another: 카드가 든, 리본 달린.
HELD = re.compile(
    r"(?:든|들은|들어(?!온|왔|오)|담긴|담은|달[린려림았]|붙|그려|새겨|적힌|적혀|꽂|넣|끼|채워|감겨|묶여|둘러|씌워|있는|있던|있어|있습|있고|있음|포함)"
)

AND = frozenset(["그리고", "및", "하고", "또는", "혹은", "아니면", "이랑", "랑", "and", "or"])

# Behind a thing: it is where the lost one was: 가방 안에.
_INSIDE = re.compile(rf"(?:{WITHIN})(?:에|에서|쪽에?)?(?:는|도|서)?$")

# Behind an English thing: where such are used or sold.
_PLACE_OF = re.compile(
    "resort|courts?|shop|store|course|lift|bar|field|school|academy|rink|slopes?"
)

# Behind a thing, how many there are, and another: 드럼스틱 한 쌍과 악보.
_COUNTED = re.compile(
    r"(?:(?:한|두|세|네|\d+) ?)?(?:쌍|개|장|켤레|권|대|벌|병|짝|하나|둘)(?:이?랑|하고|과|와)(?: |$)"
)

# Of one of several things: 카드랑 현금이 든.
_HELD_TOO = re.compile(rf"\S+[을를이가] {HELD.pattern}")

# With all that is in it.
_AS_A_WHOLE = re.compile("[째채]로?$")

# With what was not lost: 목도리랑 같이 산.
_WITH = re.compile(r"(?:같이|함께) (?:산|샀던|있던|들고|받은|맞춘|넣)")

# 우산이 아니라.
_MEANT_NOT = re.compile(r"(?:아니라|아니고|아닌|말고)")

# Before an English thing: not the phone, wasn't a wallet, didn't lose my phone.
_NOT_IT = re.compile(
    r"(?:(?:\bnot|n't)(?: (?:lose|losing|leave|drop|forget|about))?|\b(?:wrote|said)(?: it was)?)"
    r"(?: (?:a|an|the|my|our|his|her))*$"
)
_WITH_IT = frozenset(["with", "containing"])

# Behind a bare name, what a person wears or holds: 모자 쓴 아이.
_WORN = re.compile(r"(?:입은|입고|읽|타고|탔|메고|입으|입었|쓰셨|(?:쓴|쓰신|신은|멘|찬|낀|두른)$)")

# 코트를 입고 있었는데, 가방을 멘 남자
_IS_WORN = re.compile(
    r"(?:입|쓰|신|메|끼|차|두르)고 있(?:었|는)|(?:입은|신은|쓴|멘|낀|찬|두른|든) "
    r"(?:남[자성]|여[자성]|사람|분|아이|애|아저씨|아주머니|아줌마|할머니|할아버지|학생|직원|청년)"
)


def things_said(words: Sequence[Word], but: Collection[int] = frozenset()) -> list[Mention[str]]:
    """Every thing that is spoken of, by category, each with what it does in the sentence; but: of
    which words none begins with."""
    out: list[Mention[str]] = []
    at = 0
    while at < len(words):
        found = None if at in but else longest(words, at)
        if found is not None:
            out.append(found)
        at = at + 1 if found is None else found.last + 1
    said = [_in_context(out, i, words) for i in range(len(out))]
    for i in _in_brackets(out, words):
        said[i] = replace(said[i], role="other")
    for i in reversed(range(len(said) - 1)):
        this, after = said[i], said[i + 1]
        if (
            this.role == "and" and after.role == "other"
        ):  # as with the cash in 카드랑 현금이 든 지갑
            said[i] = replace(this, role="other")
        elif this.role in ("object", "bare") and _with_all(after, words):
            said[i] = replace(this, role="and")
        elif _worth(after, words) and not this.tail and after.first == this.last + 1:
            said[i + 1] = replace(after, role="other")
    return said


def _in_context(said: Sequence[Mention[str]], i: int, words: Sequence[Word]) -> Mention[str]:
    """A mention with the role that its neighbours give it."""
    of = said[i]
    role = of.role
    if not words[of.first].hangul:
        role = _english_role(of, words)
    more = _behind(of, words)
    behind = " ".join(word.text for word in words[of.last + 1 : of.last + 3])
    after = said[i + 1] if i + 1 < len(said) else None
    beside = after is not None and _beside(of, after, words)
    if role == "bare" or not words[of.first].hangul:
        if _of_what_comes(of, more, words):
            role = "other"
        elif _INSIDE.match(more):
            role = "holds"
        elif beside and more:  # 노트북 가방 is a bag
            role = "other"
        elif beside or more in AND or _COUNTED.match(behind):
            role = role if role in ("where", "other") else "and"
    if role == "where" and of.tail == "에" and _has_a_part(of, words):
        role = "bare"
    worn = len(said) > 1 and _IS_WORN.match(behind)
    another = worn or _denied(of, behind, words) or _of_another(of, more)
    if another or _on_a_part(of, role, words):
        role = "other"
    held = _WITH.match(behind) or _HELD_TOO.match(behind)
    if role == "and" and (held or (i and _held_before(said[i - 1], words))):
        role = "other"
    return replace(of, role=role)


def _denied(of: Mention[str], behind: str, words: Sequence[Word]) -> bool:
    """Whether it is not what was lost: not the phone, 지갑이라고 했는데."""
    near = words[max(0, of.first - 4) : of.first]
    clause = " ".join(word.text for word in near if word.clause == words[of.first].clause)
    return _NOT_IT.search(clause) is not None or taken_back(words[of.last], behind)


def _has_a_part(of: Mention[str], words: Sequence[Word]) -> bool:
    """Whether it is told by a part of it in a colour: 흰 운동화에 빨간 끈."""
    near = words[of.last + 1 : of.last + 4]
    if len(near) < 2 or not (colour_said(near[0]) and PART.match(near[1].text)):
        return False
    over = len(near) == 2 or near[1].clause != near[2].clause
    return over or HELD.match(near[2].text) is not None


def _held_before(before: Mention[str], words: Sequence[Word]) -> bool:
    """Whether another holds an English thing and what an `and` joins to it: a bag with a laptop
    and a notebook."""
    near = words[max(0, before.first - 3) : before.first]
    return any(word.text in _WITH_IT and word.joined for word in near)


def _english_role(of: Mention[str], words: Sequence[Word]) -> Role:
    """As `english_role` has it; but a ski resort is where."""
    after = words[of.last + 1].text if words[of.last].joined else ""
    return "where" if _PLACE_OF.fullmatch(after) else english_role(words, of.first)


def _beside(of: Mention[str], after: Mention[str], words: Sequence[Word]) -> bool:
    """Whether the next thing stands right behind it, and is none apart: 우산 버스에 두고 내림."""
    apart = after.value in (DISTRACTOR, "자동차") or _worth(after, words) or _with_all(after, words)
    return after.first == of.last + 1 and not apart


def _behind(of: Mention[str], words: Sequence[Word]) -> str:
    """The word behind a thing, its model and a colour: of AirPods Pro case and of 시계 검정 줄, the
    part.
    """
    last = of.last
    while words[last].joined and MODEL.fullmatch(words[last + 1].text):
        last += 1
    behind = words[last + 1 : last + 4] if words[last].joined else []
    if len(behind) > 1 and colour_said(behind[0]) and PART.match(behind[1].text):
        its_own = len(behind) > 2 and has_its_own(behind[1], behind[2])
        return behind[0 if its_own else 1].text
    return behind[0].text if behind else ""


def has_its_own(part: Word, after: Word) -> bool:
    """Whether a part is told the colour of by what comes: 케이스는 빨강."""
    told = PART_SUBJECT.fullmatch(part.text) and NOUN.search(after.text) and colour_said(after)
    return bool(told)


def _of_what_comes(of: Mention[str], more: str, words: Sequence[Word]) -> bool:
    """Whether it tells of what comes, and was not lost: 우산 손잡이, cat-ear beanie."""
    if not words[of.first].hangul and words[of.last].gap == "-":
        return True
    name = " ".join(word.text for word in words[of.first : of.last + 1])
    if _AS_A_WHOLE.search(more):
        return False  # 바이올린 케이스째
    charged = _CASE.match(more) and _CHARGED.search(name)
    return PART.match(more) is not None and not charged


def _on_a_part(of: Mention[str], role: Role, words: Sequence[Word]) -> bool:
    """Whether a part is said to be it: 케이스는 파란 곰돌이."""
    before = words[max(0, of.first - 2) : of.first]
    subject = role == "is" and before and PART_SUBJECT.fullmatch(before[-1].text)
    return bool(subject or _ITS_PART.fullmatch(" ".join(word.text for word in before)))


def _in_brackets(said: Sequence[Mention[str]], words: Sequence[Word]) -> set[int]:
    """Which tell of the thing before, in brackets behind it: 책가방(하늘색, 키링 갈색)."""
    out, before, at, opened = set[int](), "", 0, False
    for i, each in enumerate(said):
        for word in words[at : each.first]:
            opened = "(" in word.gap or (opened and ")" not in word.gap)
        at = each.first
        if not opened:
            before = each.value
        elif before not in ("", each.value):
            out.add(i)
    return out


def _with_all(of: Mention[str], words: Sequence[Word]) -> bool:
    """Whether it went with what is in it: 구두를 쇼핑백째. Nobody looks for an envelope itself."""
    return bool(_AS_A_WHOLE.match(of.tail)) and not words[of.last].text.startswith("봉투")


def _worth(of: Mention[str], words: Sequence[Word]) -> bool:
    """Whether it is an amount, which is what a thing before it is worth: 상품권 5만원."""
    return of.value == "현금" and MONEY.match(words[of.last].text) is not None


def _of_another(of: Mention[str], more: str) -> bool:
    """Whether the word behind tells that it is not what was lost: worn, held, not meant."""
    worn = not of.tail and _WORN.match(more)
    held = HELD.match(more) and not Word(more, 0, 0).lost_surely  # but 충전기를 꽂아두고
    return bool(worn or held or _MEANT_NOT.match(more))
