"""The realistic world: troubles at the rates of its table, a truth that says what is not there."""

import hashlib
import json
import re
from collections import Counter
from collections.abc import Collection
from dataclasses import replace
from math import sqrt
from pathlib import Path

import numpy as np
import pytest

from matching_spark import ClipModel, Settings
from matching_spark.demo.dealt import Dealt, Shot, Told, deal
from matching_spark.demo.draw import SMALL
from matching_spark.demo.labelled import FIT, Worlds, held_out
from matching_spark.demo.sites import REGION_SHARES, a_site, sites
from matching_spark.demo.troubles import (
    COLOURS,
    NEIGHBOUR_CATEGORIES,
    NEIGHBOUR_COLOURS,
    SHARES,
    Telling,
    Troubles,
)
from matching_spark.demo.words import DETAILS
from matching_spark.demo.world import draw_world
from matching_spark.domain.facts import Facts
from matching_spark.domain.identifiers import Seal
from matching_spark.domain.personal import numbers
from matching_spark.domain.posts import Post
from matching_spark.domain.vocabulary import CATEGORY, COLOUR, REGION
from matching_spark.errors import InputError, UsageError
from matching_spark.evaluation.labelled import MAX_PAIRS, NOT_HERE, read_truth
from matching_spark.operations.evaluate import evaluate
from matching_spark.score.components import compare

RATES = Troubles()
TRUE = Telling(**dict.fromkeys(Telling.__dataclass_fields__, 0.0))
NO_TROUBLE = Troubles(
    twice=0, elsewhere=0, region_away=0, same_day=1, misdated=0, common={}, lost=TRUE, found=TRUE
)


@pytest.fixture(scope="module")
def dealt() -> Dealt:
    return deal(1, 3000, 3000)


def pairs(world: Dealt) -> list[tuple[Told, Told]]:
    """Every lost post with each found post of its thing."""
    found = {told.post.post_id: told for told in world.found}
    lost = {told.post.post_id: told for told in world.lost}
    return [
        (lost[a], found[b]) for a, said in world.truth.items() for b, same in said.items() if same
    ]


def shots(*posts: Told) -> list[Shot]:
    return [shot for told in posts for shot in told.shots if isinstance(shot, Shot)]


def is_share(hits: Collection[bool], rate: float) -> None:
    """Within four standard errors of its binomial: one such test in 16,000 is off by chance."""
    n = len(hits)
    assert abs(sum(hits) / n - rate) <= 4 * sqrt(rate * (1 - rate) / n) + 1e-9, (sum(hits), n, rate)


def test_same_seed_same_world(dealt: Dealt) -> None:
    other = deal(2, 300, 300)
    assert other == deal(2, 300, 300) != deal(3, 300, 300)
    mine, theirs = (shots(*world.lost, *world.found) for world in (dealt, other))
    assert not {s.item for s in mine} & {s.item for s in theirs}, "no two seeds share a thing"
    shot = theirs[0]
    assert shot.draw(SMALL) == replace(shot).draw(SMALL)


def test_truth_is_of_every_lost_post(dealt: Dealt) -> None:
    assert len(dealt.lost) == len(dealt.found) == 3000
    assert [told.post.post_id for told in dealt.lost] == sorted(dealt.truth)
    ids = [told.post.post_id for told in dealt.found]
    assert len(set(ids)) == len(ids)
    absent = [lost for lost, said in dealt.truth.items() if said == {NOT_HERE: False}]
    assert len(absent) == round(3000 * (1 - RATES.here))
    mine = [found for said in dealt.truth.values() for found in said if found != NOT_HERE]
    assert set(mine) <= set(ids)
    assert len(set(mine)) == len(mine), "a find is of one loss"
    # No id tells what is there: of the first half as many as of the second.
    first = set(sorted(dealt.truth)[:1500])
    is_share([lost in first for lost in absent], 0.5)


