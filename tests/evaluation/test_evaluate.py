"""Metrics against their definitions and scikit-learn; weights that find what made the pairs."""

import datetime as dt
import json
import os
import unicodedata
from collections.abc import Collection
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import average_precision_score

from matching_spark import ClipModel, Filters, PostsTable
from matching_spark.demo.world import World
from matching_spark.domain.facts import Facts
from matching_spark.domain.posts import KINDS
from matching_spark.errors import InputError
from matching_spark.evaluation.labelled import LabelledPairs, held_out, join, label, read_truth
from matching_spark.evaluation.learn import learn
from matching_spark.evaluation.lists import EVERYTHING, lists
from matching_spark.evaluation.metrics import Measured, curve, evaluate, of_lists, worth
from matching_spark.evaluation.metrics import _draws as draws  # evaluate's own, for one measure
from matching_spark.evaluation.seen import every_kind, evidence
from matching_spark.score.components import ASSUMED_IDENTIFIER, names
from matching_spark.score.kinds import ALL, kind_name
from matching_spark.score.posterior import COSTS
from tests.support.calibrations import COSINES, FACTS, probability, random_calibration
from tests.support.labelled import whole_lists


def drawn(lost: int, found: int, seed: int) -> tuple[LabelledPairs, np.ndarray]:
    """Pairs with random components, the same or not by a known calibration's probability."""
    rng = np.random.default_rng(seed)
    n = lost * found
    values = {name: rng.uniform(-0.3, 1, n).astype(np.float32) for name in COSINES}
    values |= {name: (rng.random(n) < 0.4).astype(np.float32) for name in FACTS[:3]}
    values["place"] = rng.choice([0, 0.5, 1], n).astype(np.float32)
    values["kilometres"] = rng.choice([0, 1, 30], n).astype(np.float32)
    values["days"] = rng.integers(-10, 20, n).astype(np.float32)
    values["identifier"] = np.full(n, np.nan, np.float32)  # of too few pairs to learn from
    for name in FACTS:
        values[name][rng.random(n) < 0.1] = np.nan
    calibration = random_calibration(7, rising=True)
    rows = [
        {name: float(values[name][i]) for name in names() if not np.isnan(values[name][i])}
        for i in range(n)
    ]
    true = np.array([probability(calibration, row) for row in rows], float)
    told = Facts("가방", "검정", "서울", "강남역", dt.date(2026, 11, 27))
    return whole_lists((rng.random(n) < true).reshape(lost, found), values, told), true


def test_metrics_are_their_definitions() -> None:
    pairs, scores = drawn(40, 25, 1)
    rng = np.random.default_rng(2)
    scores = scores + rng.normal(0, 0.2, len(scores))
    got = Measured.of(pairs, scores, draws(pairs))
    known = [i for i in range(40) if pairs.same[pairs.lost == i].any()]
    ranks = []
    for i in known:
        mine = pairs.lost == i
        best = scores[mine & pairs.same].max()
        ranks.append(1 + int((scores[mine & ~pairs.same] >= best).sum()))
    for k in (1, 5, 10):
        assert got.values[f"recall@{k}"] == pytest.approx(np.mean([r <= k for r in ranks]))
    assert got.values["mrr"] == pytest.approx(np.mean([1 / r for r in ranks]))
    assert got.values["average_precision"] == pytest.approx(
        average_precision_score(pairs.same, scores)
    )
    for name, figure in got.figures().items():
        assert figure["low"] <= figure["value"] <= figure["high"], name
    # A pair that stands for three is three pairs.
    thrice = replace(pairs, weight=np.where(pairs.same, 1.0, 3.0))
    weighted = Measured.of(thrice, scores, draws(pairs)).values["average_precision"]
    assert weighted == pytest.approx(
        average_precision_score(pairs.same, scores, sample_weight=thrice.weight)
    )


def test_what_is_never_found_counts_against() -> None:
    pairs, scores = drawn(30, 10, 3)
    blind = np.where(pairs.same, np.nan, scores)
    got = Measured.of(pairs, blind, draws(pairs)).values
    assert got["recall@10"] == got["mrr"] == got["average_precision"] == 0


