"""All lost x found: brute force's pairs, kept exactly, also when only what is new is computed."""

import datetime as dt
from contextlib import AbstractContextManager
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyspark.sql import DataFrame, SparkSession

from matching_spark import Filters, PostsTable, Query, SearchOptions, SimilarityEngine
from matching_spark.config import Cache, Hadoop, Matching
from matching_spark.matching import matches_table
from matching_spark.matching.decisions import Decision, Told, Verdict, store, take_in
from matching_spark.matching.matcher import (  # where blocks end shows in no answer
    Matcher,
    MatchRules,
    _split,
)
from matching_spark.matching.pairs import described
from matching_spark.score.store import FILE, save
from matching_spark.table.metadata import current_metadata
from tests.support.calibrations import random_calibration
from tests.support.posts import K, Posts, ingest


def kept(matcher: Matcher) -> dict[str, list[tuple[str, float]]]:
    out: dict[str, list[tuple[str, float]]] = {}
    for row in matches_table.kept(matcher).orderBy("lost_id", "rank").collect():
        pairs = out.setdefault(row["lost_id"], [])
        pairs.append((row["found_id"], row["score"]))
        assert row["rank"] == len(pairs)
    return out


def assert_same(
    got: dict[str, list[tuple[str, float]]], want: dict[str, list[tuple[str, float]]]
) -> None:
    assert {i: [p for p, _ in pairs] for i, pairs in got.items()} == {
        i: [p for p, _ in pairs] for i, pairs in want.items()
    }
    for lost_id, pairs in want.items():
        np.testing.assert_allclose([s for _, s in got[lost_id]], [s for _, s in pairs], atol=1e-6)


def last_commit(uri: str) -> str:
    metadata = current_metadata(uri, matches_table.NAME)
    assert metadata is not None
    return metadata.metadata_location


def pairs_of(lists: dict[str, list[tuple[str, float]]]) -> set[tuple[str, str]]:
    return {(lost_id, found_id) for lost_id, pairs in lists.items() for found_id, _ in pairs}


@pytest.mark.long
@pytest.mark.parametrize(("kind", "threshold"), [("cosine", None), ("fused", 0.2)])
def test_new_gives_what_a_full_run_gives(
    spark: SparkSession, tmp_path: Path, kind: str, threshold: float | None
) -> None:
    posts = Posts(seed=4 if threshold is None else 5)
    uri = str(tmp_path / "t")
    ingest(posts.draw("lost", list(range(12))), uri, spark, tmp_path)
    ingest(posts.draw("found", list(range(40))), uri, spark, tmp_path)
    calibration = random_calibration(1) if kind == "fused" else None
    if calibration is not None:
        save(calibration, f"{uri}/{FILE}")
    rules = MatchRules(K, threshold, settings=Matching(grace_days=2, block_posts=5))

    def matcher() -> Matcher:
        return SimilarityEngine(PostsTable.open(uri, spark, Hadoop()), cache=Cache()).matcher(rules)

    def wanted() -> dict[str, list[tuple[str, float]]]:
        return posts.expected(threshold, 2, calibration)

    def say(pair: tuple[str, str], verdict: Verdict) -> None:
        store(PostsTable.open(uri, spark, Hadoop()), [Decision(*pair, verdict, "a test")])
        posts.verdicts[pair] = verdict

    def unsay(pair: tuple[str, str]) -> None:
        told = Told(
            *pair, "unsure", "a test", dt.datetime.now(dt.UTC), "event of " + " ".join(pair)
        )
        assert take_in(PostsTable.open(uri, spark, Hadoop()), [told]) == 1
        del posts.verdicts[pair]

    first = matches_table.update(matcher(), new=True)
    want = wanted()
    assert_same(kept(matcher()), want)
    assert (first.full, first.pairs, first.added) == (
        True,
        sum(map(len, want.values())),
        first.pairs,
    )
    commit = last_commit(uri)
    again = matches_table.update(matcher())
    assert (again.pairs, again.added, again.removed) == (first.pairs, 0, 0)
    assert last_commit(uri) == commit
    held = {row["score_kind"] for row in matches_table.kept(matcher()).collect()}
    assert held == {kind}

    # New ones of both kinds, a changed one, members of lists and a lost post that go; a pair of a
    # list rejected, one confirmed, and one that no rule would propose confirmed too.
    lists = {lost_id: [i for i, _ in pairs] for lost_id, pairs in want.items()}
    a, b, c = [lost_id for lost_id, pairs in lists.items() if len(pairs) == K][-3:]
    say((a, lists[a][0]), "rejected")
    say((b, lists[b][0]), "confirmed")
    unlikely = next(row["post_id"] for row in posts.open("found") if row["post_id"] not in lists[c])
    say((c, unlikely), "confirmed")
    ingest(posts.draw("found", [3, *range(40, 50)]), uri, spark, tmp_path)
    ingest(posts.draw("lost", [2, 12]), uri, spark, tmp_path)
    members = [pairs[0][0] for pairs in want.values()][:3]
    gone = [*members, "lost005"]
    PostsTable.open(uri, spark, Hadoop()).set_status(gone, "claimed")
    for post_id in gone:
        posts.rows[post_id]["status"] = "claimed"
    before, want = pairs_of(want), wanted()
    report = matches_table.update(matcher(), new=True)
    assert not report.full
    assert_same(kept(matcher()), want)
    now = pairs_of(want)
    assert (report.pairs, report.added, report.removed) == (
        len(now),
        len(now - before),
        len(before - now),
    )
    full = matches_table.update(matcher())
    assert (full.full, full.added, full.removed) == (True, 0, 0)

    # The last word counts: what was confirmed is rejected, what was rejected confirmed.
    say((a, lists[a][0]), "confirmed")
    say((c, unlikely), "rejected")
    assert not matches_table.update(matcher(), new=True).full
    assert_same(kept(matcher()), wanted())
    # What is taken back was never said: the pairs stand where the rules have them, or nowhere.
    proposed = min(pairs_of(wanted()) - posts.verdicts.keys())
    say(proposed, "rejected")
    say((c, unlikely), "confirmed")
    matches_table.update(matcher(), new=True)
    assert proposed not in pairs_of(kept(matcher()))
    for pair in [proposed, (a, lists[a][0]), (b, lists[b][0]), (c, unlikely)]:
        unsay(pair)
    assert not matches_table.update(matcher(), new=True).full
    assert proposed in pairs_of(wanted())
    assert (c, unlikely) not in pairs_of(wanted())
    assert_same(kept(matcher()), wanted())
    # Other rules are another answer: the last run says nothing of it.
    other = MatchRules(K, threshold, any_category=True, settings=rules.settings)
    othered = SimilarityEngine(PostsTable.open(uri, spark, Hadoop()), cache=Cache()).matcher(other)
    assert matches_table.update(othered, new=True).full


