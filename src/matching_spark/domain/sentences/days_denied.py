"""Days that a sentence speaks of and that are not the loss's: denied, taken back, of something else
that one did, or on which one missed the thing or told of it.
"""

import re

from matching_spark.domain.sentences.sentence import SAID_SO

_NOTICED = r"noticed|reali[sz]ed|discovered"
_TOLD = r"called|emailed|reported|contacted|messaged|texted|phoned"
# 어제 전화드린, 월요일에 신고했는데, 메일 보낸
_OFFICE = (
    r"(?:전화|통화|문의|신고|접수|조회|확인|연락|상담|메일|문자|카톡|글|말씀|신청)[은을도만]?\s?"
    r"(?:[했한드된됐건]|보[냈낸]|남[겼긴]|넣[었은]|올[렸린])"
)
_OF_THE_DAY = r"(?:에|날)?(?:\s?(?:새벽|아침|오전|낮|오후|저녁|밤)에?)?"
_NO_LOSS = r"(?:\s(?![^\s]*(?:분실|잃|두고|놓|흘|떨))[^\s.,!?]+)"
_BEHIND = re.compile(
    "|".join(
        (
            r"(?:에|날)?(?:이|은|는|가)?(?:었나|인가)?[\s,.]{0,3}(?:아니(?!면)|아닌(?![가지])|말고)",
            r",?\s(?:no|sorry|wait|i mean|(?:or\s)?rather|actually),?\s",
            rf"\s(?:i|we|your \w+)\s(?:only\s|just\s)?"
            rf"(?:{_NOTICED}|{_TOLD}|found|checked|spoke|told)\b",
            r"(?<=[가-힣])(?:이?[에예]?요)?\s?\?",
            r"(?:에|날)?에?서?야(?![가-힣])|\s?다시금?\s(?:가|와|찾)",
            r"(?:에|날)?(?:\s[^\s.,!?]+){0,2}?\s(?:산|샀던|사\s?온|[^\s]*받은|빌린|만난|만든|입은|입었던"
            r"|(?:구매|구입|주문|개통|가입|예약)한)\s(?![^.!?\n]*(?:그날|당일))",
            rf"(?:에|날)?{_NO_LOSS}{{0,3}}?\s"
            rf"(?:{_OFFICE}|(?:찾으|가지)러|[^\s]*(?:갈|찾을|들를|할)게|들어[온왔]|알았|알게|깨달|발견)",
            rf"{_OF_THE_DAY}\s(?:[^\s.,!?]+\s)?(?<!서\s)(?:열어\s?)?보니",
            r"(?:에|날)?(?:\s(?:안에|중에|오전에?|오후에?))?\s"
            r"(?:(?:답|회신|연락|전화)\s?(?:주|부탁|바)|통화\s?가능|주[세시])",
            # 어제 짐 부칠 때까지 있었어요
            r"(?:[^.,!?\n]{0,25})까지[는도만]?\s(?:[^\s.,!?]+\s)?있었",
            # 수요일이라고 했는데; 수요일에 잃어버렸다고 했는데 다시 생각하니; 수요일인 줄 알았는데
            r"(?:[^.,!?\n]{0,25}라고|[^.,!?\n]{0,25}다고(?=\s\S+\s(?:다시|사실|알고|생각)))"
            rf"\s{SAID_SO}|인\s줄",
            r"(?:(?![데고서다니요]\s)[^.!?\n]){0,15}?(?:[가-힣]야\s?[해하합돼되됩]|예정|필요)",
        )
    )
)
_BEFORE = re.compile(
    "|".join(
        (
            r"\b(?:not|n't)\s(?:on\s|the\s)?$",
            rf"\b(?:{_NOTICED}|found out|checked(?! (?:in|out)\b)|asked|bought"
            rf"|(?:i|we|s?he|they|and) (?:{_TOLD}|spoke)|issued|born|returned|got (?:\w+ )?back"
            r"|(?:handed|turned|brought) (?:it |them )?(?:in|up)|fly|flying"
            r"|(?:flight|plane|birthday) is|tickets? for|exam|interview"
            r"|(?:will|i'll) (?:be|fly|go|need|leave|come)|leave korea"
            r"|(?:i'm|i am|we're|we are) (?:leaving|flying|going|free|available))"
            r"\b(?:(?! and | but | then )[^.,;!?\n]){0,50}$",
            r"\b(?:maybe|for)\s(?:on\s)?$",
            r"\b(?:i|we) leave\s(?:\w+\s)?on\s$",
            r"\b(?:said|wrote(?: to)?|told)\s(?:(?:you|them|it was)\s)?(?:on\s)?$",
            r"(?:생일|생년월일|기념일|발인|유효기간|만료일?|발급일?|반납일?|구[입매]일|접수일?|신고일?"
            r"|작성일?|(?:조회|접수|신고|문의)한 날)\W*(?:[이은는]\s)?$",
        )
    )
)


def of_another(text: str, start: int, end: int) -> bool:
    """Whether the day text[start:end] is not the loss's: not Monday, bought on Monday, found out on
    Monday."""
    return bool(_BEHIND.match(text, end) or _BEFORE.search(text[max(0, start - 60) : start]))