def test_no_lost_post_shows_a_found_posts_photo(dealt: Dealt) -> None:
    lost, found = shots(*dealt.lost), shots(*dealt.found)
    assert not set(lost) & set(found)
    assert len(set(lost)) == len(lost)
    bytes_of = {shot.draw(SMALL) for shot in (*lost[:25], *found[:25])}
    assert len(bytes_of) == len({*lost[:25], *found[:25]})


@pytest.mark.parametrize("side", ["lost", "found"])
def test_each_side_tells_as_the_table_says(dealt: Dealt, side: str) -> None:
    rates: Telling = getattr(RATES, side)
    told: tuple[Told, ...] = getattr(dealt, side)
    posts = [each.post for each in told]
    is_share([post.place == "" for post in posts], rates.place_unknown)
    is_share([post.happened_on is None for post in posts], rates.day_unknown)
    is_share([post.colour == "" for post in posts], rates.colour_missing)
    # By photo it is known what the thing is. A find that is posted twice may show its photo twice.
    shown = [each for each in told if each.shots]
    own = [any(detail in post.description for detail in DETAILS) for post in posts]
    is_share(own, rates.words_own)
    sentence = re.compile("습득|보관|주웠|분실|잃어|찾습")
    few = [not post.description and not sentence.search(post.title) for post in posts]
    is_share(few, rates.words_few)
    is_share([each.placeholder for each in told], rates.placeholder)
    is_share([not each.shots and not each.placeholder for each in told], rates.text_only)
    is_share([len(each.shots) == 2 for each in shown], rates.second_photo)
    is_share([shot.poor for shot in shots(*shown)], rates.photo_poor)
    filed = [(shots(each)[0].item.colour, each.post.colour) for each in shown if each.post.colour]
    coloured = [(true, said) for true, said in filed if true != "기타"]
    said = 1 - rates.colour_missing
    vague = (rates.colour_vague / said, rates.colour_wrong * (1 - rates.colour_vague / said))
    is_share([s == "기타" for _, s in coloured], vague[0])
    is_share([s not in (t, "기타") for t, s in coloured], vague[1])
    assert all(s in (t, "기타", *NEIGHBOUR_COLOURS[t]) for t, s in filed)


def test_pairs_differ_as_the_table_says(dealt: Dealt) -> None:
    both = pairs(dealt)
    is_share([a.post.region != b.post.region for a, b in both], RATES.region_away)
    near = 1 - (1 - RATES.lost.category_near) * (1 - RATES.found.category_near)
    differ = [a.post.category != b.post.category for a, b in both]
    assert abs(sum(differ) / len(both) - near) < 0.03  # two that err alike agree
    days = [
        (b.post.happened_on - a.post.happened_on).days
        for a, b in both
        if a.post.happened_on and b.post.happened_on
    ]
    right = RATES.same_day * (1 - RATES.misdated)
    assert abs(np.mean([d == 0 for d in days]) - right) < 0.03
    assert min(days) == -RATES.misdated_days
    assert np.mean([d < 0 for d in days]) > 0.02
    assert max(days) > 30
    assert 0.8 < np.mean([0 <= d <= 7 for d in days]) < 0.9


def test_a_find_posted_twice(dealt: Dealt) -> None:
    several = [said for said in dealt.truth.values() if len(said) == 2]
    sought = [said for said in dealt.truth.values() if NOT_HERE not in said]
    is_share([said in several for said in sought], RATES.twice)
    times = Counter(each.shots for each in dealt.found if each.shots)
    assert set(times.values()) == {1, 2}


def test_proportions_and_common_models(dealt: Dealt) -> None:
    things = Counter(told.post.category for told in deal(6, 4000, 10, NO_TROUBLE).found)
    for category, share in SHARES.items():
        is_share([True] * things[category] + [False] * (4000 - things[category]), share / 1000)
    looks = Counter(shots(each)[0].item for each in dealt.found if each.shots)
    (bestseller, times), *_ = looks.most_common(1)
    assert 15 <= times <= 70, "of 3,000 found posts forty or so show it"
    assert bestseller.mark is None
    assert sum(count == 1 for count in looks.values()) > 0.9 * len(looks)
    small = Counter(shots(each)[0].item for each in deal(7, 300, 300).found if each.shots)
    assert small.most_common(1)[0][1] <= 12


