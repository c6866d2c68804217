"""A score as people are told it: a probability in percent, its band in words, a cosine as it is."""

from collections.abc import Mapping

BANDS: dict[str, Mapping[str, str]] = {
    "propose": {"ko": "맞을 가능성이 높음", "en": "very likely"},
    "ask": {"ko": "확인 필요", "en": "ask a person"},
    "below": {"ko": "기준 점수 미만", "en": "below the threshold"},
}
KINDS: dict[str, Mapping[str, str]] = {
    "fused": {"ko": "같은 물건일 확률", "en": "probability"},
    "cosine": {"ko": "코사인", "en": "cosine"},
    "euclidean": {"ko": "유클리드 유사도", "en": "euclidean"},
}
NONE: Mapping[str, str] = {"ko": "없음", "en": "none"}


def percent(probability: float) -> str:
    """28 %; what is nearly nothing or nearly sure is never rounded to it: < 0.1 %, 99.6 %."""
    if 0 < probability < 0.001:
        return "< 0.1 %"
    if 0.999 < probability < 1:
        return "> 99.9 %"
    digits = 0 if 0.01 <= probability <= 0.99 or probability in (0, 1) else 1
    return f"{100 * probability:.{digits}f} %"


def told(score: float, kind: str, band: str, language: str) -> str:
    """A match's score and its band: '28 %, ask a person', 'cosine 0.531'."""
    if kind != "fused":
        return f"{KINDS[kind][language]} {score:.3f}"
    return ", ".join([percent(score), *([BANDS[band][language]] if band else [])])


def limit(threshold: float | None, kind: str, language: str) -> str:
    """The least score that is shown, on the scale of the scores: '0.6 %', '0.25', 'none'."""
    if threshold is None:
        return NONE[language]
    return percent(threshold) if kind == "fused" else f"{threshold:g}"
