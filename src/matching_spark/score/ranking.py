"""What a score is made of: a pair's components, and the probability that they show one thing.

The model is logistic and additive: the log-odds of a pair are an intercept and one contribution a
component, a piecewise linear function of its value. A component that a pair lacks is missing, not
zero: it contributes nothing. No Spark, no I/O.
"""

import datetime as dt
import hashlib
import json
import math
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, Literal, get_args

from matching_spark.domain.posts import Kind
from matching_spark.errors import ModelError

Score = Literal["cosine", "fused"]
SCORES: tuple[Score, ...] = get_args(Score)
Language = Literal["ko", "en"]
LANGUAGES: tuple[Language, ...] = get_args(Language)
Modality = Literal["image", "text", "both"]
MODALITIES: tuple[Modality, ...] = get_args(Modality)

# A vector component is named by the query's part and the post's: cosines of two scales.
VECTORS = ("image-image", "image-text", "text-image", "text-text")
FACTS = ("category", "colour", "region", "place", "days")
COMPONENTS = VECTORS + FACTS
VAGUE = "기타"  # of a colour or a region: "other", which says nothing about being the same
FORMAT = 1  # of the calibration file

Points = tuple[tuple[float, float], ...]  # (value, log-odds), values ascending


@dataclass(frozen=True)
class Facts:
    """What is known of a query beside its vectors; empty strings mean "not known".

    kind: what the query is of. Days are counted from the lost to the found side.
    """

    category: str = ""
    colour: str = ""
    region: str = ""
    place: str = ""
    happened_on: dt.date | None = None
    kind: Kind = "lost"

    @property
    def bare(self) -> bool:
        """Whether it does not say when and where: then no pair can be as sure."""
        return self.happened_on is None or not (self.region or self.place)


def compare(query: Facts, post: Facts) -> dict[str, float]:
    """The FACTS components of a pair, without those that either side lacks.

    category, colour, region: 1 the same, 0 not. place: share of the shorter name's bigrams that the
    other has. days: found after lost, negative before.
    """
    out = {}
    for name in ("category", "colour", "region"):
        a, b = getattr(query, name), getattr(post, name)
        if a and b and VAGUE not in (a, b):
            out[name] = float(a == b)
    a, b = bigrams(query.place), bigrams(post.place)
    if a and b:
        out["place"] = len(a & b) / min(len(a), len(b))
    if query.happened_on and post.happened_on:
        days = (post.happened_on - query.happened_on).days
        out["days"] = float(days if query.kind == "lost" else -days)
    return out


def bigrams(name: str) -> frozenset[str]:
    """Pairs of neighbouring letters, without white space and case; a single letter is itself."""
    letters = "".join(name.split()).casefold()
    return frozenset(letters[i : i + 2] for i in range(max(1, len(letters) - 1)) if letters)


def modality(image: bool, text: bool) -> Modality:
    """What of a photo and words a query or a post has. Raises ValueError when it has neither."""
    if not image and not text:
        raise ValueError("neither a photo nor words")
    return "both" if image and text else "image" if image else "text"


def limit_name(asked: Modality, bare: bool) -> str:
    """Under which name the thresholds of such queries stand."""
    return f"{asked} bare" if bare else asked


LIMITS = tuple(limit_name(asked, bare) for bare in (False, True) for asked in MODALITIES)


def pattern_name(query: Modality, post: Modality, facts: bool) -> str:
    """Which model a pair is scored by: photos weigh more where nothing else is known."""
    return f"{query}-{post}" if facts else f"{query}-{post} bare"


PATTERNS = tuple(
    pattern_name(query, post, facts)
    for facts in (True, False)
    for query in MODALITIES
    for post in MODALITIES
)


def pattern(components: Mapping[str, float]) -> str:
    """The pattern of a pair, by the components that exist."""
    pairs = [name.split("-") for name in VECTORS if name in components]
    query, post = ({pair[i] for pair in pairs} for i in (0, 1))
    return pattern_name(
        modality("image" in query, "text" in query),
        modality("image" in post, "text" in post),
        any(name in components for name in FACTS),
    )


