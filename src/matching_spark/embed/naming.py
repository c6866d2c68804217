"""How well each thing and each colour of the list names a photo, by a model's own text tower."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from matching_spark.domain import things as listed
from matching_spark.domain.things import COLOURS, Thing
from matching_spark.embed.clip import ClipModel
from matching_spark.knn.similarity import Float32, unit

Float64 = npt.NDArray[np.float64]
# A colour is asked for on every so manieth thing: alone it says less of a photo (0.816 of 11 right
# against 0.836, small-clip on drawings of a vendor it had not seen), and on more things no more.
EVERY = 64


@dataclass(frozen=True, eq=False)
class Names:
    """What a photo may be called. things[i], of categories[category[i]], and colours[j].

    thing_vectors: (things, dimension), colour_vectors: (colours, dimension), of unit length: each
    the mean of the texts that name it in both languages. often: (things,) 1 for what people
    lose most, else 0.
    """

    things: tuple[Thing, ...]
    categories: tuple[str, ...]
    category: npt.NDArray[np.intp]
    colours: tuple[str, ...]
    thing_vectors: Float32
    colour_vectors: Float32
    often: Float64

    def of_things(self, photos: Float32) -> Float64:
        """scores[i, j] = cos(photo i, thing j); photos: (n, dimension) of unit length."""
        return photos.astype(np.float64) @ self.thing_vectors.T

    def of_colours(self, photos: Float32) -> Float64:
        """scores[i, j] = cos(photo i, colour j)."""
        return photos.astype(np.float64) @ self.colour_vectors.T

    def by_category(self, things: Float64) -> Float64:
        """(n, things) probabilities summed over the things of each category."""
        out = np.zeros((len(things), len(self.categories)))
        np.add.at(out.T, self.category, things.T)
        return out


@lru_cache(maxsize=2)
def names_of(clip: ClipModel) -> Names:
    """The list's names as the model's vectors: 1,100 texts, embedded once a model and process."""
    things = listed.things()
    categories = tuple(dict.fromkeys(thing.category for thing in things))
    category = np.array([categories.index(thing.category) for thing in things])
    some = things[::EVERY]
    colours = [
        [f"{korean} {thing.korean[0]}" for thing in some]
        + [f"{english} {thing.english[0]}" for thing in some]
        for korean, english in COLOURS.items()
    ]
    return Names(
        things,
        categories,
        category,
        tuple(COLOURS),
        _means(clip, [(thing.korean[0], thing.english[0]) for thing in things]),
        _means(clip, colours),
        np.array([float(bool(thing.near)) for thing in things]),
    )


def _means(clip: ClipModel, texts: Sequence[Sequence[str]]) -> Float32:
    """(n, dimension) of unit length: row i the mean of the vectors of texts[i]."""
    vectors = clip.embed_texts([text for group in texts for text in group])
    ends = np.cumsum([len(group) for group in texts])
    return unit(np.stack([part.mean(axis=0) for part in np.split(vectors, ends[:-1])]))
