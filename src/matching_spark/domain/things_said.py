"""The things that a sentence speaks of, by category, and which of them was lost.

Names are those of things.txt, thing_names.txt and of the vocabulary of categories, whole or at the
end of a longer Korean word; a colour may stand before one without a space.
"""

import re
from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from importlib.resources import files

from matching_spark.domain.sentence import (
    WITHIN,
    Mention,
    Role,
    Word,
    clauses_of_loss,
    ends_lost,
    english_role,
    stems,
)
from matching_spark.domain.things import DISTRACTOR, things
from matching_spark.domain.vocabulary import CATEGORY, COLOUR, VAGUE

RUN = 4  # words of a thing's name

_SPELT = {each: word for each, word in COLOUR.spelt.items() if each not in (VAGUE, "other")}
_BARE_OTHERWISE = frozenset(["자주", "오렌지", "밤", "하양"])  # often, a fruit, a town
_COLOURED = re.compile(
    r"(?:연한?|진한?|올|새|샛|시|다크|라이트|파스텔|딥|스카이|베이비)?(?P<word>"
    + "|".join(sorted((s for s in _SPELT if not s.isascii()), key=len, reverse=True))
    + r")(?P<suffix>(?:색상|색깔|컬러|칼라|색|빛)?(?:계열|계통|톤)?)"
)
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
_OTHERWISE = "otherwise"
_SURELY = frozenset(["폰", "책", "옷", "컵", "펜"])  # of one syllable, and no other word
_OF_ONE = (
    "손털면천금은큰헌새쇠책골흰내제"  # what stands in one syllable before a thing: 손지갑, 털모자
)
_NO_THING = frozenset(["유류품", "기타물품", "other", "car", "sports", "산업용품"]) | {
    *("앵무새", "햄스터", "반려견", "반려묘", "푸들", "말티즈", "포메라니안", "시츄", "진돗개"),
    *("통장", "수표", "bankbook", "bank book", "cheque"),
    *("택시", "자동차", "승용차", "승합차", "트럭", "지프차", "taxi", "cab", "automobile", "jeep"),
    *("parrot", "hamster", "puppy", "kitten", "poodle", "maltese"),
}
# Behind a thing's name: what is lost is that, or what is told of is its part.
PART = re.compile(
    r"(?:케이스|커버|줄|끈|고리|스트랩|거치대|뚜껑|손잡이|필름|집(?!에)|껍데기|부품|안장|모양|무늬|그림|캐릭터|로고|스티커|"
    r"글씨|키링|펌프|자국|얼룩|흠집|리본|줄무늬|체크|테두리|지퍼|장식|포인트|단추|버튼|하트|별|안감|바탕|라인|"
    r"case|cover|strap|holder|stand|lid|sleeve|sticker|logo|stripe|lining|zipper|pattern|tag|trim"
    r"|네임택|이름표|밑창|lanyard|cord|string|tassel|handle|sole|letters|stitching"
    r"|key ?ring|keychain|charm|game|match|team)"
)
_INSIDE = re.compile(rf"(?:{WITHIN})(?:에|에서|쪽에?)?(?:는|도|서)?$")
HELD = re.compile(
    r"(?:든|들은|들어(?!온|왔|오)|담긴|담은|달린|달려|붙|그려|새겨|적힌|적혀|꽂|넣|끼|채워|감겨|묶여|둘러|씌워|있는|있던|있어|있습|있고|있음|포함)"
)
# What is done with things that are not lost.
_USED = re.compile(
    r"(?:읽|쓰고|쓰다|입고|입은|갈아입|타고|타다|탔|샀|사서|사고|산$|보다|보고|마시|먹|찍|빌리|빌려|반납|사러|메고|"
    r"바꾸|뽑|끊|세우|세워|주차|몰고|운전|피우|주고|내고|챙|들고|신고|끼고|하고|받고|받아|치고|치다|벗(?!어\s?[두놓둔놔])|주웠|주워|습득(?!하신)|꺼내|찾으러)"
)
_MODEL_BEHIND = re.compile(r"(?:프로|맥스|미니|플러스|울트라|\d+(?:세대)?)+$")
_HELD_TOO = re.compile(rf"\S+[을를이가] {HELD.pattern}")
_WITH = re.compile(r"(?:같이|함께) (?:산|샀던|있던|들고|받은|맞춘|넣)")
_MEANT_NOT = re.compile(r"(?:아니라|아니고|아닌|말고)")
_MONEY = re.compile(r"\d[\d,]*(?:만|천|백)?원")
_NUMERAL = re.compile(r"\d+|한두|두세|서너|한|두|세|네|다섯|여섯|몇|여러")
_GALAXY = re.compile(r"(?:[sazj]\d|note|노트|z|flip|fold|플립|폴드|제트|퀀텀)")
_WORN = re.compile(r"(?:입은|입고|읽|타고|탔|메고|입으|입었|쓰셨|(?:쓴|쓰신|신은|멘|찬|낀|두른)$)")
_OF_WHAT_COMES = re.compile(r"(?:[린은한둔온진군]|습니다|요)$")  # 잃어버린 지갑, 찾습니다 지갑
_MORE_OF = re.compile(r"\d|큰|작은|하나|[한두세] ?$")
_TITLE = 3  # words
AND = frozenset(["그리고", "및", "하고", "또는", "혹은", "아니면", "이랑", "랑", "and", "or"])
_OWN = frozenset(["my", "his", "her", "our", "their"])
_MODEL = re.compile(
    r"(?:프로|맥스|미니|플러스|울트라|라이브|에어|에디션|pro|max|mini|plus|ultra|air|fe|\d+(?:세대|인치)?|"
    r"[a-z]?\d+[a-z]?)+"
)


