"""What the small model's text tower was trained on is not what it is measured on."""

import random

import pytest


@pytest.mark.usefixtures("training")
def test_no_caption_shares_a_word_with_an_unseen_sentence() -> None:
    from captions import KOREAN, caption  # type: ignore[import-not-found]
    from sources import things  # type: ignore[import-not-found]
    from unseen import OTHERS, UNSEEN, WORDS, shared  # type: ignore[import-not-found]

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
