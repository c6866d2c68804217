"""What a text asks the office, or tells it of a visit: when it is open, whether to bring an ID.

Nothing there is of a loss: neither the day of a visit nor the ID that one will show.
"""

import re
from collections.abc import Sequence

from matching_spark.domain.sentences.sentence import Word, ends_lost

_ASKED = re.compile(
    "|".join(
        (
            # 토요일에도 문 여나요, 몇 시까지 해요, 월요일은요
            r"문[을이도]? ?(?:여[나는니시]|열[까나어]|닫[나는으]|닫았[더어네]|닫혀 ?있)",
            r"영업|운영 ?시간|업무 ?시간|휴무|휴관|보관료",
            r"몇 ?시(?:까지|부터|에)? ?(?:[하해여열닫문]|가[도면])",
            r"(?:주말|평일|공휴일|[월화수목금토일]요일)"
            r"(?:에도|에는|도|은|는)(?: ?[하여열쉬되]\S*)?$",
            # 가도 되나요, 신분증 가져가면 되죠, 여권 필요한가요
            r"(?:^| )[가와오](?:도|면) ?[되돼될]",
            r"(?:가져|들고|갖고|가지고|챙겨|지참)\S* ?(?:[가오와][면야] )?"
            r"(?:되[나는죠]|[돼될]|하[나죠]|할까)",
            r"필요(?:한[가지]|하[나죠])|있으면 ?[되돼]|결제 ?(?:되|할 ?수)|받을 수 있",
            r"(?:확인|수령|방문|택배|배송|결제|주차) ?가능",
            r"(?:사무실|센터|위치)[은는이가]? .*(?:어디|몇)",
            r"전화 ?받[나으]|전화번호 ?(?:좀 ?)?알|[유분]실물 ?센터[는가에]? (?!.*들어[온왔])",
            r"\b(?:are|is|were|will) (?:you|it|(?:the|your) \w+)(?: \w+)? (?:open|closed)\b",
            r"\bopening hours\b|\bwhat time (?:do|does|is|are|will)\b",
            # can I come, I'll bring my ID; but of can I collect my bag, the bag
            r"\b(?:(?:do|can|could|may|should|must|shall|will|would) (?:i|we|he|she|my \w+)"
            r"(?: also| just| still)?|(?:i|we)(?:'ll| will| can| could))"
            r" (?:need|bring|come|collect|pick|visit|show|stop by)\b"
            r"(?!.*\bmy (?!id\b|passport|licen|husband|wife|friend))",
            r"\b(?:do|can|could|will|would) you (?:accept|deliver|ship|mail|send|post)\b",
            r"\b(?:to|from|is|are|visit(?:ed)?|near) your (?:office|centre|center|address|hours)\b",
        )
    )
)


def without_questions(text: str, words: Sequence[Word]) -> str:
    """The text of these words with spaces in place of the sentences that only speak with the
    office."""
    sentences: dict[int, list[Word]] = {}
    for word in words:
        sentences.setdefault(word.sentence, []).append(word)
    for sentence in sentences.values():
        said = " ".join(word.text for word in sentence)
        if _ASKED.search(said) and not any(word.lost or ends_lost(word) for word in sentence):
            start, end = sentence[0].start, sentence[-1].end
            text = text[:start] + " " * (end - start) + text[end:]
    return text
