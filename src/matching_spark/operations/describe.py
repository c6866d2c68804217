"""A photo in words for intake, by a model's own towers."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
from PIL import Image

from matching_spark.config import Model
from matching_spark.domain.descriptions import Candidate, Description, Guess, titled
from matching_spark.domain.posts import Reject
from matching_spark.domain.things import COLOURS, DISTRACTOR
from matching_spark.domain.vocabulary import CATEGORY
from matching_spark.embed.clip import ClipModel
from matching_spark.embed.confidence import Confidence, confidence_of
from matching_spark.embed.naming import Float64, Names, names_of
from matching_spark.embed.photos import photo_file
from matching_spark.errors import PhotoError, StorageError
from matching_spark.progress import SILENT, Progress

CANDIDATES = 3
NO_LOST_PROPERTY = ("분실물 아님", "no lost property")  # what a DISTRACTOR is, to a reader


@dataclass(frozen=True)
class Described:
    """Photos in words. photos: in the order that they were named, without those in `rejects`."""

    model: str
    photos: tuple[tuple[str, Description], ...]
    rejects: tuple[Reject, ...]

    def to_dict(self) -> dict[str, Any]:
        return {
            "model": self.model,
            "photos": [{"photo": place} | said.to_dict() for place, said in self.photos],
            "rejects": [asdict(reject) for reject in self.rejects],
        }


def describe(photo: bytes | Image.Image, clip: ClipModel) -> Description:
    """A photo in words. The first call with a model embeds the names, a second or so.

    Raises PhotoError for the photo, ModelError for a model that has not learnt how sure it is.
    """
    return _described(photo, clip, confidence_of(clip))


def _described(photo: bytes | Image.Image, clip: ClipModel, sure: Confidence) -> Description:
    names = names_of(clip)
    vector = clip.embed_images([photo])
    of_things = sure.things_of(vector, names)
    things = [(thing.korean[0], thing.english[0]) for thing in names.things]
    thing = Guess.of(_likeliest(of_things[0], things), sure.cuts.thing)
    of_categories = names.by_category(of_things)[0]
    category = Guess.of(_likeliest(of_categories, _categories(names)), sure.cuts.category)
    if category.korean == NO_LOST_PROPERTY[0]:
        category = replace(category, korean=None, english=None, confidence=None)
    of_colours = sure.colours_of(vector, names)[0]
    colour = Guess.of(_likeliest(of_colours, list(COLOURS.items())), sure.cuts.colour)
    return Description(category, colour, titled(thing, category, colour))


def describe_all(clip: ClipModel, places: Sequence[str], progress: Progress = SILENT) -> Described:
    """The same of photos by their places; one that cannot be read is among the rejects.

    Raises ModelError.
    """
    sure = confidence_of(clip)  # what is wrong with it is told before a photo is read
    photos, rejects = [], []
    for done, place in enumerate(places, 1):
        try:
            photos.append((place, _described(photo_file(place), clip, sure)))
        except PhotoError as error:
            rejects.append(Reject(place, "", error.reason, str(error).partition(": ")[2]))
        except FileNotFoundError:
            rejects.append(Reject(place, "", "missing", "there is no such file"))
        except StorageError as error:
            rejects.append(Reject(place, "", "unreadable", str(error)))
        progress.count("describing", done, len(places))
    return Described(clip.name, tuple(photos), tuple(rejects))


def describe_by(settings: Model, places: Sequence[str], progress: Progress = SILENT) -> Described:
    """The same by the settings' model."""
    return describe_all(ClipModel.of(settings), places, progress)


def _categories(names: Names) -> list[tuple[str, str]]:
    return [
        NO_LOST_PROPERTY if word == DISTRACTOR else (word, CATEGORY.english(word))
        for word in names.categories
    ]


def _likeliest(of: Float64, words: Sequence[tuple[str, str]]) -> tuple[Candidate, ...]:
    best = np.argsort(-of, kind="stable")[:CANDIDATES]
    return tuple(Candidate(words[i][0], words[i][1], float(of[i])) for i in best)
