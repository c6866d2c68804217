"""Why a pair scores as it does, in one plain sentence."""

from collections.abc import Mapping, Sequence

from matching_spark.domain.korean import Particle, polite, with_particle
from matching_spark.score import components
from matching_spark.score.components import Component, Cosine, Language

TELLING = 0.5  # log-odds below which a component is not worth a word: odds of 1.6 to 1
NAMED = 4  # components of each side that a sentence names, the weightiest first

WORDS = "words"  # the one noun that is a plural

Said = dict[str, str]  # a noun, and the stem of the Korean verb that says something of it


def explain(
    values: Mapping[str, float], contributions: Mapping[str, float], language: Language
) -> str:
    """What speaks for a pair, and what against it, by its components and what each added."""
    known: dict[str, Component] = {cosine.name: cosine for cosine in components.COSINES}
    known |= {fact.name: fact for fact in components.FACTS}
    weighty = sorted(contributions, key=lambda name: -abs(contributions[name]))

    def said(agrees: bool) -> Said:
        """The first NAMED of them, each noun once."""
        found: Said = {}
        for name in weighty:
            if abs(contributions[name]) < TELLING or (contributions[name] > 0) != agrees:
                continue
            one = known[name]
            noun = one.nouns[language]
            if isinstance(one, Cosine):
                if noun in found and one.query != one.post:
                    continue  # that two photos are alike says more than that one goes with words
            elif language == "en":
                noun = one.told(noun, values[name])
            found[noun] = one.stem(values[name], agrees)
        return dict(list(found.items())[:NAMED])

    sides = said(True), said(False)
    return _english(*map(list, sides)) if language == "en" else _korean(*sides)


def _english(agree: list[str], differ: list[str]) -> str:
    if not agree and not differ:
        return "Nothing speaks clearly for it or against it."
    sides = [(agree, "for"), (differ, "against")]
    clauses = [
        f"{listed(nouns)} {'speak' if len(nouns) > 1 or nouns == [WORDS] else 'speaks'} {side} it"
        for nouns, side in sides
        if nouns
    ]
    sentence = "; ".join(clauses)
    return f"{sentence[0].upper()}{sentence[1:]}."


def listed(nouns: Sequence[str]) -> str:
    """In English, at least one of them: a, b and c."""
    *first, last = nouns
    return f"{', '.join(first)} and {last}" if first else last


def _korean(agree: Said, differ: Said) -> str:
    if not agree:
        return f"{_clauses(differ, '이/가')}." if differ else "뚜렷하게 같거나 다른 점이 없습니다."
    sentence = f"{_clauses(agree, '이/가')}."
    return f"{sentence} 다만 {_clauses(differ, '은/는')}." if differ else sentence


def _clauses(said: Said, particle: Particle) -> str:
    """A clause for each verb, with all of its nouns: 사진이 비슷하고, 색과 지역도 일치합니다."""
    of_verb: dict[str, list[str]] = {}
    for noun, stem in said.items():
        of_verb.setdefault(stem, []).append(noun)
    clauses: list[str] = []
    for stem, nouns in of_verb.items():
        *first, last = nouns
        if len(first) == 1:
            subject = f"{with_particle(first[0], '과/와')} {last}"
        else:
            subject = ", ".join(nouns)
        if subject:  # the verb of days says all by itself
            subject = f"{subject}도 " if clauses else f"{with_particle(subject, particle)} "
        clauses.append(subject + stem)
    return "고, ".join([*clauses[:-1], polite(clauses[-1])])