@given(st.integers(1, 5000), st.integers(1, 2000), st.integers(1, 64))
def test_blocks_cover_a_file_and_keep_the_cores_busy(records: int, most: int, cores: int) -> None:
    bounds, groups = _split(records, most, cores)
    sizes = np.diff(bounds)
    assert (bounds[0], bounds[-1]) == (0, records)
    assert sizes.min() > 0
    assert sizes.max() <= most
    assert len(sizes) * groups >= cores


@pytest.mark.long
def test_a_pair_has_the_probability_that_a_search_for_its_lost_post_tells(
    spark: SparkSession, tmp_path: Path
) -> None:
    """Of as many posts that could be found: all open found ones, for each has a photo or words."""
    posts, uri = Posts(seed=8), str(tmp_path / "t")
    both = posts.draw("lost", list(range(4))) + posts.draw("found", list(range(30)))
    undated = [row | {"happened_on": None} for row in both]  # else some pairs are of no match
    closed = [row | {"status": "claimed"} for row in posts.draw("found", list(range(30, 40)))]
    ingest(undated + closed, uri, spark, tmp_path)
    save(random_calibration(3), f"{uri}/{FILE}")
    engine = SimilarityEngine(PostsTable.open(uri, spark, Hadoop()), "memory", cache=Cache())
    matcher = engine.matcher(MatchRules(50, 0.0, any_category=True))
    matches_table.update(matcher)
    told: dict[str, dict[str, float | None]] = {}
    for pair in described(matcher):
        told.setdefault(pair.lost["post_id"], {})[pair.found["post_id"]] = pair.probability
    options = SearchOptions(Filters(kind="found"), top_k=50, threshold=0.0)
    found = engine.search([Query(post_id=lost_id) for lost_id in told], options)
    assert len(told) == 4
    for of_lost, result in zip(told.values(), found, strict=True):
        assert len(of_lost) == 30
        assert of_lost == pytest.approx({m.post_id: m.probability for m in result.matches})


def test_of_two_runs_at_once_one_adds_the_pairs(
    spark: SparkSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    posts, uri = Posts(seed=8), str(tmp_path / "t")
    ingest(posts.draw("lost", [0, 1]) + posts.draw("found", list(range(6))), uri, spark, tmp_path)
    compare, lock = Matcher.pairs, PostsTable.writing
    done: list[tuple[int, int, int]] = []

    def run() -> None:
        engine = SimilarityEngine(PostsTable.open(uri, spark, Hadoop()), cache=Cache())
        report = matches_table.update(engine.matcher(MatchRules(K, 0.0, any_category=True)))
        done.append((report.pairs, report.added, report.removed))

    def pairs(matcher: Matcher) -> DataFrame:
        monkeypatch.setattr(Matcher, "pairs", compare)
        monkeypatch.setattr(PostsTable, "writing", writing)
        return compare(matcher)

    def writing(table: PostsTable) -> AbstractContextManager[None]:
        monkeypatch.setattr(PostsTable, "writing", lock)
        run()
        return lock(table)

    monkeypatch.setattr(Matcher, "pairs", pairs)
    run()
    total = done[0][0]
    assert total > 0
    assert done == [(total, total, 0), (total, 0, 0)]
