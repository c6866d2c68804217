"""The fused score: brute force over any split, reasons in two languages."""

import itertools
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from matching_spark.domain.facts import EPOCH, Facts
from matching_spark.domain.posts import Filters
from matching_spark.knn.similarity import unit
from matching_spark.score.calibration import (
    log_odds,
    sigmoid,
)
from matching_spark.score.components import compare
from matching_spark.score.explain import explain
from matching_spark.score.overlaps import bigrams
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
