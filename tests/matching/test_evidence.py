"""A table of the drawn world: fused search on both runners, decisions, expiry, duplicates."""

import datetime as dt
import json
from collections.abc import Iterable
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from matching_spark import ClipModel, Filters, Post, PostsTable, Query, Settings, SimilarityEngine
from matching_spark.cli.app import app
from matching_spark.config import Cache, Hadoop
from matching_spark.demo.world import World
from matching_spark.errors import InputError, ModelError, UsageError
from matching_spark.evaluation.labelled import held_out
from matching_spark.ingest.over import Rules
from matching_spark.ingest.pipeline import ingest_posts
from matching_spark.knn.similarity import SAME, Float32, Float64, pair_scores, unit
from matching_spark.matching.decisions import Decision, checked, latest, store, truth
from matching_spark.matching.duplicates import _pairs, _Photo, duplicates
from matching_spark.matching.matcher import MatchRules
from matching_spark.matching.retention import expiring
from matching_spark.operations.evaluate import calibrate
from matching_spark.score.store import FILE, SELF, read, save, shipped
from tests.support.calibrations import place_share, random_calibration
from tests.support.found import hits_of


def run(*arguments: str, capsys: pytest.CaptureFixture[str]) -> Any:
    app(list(arguments), standalone_mode=False)
    return json.loads(capsys.readouterr().out)


def test_either_runner_gives_the_same(
    spark: SparkSession, clip: ClipModel, world: World, stored: str
) -> None:
    queries = [
        Query(image=world.query_photo),
        Query(text="검정 지갑", colour="검정", region="서울"),
        Query(
            image=world.query_photo,
            text="가방 분실",
            category="가방",
            place="강남역",
            happened_on=dt.date(2026, 11, 1),
        ),
    ]
    where = Filters(kind="found")
    here = SimilarityEngine(PostsTable.open(stored), "memory", clip, cache=Cache())
    there = SimilarityEngine(PostsTable.open(stored, spark, Hadoop()), "spark", clip, cache=Cache())
    by_memory = hits_of(here, queries, where=where)
    assert hits_of(there, queries, where=where, score="fused") == by_memory
    assert all(len(matches) == 10 for matches in by_memory)
    best = by_memory[2][0]
    assert 0 < (best.probability or 0) < 1
    assert set(best.contributions) == set(best.components)
    assert best.band in ("propose", "ask", "below")
    cosine = hits_of(here, queries[:1], where=where, score="cosine")[0]
    assert cosine[0].probability is None
    assert set(cosine[0].components) == {"image-image"}
    with pytest.raises(UsageError, match="euclidean"):
        hits_of(here, queries, score="fused", metric="euclidean")
    with pytest.raises(InputError, match="score 'dot' is not known"):
        hits_of(here, queries, score="dot")
    with pytest.raises(InputError, match="colour '무지개' is not known"):
        Query(text="x", colour="무지개")


def test_what_is_told_on_the_command_line_weighs(
    clip: ClipModel, world: World, stored: str, capsys: pytest.CaptureFixture[str]
) -> None:
    here = ("--table", stored, "--runner", "memory", "--threshold", "0")
    asked = ("search", "--image", str(world.query_photo), *here, "--colour", "black")
    day = dt.date(2026, 11, 1)
    told = run(*asked, "--weigh", "--place", "강남역", "--lost-on", "2026-11-01", capsys=capsys)
    query = Query(image=world.query_photo, colour="검정", place="강남역", happened_on=day)
    engine = SimilarityEngine(PostsTable.open(stored), "memory", clip, cache=Cache())
    want = hits_of(engine, [query], 10, where=Filters(kind="found"), threshold=0.0)[0]
    assert [(m["post_id"], m["score"]) for m in told["results"]] == [
        (m.post_id, m.score) for m in want
    ]
    assert {m["colour"] for m in told["results"]} > {"검정"}
    filtered = run(*asked, capsys=capsys)["results"]
    assert {m["colour"] for m in filtered} == {"검정"}
    alone = Query(image=world.query_photo, colour="검정")
    where = Filters(kind="found", colour="검정")
    assert [m["score"] for m in filtered] == [
        m.score for m in hits_of(engine, [alone], 10, where=where, threshold=0.0)[0]
    ]
    with pytest.raises(UsageError, match="--post has its own facts"):
        app(["search", "--post", "x", "--place", "y", "--table", stored], standalone_mode=False)
    assert run(*asked, "--score", "cosine", "--weigh", capsys=capsys)["score_kind"] == "cosine"


