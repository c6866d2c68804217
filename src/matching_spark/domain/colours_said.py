"""The colours that a sentence says of what was lost, and not of what is beside it."""

import re
from collections.abc import Mapping, Sequence

from matching_spark.domain.sentence import Mention, Role, Word
from matching_spark.domain.things_said import AND, HELD, PART, colour_said

REACH = 3  # words that may stand between a colour and its thing: 검은색 루이비통 남자 지갑

# 검정, 검은색, 블랙 may stand behind a thing; 검은 tells of what comes.
_NOUN = re.compile(r"^(?!.*(?:[은는]|[란간]|얀|만|른)$)|색")
_ABOUT_COLOUR = re.compile(r"(?:색|색상|색깔|컬러|칼라|겉|외관|colou?r)(?:은|는|이|가)?$")
_NOT = re.compile(r"(?:아니|아닌|아님|말고|not$|isn|wasn|n't)")
_COLOUR_STOPS = re.compile(r".*(?:을|를|이|가|은|는|에|에서|의|으로|로|고|데)$")


def colours_said(
    words: Sequence[Word], found: Sequence[Mention[str]], heads: Sequence[Mention[str]]
) -> list[Mention[str]]:
    """The colours that are said of what was lost, or of nothing else."""
    inside = {at for each in found for at in range(each.first, each.last + 1)}
    at_first = {each.first: each for each in found}
    out = [Mention(each.own, each.first, each.first, end=each.end) for each in heads if each.own]
    values = {each.value for each in heads}
    for at, word in enumerate(words):
        read = None if at in inside else colour_said(word)
        if read is None or _negated(words, at):
            continue
        value, role, tail = read
        mention = Mention(value, at, at, end=word.end - len(tail))
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
    at_first: Mapping[int, Mention[str]],
    found: Sequence[Mention[str]],
) -> Mention[str] | None:
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
        coloured = colour_said(word)
        if coloured is None and (
            PART.match(word.text)
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


def _told(
    words: Sequence[Word],
    at: int,
    role: Role,
    found: Sequence[Mention[str]],
    heads: Sequence[Mention[str]],
    values: set[str],
) -> bool:
    """Whether a colour before no thing is told of what was lost: 색은 검정, 지갑 (검정)."""
    word, before = words[at], words[at - 1] if at else None
    thing = next((each for each in found if each.last == at - 1), None)
    after = words[at + 1] if at + 1 < len(words) else None
    ends = after is None or not word.joined or after.lost or after.clause != word.clause
    if before is None:
        return ends or role == "is"
    if word.hangul:
        if _ABOUT_COLOUR.match(before.text):
            return not (at > 1 and PART.match(words[at - 2].text))
        if thing is not None and thing.value in values:
            part = after is not None and word.joined and PART.match(after.text)
            return thing in heads and not part and _NOUN.search(word.text) is not None
        if role == "is":
            return before.clause != word.clause or not re.search("[은는이가]$", before.text)
        return (not before.joined or before.clause != word.clause) and ends
    if before.text in ("is", "was", "it's", "its", "colour", "color", "in", "colored", "coloured"):
        return not any(PART.match(each.text) for each in words[max(0, at - 3) : at - 1])
    return thing is not None and thing in heads and ends