def test_without_trouble_a_pair_agrees() -> None:
    both = pairs(deal(8, 200, 200, NO_TROUBLE))
    assert len(both) == 100
    for a, b in both:
        for name in ("category", "colour", "region", "place", "happened_on"):
            assert getattr(a.post, name) == getattr(b.post, name), name
    with pytest.raises(UsageError, match="at most 4"):
        deal(8, 2, 10, NO_TROUBLE)


def test_the_tables_speak_the_one_vocabulary() -> None:
    assert set(SHARES) == set(NEIGHBOUR_CATEGORIES) <= set(CATEGORY.words)
    assert set(COLOURS) == set(NEIGHBOUR_COLOURS) == set(COLOUR.words)
    for near in (NEIGHBOUR_CATEGORIES, NEIGHBOUR_COLOURS):
        for word, others in near.items():
            assert set(others) <= set(near) - {word}
    assert set(REGION_SHARES) <= set(REGION.words)
    rng = np.random.default_rng(0)
    for region in REGION_SHARES:
        names = [site.name for site in sites(region)]
        assert len(set(names)) == len(names) > 30
        site = a_site(region, rng)
        assert len({site.named(rng) for _ in range(200)}) >= 4


def test_the_world_in_a_folder_is_what_it_was(tmp_path: Path) -> None:
    draw_world(tmp_path, 12, 1)
    files = ("lost.jsonl", "found.jsonl", "truth.jsonl", "photos/F2026000000000000-1-0.jpg")
    digests = [hashlib.sha256((tmp_path / name).read_bytes()).hexdigest()[:16] for name in files]
    assert digests == [
        "69b1e230869e1b2e",
        "bf44725b55ac072e",
        "49636c54677dd300",
        "e5c2520e57472772",
    ]


def test_a_thing_that_is_not_here(tmp_path: Path) -> None:
    file = tmp_path / "truth.jsonl"
    gone = {"lost_id": "a", "found_id": None, "same": False}
    file.write_text(json.dumps(gone))
    assert read_truth(str(file)) == {"a": {NOT_HERE: False}}
    for other, says in (
        ({**gone, "same": True}, "of what is not here, false"),
        ({**gone, "found_id": ""}, "that is not here is null"),
        ({**gone, "found_id": "b", "same": True}, "truth.jsonl:2: a cannot be both here and not"),
    ):
        file.write_text(f"{json.dumps(gone)}\n{json.dumps(other)}\n")
        with pytest.raises(InputError, match=says):
            read_truth(str(file))


def test_pairs_of_worlds_and_their_blocks(clip: ClipModel, monkeypatch: pytest.MonkeyPatch) -> None:
    from matching_spark.demo import labelled

    worlds = Worlds((11, 12), found=20, lost=12)
    whole = worlds.pairs(clip)
    assert len(whole) == 2 * 12 * 20
    assert len(set(whole.lost_ids)) == 24
    here = np.zeros(24, bool)
    here[whole.lost[whole.same]] = True
    assert here.sum() == 12, "half of what is lost is there, and the rest has its pairs as well"
    assert (whole.weight == 1).all()
    monkeypatch.setattr(labelled, "MAX_PAIRS", 100)
    blocks = list(worlds.blocks(clip))
    assert [len(block) for block in blocks] == [100, 100, 40] * 2
    # Within a block lost posts stand by what they have; a lost post's pairs are the same ones.
    told = {
        (block.lost_ids[a], block.found_ids[b]): (bool(same), values)
        for block in blocks
        for a, b, same, values in zip(
            block.lost, block.found, block.same, np.stack([*block.values.values()], 1), strict=True
        )
    }
    assert len(told) == len(whole)
    names = list(blocks[0].values)
    for row, (a, b) in enumerate(zip(whole.lost, whole.found, strict=True)):
        same, values = told[whole.lost_ids[a], whole.found_ids[b]]
        assert same == whole.same[row]
        mine = [whole.values[name][row] for name in names]
        np.testing.assert_allclose(values, mine, atol=1e-5)


