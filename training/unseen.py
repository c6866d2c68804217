"""Sentences that only the evaluation writes: no training caption holds a word of theirs.

`captions.caption` draws again whatever shares one, so that an unseen sentence is of words that the
text tower has never read; only the thing and its colour are known. (A form may be known: captions
have relative clauses, with verbs of no language.) Names of classes
are the exception (a bus and a stroller are places here and things in the list), and English function words.
"""

import re

UNSEEN = "버스 뒷자리에 둔 {x}{o} 누가 챙겨 가신 것 같은데 혹시 아시는 분 계실까요"
OTHERS = (
    "아들이 학원 마치고 오는 길에 {x}{o} 어디다 흘리고 왔다네요",
    "엊그제 결혼식장 로비에서 {x} 챙기는 걸 깜빡했는데 데스크에 맡겨진 게 없는지요",
    "한강 산책로 벤치에 {x} 하나가 덩그러니 놓여 있길래 파출소에 가져다주었어요",
)
ENGLISH = "Has anybody handed in the {x} that slipped out of my kid's stroller near the fountain?"
CLASSES = {"버스", "stroller"}
FUNCTION_WORDS = {"has", "in", "the", "that", "out", "of", "my", "near", "s"}

WORDS = frozenset(
    word
    for form in (UNSEEN, *OTHERS, ENGLISH)
    for word in re.findall(r"\w+", re.sub(r"\{x\}(\{o\})?", " ", form.lower()))
) - (CLASSES | FUNCTION_WORDS)
# A word of one syllable may be part of another; longer ones may not.
_SHARED = re.compile(
    "|".join(rf"\b{re.escape(w)}\b" if len(w) == 1 else re.escape(w) for w in sorted(WORDS))
)


def shared(text: str) -> str | None:
    """The first word of an unseen sentence in the text, if any."""
    hit = _SHARED.search(text.lower())
    return hit[0] if hit else None
