"""Words that name a thing, by category.

Names are those of things.txt, thing_names.txt and of the vocabulary of categories, whole or at the
end of a longer Korean word; a colour may stand before one without a space.
"""

import re
from collections.abc import Sequence
from functools import cache
from importlib.resources import files

from matching_spark.domain.sentences.colour_words import SPELT, coloured, two_coloured
from matching_spark.domain.sentences.sentence import Mention, Role, Word
from matching_spark.domain.things import DISTRACTOR, things
from matching_spark.domain.vocabulary import CATEGORY

RUN = 4  # words of a thing's name

_OTHERWISE = "otherwise"

_SURELY = frozenset(["폰", "책", "옷", "컵", "펜"])  # of one syllable, and no other word

# Spelt in the lists, but no thing that is handed in as lost.
_NO_THING = frozenset(["유류품", "기타물품", "other", "car", "sports", "산업용품"]) | {
    *("앵무새", "햄스터", "반려견", "반려묘", "푸들", "말티즈", "포메라니안", "시츄", "진돗개"),
    *("통장", "수표", "bankbook", "bank book", "cheque"),
    *("택시", "자동차", "승용차", "승합차", "트럭", "지프차", "taxi", "cab", "automobile", "jeep"),
    *("van", "푸드코트"),
    *("parrot", "hamster", "puppy", "kitten", "poodle", "maltese"),
}

# The same without a space: 아이폰15프로.
_MODEL_BEHIND = re.compile(r"(?:프로|맥스|미니|플러스|울트라|\d+(?:세대)?)+$")

# Of an animal or what else: stuffed penguin.
_TOY = re.compile(r"(?:stuffed|toy|plush) (.+)")
_ANIMALS = frozenset(
    [
        *("bear", "bunny", "cat", "dinosaur", "dog", "dolphin", "duck", "elephant", "fox"),
        "giraffe",
        *("koala", "lamb", "lion", "monkey", "octopus", "owl", "panda", "pig", "puppy", "seal"),
        *("shark", "sheep", "tiger", "turtle", "unicorn", "whale", "animal"),
    ]
)
# An amount is cash, whatever it is for: 김장값 50만원.
MONEY = re.compile(
    r"(?:\d[\d,]*(?:만|천|백)?|(?=..)[일이삼사오육칠팔구]?(?:[십백천][일이삼사오육칠팔구]?)*만)원"
)

# Before 개, which counts then and is no dog.
_NUMERAL = re.compile(r"\d+|한두|두세|서너|한|두|세|네|다섯|여섯|몇|여러")

# Behind 갤럭시, a phone and nothing in the sky.
_GALAXY = re.compile(r"(?:[sazj]\d|에스\d|note|노트|z|flip|fold|플립|폴드|제트|퀀텀)")

# What names the model behind a thing: 프로 2세대, max, s23.
MODEL = re.compile(
    r"(?:프로|맥스|미니|플러스|울트라|라이브|에어|에디션|pro|max|mini|plus|ultra|air|fe|\d+(?:세대|인치)?|"
    r"에스\d+|[a-z]?\d+[a-z]?)+"
)


def longest(words: Sequence[Word], first: int) -> Mention[str] | None:
    """The longest name of a thing that begins at words[first]."""
    if two_coloured(words[first].text):
        return None
    last = first
    while last - first < RUN - 1 and words[last].joined:
        last += 1
    for at in range(last, first - 1, -1):
        before = " ".join(word.text for word in words[first:at])
        for stem, role, tail in words[at].stems:
            if found := _named(f"{before} {stem}", at == first):
                value, name, own = found
                short = (len(name) == 1 and name not in _SURELY) or name in _otherwise()
                if short and not own and not _surely(words, first, at, name, tail):
                    continue
                if name == "기타":
                    value = "악기"
                end = words[at].start + len(stem)
                return _model(Mention(value, first, at, role, end, tail, own), words)
    return None


def _surely(words: Sequence[Word], first: int, at: int, name: str, tail: str) -> bool:
    """Whether a short name is of a thing there: 책을, 책 분실, 갤럭시 S23; 못 찾았어요 has no nail,
    and 두 개 no dog.
    """
    after = words[at + 1] if words[at].joined else None
    if name == "개" and first and _NUMERAL.fullmatch(words[first - 1].text):
        return False
    if name in ("갤럭시", "galaxy") and after is not None and _GALAXY.match(after.text):
        return True
    lost = name != "못" and after is not None and after.lost and tail in ("", "이", "가", "만")
    return tail in ("을", "를") or lost


def _named(said: str, single: bool) -> tuple[str, str, str] | None:
    """Category, name and colour of what is called so; a colour or more may stand before it."""
    key = _key(said)
    toy = _TOY.fullmatch(key)
    if toy and (toy[1] in _names() or toy[1] in _ANIMALS):
        return "기타물품", key, ""
    if key in _names():
        return _names()[key], key, ""
    if not single or key.isascii():
        return None
    if MONEY.fullmatch(key):
        return "현금", "돈", ""
    colour, rest = coloured(key)
    if colour and rest and (found := _named(rest, True)):
        return found[0], found[1], colour
    if (bare := _MODEL_BEHIND.sub("", key)) in _names():
        return _names()[bare], bare, ""
    if head := _head(key):
        return _names()[head], head, ""
    return None


def _model(of: Mention[str], words: Sequence[Word]) -> Mention[str]:
    """With what names the model behind a thing: 에어팟 프로 2세대를."""
    at = of.last
    if of.tail or not words[at].hangul:
        return of
    role: Role = of.role
    tail = ""
    while not tail and words[at].joined:
        read = ((r, t) for s, r, t in words[at + 1].stems if MODEL.fullmatch(s))
        found = next(read, None)
        if found is None:
            break
        role, tail = found
        at += 1
    return Mention(of.value, of.first, at, role, words[at].end - len(tail), tail, of.own)


def _head(word: str) -> str:
    """The Korean name of two syllables or more at the end of a longer word, or '': 루이비통지갑."""
    ends = (word[at:] for at in range(1, len(word) - 1))
    return next((end for end in ends if end in _names()), "")


def _key(name: str) -> str:
    """Without the spaces beside Korean letters, which people write or not."""
    return re.sub(r"(?<=[가-힣]) | (?=[가-힣])", "", " ".join(name.split()))


@cache
def _more() -> tuple[tuple[str, str], ...]:
    """thing_names.txt: category, or _OTHERWISE, and name."""
    text = (files("matching_spark.domain.sentences") / "thing_names.txt").read_text("utf-8")
    lines = (line.split("|") for line in text.splitlines() if not line.startswith("#"))
    return tuple((category, name) for category, names in lines for name in names.split(","))


@cache
def _otherwise() -> frozenset[str]:
    """Names that are other words too: things only where they are surely meant, as those of one
    syllable are.
    """
    return frozenset(name for category, name in _more() if category == _OTHERWISE)


@cache
def _names() -> dict[str, str]:
    """Category, or DISTRACTOR, by a thing's name as `_key` has it."""
    spelt = list(CATEGORY.spelt.items())
    spelt += [(name, thing.category) for thing in things() for name in thing.names]
    spelt += [(name, category) for category, name in _more() if category != _OTHERWISE]
    names = {_key(name.lower().replace("-", " ")): word for name, word in spelt}
    names = {n: word for n, word in names.items() if n not in SPELT}
    return names | dict.fromkeys(_NO_THING, DISTRACTOR)