@dataclass(frozen=True)
class Weights:
    """The logistic model of one pattern."""

    intercept: float
    points: Mapping[str, Points]

    def contributions(self, components: Mapping[str, float]) -> dict[str, float]:
        """Log-odds that each component adds; of those that exist and that the model knows."""
        return {
            name: interpolate(self.points[name], components[name])
            for name in COMPONENTS
            if name in components and name in self.points
        }


@dataclass(frozen=True)
class Calibration:
    """Weights by pattern, for the vectors of one model; two limits a kind of query (LIMITS).

    thresholds: the least probability worth showing. propose: from here on a pair is proposed
    without a person's look; between the two a person is asked. learnt: from what.
    """

    model: str
    patterns: Mapping[str, Weights]
    thresholds: Mapping[str, float]
    propose: Mapping[str, float]
    learnt: Mapping[str, Any] = field(default_factory=dict)

    def probability(self, components: Mapping[str, float]) -> float:
        """That a pair with these components is one thing."""
        weights = self.patterns[pattern(components)]
        return sigmoid(weights.intercept + sum(weights.contributions(components).values()))

    def contributions(self, components: Mapping[str, float]) -> dict[str, float]:
        return self.patterns[pattern(components)].contributions(components)

    def band(self, probability: float, limit: str) -> str:
        """'propose', 'ask' a person, or 'below' what is worth showing; limit: of LIMITS."""
        if probability >= self.propose[limit]:
            return "propose"
        return "ask" if probability >= self.thresholds[limit] else "below"

    def check_model(self, model: str) -> None:
        """Raise ModelError unless the weights were learnt on this model's vectors."""
        if model != self.model:
            raise ModelError(
                f"the calibration at hand was learnt on vectors of {self.model}, these are of "
                f"{model}: learn it again with `matching-spark calibrate`, or use --score cosine"
            )

    @property
    def checksum(self) -> str:
        """Of all that a score depends on: 12 hex digits."""
        return hashlib.sha256(self.to_json().encode()).hexdigest()[:12]

    def to_json(self) -> str:
        """Readable, and the same text for the same weights."""
        content = {
            "format": FORMAT,
            "model": self.model,
            "learnt": self.learnt,
            "thresholds": self.thresholds,
            "propose": self.propose,
            "patterns": {
                name: {"intercept": weights.intercept, "points": weights.points}
                for name, weights in self.patterns.items()
            },
        }
        return _pretty(json.loads(json.dumps(content, ensure_ascii=False))) + "\n"

    @classmethod
    def from_json(cls, text: str, where: str) -> "Calibration":
        """Raises ModelError, naming `where`, when it is no calibration that this version reads."""
        try:
            content = json.loads(text)
            if content["format"] != FORMAT:
                raise ValueError(f"its format is {content['format']}, this version reads {FORMAT}")
            patterns = {
                name: Weights(
                    float(each["intercept"]),
                    {c: _points(points) for c, points in each["points"].items()},
                )
                for name, each in content["patterns"].items()
            }
            if lacking := sorted(set(PATTERNS) - set(patterns)):
                raise ValueError(f"it lacks the patterns {', '.join(lacking)}")
            return cls(
                str(content["model"]),
                patterns,
                thresholds={name: float(content["thresholds"][name]) for name in LIMITS},
                propose={name: float(content["propose"][name]) for name in LIMITS},
                learnt=dict(content["learnt"]),
            )
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise ModelError(
                f"{where} is no calibration ({error}); `matching-spark calibrate` makes one"
            ) from None


def interpolate(points: Points, value: float) -> float:
    """The piecewise linear function through `points` at `value`; constant beyond the ends."""
    at = bisect_right(points, value, key=lambda point: point[0])
    if at == 0:
        return points[0][1]
    if at == len(points):
        return points[-1][1]
    (x0, y0), (x1, y1) = points[at - 1], points[at]
    return y0 + (y1 - y0) * (value - x0) / (x1 - x0)


def sigmoid(x: float) -> float:
    return 1 / (1 + math.exp(-x)) if x >= 0 else math.exp(x) / (1 + math.exp(x))


def log_odds(probability: float) -> float:
    if probability <= 0:
        return -math.inf
    return math.inf if probability >= 1 else math.log(probability / (1 - probability))