def test_weights_find_what_made_the_pairs() -> None:
    fit, _ = drawn(60, 150, 4)
    held, true = drawn(60, 50, 5)
    learnt = learn(fit, "external/8", {"from": "a test"})
    got = 1 / (1 + np.exp(-(evidence(held, learnt) + learnt.prior)))
    assert np.abs(got - true).mean() < 0.08  # lines through other knots, from 9,000 pairs
    assert np.exp(evidence(held, learnt)[~held.same]).mean() == pytest.approx(1, abs=0.2)
    assert learn(fit, "external/8", {"from": "a test"}) == learnt
    assert 0.95 < (got[held.same] >= learnt.thresholds[EVERYTHING.kind]).mean() < 1
    for name, weights in learnt.patterns.items():
        if "bare" not in name:
            assert weights.points["identifier"] == ASSUMED_IDENTIFIER
            falling = [y for _, y in weights.points["kilometres"]]
            assert falling == sorted(falling, reverse=True)
    few = fit.take(np.arange(40))
    assert few.same.sum() < 30
    with pytest.raises(InputError, match="true pairs have a query and a post of image and image"):
        learn(few, "external/8", {})
    for one in (fit.take(fit.same), fit.take(~fit.same)):
        with pytest.raises(InputError, match="learning needs both such pairs and others"):
            learn(one, "external/8", {})
    # Where only the things themselves have photos, nothing says what others look like.
    values = fit.values | {
        name: np.where(fit.same, fit.values[name], np.float32(np.nan)) for name in COSINES[::2]
    }
    photos_of_true = learn(replace(fit, values=values), "external/8", {}, base=learnt)
    of_photos = {name for name in learnt.patterns if "-image" in name or "-both" in name}
    assert of_photos <= {*photos_of_true.learnt["inherited"]}
    with pytest.raises(InputError, match="nothing is learnt, the weights stay as they are"):
        learn(few.take(~few.same), "external/8", {}, base=learnt)
    # The fewer there are, the nearer they stay to what was known.
    near = evidence(held, learn(few, "external/8", {}, base=learnt)) - evidence(held, learnt)
    assert 0 < np.abs(near).mean() < 0.5
    # Only what enough pairs show is learnt: of photos here, asked by photos.
    gone = np.full(len(fit), np.nan, np.float32)
    values = {n: v if "text" not in n else gone for n, v in fit.values.items()}
    photos = learn(replace(fit, values=values), "external/8", {}, base=learnt)
    inherited = set(photos.learnt["inherited"])
    assert learnt.patterns.keys() - inherited == {"image-image", "image-image bare"}
    asked_by_words = kind_name("text", ALL)
    assert photos.thresholds[asked_by_words] == learnt.thresholds[asked_by_words]
    assert photos.scales[asked_by_words] == learnt.scales[asked_by_words]
    assert photos.prior == learnt.prior


def test_held_out_items_are_never_seen() -> None:
    parts = [drawn(50, 20, seed)[0] for seed in (6, 7)]
    named = [
        replace(p, lost_ids=tuple(f"{i}-{n}" for i in p.lost_ids)) for n, p in enumerate(parts)
    ]
    pairs = join(named)
    fit, held = pairs.split()
    seen = set(held.lost_ids)
    assert seen == {i for i in pairs.lost_ids if held_out(i)}
    assert 0.15 < len(seen) / len(pairs.lost_ids) < 0.45
    assert not set(fit.lost_ids) & seen
    for part in (fit, held):
        assert set(part.lost.tolist()) == set(range(len(part.lost_ids)))
        assert len(part.facts) == len(part.whole) == len(part.lost_ids)
    theirs = {int(f) for f in held.found[held.same]}
    assert not theirs & {int(f) for f in fit.found}


def test_on_the_drawn_world(clip: ClipModel, world: World, stored: str) -> None:
    from matching_spark.score.store import find

    calibration = find(None, clip, clip.name)
    assert calibration is not None
    lost, found = ([*PostsTable.open(stored).state.shards(Filters(kind=k))] for k in KINDS)
    pairs = label(lost, found, read_truth(str(world.truth)))
    report = evaluate(pairs, calibration, "all of it")
    json.dumps(report)
    scores = report["scores"]
    for name in ("recall@1", "average_precision"):
        assert scores["fused"][name]["value"] > scores["image cosine"][name]["value"]
    assert report["by"] == {"category": {}, "colour": {}, "modality": {}}  # ten lost: too few


def test_what_a_component_is_worth_is_what_is_lost_without_it() -> None:
    pairs, _ = drawn(60, 30, 3)
    calibration = random_calibration(7, rising=True)
    got = worth(pairs, calibration, draws(pairs))
    assert got.keys() == {name for name, v in pairs.values.items() if not np.isnan(v).all()}

    def recall(known: LabelledPairs) -> float:
        told = evidence(known, calibration)
        firsts = [a + int(np.nanargmax(told[a:b])) for a, b in known.runs()]
        here = [known.same[a:b].any() for a, b in known.runs()]
        return float(np.mean(known.same[firsts][here]))

    for name in ("image-image", "days"):
        gone = pairs.values | {name: np.full(len(pairs), np.nan, np.float32)}
        want = recall(pairs) - recall(replace(pairs, values=gone))
        assert got[name]["value"] == pytest.approx(want)
        assert got[name]["low"] <= want <= got[name]["high"]


