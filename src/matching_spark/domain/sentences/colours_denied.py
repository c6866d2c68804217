"""Colours that a sentence speaks of and that tell nothing: denied, in doubt, of a title, of a box
or of a part.
"""

import re
from collections.abc import Sequence

from matching_spark.domain.sentences.colour_words import NOUN, colour_said
from matching_spark.domain.sentences.sentence import Role, Word, taken_back
from matching_spark.domain.sentences.things_said import HELD, PART_SUBJECT

NOT = re.compile(r"(?:아니(?!면)|아닌|아님|말고|not$|isn|wasn|n't)")
_HAVING = re.compile("(?!colou?r|ton|fram|rimm|check).*ed")  # a brown-haired doll
_SIDES = frozenset(["inside", "outside", "underneath"])
_SHORT = frozenset("흰검빨파노초")
_UNSURE = re.compile(r"(?:이?었|였)(?:나|는지|던가)|인[가지]")  # 검은색이었나 남색이었나
# Behind a colour, what the lost thing is in: 초록색 통에 있어요.
_IN_IT = re.compile(r".+(?:에|에다가?|안에|속에)")
_INNER = re.compile(r"(?:안쪽?|속|내부|안감)[은이]")
_OPENED = re.compile("['\"‘“「『《〈]$")
_CLOSED = re.compile("['\"’”」』》〉]")
_TITLE = 4  # words of a title: '검은 꽃'


def tells_nothing(words: Sequence[Word], at: int) -> bool:
    """Whether the colour there is denied, or of something that the lost thing is not."""
    others = (_negated, _of_a_title, _of_its_box, _of_a_part, _inside)
    return any(each(words, at) for each in others)


def unsure(words: Sequence[Word], at: int, role: Role, tail: str) -> bool:
    """Whether it may be another: brown? or one of two."""
    return bool(_UNSURE.fullmatch(tail)) or _halved(words, at) or _in_doubt(words, at, role)


def _in_doubt(words: Sequence[Word], at: int, role: Role) -> bool:
    """Whether it is one of two, 초록이랑 검정 섞인 거, red inside, or asked: brown? no."""
    after = words[at + 1] if words[at].joined else None
    two = role == "and" and after is not None and colour_said(after)
    begins = not at or words[at - 1].sentence != words[at].sentence
    side = after is not None and after.text in _SIDES
    return bool(two) or side or (begins and "?" in words[at].gap)


def _halved(words: Sequence[Word], at: int) -> bool:
    """Whether it is one of two in short: 흰/검."""
    sides = [words[at + 1 : at + 2], words[at - 1 : at] if at else []]
    gaps = (words[at].gap, words[at - 1].gap if at else "")
    return any(
        gap.strip() == "/" and side and side[0].text in _SHORT
        for side, gap in zip(sides, gaps, strict=True)
    )


def _of_a_title(words: Sequence[Word], at: int) -> bool:
    """Whether it stands in quotation marks: a book's title, what is written on a thing."""
    opened = any(_OPENED.search(word.gap) for word in words[max(0, at - _TITLE) : at])
    return opened and any(_CLOSED.match(word.gap) for word in words[at : at + _TITLE])


def _of_its_box(words: Sequence[Word], at: int) -> bool:
    """Whether it is of what the lost thing is in: 빨간 주머니에 들어있어요."""
    box, held = [*words[at + 1 : at + 3], None, None][:2]
    return bool(
        box and held and words[at].joined and _IN_IT.fullmatch(box.text) and HELD.match(held.text)
    )


def _negated(words: Sequence[Word], at: int) -> bool:
    """갈색은 아니고, 갈색 말고, not brown."""
    after = words[at + 1].text if words[at].joined else ""
    before = words[at - 1].text if at else ""
    if before == "the" and at > 1:  # not the black one
        before = words[at - 2].text
    return bool(
        after == "gold"  # white gold
        or (words[at].gap == "-" and _HAVING.fullmatch(after))
        or (NOT.match(after) and re.match("[가-힣]", after))
        or words[at].text.endswith("말고")
        or taken_back(words[at], after)
        or (not words[at].hangul and (before == "not" or before.endswith("n't")))
    )


def _inside(words: Sequence[Word], at: int) -> bool:
    """겉은 검정 안은 빨강."""
    return at > 0 and words[at - 1].joined and _INNER.fullmatch(words[at - 1].text) is not None


def _of_a_part(words: Sequence[Word], at: int) -> bool:
    """손잡이가 빨간 우산, 빨간색인 우산: what stands before it is the subject, and a part."""
    before = words[at - 1] if at else None
    return bool(
        before is not None
        and before.joined
        and before.clause == words[at].clause
        and PART_SUBJECT.fullmatch(before.text)
        and (NOUN.search(words[at].text) is None or words[at].text.endswith("인"))
    )