def _points(values: Sequence[Sequence[float]]) -> Points:
    points = tuple((float(x), float(y)) for x, y in values)
    if not points or any(b[0] <= a[0] for a, b in pairwise(points)):
        raise ValueError("points are not in ascending order")
    if not all(math.isfinite(number) for point in points for number in point):
        raise ValueError("points hold a number that is not finite")
    return points


def _pretty(value: Any, indent: str = "") -> str:
    """JSON with a list of points on one line."""
    if isinstance(value, dict) and value:
        inner = indent + "  "
        rows = (
            f"{inner}{json.dumps(k, ensure_ascii=False)}: {_pretty(v, inner)}"
            for k, v in value.items()
        )
        return "{\n" + ",\n".join(rows) + f"\n{indent}}}"
    return json.dumps(value, ensure_ascii=False)


# -- why -------------------------------------------------------------------------------------

# Two vector components may say the same of a pair: a sentence names it once.
_NOUNS: dict[Language, dict[str, str]] = {
    "ko": {
        "image-image": "사진",
        "text-text": "설명",
        "image-text": "사진과 설명",
        "text-image": "사진과 설명",
        "category": "종류",
        "colour": "색",
        "region": "지역",
        "place": "장소",
        "days": "날짜",
    },
    "en": {
        "image-image": "photo",
        "text-text": "words",
        "image-text": "photo against words",
        "text-image": "photo against words",
        "category": "kind of thing",
        "colour": "colour",
        "region": "region",
        "place": "place",
        "days": "date",
    },
}
TELLING = 0.5  # log-odds below which a component is not worth a word: odds of 1.6 to 1
NAMED = 4  # components of each side that a sentence names, the weightiest first


def explain(
    components: Mapping[str, float], contributions: Mapping[str, float], language: Language
) -> str:
    """One plain sentence: what speaks for the pair, and what against it."""
    weighty = sorted(contributions, key=lambda name: -abs(contributions[name]))
    nouns = _NOUNS[language]
    agree = _named(nouns, components, [n for n in weighty if contributions[n] >= TELLING], language)
    differ = _named(
        nouns, components, [n for n in weighty if contributions[n] <= -TELLING], language
    )
    if language == "en":
        against = f"{' and '.join(differ)} {'speak' if len(differ) > 1 else 'speaks'} against it"
        if agree:
            verb = "speak" if len(agree) > 1 else "speaks"
            first = f"{' and '.join(agree)} {verb} for it"
            return _capital(f"{first}; {against}." if differ else f"{first}.")
        return _capital(f"{against}." if differ else "nothing speaks clearly for it or against it.")
    against = (
        f"{', '.join(differ)}{_particle(differ[-1], '은', '는')} 맞지 않습니다" if differ else ""
    )
    if agree:
        first = f"{', '.join(agree)}{_particle(agree[-1], '이', '가')} 맞습니다"
        return f"{first}. 다만 {against}." if differ else f"{first}."
    return f"{against}." if differ else "뚜렷이 맞거나 어긋나는 점이 없습니다."


def _named(
    nouns: Mapping[str, str], components: Mapping[str, float], names: list[str], language: Language
) -> list[str]:
    out = []
    for name in names:
        noun = nouns[name]
        if name == "days":
            noun = _days(int(components[name]), language)
        if noun not in out:
            out.append(noun)
    return out[:NAMED]


def _days(days: int, language: Language) -> str:
    if language == "en":
        if days == 0:
            return "date (found the same day)"
        unit = "day" if abs(days) == 1 else "days"
        return f"date (found {abs(days)} {unit} {'later' if days > 0 else 'before it was lost'})"
    if days == 0:
        return "날짜(같은 날 습득)"
    return f"날짜({abs(days)}일 {'뒤' if days > 0 else '앞서'} 습득)"


def _particle(word: str, closed: str, open_: str) -> str:
    """The particle that follows a word: by whether its last syllable ends in a consonant."""
    bare = word.partition("(")[0]
    last = ord(bare[-1]) - 0xAC00
    return closed if 0 <= last < 11172 and last % 28 else open_


def _capital(sentence: str) -> str:
    return sentence[:1].upper() + sentence[1:]