# Of a clause: what is spoken of there is not lost, or is in what was.
_KEPT = re.compile(
    r"챙겼|챙겨|멀쩡|(?:가지고|갖고|손에|귀에|집에|집에는|남아|그대로) ?있(?!었)|빼놨"
    r"|(?<!못 )찾(?:았|긴 찾)|돌려받|찾아 ?[주줘][셔서]|\bstill (?:have|got|with)\b"
    r"|\b(?:is|are) (?:all )?(?:fine|safe|with (?:me|him|her))\b"
    r"|\bturned up\b|\bback\b.*\b(?:safe|already)\b|^(?:안에|속에|안쪽에|내용물|inside)\b"
)
_NOT_LOST = re.compile(
    r"\b(?:not|n't) (?:lost|missing)\b|안 잃어버|잃어버리[지진] ?않|잃어버린 [건게] 아니"
)
_SEATS = frozenset(["벤치", "의자", "책상", "테이블", "bench", "chair", "desk", "table"])
_RIDE = re.compile(r".*(?:택시|버스|비행기|차)|.*트럭|taxi|cab|bus|car|automobile|airplane|jeep")
_LABEL = re.compile(r"(?:분실)?(?:품명|물품|물건|품목|물품명|분실물|종류)|what|item")


@cache
def _more() -> tuple[tuple[str, str], ...]:
    """thing_names.txt: category, or _OTHERWISE, and name."""
    text = (files("matching_spark.domain") / "thing_names.txt").read_text("utf-8")
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
    names = {n: word for n, word in names.items() if word != DISTRACTOR or n not in _SPELT}
    return names | dict.fromkeys(_NO_THING, DISTRACTOR)


def _head(word: str) -> str:
    """The Korean name of two syllables or more at the end of a longer word, or '': 루이비통지갑."""
    least = 1 if word[0] in _OF_ONE else 2
    ends = (word[at:] for at in range(least, len(word) - 1))
    return next((end for end in ends if end in _names() and not end.isascii()), "")


def _key(name: str) -> str:
    """Without the spaces beside Korean letters, which people write or not."""
    return re.sub(r"(?<=[가-힣]) | (?=[가-힣])", "", " ".join(name.split()))


def things_said(words: Sequence[Word]) -> list[Mention[str]]:
    """Every thing that is spoken of, by category, each with what it does in the sentence."""
    out: list[Mention[str]] = []
    at = 0
    while at < len(words):
        found = _longest(words, at)
        if found is not None:
            out.append(found)
        at = at + 1 if found is None else found.last + 1
    said = [_in_context(out, i, words) for i in range(len(out))]
    # 카드랑 현금이 든 지갑: as with the cash, so with the card.
    for i in reversed(range(len(said) - 1)):
        this, after = said[i], said[i + 1]
        if this.role == "and" and after.role == "other" and after.first <= this.last + 2:
            said[i] = replace(this, role="other")
    return said


