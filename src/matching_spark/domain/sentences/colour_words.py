"""Words that say a colour, Korean or English: 검정색, 빨간, 노랗고, navy."""

import re

from matching_spark.domain.sentences.sentence import Role, Word
from matching_spark.domain.vocabulary import COLOUR, VAGUE

SPELT = {each: word for each, word in COLOUR.spelt.items() if each not in (VAGUE, "other")}

_BARE_OTHERWISE = frozenset(["자주", "오렌지", "밤", "하양"])  # often, a fruit, a town

# 연한 갈색, 검정색, 초록빛: a shade, the colour, what makes a noun of it.
_COLOURED = re.compile(
    r"(?:연한?|진한?|올|새|샛|시|다크|라이트|파스텔|딥|스카이|베이비)?(?P<word>"
    + "|".join(sorted((s for s in SPELT if not s.isascii()), key=len, reverse=True))
    + r")(?P<suffix>(?:색상|색깔|컬러|칼라|색|빛)?(?:계열|계통|톤)?)"
)

# 검정, 검은색, 블랙 may stand behind a thing; 검은 tells of what comes.
NOUN = re.compile(r"^(?!.*(?:[은는]|[란간]|얀|만|른|흰)$)|색")

# By the stem of a verb: 까맣고, 하얘요.
_VERBS = {
    **dict.fromkeys(["까맣", "까매", "시커멓", "새까맣"], "검정"),
    **dict.fromkeys(["하얗", "하얘", "새하얗"], "흰색"),
    **dict.fromkeys(["빨갛", "빨개", "새빨갛"], "빨강"),
    "노랗": "노랑",
    "샛노랗": "노랑",
    "파랗": "파랑",
    "새파랗": "파랑",
}

_COLOURED_VERB = re.compile(rf"({'|'.join(_VERBS)})(?:고|구|며|네요|지만|습니다|은데\w*|요|서)")


def colour_said(word: Word) -> tuple[str, Role, str] | None:
    """The colour that the whole word says, with its role and its ending."""
    if not word.hangul:
        said = SPELT.get(word.text)
        return (said, "bare", "") if said else None
    if two_coloured(word.text):
        return VAGUE, "bare", ""
    if found := _COLOURED_VERB.fullmatch(word.text):
        return _VERBS[found[1]], "is", ""
    for stem, role, tail in word.stems:
        found = _COLOURED.fullmatch(stem)
        if found and (found["suffix"] or found["word"] not in _BARE_OTHERWISE):
            return SPELT[found["word"]], role, tail
    return None


def two_coloured(word: str) -> bool:
    """Whether it says two colours: 빨강노랑."""
    one, rest = coloured(word)
    return bool(one) and coloured(rest)[0] not in ("", one)


def coloured(name: str) -> tuple[str, str]:
    """The colour that a word begins with, or '', and what is left of it: 검정지갑."""
    found = _COLOURED.match(name)
    return (SPELT[found["word"]], name[found.end() :]) if found else ("", name)
