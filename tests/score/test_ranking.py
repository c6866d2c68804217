"""The fused score: brute force over any split, readable weights, reasons in two languages."""

import itertools
import json
import math
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from matching_spark import ClipModel
from matching_spark.domain.facts import EPOCH, Facts
from matching_spark.domain.posts import Filters
from matching_spark.errors import ModelError
from matching_spark.knn.similarity import unit
from matching_spark.score.calibration import (
    FAINTEST,
    SUREST,
    Calibration,
    Weights,
    log_odds,
    sigmoid,
)
from matching_spark.score.components import compare
from matching_spark.score.explain import explain
from matching_spark.score.kinds import (
    ALL,
    ANY,
    DATED,
    FILTERS,
    MODALITIES,
    QUERY_KINDS,
    TOLD,
    kind_name,
)
from matching_spark.score.overlaps import bigrams
from matching_spark.score.store import FILE, find, save
from matching_spark.search.request import QueryItem, Request, Scoring
from matching_spark.search.rerank import merged
from matching_spark.search.scan import scan
from matching_spark.shards.ivf_index import reached, sort_by_cell, train
from matching_spark.shards.shard import load
from tests.support import brute
from tests.support.calibrations import (
    DAY,
    components,
    probability,
    random_calibration,
    random_facts,
)
from tests.support.shards import DIMENSION, with_facts, worlds, write_file


@settings(max_examples=60)
@given(
    worlds(),
    st.integers(1, 50),
    st.one_of(st.none(), st.floats(0, 1)),
    st.sampled_from(["image", "text", "both"]),
    st.sampled_from(["lost", "found"]),
    st.integers(0, 2**32),
)
def test_any_split_gives_brute_force(
    world: tuple[list[brute.Plain], list[int], set[str]],
    k: int,
    threshold: float | None,
    asked: str,
    kind: str,
    seed: int,
) -> None:
    posts, splits, deleted = world
    rng = np.random.default_rng(seed)
    calibration = random_calibration(seed)
    facts = {post.post_id: random_facts(rng) for post in posts}
    queries = []
    for _ in range(3):  # of one block: their facts differ
        first, second = unit(rng.normal(size=(2, DIMENSION)))
        query = brute.Plain(
            "q", first[None] if asked != "text" else first[:0], second if asked != "image" else None
        )
        queries.append((query, random_facts(rng, kind)))
    request = Request(
        tuple(QueryItem(q.photos[0] if len(q.photos) else None, q.text, f) for q, f in queries),
        Filters(kind="found"),
        k,
        Scoring(calibration=calibration, threshold=-1.0 if threshold is None else threshold),
    )
    with tempfile.TemporaryDirectory() as folder:
        parts = []
        for n, (a, b) in enumerate(itertools.pairwise([0, *splits, len(posts)])):
            file = write_file(Path(folder) / f"{n}.parquet", posts[a:b], deleted)
            parts.append(scan(load(with_facts(file, facts), DIMENSION), request))
        answers = merged(parts, request)
    alive = [post for post in posts if post.post_id not in deleted]
    for i, (query, own) in enumerate(queries):
        got = answers[i]
        pairs = {p.post_id: components(query, own, p, facts[p.post_id]) for p in alive}
        each = {post_id: probability(calibration, there) for post_id, there in pairs.items()}
        scored = [(post_id, s) for post_id, s in each.items() if s is not None]
        if threshold is not None:
            if any(abs(s - threshold) < 1e-6 for _, s in scored):
                continue
            scored = [(post_id, s) for post_id, s in scored if s >= threshold]
        want = sorted(scored, key=lambda pair: (-pair[1], pair[0]))
        # Of pairs that differ, and whose contributions cancel out, the last bit may say otherwise.
        near = [(a, b) for a, b in itertools.pairwise(want) if abs(a[1] - b[1]) < 1e-6]
        if any(a[1] != b[1] or pairs[a[0]] != pairs[b[0]] for a, b in near):
            want = [(m.post_id, m.score) for m in got] if len(got) == min(k, len(want)) else want
        assert [m.post_id for m in got] == [p for p, _ in brute.stable(want)][:k]
        for match in got:
            assert match.score == pytest.approx(each[match.post_id], abs=1e-6)
            assert match.components == pytest.approx(pairs[match.post_id], abs=1e-6)


