"""Captions as people write them, in Korean and English, put together by a small grammar.

A caption names a thing, mostly its colour, and around it whatever people add: who, when, where, how
it was lost or found, marks and makes, other things near by, pleas, words that have nothing to do
with it, and slips of the keyboard. What a reader of it must learn is to find the thing.
"""

import random
from collections.abc import Sequence

from phrases import (
    AT,
    ATTACHED,
    BESIDE,
    BESIDE_EN,
    ENDS,
    ENDS_EN,
    ENGLISH_MORE,
    FOUND,
    FOUND_EN,
    GONE,
    GREETINGS,
    GREETINGS_EN,
    HOW,
    HOW_EN,
    KIN_EN,
    KOREAN,
    LOST,
    LOST_EN,
    MARKS,
    MARKS_EN,
    NOUNS,
    NOUNS_EN,
    OF_FOUND,
    OF_LOST,
    PLACES,
    PLEAS,
    PLEAS_EN,
    SEEK,
    STARTS_EN,
    WHEN,
    WHEN_EN,
    WHERE_EN,
    WHO,
)
from unseen import shared

from matching_spark.domain.things import COLOURS as ENGLISH
from matching_spark.domain.things import Thing

# What figures are told of; captions have its words.
SENTENCE = "어제 지하철에서 {x}{o} 잃어버렸어요"


def particle(word: str, closed: str, open_: str) -> str:
    """The particle that follows a word: by whether its last syllable ends in a consonant."""
    last = ord(word[-1]) - 0xAC00
    return closed if 0 <= last < 11172 and last % 28 else open_


def sentence(name: str, form: str) -> str:
    """The form with the thing's name and the particles that it takes."""
    return form.format(x=name, o=particle(name, "을", "를"), s=particle(name, "이", "가"))


def caption(
    thing: Thing,
    colour: str | None,
    language: str,
    rng: random.Random,
    words: Sequence[str] = (),
    others: Sequence[Thing] = (),
) -> str:
    """One caption; colour None leaves it out.

    words: any words of the language, for clauses that have nothing to do with the thing. others:
    things that may stand near by. Nothing of it is in the evaluation's unseen sentences.
    """
    write = _korean if language == "ko" else _english
    while True:
        text = write(thing, colour, rng, words, others)
        if rng.random() < 0.12:
            text = _slip(text, rng)
        if not shared(text):
            return text