def lost_among(found: Sequence[Mention[str]], words: Sequence[Word]) -> list[Mention[str]]:
    """The things that may be what was lost: what a form calls so; what holds another where there
    is none beside; none that is kept or that another holds, where there is another.
    """
    for each in found:
        at = each.first
        if at and _LABEL.fullmatch(words[at - 1].text) and each.role in ("bare", "is", "and"):
            return [each]
    heads = [
        each
        for each in found
        if each.role in ("object", "bare", "and", "is")
        and not (each.value == DISTRACTOR and _RIDE.match(words[each.last].text))
        and words[each.first].text not in _SEATS
    ]
    clauses: dict[int, str] = {}
    for word in words:
        clauses[word.clause] = f"{clauses.get(word.clause, '')} {word.text}".lstrip()
    lost = clauses_of_loss(words)
    kept = {
        clause
        for clause, said in clauses.items()
        if _NOT_LOST.search(said) or (clause not in lost and _KEPT.search(said))
    }
    safe = {
        each.value
        for each in heads
        if words[each.first].clause in kept and each.tail in ("은", "는")
    }
    left = [each for each in heads if words[each.first].clause not in kept]
    return (
        [each for each in left if each.value not in safe]
        or left
        or heads
        or [each for each in found if each.role == "holds"]
    )


def _longest(words: Sequence[Word], first: int) -> Mention[str] | None:
    """The longest name of a thing that begins at words[first]."""
    last = first
    while last + 1 < len(words) and last - first < RUN - 1 and words[last].joined:
        last += 1
    for at in range(last, first - 1, -1):
        before = " ".join(word.text for word in words[first:at])
        for stem, role, tail in stems(words[at]):
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
    """Whether a short name is of a thing there: 책을, 책 분실, 검정 책, 갤럭시 S23; 못 찾았어요 has
    no nail, and 두 개 no dog.
    """
    after = words[at + 1] if at + 1 < len(words) and words[at].joined else None
    if name == "개" and first and _NUMERAL.fullmatch(words[first - 1].text):
        return False
    if name in ("갤럭시", "galaxy") and after is not None and _GALAXY.match(after.text):
        return True
    if name in ("갤럭시", "galaxy") and after is not None and colour_said(after) is not None:
        return True
    if name == "돈" and after is not None and _MONEY.match(after.text):
        return True
    lost = name != "못" and after is not None and after.lost and tail in ("", "이", "가", "만")
    before = words[first - 1] if first and words[first - 1].joined else None
    coloured = before is not None and (colour_said(before) is not None or before.text in _OWN)
    return tail in ("을", "를") or lost or coloured


def _named(said: str, single: bool) -> tuple[str, str, str] | None:
    """Category, name and colour of what is called so; a colour or more may stand before it."""
    key = _key(said)
    if key in _names():
        return _names()[key], key, ""
    if not single or key.isascii():
        return None
    if _MONEY.fullmatch(key):
        return "현금", "돈", ""
    if coloured := _COLOURED.match(key):
        rest = key[coloured.end() :]
        if rest and (found := _named(rest, True)):
            return found[0], found[1], _colour_of(coloured)
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
    while not tail and at + 1 < len(words) and words[at].joined:
        read = ((r, t) for s, r, t in stems(words[at + 1]) if _MODEL.fullmatch(s))
        found = next(read, None)
        if found is None:
            break
        role, tail = found
        at += 1
    return Mention(of.value, of.first, at, role, words[at].end - len(tail), tail, of.own)


def _in_context(said: Sequence[Mention[str]], i: int, words: Sequence[Word]) -> Mention[str]:
    """A mention with the role that its neighbours give it."""
    of = said[i]
    role = of.role
    if not words[of.first].hangul:
        role = english_role(words, of.first)
    more = _behind(of, words)
    after = said[i + 1] if i + 1 < len(said) else None
    beside = after is not None and after.first == of.last + 1
    if after is not None and after.role == "where" and after.value in (DISTRACTOR, "자동차"):
        beside = False  # 우산 버스에 두고 내림
    if role == "bare" or not words[of.first].hangul:
        if more and PART.match(more) and not (beside and words[of.first].hangul):
            role = "other"
        elif more and words[of.first].hangul and _INSIDE.match(more):
            role = "holds" if more[0] in "안속" else "where"
        elif beside and more:  # 노트북 가방 is a bag
            role = "other"
        elif beside or more in AND:
            role = role if role in ("where", "other") else "and"
    if role in ("bare", "object") and _of_another(of, more):
        role = "other"
    behind = " ".join(word.text for word in words[of.last + 1 : of.last + 3])
    if role == "and" and (_WITH.match(behind) or _HELD_TOO.match(behind)):
        role = "other"
    return Mention(of.value, of.first, of.last, role, of.end, of.tail, of.own)


