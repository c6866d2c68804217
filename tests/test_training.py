"""What the small model's text tower was trained on is not what it is measured on."""

import random
from dataclasses import dataclass, replace

import numpy as np
import pytest

from matching_spark.domain.things import COLOURS
from matching_spark.embed.clip import ClipModel
from matching_spark.embed.confidence import Scale
from matching_spark.embed.drawings import Drawings
from matching_spark.embed.naming import Names, names_of
from matching_spark.knn.similarity import unit


@pytest.mark.usefixtures("training")
def test_no_caption_shares_a_word_with_an_unseen_sentence() -> None:
    from captions import caption
    from phrases import KOREAN
    from sources import things
    from unseen import OTHERS, UNSEEN, WORDS, shared

    assert shared("가방을 누가 챙겨 갔어요") == "누가"
    assert shared("a handed-in bag") == "handed"
    assert shared("어제 지하철에서 갈색 지갑을 잃어버렸어요") is None
    for form in (UNSEEN, *OTHERS):  # all of the sentence but a place that is a thing's name
        words = set(form.replace("{x}{o}", "").replace("{x}", "").split())
        assert len(words - WORDS) <= 1
    rng = random.Random(0)
    every = things()
    told = 0
    for i in range(6000):
        language = "ko" if i % 3 else "en"
        thing, colour = rng.choice(every), rng.choice([None, *KOREAN])
        text = caption(thing, colour, language, rng, sorted(WORDS), every)
        assert shared(text) is None, text
        words = set(text.lower().replace(".", " ").split())
        assert not words & WORDS, text
        told += any(name in text for name in (*thing.korean, *thing.english))
    assert told > 0.85 * 6000  # the rest have a slip of the keyboard in the name


@dataclass(frozen=True)
class Shown:
    """Photos that lie about the names that they show, somewhat to one side; some show none."""

    vectors: np.ndarray
    thing: np.ndarray
    category: np.ndarray
    colour: np.ndarray
    unknown: np.ndarray
    hidden: np.ndarray

    @classmethod
    def about(cls, names: Names, count: int, seed: int) -> "Shown":
        rng = np.random.default_rng(seed)
        thing = np.where(rng.random(count) < 0.1, -1, rng.integers(len(names.things), size=count))
        colour = np.where(rng.random(count) < 0.1, -1, rng.integers(11, size=count))
        at = names.thing_vectors[thing] * (thing >= 0)[:, None]
        at = at + names.colour_vectors[colour] * (colour >= 0)[:, None] + 0.3
        noise = rng.normal(0, 1 / np.sqrt(at.shape[1]), at.shape)
        category = np.where(thing >= 0, names.category[thing], -1)
        none = np.zeros(count, dtype=bool)
        hidden = np.zeros((count, len(names.things)), dtype=bool)
        return cls(unit(at + noise), thing, category, colour, none, hidden)


@pytest.mark.usefixtures("training")
def test_what_is_learnt_of_confidence_holds_of_what_it_was_not_learnt_on(clip: ClipModel) -> None:
    from sure import RATE, learn, log_loss, measured, things

    names = names_of(clip)
    seen, other = (Shown.about(names, 600, seed) for seed in (0, 1))
    sure = learn([seen], names, clip.name)
    rows = measured(other, names, sure)
    # As well as any scale near it, on what it was learnt on; and better than cosines alone, there
    # and on what it was not.
    scores = things(seen, names, np.array(sure.centre))
    before = sure.often * names.often

    def loss(scale: Scale) -> float:
        p = scale.probabilities(scores, before)
        return float(log_loss(p, seen.thing) + log_loss(names.by_category(p), seen.category))

    least, scale = loss(sure.things), sure.things
    for sharper, more in ((1.2, 0.0), (0.8, 0.0), (1.0, 0.05), (1.0, -0.05)):
        assert loss(Scale(scale.sharpness * sharper, scale.nothing + more)) >= least - 1e-9
    plain = replace(sure, things=Scale(1.0, 0.0), colours=Scale(1.0, 0.0))
    for what, row in measured(other, names, plain).items():
        assert rows[what]["log_loss"] < row["log_loss"], what
    for what, row in rows.items():  # five points, for 600 photos are not all
        assert row["error"] < 0.1, what
        assert row["right"] > RATE - 0.05 or row["said"] < 0.05, what
        assert row["top1"] <= row["top3"]


@pytest.mark.usefixtures("training")
def test_how_sharp_drawings_are_is_learnt_and_a_hidden_name_is_not_said(clip: ClipModel) -> None:
    from sure import learn, measured

    names, rng = names_of(clip), np.random.default_rng(0)
    drawn = sum(bool(thing.drawing) for thing in names.things)
    seen, other = (Shown.about(names, 600, seed) for seed in (0, 1))
    # Too sure of itself, as what is learnt on other drawings is.
    rows = np.vstack([names.thing_vectors[:drawn], np.zeros((1, clip.dimension))])
    drawings = Drawings.of(
        np.append(rng.normal(0, 1, clip.dimension), 2.0), 90 * np.pad(rows, ((0, 0), (0, 1)))
    )
    sure = learn([seen], names, clip.name, drawings=drawings)
    rows_of, as_it_was = measured(other, names, sure), replace(sure, drawings=drawings)
    assert sure.drawings is not None
    assert rows_of["thing"]["log_loss"] < measured(other, names, as_it_was)["thing"]["log_loss"]
    # Of photos whose names are all hidden nothing is said.
    assert rows_of["category"]["said"] > 0
    gone = replace(other, hidden=np.ones_like(other.hidden))
    assert measured(gone, names, sure)["category"]["said"] == 0.0


@pytest.mark.usefixtures("training")
def test_a_cut_is_the_least_that_keeps_the_rate() -> None:
    from sure import RATE, cut

    rng = np.random.default_rng(0)
    p = rng.dirichlet(np.full(5, 0.3), 400)
    right = np.array([rng.choice(5, p=row) for row in p])  # calibrated by its making
    least = cut([p], [right], [1.0])
    sure, hit = p.max(axis=1), p.argmax(axis=1) == right
    assert hit[sure >= least].mean() >= RATE
    assert all(hit[sure >= lower].mean() < RATE for lower in sure[sure < least])
    assert cut([p], [np.full(400, -1)], [1.0]) == 1.0


@pytest.mark.usefixtures("training")
def test_training_and_the_package_name_the_same_colours() -> None:
    from matching_spark.domain.things import COLOURS as ENGLISH

    assert COLOURS == ENGLISH