def _korean(
    thing: Thing,
    colour: str | None,
    rng: random.Random,
    words: Sequence[str],
    others: Sequence[Thing],
) -> str:
    pick, chance = rng.choice, rng.random
    name = pick(thing.korean)
    x, after = name, ""
    if colour and chance() < 0.9:
        shade = colour if chance() < 0.3 else pick(KOREAN[colour])
        x = shade + pick([" ", " ", " ", ""]) + name
        if chance() < 0.05:
            x = f"{shade} {pick(['계열', '컬러', '톤의', '빛이 도는', '바탕의'])} {name}"
    elif colour:
        shade = pick(KOREAN[colour][:2])
        after = pick(["색은 {}", "색상은 {}이에요", "({})", "{}입니다", "{}", "색깔 {}"]).format(
            shade
        )
    if chance() < 0.3:
        return f"{x} {after}".strip()
    if chance() < 0.25:
        x = f"{pick(MARKS)} {x}"
    if chance() < 0.04:
        x = pick(["'{}'", '"{}"', "[{}]", "<{}>"]).format(x)

    around = []
    if chance() < 0.45:
        around.append(pick(WHEN))
    if chance() < 0.55:
        at = pick(AT)
        around.append(pick(PLACES) + (at if at[0] == "에" else " " + at))
    if chance() < 0.2:
        around.append(pick(HOW))
    if chance() < 0.12:
        around.append(pick(WHO))
    if others and chance() < 0.15:
        beside = pick(BESIDE)
        near = pick(pick(others).korean)
        around.append(near + ("" if beside[0] == "하" else " ") + beside)
    if words and chance() < 0.3:
        around.append(_unrelated(words, rng))
    if chance() < 0.4:
        rng.shuffle(around)

    o, s, t = particle(name, "을", "를"), particle(name, "이", "가"), particle(name, "은", "는")
    kind = chance()
    if kind < 0.36:
        mark = pick(
            [
                o,
                o,
                o,
                "",
                s,
                t,
                "도",
                "만",
                " 하나" + pick(["", "를"]),
                particle(name, "이랑", "랑"),
            ]
        )
        verb = pick(LOST if chance() < 0.6 else FOUND) + pick(ENDS)
        core = [*around, x + mark, verb]
        turn = chance()
        if turn < 0.15:  # the thing earlier in the sentence
            core = [x + mark, *around, verb]
        elif turn < 0.22:
            core = [verb, *around, x + mark]
        elif turn < 0.3:
            rng.shuffle(core)
    elif kind < 0.5:
        core = [*around, x + pick([s, s, t, ""]), pick(GONE) + pick(ENDS)]
        if chance() < 0.25:
            core = [core[-2], *around, core[-1]]
    elif kind < 0.66:
        core = [*around, x + pick([o, o, "", t]), pick(SEEK)]
        if chance() < 0.15:
            core = [pick(SEEK), x]
    elif kind < 0.8:
        core = [
            *around,
            pick(OF_LOST if chance() < 0.6 else OF_FOUND),
            x + pick(["", o, s, t]),
            pick(SEEK),
        ]
        if chance() < 0.3:
            core[-1] = pick(NOUNS)
    elif kind < 0.92:
        core = [*around, x, pick(NOUNS)]
    else:
        is_ = pick(["입니다", particle(name, "이에요", "예요"), "인데요", "인데", "이고", ""])
        core = [x + is_, *around, pick(LOST + FOUND) + pick(ENDS)]
    if chance() < 0.2:  # words left out
        core = [c for c in core if c.startswith(x) or chance() > 0.25]

    parts = [" ".join(core)]
    if after:
        parts.append(after)
    if chance() < 0.3:
        parts.append(pick(PLEAS))
    if words and chance() < 0.2:
        parts.append(_unrelated(words, rng))
    if chance() < 0.15:
        rng.shuffle(parts)
    if chance() < 0.25:
        parts.insert(0, pick(GREETINGS))
    return _joined(parts, rng)