@pytest.mark.parametrize(
    ("asked", "fuses"), [("image", True), ("text", True), ("both", True), ("both", False)]
)
def test_with_cells_whole_posts_are_scored_that_a_side_reaches(
    asked: str, fuses: bool, tmp_path: Path
) -> None:
    """Also a post without a photo by a photo, which the fused score alone can find."""
    rng = np.random.default_rng(4)
    posts = [
        brute.Plain(
            f"p{i:03d}",
            unit(rng.normal(size=(i % 4, DIMENSION))) if i % 4 else np.empty((0, DIMENSION)),
            unit(rng.normal(size=DIMENSION)) if i % 3 else None,
        )
        for i in range(200)
    ]
    shard = load(write_file(tmp_path / "a.parquet", posts, set()), DIMENSION)
    cells = train([shard], "m", 400, 12)
    by_cell = sort_by_cell(shard, cells)
    calibration = random_calibration(1)
    bare = 0
    for _ in range(20):
        image, text = unit(rng.normal(size=(2, DIMENSION)))
        query = QueryItem(None if asked == "text" else image, None if asked == "image" else text)
        scoring = Scoring(calibration=calibration if fuses else None, threshold=-1.0)
        request = Request((query,), Filters(), 200, scoring)
        probed = replace(request, nprobe=2)
        got = merged([scan(by_cell, probed, cells)], probed)[0]

        reaching = [(by_cell.photos, cells.photos, query.image)]
        reaching += [(by_cell.texts, cells.texts, query.image)] if fuses else []
        reaching += [(p, c, query.text) for p, c, _ in reaching[:1]]
        reaching += [(by_cell.texts, cells.texts, query.text)]
        owners = {
            int(owner)
            for part, centroids, vector in reaching
            if vector is not None
            for owner in part.owners[reached(part, centroids, vector, 2)]
        }
        only = frozenset(shard.ids(np.array(sorted(owners))))
        assert got == merged([scan(shard, replace(request, only=only))], request)[0]
        bare += sum(match.matched == "text" for match in got)
    assert bare