def test_a_stale_calibration_is_refused_aloud(
    clip: ClipModel, own: str, caplog: pytest.LogCaptureFixture
) -> None:
    save(random_calibration(1, "small-clip@000000000000"), f"{own}/{FILE}")
    engine = SimilarityEngine(PostsTable.open(own), "memory", clip, cache=Cache())
    with pytest.raises(ModelError, match="learn it again"):
        engine.scoring("fused")
    assert engine.scoring(None).calibration is None
    assert "scoring by cosine" in caplog.text


def test_evaluate_and_calibrate_from_truth_and_decisions(
    spark: SparkSession,
    world: World,
    own: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    truth = str(world.truth)
    report = run("evaluate", truth, "--table", own, capsys=capsys)
    assert report["lost"] == 10
    assert report["split"].startswith("held out: all of it")
    assert report["scores"]["fused"]["recall@1"]["value"] >= 0.8

    table = PostsTable.open(own, spark, Hadoop())
    with pytest.raises(InputError, match="has no decisions"):
        app(["evaluate", "decisions", "--table", own], standalone_mode=False)
    rows = [json.loads(line) for line in world.truth.read_text("utf-8").splitlines()]
    for row in rows[:6]:
        said = Decision(
            row["lost_id"], row["found_id"], "confirmed" if row["same"] else "rejected", "a test"
        )
        store(table, [checked(table, said)])
    assert len(latest(own)) == 6
    with pytest.raises(InputError, match="give the lost post first"):
        checked(table, Decision(rows[0]["found_id"], rows[0]["lost_id"], "rejected", "a test"))
    with pytest.raises(InputError, match="there is no post 'x'"):
        checked(table, Decision("x", rows[0]["found_id"], "rejected", "a test"))
    decided = run("evaluate", "decisions", "--table", own, capsys=capsys)
    assert decided["true_pairs"] == sum(row["same"] for row in rows[:6])

    with pytest.raises(InputError, match="no weights of its own"):
        app(["calibrate", "--reset", "--table", own], standalone_mode=False)
    with pytest.raises(InputError, match=r"10 lost and \d+ found posts; .* takes 200 lost"):
        app(["calibrate", "self", "--table", own], standalone_mode=False)
    learnt = run("calibrate", truth, "--table", own, capsys=capsys)
    assert learnt["split"].startswith("held out: 30 %")
    held = sum(held_out(lost_id) for lost_id in {row["lost_id"] for row in rows})
    assert learnt["lost"] == held
    assert learnt["lists"]["share_here"] == (held + 1) / (held + 2), "of those that are held out"
    again = run("evaluate", truth, "--table", own, capsys=capsys)
    assert again["scores"] == learnt["scores"]  # the same held-out posts, nothing else
    kept = (Path(own) / FILE).read_bytes()
    for others in ("decisions", "self"):  # neither of them starts from what the file has taught
        with pytest.raises(
            InputError, match=f"from {truth}, which `calibrate {others}` .* --reset"
        ):
            app(["calibrate", others, "--table", own], standalone_mode=False)
    assert (Path(own) / FILE).read_bytes() == kept
    assert run("calibrate", "--reset", "--table", own, capsys=capsys) == {
        "table": own,
        "fused": True,
    }
    assert run("evaluate", truth, "--table", own, capsys=capsys) == report, (
        "as before it was learnt"
    )


@pytest.mark.parametrize("words_alone", [False, True])
def test_of_few_decisions_what_cannot_be_measured_is_not(
    spark: SparkSession,
    world: World,
    own: str,
    capsys: pytest.CaptureFixture[str],
    words_alone: bool,
) -> None:
    """They are learnt from all the same; and no figure is NaN, which no JSON has, or one of none.
    words_alone: the one pair that is held out has no photo on its lost side."""
    table = PostsTable.open(own, spark, Hadoop())
    photos = {
        row["post_id"]: row["n"]
        for row in table.frame().select("post_id", F.size("photos").alias("n")).collect()
    }
    rows = [json.loads(line) for line in world.truth.read_text("utf-8").splitlines()]
    true = [(row["lost_id"], row["found_id"]) for row in rows if row["same"]]
    held = [pair for pair in true if held_out(pair[0])]
    fit = [pair for pair in true if not held_out(pair[0])]
    measured = next(pair for pair in held if bool(photos[pair[0]]) != words_alone)

    def confirm(pair: tuple[str, str]) -> None:
        store(table, [checked(table, Decision(*pair, "confirmed", "a test"))])

    confirm(measured)
    with pytest.raises(InputError, match="decisions leaves no pair to learn from"):
        app(["calibrate", "decisions", "--table", own], standalone_mode=False)
    assert not (Path(own) / FILE).exists()
    confirm(fit[0])
    app(["calibrate", "decisions", "--table", own], standalone_mode=False)
    report = json.loads(capsys.readouterr().out, parse_constant=pytest.fail)
    assert report["learnt"]["true_pairs"] == report["lost"] == 1
    assert ("scores" in report["where_both_have_photos"]) != words_alone

    store(table, [Decision(*measured, "rejected", "a test")])
    learnt = run("calibrate", "decisions", "--table", own, capsys=capsys)
    assert learnt.keys() == {"model", "learnt", "split"}
    assert learnt["split"].startswith("not measured, for no true pair is held out")
    assert read(f"{own}/{FILE}").learnt == learnt["learnt"]
    with pytest.raises(InputError, match="decisions has no true pair to measure on"):
        app(["evaluate", "decisions", "--table", own], standalone_mode=False)


def test_what_is_no_base_is_named_and_the_models_serves(
    own: str, world: World, caplog: pytest.LogCaptureFixture
) -> None:
    place = Path(own) / SELF
    for text in ("{", random_calibration(1, "small-clip@000000000000").to_json()):
        place.write_text(text)
        report = calibrate(Settings(table=own), str(world.truth)).to_dict()
        assert report["learnt"]["base"] == shipped().learnt["from"]
        assert f"{place} is passed over" in caplog.text
        caplog.clear()


@pytest.mark.parametrize("left", [[SELF], [FILE, SELF]])
def test_a_reset_takes_what_was_learnt_without_labels_too(
    own: str, capsys: pytest.CaptureFixture[str], left: list[str]
) -> None:
    """Else the next decisions would sharpen it; it may stand alone, where a run was cut off."""
    for name in left:
        (Path(own) / name).write_text(shipped().to_json())
    run("calibrate", "--reset", "--table", own, capsys=capsys)
    assert not [name for name in (FILE, SELF) if (Path(own) / name).exists()]


@pytest.mark.parametrize("asked", ["self", "--reset"])
def test_without_labels_there_is_no_report_to_write(own: str, tmp_path: Path, asked: str) -> None:
    report = tmp_path / "report.json"
    with pytest.raises(UsageError, match="here there are none"):
        app(["calibrate", asked, "--table", own, "--output", str(report)], standalone_mode=False)
    assert not report.exists()


def test_expiring_is_by_the_day_it_was_found(stored: str) -> None:
    rows = [row for shard in PostsTable.open(stored).shards() for row in shard.metadata.to_pylist()]
    found = [row for row in rows if row["kind"] == "found" and row["status"] == "open"]
    days = sorted(row["happened_on"] for row in found)
    until = days[len(days) // 2] + dt.timedelta(days=183)
    got = expiring(PostsTable.open(stored), 183, until)
    want = {r["post_id"] for r in found if r["happened_on"] + dt.timedelta(days=183) <= until}
    assert {e.post_id for e in got} == want
    assert got == sorted(got, key=lambda e: e.expires_on)
    assert expiring(PostsTable.open(stored), 183, days[0] + dt.timedelta(days=182)) == []


def test_a_confirmed_pair_without_a_common_part_stays(
    own: str, clip: ClipModel, spark: SparkSession
) -> None:
    """By cosine a lost post with a photo is asked by it, which no post of words alone has."""
    table = PostsTable.open(own, spark, Hadoop())
    rows = table.frame().select("post_id", "kind", F.size("photos").alias("n")).collect()
    lost = next(r["post_id"] for r in rows if r["kind"] == "lost" and r["n"])
    ingest_posts([Post(found := "words", "found", "지갑", title="지갑 습득")], table, clip)
    store(table, [Decision(lost, found, "confirmed", "a test")])
    engine = SimilarityEngine(table, "memory", cache=Cache())
    pairs = engine.matcher(MatchRules(score="cosine")).pairs().where(F.col("lost_id") == lost)
    kept = {row["found_id"]: (row["score"], row["components"]) for row in pairs.collect()}
    assert kept[found] == (-1.0, {}), "last, with nothing said of it"


def test_what_was_said_of_an_id_that_is_now_of_the_other_kind_counts_no_more(
    own: str, clip: ClipModel, spark: SparkSession
) -> None:
    """Neither for the matches and what is told of them, nor as truth; of other pairs all stays."""
    table = PostsTable.open(own, spark, Hadoop())
    rows = table.frame().where("status = 'open'").select("post_id", "kind").collect()
    lost, found = ([r["post_id"] for r in rows if r["kind"] == kind] for kind in ("lost", "found"))
    said = [(lost[0], found[0]), (lost[1], found[1]), (lost[2], found[2])]
    store(table, [Decision(*pair, "confirmed", "a test") for pair in said])
    turned = [Post(found[0], "lost", "지갑", title="지갑"), Post(lost[1], "found", title="우산")]
    report = ingest_posts(turned, table, clip, rules=Rules(replace=True))
    assert report.rejects == ()
    assert truth(table) == {lost[2]: {found[2]: True}}
    pairs = SimilarityEngine(table, "memory", cache=Cache()).matcher(MatchRules()).pairs()
    kept = {(row["lost_id"], row["found_id"]) for row in pairs.collect()}
    assert kept & set(said) == {said[2]}
    kinds = table.kinds(post_id for pair in kept for post_id in pair)
    assert {(kinds[a], kinds[b]) for a, b in kept} == {("lost", "found")}
    other = [Post(found[2], "found", "우산", title="다른 우산")]
    ingest_posts(other, table, clip, rules=Rules(replace=True))
    assert truth(table) == {lost[2]: {found[2]: True}}, "of the same kind, as docs/evidence.md says"
    found_again = [Post(found[2], "lost", "지갑", title="지갑")]
    ingest_posts(found_again, table, clip, rules=Rules(replace=True))
    with pytest.raises(InputError, match="has no decisions"):
        truth(table)


def test_duplicates_are_brute_forces(stored: str) -> None:
    table = PostsTable.open(stored)
    posts = []
    for shard in table.shards():
        for row, meta in enumerate(shard.metadata.to_pylist()):
            image, _ = shard.parts(row)
            if image is not None:
                posts.append((meta, image))
    want = set()
    for i, (a, x) in enumerate(posts):
        for b, y in posts[i + 1 :]:
            alike = float(np.dot(x, y)) >= 0.3
            same = (a["kind"], a["happened_on"], a["place"]) == (
                b["kind"],
                b["happened_on"],
                b["place"],
            )
            if alike and same:
                want.add(frozenset((a["post_id"], b["post_id"])))
    for photo in posts[0][1], posts[1][1]:  # the same photo is one at 1 too
        twice = [_Photo(i, "강남역 2번 출구", "서울", photo) for i in "ab"]
        assert [s for *_, each, _ in _pairs(twice, 1.0, 10) for s in each] == [pytest.approx(1)]
    got, total = duplicates(table, 0.3, Filters())
    assert total == len(got)
    assert want <= {frozenset((d.post_id, d.other_id)) for d in got}
    assert all(d.score >= 0.3 and d.post_id < d.other_id for d in got)
    assert len({frozenset((d.post_id, d.other_id)) for d in got}) == len(got)


def test_the_most_similar_duplicates_are_shown_and_the_others_counted(
    own: str, clip: ClipModel, world: World, spark: SparkSession
) -> None:
    table = PostsTable.open(own, spark, Hadoop())
    day, photo = dt.date(2026, 11, 1), str(world.query_photo)
    twice = [
        Post(f"twice-{n}", "lost", place="강남역", happened_on=day, photos=(photo,))
        for n in range(5)
    ]
    assert ingest_posts(twice, table, clip).rejects == ()
    every, total = duplicates(table, 0.98, Filters(kind="lost"))
    assert total == len(every) == 10
    assert [(d.post_id, d.other_id) for d in every] == sorted(
        (d.post_id, d.other_id) for d in every
    )
    for most in (1, 3, 9, 10, 11):
        assert duplicates(table, 0.98, Filters(kind="lost"), most) == (every[:most], total)


@given(st.data())
def test_pairs_of_one_place_are_brute_forces(data: st.DataObject) -> None:
    """Also without a name or a region, and of equal photos; in blocks of any length."""
    names = st.sampled_from(
        ["", "강", "강남역", "강남역 2번 출구", "GANGNAM", "gangnam 역", "홍대"]
    )
    regions = st.sampled_from(["", "서울", "부산"])
    drawn = data.draw(st.lists(st.tuples(names, regions, st.integers(0, 3)), min_size=1))
    vectors = np.random.default_rng(1).normal(size=(4, 8)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    photos = [
        _Photo(f"{n:03}", place, region, vectors[v]) for n, (place, region, v) in enumerate(drawn)
    ]

    def of_one_place(a: _Photo, b: _Photo) -> bool:
        if not a.place or not b.place:
            return a.region == b.region != ""
        return place_share(a.place, b.place) > 0.5

    threshold = data.draw(st.sampled_from([-1.0, 0.1, 1.0]))
    want = {
        (i, j): float(pair_scores(a.vector, b.vector[None])[0])
        for (i, a), (j, b) in combinations(enumerate(photos), 2)
        if of_one_place(a, b)
    }
    with pytest.MonkeyPatch.context() as patch:
        block = data.draw(st.integers(1, 7))
        patch.setattr("matching_spark.matching.duplicates.BLOCK", block)
        most = data.draw(st.integers(1, 30))
        blocks = list(_pairs(photos, threshold, most))
    got = [each for *block, _ in blocks for each in zip(*(a.tolist() for a in block), strict=True)]
    assert len({(i, j) for i, j, _ in got}) == len(got)
    want = {pair: s for pair, s in want.items() if s >= min(threshold, SAME)}
    assert len(got) + sum(others for *_, others in blocks) == len(want)
    assert {(i, j): s for i, j, s in got}.items() <= want.items()

    def best(pairs: Iterable[tuple[int, int, float]]) -> list[tuple[int, int, float]]:
        return sorted(pairs, key=lambda pair: (-pair[2], *pair[:2]))[:most]

    assert best(got) == best((*pair, s) for pair, s in want.items())


@pytest.fixture
def compared(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many pairs of photos each call compares in float64."""
    rows: list[int] = []

    def counted(query: Float32, those: Float32) -> Float64:
        rows.append(len(those))
        return pair_scores(query, those)

    monkeypatch.setattr("matching_spark.matching.duplicates.pair_scores", counted)
    return rows


def test_one_picture_in_thousands_of_posts_is_no_thousands_of_comparisons(
    compared: list[int],
) -> None:
    """Neither of vectors nor of names: what is done for each pair is numpy's."""
    photo = np.full(4, 0.5, np.float32)
    photos = [_Photo(f"{n:04}", f"{n // 2} 번지", "서울", photo) for n in range(3000)]
    assert sum(len(scores) for *_, scores, _ in _pairs(photos, 0.98, 10_000)) >= 1500
    assert sum(compared) <= 3


def test_pictures_that_are_all_near_are_no_thousands_of_comparisons(compared: list[int]) -> None:
    """In float64 only those are that may be shown, or that the threshold may part."""
    vectors = unit(1 + 0.05 * np.random.default_rng(1).normal(size=(1000, 64)))
    photos = [_Photo(f"{n:04}", "강남역", "서울", v) for n, v in enumerate(vectors)]
    blocks = list(_pairs(photos, 0.9, 100))
    assert sum(len(scores) + others for *_, scores, others in blocks) == 1000 * 999 // 2
    assert sum(compared) < 2000