def ranks(pairs: LabelledPairs, scores: np.ndarray) -> dict[int, float]:
    """Of each lost post with a true pair, the place of the best one, after those of its score."""
    out: dict[int, float] = {}
    for lost in range(len(pairs.lost_ids)):
        own = pairs.lost == lost
        told = [float(s) for s in scores[own & pairs.same] if not np.isnan(s)]
        if told:
            out[lost] = 1 + int((scores[own & ~pairs.same] >= max(told)).sum())
        elif (own & pairs.same).any():
            out[lost] = np.inf
    return out


def shares(of: Collection[float]) -> dict[str, float]:
    return {f"recall@{k}": float(np.mean([r <= k for r in of])) for k in (1, 5, 10)}


def test_a_report_is_its_definitions() -> None:
    pairs, _ = drawn(60, 30, 3)
    groups = ["지갑"] * 8 + ["가방"] * 22 + ["우산"] * 30  # of eight nothing can be said
    colours = ["", "검정"] * 30
    facts = tuple(Facts(category=c, colour=k) for c, k in zip(groups, colours, strict=True))
    lost_photo = np.random.default_rng(8).random(60) < 0.6
    bare = ~lost_photo[pairs.lost]
    values = {
        name: np.where(bare & name.startswith("image"), np.float32(np.nan), of)
        for name, of in pairs.values.items()
    }
    same = pairs.same & (pairs.lost % 6 > 0)  # of a sixth nobody knows where it is
    pairs = replace(pairs, facts=facts, values=values, same=same)
    calibration = random_calibration(7, rising=True)
    report = evaluate(pairs, calibration, "a test")
    image = values["image-image"]
    words = np.where(np.isnan(values["text-image"]), values["text-text"], values["text-image"])
    scores = {
        "fused": 1 / (1 + np.exp(-(evidence(pairs, calibration) + calibration.prior))),
        "image cosine": image,
        "cosine": np.where(lost_photo[pairs.lost], image, words),
    }
    pictured = {int(i) for i in pairs.lost[pairs.same & ~np.isnan(image)]}
    both = report["where_both_have_photos"]
    assert both["lost"] == len(pictured)
    for name, of in scores.items():
        got = ranks(pairs, of)
        own = [rank for lost, rank in got.items() if lost in pictured]
        for place, want in ((report, [*got.values()]), (both, own)):
            figures = place["scores"][name]
            assert {k: figures[k]["value"] for k in shares(want)} == pytest.approx(shares(want))
    for place in (report, both):
        figure = place["fused_minus_image_cosine"]["mrr"]
        more = figure["value"]
        assert figure["low"] <= more <= figure["high"]
        of_place = place["scores"]
        less = of_place["image cosine"]["mrr"]["value"]
        assert more == of_place["fused"]["mrr"]["value"] - less
    told = ranks(pairs, scores["fused"])
    for what, of_lost in (("category", groups), ("colour", [c or "-" for c in colours])):
        groups_of = {}
        for name in set(of_lost):
            mine = [rank for lost, rank in told.items() if of_lost[lost] == name]
            if len(mine) >= 10:
                groups_of[name] = {"lost": len(mine), **shares(mine)}
        assert report["by"][what] == groups_of
    assert len(report["by"]["category"]) == 2
    for at in (*report["curve"], *curve(pairs, scores["fused"], [2.0])):
        reached = scores["fused"] >= at["threshold"]
        true = int((reached & pairs.same).sum())
        assert at["pairs"] == reached.sum()
        precision = true / reached.sum() if reached.any() else 1.0
        assert at["precision"] == pytest.approx(precision)
        assert at["recall"] == pytest.approx(true / pairs.same.sum())


