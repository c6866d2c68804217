"""Everything that the text tower has a name for: drawn things, ImageNet's classes, and both.

A name of the one list that is in the other makes one concept of two, so that 지갑 is what drawings
and photographs of wallets look like.
"""

from dataclasses import dataclass, field
from pathlib import Path

from sources import Thing, things
from unseen import shared

HERE = Path(__file__).parent


@dataclass
class Concept:
    """korean, english: names, the first the commonest. drawn: index of sources.things(), or -1.

    classes: ImageNet's classes of this name; near: classes that its photos are taken for.
    """

    korean: list[str]
    english: list[str]
    drawn: int = -1
    classes: list[int] = field(default_factory=list)
    near: list[int] = field(default_factory=list)

    def thing(self) -> Thing:
        return Thing("", "", tuple(self.korean), tuple(self.english))


def concepts() -> list[Concept]:
    """No name shares a word with an unseen sentence."""
    out = [Concept(list(t.korean), list(t.english), i) for i, t in enumerate(things())]
    by_name: dict[str, Concept] = {}
    for concept in out:
        _named(by_name, concept, [*concept.korean, *concept.english])
    for numbers, korean, english in _rows("imagenet_names.txt"):
        _at(out, by_name, korean, english).classes.extend(numbers)
    for numbers, korean, english in _rows("near.txt"):
        _at(out, by_name, korean, english).near.extend(numbers)
    return out


def names() -> list[str]:
    """Of all concepts, in both languages."""
    return [n for c in concepts() for n in (*c.korean, *c.english)]


def _at(
    out: list[Concept], by_name: dict[str, Concept], korean: list[str], english: list[str]
) -> Concept:
    """The concept that has the first Korean name or an English one, or a new one."""
    known = [by_name[n.lower()] for n in (korean[0], *english) if n.lower() in by_name]
    concept = known[0] if known else Concept([], [])
    if not known:
        out.append(concept)
    for mine, new in ((concept.korean, korean), (concept.english, english)):
        # A name means one thing: what another concept has, this one does not take.
        mine += [n for n in new if by_name.get(n.lower(), concept) is concept and n not in mine]
        _named(by_name, concept, mine)
    return concept


def _named(by_name: dict[str, Concept], concept: Concept, names: list[str]) -> None:
    for name in names:
        by_name.setdefault(name.lower(), concept)


def _rows(file: str) -> list[tuple[list[int], list[str], list[str]]]:
    """(ImageNet's classes, Korean names, English names) of each line that says something."""
    rows = []
    for line in (HERE / file).read_text(encoding="utf-8").splitlines():
        if line and not line.startswith("#"):
            numbers, korean, english = line.split("|")
            names = [[n for n in s.split(",") if not shared(n)] for s in (korean, english)]
            if all(names):
                rows.append(([int(n) for n in numbers.split(",")], *names))
    return rows
