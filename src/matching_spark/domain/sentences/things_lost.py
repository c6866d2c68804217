"""Which of the things that a sentence speaks of was lost."""

import re
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

from matching_spark.domain.sentences.sentence import Mention, Word, clauses_of_loss, ends_lost
from matching_spark.domain.things import DISTRACTOR

# A verb whose object comes behind it: 잃어버린 지갑, 찾습니다 지갑.
_OF_WHAT_COMES = re.compile(r"(?:[린은한둔온진군]|습니다|요)$")

_GONE = frozenset(["fell", "slipped", "disappeared", "gone", "missing"])  # of what stands before

_TITLE = 3  # words, at most, of what a text begins with and calls lost

# Of a clause that tells of no loss: what it speaks of is not lost, or is in what was.
_KEPT = re.compile(
    r"챙겼|챙겨|멀쩡|(?:가지고|갖고|손에|귀에|집에|집에는|남아|그대로) ?있(?!었)|빼놨"
    r"|(?<!못 )찾(?:았|긴 찾)|돌려받|찾아 ?[주줘][셔서]|\bstill (?:have|got|with)\b"
    r"|\b(?:is|are) (?:all )?(?:fine|safe|with (?:me|him|her))\b"
    r"|\bturned up\b|\bback\b.*\b(?:safe|already)\b|^(?:안에|속에|안쪽에|내용물|inside)\b"
    r"|\bthere (?:is|are|was|were) .*\b(?:inside|in it)\b|\b(?:was|were) in my\b"
)

_FINE = re.compile(r"멀쩡|\b(?:is|are) (?:all )?(?:fine|safe)\b")

# Of a clause: what it speaks of is in another thing. 지갑에 카드가 들어 있어요
_HELD = re.compile(r"(?:(?:들어|담겨) ?있|들었|[안속]에 .*있)(?:었|는)?(?!었?는?데)")

# Of a text that tells of no loss: it is there again, or is another's.
_BACK = re.compile(
    r"(?<!못)(?<!못 )찾았(?:어[요서]?$|습니다|네|다|고|음)|돌려받았|제 ?[거것게]\S* 아[니닌]"
    r"|\b(?:not|\w+n['’]t) mine\b|\b(?:got|have|has) (?:it|them|my \w+) back\b"
    r"|\b(?:i|we)(?: have|['’]ve)? found (?:it|them|my)\b"
)

# Of a clause: it says so, and tells of a thing that is there.
_NOT_LOST = re.compile(
    r"\b(?:not|n't) (?:lost|missing)\b|안 잃어버|잃어버리[지진] ?않|잃어버린 [건게] 아니"
)

# Where a thing was left, as often as it is one.
_SEATS = frozenset(["벤치", "의자", "책상", "테이블", "bench", "chair", "desk", "table"])

# What one goes by, or to: 버스가, which was not lost.
_RIDE = re.compile(
    r".*(?:택시|버스|비행기|차)|.*트럭|푸드코트|taxi|cab|van|bus|car|automobile|airplane|jeep"
)

_SMART, _WATCH = re.compile("워치"), re.compile("시계")

# Before what a form calls lost.
_LABEL = re.compile(r"(?:분실)?(?:품명|물품|물건|품목|물품명|분실물|종류)|what|item")


def lost_among(found: Sequence[Mention[str]], words: Sequence[Word]) -> list[Mention[str]]:
    """The things that may be what was lost: what a form calls so; what holds another where there
    is none beside; none that is kept or that another holds, where there is another.
    """
    found = _one_watch(found, words)
    for n, each in enumerate(found):
        if each.first and _LABEL.fullmatch(words[each.first - 1].text):
            run = _called(found[n:])
            if run[0].role != "other":
                return [run[0], *_listed(run, words)]
    heads = [
        each
        for each in found
        if each.role in ("object", "bare", "and", "is") and _may_be_lost(each, words)
    ]
    clauses: dict[int, str] = {}
    for word in words:
        clauses[word.clause] = f"{clauses.get(word.clause, '')} {word.text}".lstrip()
    lost = clauses_of_loss(words)
    kept = {
        clause
        for clause, said in clauses.items()
        if _NOT_LOST.search(said)
        or (clause not in lost and _KEPT.search(said))
        or (not lost and _BACK.search(said))
    }
    safe = {each.value for each in heads if words[each.first].clause in kept}
    left = [each for each in heads if words[each.first].clause not in kept]
    held = {at for at, said in clauses.items() if at not in lost and _HELD.search(said)}
    boxes = [
        each
        for each in found
        if each.role in ("holds", "where") and words[each.first].clause in held
    ]
    if boxes := [each for each in boxes if _may_be_lost(each, words)]:
        left = [each for each in left if words[each.first].clause not in held] or boxes
    there = _FINE if lost else _BACK
    if not left and any(there.search(clauses[words[each.first].clause]) for each in heads):
        return []  # my phone is fine, it's the case
    return (
        [each for each in left if each.value not in safe]
        or left
        or heads
        or [each for each in found if each.role == "holds"]
    )