def test_figures_of_lists_are_their_definitions() -> None:
    pairs, _ = drawn(80, 12, 3)
    pairs = replace(pairs, same=pairs.same & (pairs.lost % 4 > 0))  # the thing of a quarter is away
    calibration = random_calibration(7, rising=True)
    got = lists(pairs, calibration, 0.7)
    told = evidence(pairs, calibration)
    place = ranks(pairs, told)
    assert got.place.tolist() == [place.get(lost, np.inf) for lost in range(80)]
    assert got.absent.tolist() == [lost not in place for lost in range(80)]
    best = [a + int(np.argmax(told[a:b])) for a, b in pairs.runs()]
    assert got.right.tolist() == pairs.same[best].tolist()
    here = ~got.absent
    figures = got.figures()
    assert (figures["lists"], figures["here"]) == (80, here.sum())
    assert figures["recall@1"] == pytest.approx(got.right[here].mean())
    assert figures["recall@10"] == pytest.approx((got.place[here] <= 10).mean())
    for name, said, true in (
        ("first", got.first, got.right),
        ("not_here", got.not_here, got.absent),
    ):
        tenth = np.minimum(np.floor(said * 10), 9)
        bins = []
        for b in sorted(set(tenth)):
            mine = tenth == b
            bins.append((b / 10, (b + 1) / 10, mine.sum(), said[mine].mean(), true[mine].mean()))
        assert [tuple(each.values()) for each in figures[name]["bins"]] == bins
        error = sum(abs(mean - share) * many / 80 for *_, many, mean, share in bins)
        assert figures[name]["expected_calibration_error"] == pytest.approx(error)
    report = of_lists([pairs], calibration, 0.7)["queries"]
    for asked in every_kind():
        of, told_of = lists(pairs, calibration, 0.7, asked), report[asked.kind]
        for name, least in (("propose", COSTS.propose), ("ask", COSTS.ask)):
            reached = of.first >= least
            right = of.right[reached].mean() if reached.any() else None
            band = {"from": least, "lists": reached.sum(), "right": right}
            assert told_of["bands"][name] == band
        for at in told_of["nothing"]:
            nothing = 1 - of.not_here <= at["bound"]
            assert at["absent"] == nothing[of.absent].mean()
            assert at["here"] == nothing[~of.absent].mean()


def test_a_truth_that_is_off(tmp_path: Path) -> None:
    file = tmp_path / "truth.jsonl"
    for text, says in (
        ("", "has no pair"),
        ('{"lost_id": "a"}', "truth.jsonl:1 is no .lost_id, found_id, same.: 'found_id'"),
        ('{"lost_id": "a", "found_id": "b", "same": 1}', "same is true or false"),
        ('{"lost_id": 7, "found_id": "b", "same": true}', "ids are text"),
        ('{"lost_id": "a", "found_id": null, "same": true}', "of what is not here, false"),
        ('{"lost_id": "a", "found_id": " ", "same": false}', "that is not here is null"),
        (
            '{"lost_id": "a", "found_id": "b", "same": true}\n'
            '{"lost_id": "a", "found_id": null, "same": false}',
            "truth.jsonl:2: a cannot be both here and not here",
        ),
        (
            '{"lost_id": "a", "found_id": "b", "same": true, "same": false}',
            "truth.jsonl:1 .* it has 'same' twice",
        ),
        ("[]", "truth.jsonl:1"),
        ("[" * 100_000, "truth.jsonl:1 is no .lost_id, found_id, same."),
    ):
        file.write_text(text)
        with pytest.raises(InputError, match=says):
            read_truth(str(file))
    yes, no = (f'{{"lost_id": "a", "found_id": "b", "same": {same}}}' for same in ("true", "false"))
    file.write_text(f"{yes}\n{yes}\n")  # said twice is said
    assert read_truth(str(file)) == {"a": {"b": True}}
    apart = unicodedata.normalize("NFD", "지갑.jpg")  # as a Mac lists it, and two names of one post
    file.write_text(yes.replace('"b"', f'" {apart}"') + "\n" + no.replace('"b"', '"지갑.jpg"'))
    with pytest.raises(InputError, match=r"truth.jsonl:2: a and 지갑.jpg cannot be both the same"):
        read_truth(str(file))
    file.write_text(yes.replace('"a"', f'"{apart}"'))
    assert read_truth(str(file)) == {"지갑.jpg": {"b": True}}
    for text in (f"{yes}\n{no}\n", f"{yes}\r{no}", f"\ufeff{no}\r\n\r\n{yes}\r\n"):
        file.write_bytes(text.encode())
        with pytest.raises(InputError, match=r"truth.jsonl:[23]: a and b cannot be both the same"):
            read_truth(str(file))
    file.write_bytes(b"\0" * (2 << 20))  # as of a disk that was full
    with pytest.raises(InputError, match=r"truth.jsonl:1 is no .*: the line has over 1 MB"):
        read_truth(str(file))
    os.mkfifo(tmp_path / "pipe")
    for name, says in (
        ("none", "there is no"),
        (".", "is a folder: name the truth in it"),
        ("pipe", "is a pipe or a device: write it to a file first"),
    ):
        with pytest.raises(InputError, match=says):
            read_truth(str(tmp_path / name))
