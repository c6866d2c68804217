"""A score as people are told it: a probability in percent, its band in words, a cosine as it is."""

from collections.abc import Mapping, Sequence
from decimal import Decimal

from matching_spark.domain.results import Match, Pair

BANDS: dict[str, Mapping[str, str]] = {
    "propose": {"ko": "맞을 가능성이 높음", "en": "very likely"},
    "ask": {"ko": "살펴볼 만함", "en": "worth a look"},
    "below": {"ko": "가능성 낮음", "en": "unlikely"},
}
KINDS: dict[str, Mapping[str, str]] = {
    "fused": {"ko": "근거 점수", "en": "evidence"},
    "cosine": {"ko": "코사인", "en": "cosine"},
    "euclidean": {"ko": "유클리드 유사도", "en": "euclidean"},
}
WEEKDAYS: dict[str, Sequence[str]] = {  # from Monday on
    "ko": "월화수목금토일",
    "en": ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"),
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


def told(match: Match | Pair, kind: str, language: str) -> str:
    """How likely a match is, and its band: '28 %, worth a look', '< 0.1 %', 'cosine 0.531'."""
    if match.probability is None:
        return f"{KINDS[kind][language]} {match.score:.3f}"
    words = [BANDS[match.band][language]] if match.band in ("propose", "ask") else []
    return ", ".join([percent(match.probability), *words])


def figures(number: float) -> str:
    """In four figures, none of them an exponent: '0.25', '0.000038', '12350'."""
    return f"{Decimal(f'{number:.4g}'):f}"


def limit(threshold: float | None, language: str) -> str:
    """The least score that is shown: '0.25', 'none'."""
    return NONE[language] if threshold is None else figures(threshold)
