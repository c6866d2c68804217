"""The things that people lose and what they are called: things.txt, the one list of them.

The demo draws its posts of it, the shipped model is trained on it, a photo is described by it.
"""

from dataclasses import dataclass
from functools import cache
from importlib.resources import files

DISTRACTOR = "distractor"  # the category of what nobody hands in as lost: animals, food
COLOURS = {  # as a model is asked for them, in the order of what it was trained on
    "흰색": "white",
    "검정": "black",
    "빨강": "red",
    "주황": "orange",
    "노랑": "yellow",
    "초록": "green",
    "파랑": "blue",
    "갈색": "brown",
    "보라": "purple",
    "핑크": "pink",
    "회색": "grey",  # 기타 in the vocabulary: it says nothing of a pair, and something to a reader
}


@dataclass(frozen=True)
class Thing:
    """category: a word of domain.vocabulary.CATEGORY, or DISTRACTOR. korean, english: its names,
    the usual one first.

    What it looks like: drawing, the code point of its emoji, '' where it has none; classes, those
    of ImageNet that show it; near, those that its photographs are taken for, the likest first: of
    what people lose most, which ImageNet has no class for.
    """

    category: str
    korean: tuple[str, ...]
    english: tuple[str, ...]
    drawing: str = ""
    classes: tuple[int, ...] = ()
    near: tuple[int, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        return (*self.korean, *self.english)


@cache
def things() -> tuple[Thing, ...]:
    """The list, in its order: those that are drawn first."""
    text = (files("matching_spark.domain") / "things.txt").read_text("utf-8")
    return tuple(_thing(line) for line in text.splitlines() if not line.startswith("#"))


def _thing(line: str) -> Thing:
    keys, category, korean, english = line.split("|")
    of: dict[str, list[str]] = {"n": [], "~": [], "": []}
    for key in keys.split():
        of[key[0] if key[0] in of else ""].append(key.lstrip("n~"))
    classes, near = (tuple(map(int, of[mark])) for mark in "n~")
    drawing = "".join(of[""])
    return Thing(
        category, tuple(korean.split(",")), tuple(english.split(",")), drawing, classes, near
    )