def test_worlds_that_cannot_be(settings: Settings) -> None:
    with pytest.raises(UsageError, match="are of drawn worlds"):
        evaluate(settings, "decisions", tidy=True)
    with pytest.raises(UsageError, match="a tidy world has no troubles"):
        Worlds((1,), lost=10, tidy=True)
    assert not set(FIT.seeds) & set(held_out(300).seeds)
    for found in (300, 3_000, 30_000):
        worlds = held_out(found)
        assert worlds.lost is not None
        assert len(worlds.seeds) * worlds.lost * found <= MAX_PAIRS


def test_places_have_coordinates_and_things_numbers(dealt: Dealt) -> None:
    placed: list[bool] = []
    for side, rates in ((dealt.lost, RATES.lost), (dealt.found, RATES.found)):
        telling = [t.post for t in side if t.post.place not in ("", t.post.region)]
        is_share([post.latitude is not None for post in telling], rates.point_told)
        unplaced = [t.post for t in side if t.post.place in ("", t.post.region)]
        assert all(post.latitude is None for post in unplaced), "nobody knows where that is"
        placed += [post.latitude is not None for post in telling]
    assert sum(placed) > 1000
    both = [(a.post, b.post) for a, b in pairs(dealt) if a.post.latitude and b.post.latitude]
    same = [compare(facts(a), facts(b))["kilometres"] for a, b in both if a.place == b.place]
    others = [compare(facts(a), facts(b))["kilometres"] for a, b in both if a.region != b.region]
    assert np.median(same) < 1 < 20 < np.median(others)
    told = [(a.post.numbers, b.post.numbers) for a, b in pairs(dealt)]
    equal = [a == b for a, b in told if a and b]
    is_share(equal, (1 - RATES.lost.number_misread) * (1 - RATES.found.number_misread))
    every = [told.post for told in (*dealt.lost, *dealt.found)]
    for category, share in RATES.numbered.items():
        # Some are filed under a neighbouring category, which has another share.
        of = [bool(post.numbers) for post in every if post.category == category]
        assert abs(np.mean(of) - share * 0.3) < 0.08, category
    held = {number for post in every for number in post.numbers}
    assert {kind for number in held for kind, _ in numbers(number)} == {"card", "imei", "licence"}
    assert all(Seal("k" * 16).of_number(number) for number in held)


def test_what_was_drawn_before_stays_as_it_was() -> None:
    """Of the world before coordinates, numbers and few words: a digest of all else."""
    lost, found = (replace(each, words_few=0, words_own=0) for each in (RATES.lost, RATES.found))
    world = deal(7, 300, 200, replace(RATES, lost=lost, found=found))
    lines = []
    for told in (*world.lost, *world.found):
        post = replace(told.post, latitude=None, longitude=None, numbers=())
        lines.append(f"{post!r} {told.shots!r} {told.placeholder}")
    digest = hashlib.sha256("\n".join([*lines, repr(world.truth)]).encode()).hexdigest()
    assert digest[:16] == "40b331d96432ef3a"


@pytest.mark.parametrize("region", REGION_SHARES)
def test_every_place_lies_in_its_region(region: str) -> None:
    points = np.array([site.point for site in sites(region)])
    assert (np.abs(points - np.median(points, axis=0)) < 0.6).all()
    assert len(np.unique(points, axis=0)) >= 0.9 * len(points)


def facts(post: Post) -> Facts:
    point = None if post.latitude is None else (post.latitude, post.longitude or 0.0)
    return Facts(place=post.place, kind=post.kind, point=point)