def _behind(of: Mention[str], words: Sequence[Word]) -> str:
    """The word behind a thing, its model and a colour: of AirPods Pro case and of 시계 검정 줄, the
    part.
    """
    last = of.last
    while not words[last].hangul and words[last].joined and _MODEL.fullmatch(words[last + 1].text):
        last += 1
    behind = words[last + 1 : last + 3] if words[last].joined else []
    if len(behind) == 2 and behind[0].hangul and behind[0].joined and PART.match(behind[1].text):
        said = colour_said(behind[0])
        if said is not None and said[1] == "bare":
            return behind[1].text
    return behind[0].text if behind else ""


def _of_another(of: Mention[str], more: str) -> bool:
    """Whether the word behind tells that it is not what was lost: worn, held, used, not meant."""
    if not more:
        return False
    used = of.tail in ("을", "를") and _USED.match(more)
    worn = not of.tail and _WORN.match(more)
    return bool(used or worn or HELD.match(more) or _MEANT_NOT.match(more))


def the_thing(heads: Sequence[Mention[str]], words: Sequence[Word]) -> Mention[str] | None:
    """What was lost: of several, the nearest to a verb of loss in its clause, the object first;
    else what it is said to be, or what the text begins with: 사원증이고 줄은 초록, 교재요!
    """
    if len({each.value for each in heads}) == 1:
        return heads[0]
    surely = [at for at, word in enumerate(words) if word.lost_surely or ends_lost(word)]
    for verbs in (surely, [at for at, word in enumerate(words) if word.lost]):
        if tied := _tied(heads, words, verbs):
            return tied[0] if len({each.value for each in tied}) == 1 else None
    called = [each for each in heads if each.role == "is"]
    if len({each.value for each in called}) == 1:
        return called[0]
    first = heads[0] if heads else None
    if first is not None and first.role in ("bare", "is", "and"):
        begins = [word.sentence for word in words].index(words[first.first].sentence)
        last = words[first.last]
        ends = not last.joined or _MORE_OF.match(words[first.last + 1].text)
        return first if first.last - begins < _TITLE and ends else None
    return None


def _tied(
    heads: Sequence[Mention[str]], words: Sequence[Word], verbs: Sequence[int]
) -> list[Mention[str]]:
    """Those that stand nearest to one of the verbs, in its clause, and what is said with them."""
    tied: dict[int, Mention[str]] = {}
    for at in verbs:
        word = words[at]
        mine = [(n, e) for n, e in enumerate(heads) if words[e.first].clause == word.clause]
        before = [each for each in mine if each[1].first <= at]
        after = [each for each in mine if each[1].first > at]
        if word.hangul:
            near = before[-1:] or (after[:1] if _OF_WHAT_COMES.search(word.text) else [])
        else:
            near = after[:1] or before[-1:]
        for n, each in near:
            tied[n] = each
            if each.role == "and" and n:  # my phone and wallet
                tied[n - 1] = heads[n - 1]
            for other in (n - 1, n + 1):
                beside = 0 <= other < len(heads) and heads[min(n, other)].role == "and"
                if beside and words[heads[other].first].clause == word.clause:
                    tied[other] = heads[other]
    return list(tied.values())


def in_doubt(thing: Mention[str], found: Sequence[Mention[str]], words: Sequence[Word]) -> bool:
    """Whether it is an envelope, and something is spoken of beside it that may be in it."""
    if not words[thing.last].text.startswith(("봉투", "envelope")):
        return False
    here = words[thing.first].clause
    return any(words[e.first].clause == here and e.value != thing.value for e in found)


def _colour_of(found: re.Match[str]) -> str:
    return _SPELT[found["word"]]


def colour_said(word: Word) -> tuple[str, Role, str] | None:
    """The colour that the whole word says, with its role and its ending."""
    if not word.hangul:
        said = _SPELT.get(word.text)
        return (said, "bare", "") if said else None
    if found := _COLOURED_VERB.fullmatch(word.text):
        return _VERBS[found[1]], "is", ""
    for stem, role, tail in stems(word):
        found = _COLOURED.fullmatch(stem)
        if found and (found["suffix"] or found["word"] not in _BARE_OTHERWISE):
            return _colour_of(found), role, tail
    return None