def _may_be_lost(each: Mention[str], words: Sequence[Word]) -> bool:
    """Whether it is none of what one goes by or sits on."""
    ride = each.value == DISTRACTOR and _RIDE.match(words[each.last].text)
    return not ride and words[each.first].text not in _SEATS


def _one_watch(found: Sequence[Mention[str]], words: Sequence[Word]) -> Sequence[Mention[str]]:
    """A watch is what another word calls a smart one: 시계 두고 옴, 갤럭시워치."""
    smart = [e for e in found if _SMART.search(words[e.last].text) and e.role != "where"]
    if len({each.value for each in smart}) != 1:
        return found
    return [
        replace(each, value=smart[0].value) if _WATCH.match(words[each.last].text) else each
        for each in found
    ]


def _called(found: Sequence[Mention[str]]) -> Sequence[Mention[str]]:
    """From the last of those that name the first together: MacBook charger, 노트북 가방."""
    pairs = enumerate(pairwise(found), 1)
    return found[
        max((n for n, (a, b) in pairs if a.role == "other" and b.first == a.last + 1), default=0) :
    ]


def _listed(found: Sequence[Mention[str]], words: Sequence[Word]) -> list[Mention[str]]:
    """What a comma or an `and` joins to the first of them: 물품: 지갑, 우산."""
    out: list[Mention[str]] = []
    for this, after in pairwise(found):
        beside = after.first == this.last + 1 and words[this.last].gap.strip() == ","
        if not (beside and after.role in ("bare", "and", "is")):
            break
        out.append(after)
    return out


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
        alone = not words[first.last].joined and not _listed(heads, words)
        return first if alone and first.last - begins < _TITLE else None
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
            sides = (before[-1:], after[:1])
            first, then = sides if word.text in _GONE else sides[::-1]
            near = first or then or _whose(heads, words, at)
        for n, each in near:
            tied[n] = each
            if each.role == "and" and n:  # my phone and wallet
                tied[n - 1] = heads[n - 1]
            for other in (n - 1, n + 1):
                beside = 0 <= other < len(heads) and (
                    heads[min(n, other)].role == "and"
                    or (not word.hangul and _and(heads[n], heads[other], words))
                )
                if beside and words[heads[other].first].clause == word.clause:
                    tied[other] = heads[other]
    return list(tied.values())


def _and(this: Mention[str], after: Mention[str], words: Sequence[Word]) -> bool:
    """Whether the second was lost with the first: a bag and a hat, and no bag with a hat in it."""
    between = {word.text for word in words[this.last + 1 : after.first]}
    return after.role == "and" and between.isdisjoint(["with", "containing", "in", "inside"])


def together(heads: Sequence[Mention[str]], words: Sequence[Word]) -> bool:
    """Whether things of several kinds are told of side by side: Passport + wallet stolen."""
    return any(
        this.value != after.value
        and (after.first == this.last + 1 or (this.role == "and" and after.first <= this.last + 3))
        and words[this.last].gap.strip() in ("", "+", "&", "/", ",")
        and any(word.lost for word in words[after.last : after.last + 3])
        for this, after in pairwise(heads)
    )


def _whose(
    heads: Sequence[Mention[str]], words: Sequence[Word], at: int
) -> list[tuple[int, Mention[str]]]:
    """The thing before a clause that tells of its loss: the suitcase I forgot."""
    return [
        (n, each)
        for n, each in enumerate(heads)
        if words[each.last].joined
        and words[each.last].clause == words[at].clause - 1
        and words[each.last + 1].clause == words[at].clause
    ]


def envelope(thing: Mention[str], words: Sequence[Word]) -> bool:
    """Whether it is what others are put in, and not named by them as 축의금 봉투 is."""
    return thing.first == thing.last and words[thing.last].text.startswith(("봉투", "envelope"))


def contents(
    of: Mention[str], found: Sequence[Mention[str]], words: Sequence[Word]
) -> Mention[str] | None:
    """What is in an envelope, where one kind of thing alone is spoken of in its clause, or in all:
    an amount is of what it is told with, 상품권 50만원. None in doubt.
    """
    there = [e for e in found if not (e.value == DISTRACTOR or envelope(e, words))]
    here = [each for each in there if words[each.first].clause == words[of.first].clause] or there
    others = [each for each in here if each.value != "현금"] or here
    return others[0] if len({each.value for each in others}) == 1 else None
