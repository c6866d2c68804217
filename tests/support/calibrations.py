"""Calibrations for tests: random lines of every pattern; brute force's probability of a pair."""

import datetime as dt
import math

import numpy as np

from matching_spark.domain.facts import Facts
from matching_spark.domain.points import Point
from matching_spark.score import components as known
from matching_spark.score.calibration import Calibration, Weights
from matching_spark.score.kinds import ANY, DATED, FILTERS, PATTERNS, QUERY_KINDS, pattern
from matching_spark.score.overlaps import bigrams
from matching_spark.score.posterior import Scale
from tests.support import brute

COSINES = tuple(cosine.name for cosine in known.COSINES)
FACTS = tuple(fact.name for fact in known.FACTS)
DAY = dt.date(2026, 11, 1)
POINTS = (None, (37.4979, 127.0276), (37.5547, 126.9707), (35.1152, 129.0422), (-89.9, -179.9))


def random_calibration(
    seed: int, model: str = "external/8", limit: float = 0.0, rising: bool = False
) -> Calibration:
    """rising: as learnt lines are, those of days excepted; that of kilometres falls."""
    rng = np.random.default_rng(seed)
    knots = dict.fromkeys(COSINES, (-1.0, -0.2, 0.3, 0.9)) | {
        "category": (0.0, 1.0),
        "colour": (0.0, 1.0),
        "region": (0.0, 1.0),
        "place": (0.0, 0.5, 1.0),
        "kilometres": (0.0, 1.0, 10.0, 200.0),
        "days": (-10.0, 0.0, 3.0, 20.0),
        "identifier": (0.0, 1.0),
    }
    patterns = {}
    for name in PATTERNS:
        asks = COSINES if "bare" in name else COSINES + FACTS
        points = {}
        for c in asks:
            heights = rng.normal(0, 1.5, len(knots[c])).clip(-2, 2)  # all of them: under SUREST
            if rising and c != "days":
                heights = np.sort(heights)[:: -1 if c == "kilometres" else 1]
            points[c] = tuple((x, float(y)) for x, y in zip(knots[c], heights, strict=True))
        patterns[name] = Weights(float(rng.normal(-1, 1)), points)
    prior = float(rng.normal(-1, 1))
    passes = {name: float(rng.uniform(0.5, 1)) for name in (*FILTERS, DATED)}
    days = tuple(np.sort(rng.normal(2, 4, 21)).tolist())
    scales = {kind: {only: random_scale(rng) for only in (ANY, *FILTERS)} for kind in QUERY_KINDS}
    limits = dict.fromkeys(QUERY_KINDS, limit)
    learnt = {"from": "a test"}
    return Calibration(model, patterns, limits, prior, scales, passes, days, learnt)


def random_scale(rng: np.random.Generator) -> Scale:
    ranges = ((0.8, 1.3), (-1, 1), (0, 0.2), (0.1, 0.9), (3, 300), (0.7, 1.5), (0, 0.5), (0.1, 2))
    return Scale(*(round(float(rng.uniform(*of)), 3) for of in ranges))


def random_facts(rng: np.random.Generator, kind: str = "found") -> Facts:
    """Facts with some missing."""

    def one_of(*words: str) -> str:
        return str(rng.choice(words))

    day = int(rng.integers(-1, 15))
    return Facts(
        category=one_of("", "지갑", "가방"),
        colour=one_of("", "검정", "파랑", "기타"),
        region=one_of("", "서울", "부산", "기타"),
        place=one_of("", "강남역", "강남역 2번 출구", "역", "GANGNAM", "gang nam"),
        happened_on=None if day < 0 else DAY + dt.timedelta(days=day),
        kind=kind,  # type: ignore[arg-type]
        point=POINTS[rng.integers(len(POINTS))],
        identifiers=one_of("", "", "card-k:a", "card-k:b serial-k:a", "plate-k:c", "card-other:a"),
    )


def components(query: brute.Plain, a: Facts, post: brute.Plain, b: Facts) -> dict[str, float]:
    """Every component of a pair, from its definition; query: its first photo and its words."""
    out: dict[str, float] = {}
    image = query.photos[0] if len(query.photos) else None
    for side, vector in (("image", image), ("text", query.text)):
        if vector is None:
            continue
        if len(post.photos):
            out[f"{side}-image"] = max(brute.similarity(vector, p, "cosine") for p in post.photos)
        if post.text is not None:
            out[f"{side}-text"] = brute.similarity(vector, post.text, "cosine")
    return out | fact_components(a, b)


def place_share(a: str, b: str) -> float:
    """Of names that tests draw: the Latin ones of them are 강남, in any case, and no more."""
    p, q = bigrams(a), bigrams(b)
    latin = [name.replace(" ", "").lower() == "gangnam" for name in (a, b)]
    if latin[0] != latin[1] and "강남" in a + b:
        return 1.0
    return len(p & q) / min(len(p), len(q))


def fact_components(a: Facts, b: Facts) -> dict[str, float]:
    """Those of a query's facts and a post's."""
    out: dict[str, float] = {}
    for name in ("category", "colour", "region"):
        x, y = getattr(a, name), getattr(b, name)
        if x not in ("", "기타") and y not in ("", "기타"):
            out[name] = 1.0 if x == y else 0.0
    if a.point and b.point:
        out["kilometres"] = great_circle(a.point, b.point)
    elif a.place and b.place:
        out["place"] = place_share(a.place, b.place)
    if a.happened_on and b.happened_on:
        out["days"] = float((b.happened_on - a.happened_on).days * (1 if a.kind == "lost" else -1))
    return out | identifiers(a, b)


def identifiers(a: Facts, b: Facts) -> dict[str, float]:
    mine, theirs = (set(each.identifiers.split()) for each in (a, b))
    if mine & theirs:
        return {"identifier": 1.0}
    kinds = ({each.partition(":")[0] for each in side} for side in (mine, theirs))
    return {"identifier": 0.0} if set.intersection(*kinds) else {}


def great_circle(a: Point, b: Point) -> float:
    """Kilometres by the haversine formula, on a ball of the Earth's mean radius."""
    (p, x), (q, y) = (tuple(map(math.radians, each)) for each in (a, b))
    root = math.sin((q - p) / 2) ** 2 + math.cos(p) * math.cos(q) * math.sin((y - x) / 2) ** 2
    return 2 * 6371.0088 * math.asin(math.sqrt(root))


def probability(calibration: Calibration, there: dict[str, float]) -> float | None:
    """By numpy's interpolation, not by the code under test; None without a vector component."""
    if not set(there) & set(COSINES):
        return None
    weights = calibration.patterns[pattern(there)]
    total = weights.intercept + sum(
        float(np.interp(value, *np.array(weights.points[name]).T))
        for name, value in there.items()
        if name in weights.points
    )
    return float(1 / (1 + np.exp(-total)))