def _english(
    thing: Thing,
    colour: str | None,
    rng: random.Random,
    words: Sequence[str],
    others: Sequence[Thing],
) -> str:
    pick, chance = rng.choice, rng.random
    x, after = pick(thing.english), ""
    if colour and chance() < 0.93:
        shade = ENGLISH[colour]
        shade = shade if chance() < 0.8 else pick([shade, *ENGLISH_MORE.get(shade, [])])
        x = f"{shade} {x}"
    elif colour:
        after = pick(["it is {}", "colour: {}", "({})", "{} one"]).format(ENGLISH[colour])
    if chance() < 0.3:
        return f"{x} {after}".strip()
    if chance() < 0.25:
        x = f"{pick(MARKS_EN)} {x}"
    x = pick(["a ", "my ", "the ", "", "this ", "a ", "someone's ", "her ", "our "]) + x
    around = [
        pick(some) for some, p in ((WHEN_EN, 0.4), (WHERE_EN, 0.5), (HOW_EN, 0.15)) if chance() < p
    ]
    if others and chance() < 0.25:
        near = pick(["a", "the", "my", "her", "our", "someone's"])
        if chance() < 0.4:  # a verb that nobody has taught
            verb = _pseudo(rng) if chance() < 0.5 or not words else pick(words)
            kin = pick(["", "", f"{pick(KIN_EN)}'s "])
            where = pick(["out of", "from", "off", "in", "under", "behind", "into"])
            x = f"{x} that {verb} {where} {near} {kin}{pick(pick(others).english)}"
        else:
            around.append(f"{pick(BESIDE_EN)} {near} {pick(pick(others).english)}")
    if words and chance() < 0.3:
        around.append(" ".join(pick(words) for _ in range(rng.randint(1, 3))))
    rng.shuffle(around)
    who = pick(["I", "I", "I", "we", "someone", "my son", "she", "a passenger", "they", ""])
    kind = chance()
    if kind < 0.45:
        core = [who, pick(LOST_EN if chance() < 0.6 else FOUND_EN), x, *around]
        if chance() < 0.2:
            core = [*around, *core[:3]]
    elif kind < 0.6:
        core = [
            x,
            pick(
                [
                    "is missing",
                    "was lost",
                    "was found",
                    "is gone",
                    "was left",
                    "disappeared",
                    "turned up",
                    "got lost",
                    "fell off",
                    "has been found",
                ]
            ),
            *around,
        ]
    elif kind < 0.75:
        core = [
            pick(
                [
                    "looking for",
                    "have you seen",
                    "did you see",
                    "searching for",
                    "does anyone know about",
                    "is there",
                    "where is",
                    "who owns",
                    "who lost",
                    "please return",
                    "has anyone seen",
                    "has someone found",
                    "did someone turn in",
                    "does somebody have",
                    f"has someone {_pseudo(rng)} {pick(['', 'in', 'up', 'away'])}",
                    f"did {_pseudo(rng)} {_pseudo(rng)}",
                ]
            ),
            x,
            *around,
        ]
    elif kind < 0.85:
        core = [x, pick(["I lost", "left", "found", "we found", "dropped", "lost"]), *around]
    else:
        core = [pick(NOUNS_EN), x, *around] if chance() < 0.5 else [x, *around, pick(NOUNS_EN)]
    parts = [" ".join(c for c in core if c and (c == x or chance() > 0.04))]
    if after:
        parts.append(after)
    if chance() < 0.25:
        parts.append(pick(PLEAS_EN))
    if words and chance() < 0.15:
        parts.append(" ".join(pick(words) for _ in range(rng.randint(2, 6))))
    if chance() < 0.2:
        parts.insert(0, pick(GREETINGS_EN))
    return _joined(parts, rng)


def _unrelated(words: Sequence[str], rng: random.Random) -> str:
    """One to five words with endings on them: some of the language's, some of no language."""
    out = []
    for _ in range(rng.randint(1, 5)):
        word = rng.choice(words)
        if rng.random() < 0.35:  # syllables of several words
            word = "".join(rng.choice(rng.choice(words)) for _ in range(rng.randint(1, 4))).strip()
        out.append(word + rng.choice(ATTACHED))
    return " ".join(out)


def _pseudo(rng: random.Random) -> str:
    """A word of no language that could be English: what a reader has not met."""
    vowels, between = "aeiou", "bdglmnprstv"
    syllables = rng.choice((1, 1, 2))
    middle = "".join(rng.choice(vowels) + rng.choice(between) for _ in range(syllables))
    return rng.choice(STARTS_EN) + middle + rng.choice(ENDS_EN)


def _joined(parts: Sequence[str], rng: random.Random) -> str:
    gap = rng.choice([". ", " ", " ", ", ", "! ", "\n", ".. "])
    end = rng.choice(["", "", "", ".", "!", "?", "...", "~", " ㅠㅠ", "요"[:0]])
    return gap.join(part for part in parts if part) + end


def _slip(text: str, rng: random.Random) -> str:
    """A slip of the keyboard: a space too many or too few, a letter lost, doubled or changed."""
    at = rng.randrange(len(text))
    letter = text[at]
    code = ord(letter) - 0xAC00
    kind = rng.random()
    if kind < 0.4:
        spaces = [i for i, c in enumerate(text) if c == " "]
        if spaces:
            cut = rng.choice(spaces)
            return text[:cut] + text[cut + 1 :]
        return text[:at] + " " + text[at:]
    if 0 <= code < 11172:
        final = code % 28
        new = code - final + (0 if final and kind < 0.7 else rng.randrange(28))
        return text[:at] + chr(0xAC00 + new) + text[at + 1 :]
    return text[:at] + rng.choice(["", letter * 2]) + text[at + 1 :]