@pytest.mark.parametrize("early", [False, True])
def test_with_cells_what_facts_promise_is_found_in_whatever_cell(
    early: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of posts whose photos are all equally near, in cells of their own, facts alone decide."""
    rng = np.random.default_rng(5)
    query = np.eye(DIMENSION, dtype=np.float32)[0]
    aside = unit(rng.normal(size=(400, DIMENSION)) * (query == 0))
    posts = [
        brute.Plain(f"p{i:03d}", 0.8 * query + 0.6 * each[None], None)
        for i, each in enumerate(aside)
    ]
    # All tell something: those that tell nothing are weighed otherwise.
    facts = {post.post_id: replace(random_facts(rng), category="지갑") for post in posts}
    file = with_facts(write_file(tmp_path / "a.parquet", posts, set()), facts)
    shard = load(file, DIMENSION)
    cells = train([shard], "m", 400, 12)
    by_cell = sort_by_cell(shard, cells)
    monkeypatch.setattr("matching_spark.search.scan.PROMISING", 10)
    for seed in range(20):
        asked = replace(random_facts(rng, "lost"), category="지갑")
        first = (DAY - EPOCH).days + 4 if early else None
        item = QueryItem(query, facts=asked, not_before=first)
        scoring = Scoring(calibration=random_calibration(seed), threshold=-1.0)
        request = Request((item,), Filters(), 10, scoring)
        probed = replace(request, nprobe=1)
        part = scan(by_cell, probed, cells)
        assert part.rows < 200
        scores = [
            [match.score for match in merged([each], of)[0]]
            for each, of in ((part, probed), (scan(shard, request), request))
        ]
        assert scores[0] == pytest.approx(scores[1], abs=1e-6)


@given(st.floats(-30, 30))
def test_log_odds_and_back(x: float) -> None:
    assert log_odds(sigmoid(x)) == pytest.approx(x, abs=1e-2)
    assert 0 < sigmoid(x) < 1


def test_what_is_missing_is_missing() -> None:
    whole = Facts("지갑", "검정", "서울", "강남역", None)
    assert compare(whole, Facts()) == {}
    assert compare(whole, Facts("지갑", "기타", "부산", "강남역 2번 출구")) == {
        "category": 1,
        "region": 0,
        "place": 1,
    }
    assert bigrams("역") == {"역"}
    assert bigrams(" ") == frozenset()


def test_a_calibration_is_read_as_it_was_written(tmp_path: Path) -> None:
    calibration = random_calibration(1)
    text = calibration.to_json()
    assert Calibration.from_json(text, "x") == calibration
    of_kinds = len(QUERY_KINDS) * (len(("threshold", "{", ANY, *FILTERS, "}")))
    assert text.count("\n") - of_kinds < 258  # a line a scale or component: readable
    endless = json.loads(text)["scales"]
    endless["text"]["any"]["alike"] = float("nan")
    for change, says in (
        ({"format": 6}, "its format is 6"),
        ({"prior": 1e9}, "1000000000.0 is not between -30 and 30"),
        ({"passes": {}}, "'category'"),
        ({"passes": dict.fromkeys((*FILTERS, DATED), 1.5)}, "1.5 is not between 0 and 1"),
        ({"scales": endless}, "nan is not between"),
        ({"scales": {}}, "'image'"),
        ({"days": [3, 1]}, "its days are not in ascending order"),
        ({"patterns": {}}, "lacks the patterns both-both"),
        ({"thresholds": {}}, "'image'"),
        ({"thresholds": dict.fromkeys(QUERY_KINDS, float("nan"))}, "nan is not between 0 and 1"),
        ({"prior": 10**400}, "too large"),
        ({"prior": "0.5"}, "'0.5' is not a number"),
        ({"days": [True, 2]}, "True is not a number"),
    ):
        with pytest.raises(ModelError, match=says):
            Calibration.from_json(json.dumps(json.loads(text) | change), "x")
    with pytest.raises(ModelError, match=r"x is no calibration .* makes one"):
        Calibration.from_json("{", "x")
    for odd in ({"intercept": True}, {"points": {"place": [["0", 0], [1, 1]]}}):
        held = json.loads(text)
        held["patterns"]["both-both"] |= odd
        with pytest.raises(ModelError, match="is not a number"):
            Calibration.from_json(json.dumps(held), "x")
    # A probability that is 1 in float64 would be shared by many: their order would say nothing.
    sure = json.loads(text)
    for intercept in (SUREST + 1, FAINTEST - 1, math.nan, -math.inf):
        sure["patterns"]["image-image"]["intercept"] = intercept
        with pytest.raises(ModelError, match="log-odds of"):
            Calibration.from_json(json.dumps(sure), "x")
    assert sigmoid(SUREST) < sigmoid(SUREST + 0.01) < 1
    assert 0 < sigmoid(FAINTEST - 0.01) < sigmoid(FAINTEST)


@pytest.mark.parametrize(
    "held",
    ["{}".encode("utf-16")[:-1], b"\xff{}", "판정".encode("cp949") + b"\x80", b"[" * 100_000],
    ids=["cut", "no text", "CP949", "deep"],
)
def test_a_calibration_of_other_bytes_is_named(held: bytes, tmp_path: Path) -> None:
    (tmp_path / FILE).write_bytes(held)
    with pytest.raises(ModelError, match=rf"{tmp_path / FILE} is no calibration"):
        find(str(tmp_path), None, "small-clip")


def test_weights_too_sure_are_held_to_the_surest() -> None:
    lines = {"image-image": ((0.0, -3.0), (0.5, 20.0)), "text-text": ((0.0, 1.0), (1.0, 30.0))}
    held = Weights.sure(-5.0, lines)
    most = sum(max(y for _, y in line) for line in held.points.values())
    assert SUREST - 0.1 < held.intercept + most <= SUREST
    assert held.points["image-image"][0] == (0.0, -3.0), "what speaks against stays"
    few = {"image-image": ((0.0, -3.0), (0.5, 20.0))}
    assert Weights.sure(-5.0, few) == Weights(-5.0, few)


def with_two_kinds(content: dict[str, Any]) -> dict[str, Any]:
    """As formats up to 4 had kinds of query: that tell all, and bare ones."""
    kinds = [f"{has}{end}" for has in MODALITIES for end in ("", " bare")]
    return content | {
        n: {kind: content[n][kind] for kind in kinds} for n in ("scales", "thresholds")
    }


def test_a_calibration_of_format_1_is_read() -> None:
    calibration = random_calibration(3)
    new = ("prior", "below", "passes", "days")
    content = {k: v for k, v in json.loads(calibration.to_json()).items() if k not in new}
    old = with_two_kinds(content) | {"format": 1, "propose": {}, "learnt": {"found": 1000}}
    got = Calibration.from_json(json.dumps(old), "x")
    assert (got.patterns, got.thresholds) == (calibration.patterns, calibration.thresholds)
    assert got.prior == pytest.approx(-np.log(1000))


def test_of_kinds_that_an_older_format_did_not_know_those_hold_that_it_meant() -> None:
    limits = {kind: at / 100 for at, kind in enumerate(QUERY_KINDS)}
    calibration = replace(random_calibration(3), thresholds=limits)
    content = with_two_kinds(json.loads(calibration.to_json())) | {"format": 4}
    got = Calibration.from_json(json.dumps(content), "x")
    for has in MODALITIES:
        for told in TOLD:
            kind, whole, bare = (kind_name(has, of) for of in (told, ALL, ()))
            placed = {"where", "when"}.intersection(told)
            assert got.scales[kind] == calibration.scales[whole if placed else bare]
            sure = len(placed) == 2
            assert got.thresholds[kind] == calibration.thresholds[whole if sure else bare]


NEW = {"hidden": 0.0, "usual": 1.0}  # in format 4


@pytest.mark.parametrize(
    ("old", "lacks", "means"),
    [(2, {"alike", "keen", *NEW}, {"alike": 31.5, "keen": 1.0, **NEW}), (3, {*NEW}, NEW)],
)
def test_a_calibration_of_an_older_format_is_read_as_it_was(
    old: int, lacks: set[str], means: dict[str, float]
) -> None:
    calibration = random_calibration(3)
    content = json.loads(calibration.to_json()) | {"format": old, "alike": 31.5}
    content = with_two_kinds(content)
    content["scales"] = {
        kind: {only: {n: v for n, v in of.items() if n not in lacks} for only, of in by.items()}
        for kind, by in content["scales"].items()
    }
    got = Calibration.from_json(json.dumps(content), "x")
    for told in ((), ALL):
        for kind in (kind_name(has, told) for has in MODALITIES):
            by = calibration.scales[kind]
            assert got.scales[kind] == {only: replace(of, **means) for only, of in by.items()}
    with pytest.raises(ModelError, match="is no calibration"):
        Calibration.from_json(json.dumps(content | {"format": 4}), "x")


def test_a_tables_own_goes_first_and_a_stale_one_is_refused(
    tmp_path: Path, clip: ClipModel
) -> None:
    table = str(tmp_path)
    shipped = find(table, clip, clip.name)
    assert shipped is not None
    assert shipped.learnt["command"] == "matching-spark calibrate demo"
    assert find(table, None, clip.name) is None
    own = random_calibration(2, clip.name)
    save(own, str(tmp_path / FILE))
    assert find(table, clip, clip.name) == own
    save(random_calibration(2, "small-clip@000000000000"), str(tmp_path / FILE))
    with pytest.raises(ModelError, match=r"learnt on vectors of small-clip@0.* learn it again"):
        find(table, clip, clip.name)


@pytest.mark.parametrize(
    ("there", "added", "korean", "english"),
    [
        (
            {"image-image": 0.9, "colour": 1.0, "days": 2.0, "region": 0.0},
            {"image-image": 3.0, "colour": 1.0, "days": 0.9, "region": -2.0},
            "사진이 비슷하고, 색도 일치하고, 분실 2일 뒤에 습득되었습니다. 다만 지역은 다릅니다.",
            "Photo, colour and date (found 2 days later) speak for it; region speaks against it.",
        ),
        (
            {"text-text": 0.8, "text-image": 0.3, "image-text": 0.3},
            {"text-text": 2.0, "text-image": 1.0, "image-text": 1.0},
            "설명이 비슷하고, 사진도 설명과 어울립니다.",
            "Words and photo against words speak for it.",
        ),
        (
            {"text-image": 0.3, "image-image": 0.9, "text-text": 0.8},
            {"text-image": 3.0, "image-image": 2.0, "text-text": 1.0},
            "사진과 설명이 비슷합니다.",
            "Photo against words, photo and words speak for it.",
        ),
        (
            {"days": -6.0, "image-text": 0.1, "image-image": 0.2},
            {"days": -3.0, "image-text": -1.0, "image-image": 2.0},
            "사진이 비슷합니다. 다만 분실일보다 6일 먼저 습득되었고, "
            "사진도 설명과 어울리지 않습니다.",
            "Photo speaks for it; date (found 6 days before it was lost) and photo against words "
            "speak against it.",
        ),
        (
            {"category": 1.0, "colour": 1.0, "region": 1.0, "place": 0.5, "days": 0.0},
            {"category": 3.0, "colour": 2.9, "region": 2.8, "place": 2.7, "days": 2.6},
            "종류, 색, 지역이 일치하고, 장소도 비슷합니다.",  # four at most
            "Kind of thing, colour, region and place speak for it.",
        ),
        (
            {"place": 0.5, "colour": 0.0, "image-image": 0.1},
            {"place": -1.0, "colour": -2.0, "image-image": -0.9},
            "색과 장소가 다르고, 사진도 비슷하지 않습니다.",
            "Colour, place and photo speak against it.",
        ),
        (
            {"days": 0.0, "place": 1.0},
            {"days": 2.0, "place": 1.0},
            "분실 당일에 습득되었고, 장소도 일치합니다.",
            "Date (found the same day) and place speak for it.",
        ),
        (
            {"colour": 1.0},
            {"colour": 0.2},
            "뚜렷하게 같거나 다른 점이 없습니다.",
            "Nothing speaks clearly for it or against it.",
        ),
    ],
)
def test_why_in_one_sentence(
    there: dict[str, float], added: dict[str, float], korean: str, english: str
) -> None:
    assert explain(there, added, "ko") == korean
    assert explain(there, added, "en") == english
