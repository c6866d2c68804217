"""Why a pair scores as it does, in one plain sentence."""

from collections.abc import Mapping

from matching_spark.score import components
from matching_spark.score.components import Component, Fact, Language

TELLING = 0.5  # log-odds below which a component is not worth a word: odds of 1.6 to 1
NAMED = 4  # components of each side that a sentence names, the weightiest first


def explain(
    values: Mapping[str, float], contributions: Mapping[str, float], language: Language
) -> str:
    """What speaks for a pair, and what against it, by its components and what each added."""
    known: dict[str, Component] = {cosine.name: cosine for cosine in components.COSINES}
    known |= {fact.name: fact for fact in components.FACTS}
    weighty = sorted(contributions, key=lambda name: -abs(contributions[name]))

    def told(names: list[str]) -> list[str]:
        """The first NAMED of them, each noun once: two cosines may say the same of a pair."""
        nouns = (_told(known[name], values[name], language) for name in names)
        return list(dict.fromkeys(nouns))[:NAMED]

    agree = told([n for n in weighty if contributions[n] >= TELLING])
    differ = told([n for n in weighty if contributions[n] <= -TELLING])
    return _english(agree, differ) if language == "en" else _korean(agree, differ)


def _told(component: Component, value: float, language: Language) -> str:
    noun = component.nouns[language]
    return component.told(noun, value, language) if isinstance(component, Fact) else noun


def _english(agree: list[str], differ: list[str]) -> str:
    against = f"{' and '.join(differ)} {'speak' if len(differ) > 1 else 'speaks'} against it"
    if agree:
        verb = "speak" if len(agree) > 1 else "speaks"
        first = f"{' and '.join(agree)} {verb} for it"
        return _capital(f"{first}; {against}." if differ else f"{first}.")
    return _capital(f"{against}." if differ else "nothing speaks clearly for it or against it.")


def _korean(agree: list[str], differ: list[str]) -> str:
    against = (
        f"{', '.join(differ)}{_particle(differ[-1], '은', '는')} 맞지 않습니다" if differ else ""
    )
    if agree:
        first = f"{', '.join(agree)}{_particle(agree[-1], '이', '가')} 맞습니다"
        return f"{first}. 다만 {against}." if differ else f"{first}."
    return f"{against}." if differ else "뚜렷이 맞거나 어긋나는 점이 없습니다."


def _particle(word: str, closed: str, open_: str) -> str:
    """The particle that follows a word: by whether its last syllable ends in a consonant."""
    bare = word.partition("(")[0]
    last = ord(bare[-1]) - 0xAC00
    return closed if 0 <= last < 11172 and last % 28 else open_


def _capital(sentence: str) -> str:
    return sentence[:1].upper() + sentence[1:]
