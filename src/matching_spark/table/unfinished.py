"""What an erase is about to end, by name, from before it ends until all of it has gone.

Iceberg commits that snapshots have ended and removes their files then. Killed between the two, it
leaves files that no snapshot names, of posts that no table knows any more. Each run writes a list
of its own: two at once do not take each other's away.
"""

import json
import uuid
from dataclasses import asdict, astuple, dataclass, fields

from matching_spark import storage
from matching_spark.errors import StorageError
from matching_spark.layout import ENDING


@dataclass(frozen=True)
class Ending:
    """What an erase ends of one table. ids: its posts. files: all that are to go; data: those of
    them with rows. photos: the sha256 of photos that only these posts have."""

    ids: frozenset[str] = frozenset()
    data: frozenset[str] = frozenset()
    files: frozenset[str] = frozenset()
    photos: frozenset[str] = frozenset()

    def __or__(self, other: "Ending") -> "Ending":
        mine, theirs = astuple(self), astuple(other)
        return Ending(*(one | more for one, more in zip(mine, theirs, strict=True)))


def begin(warehouse: str, name: str, ending: Ending) -> None:
    """Write down what will end."""
    content = {key: sorted(values) for key, values in asdict(ending).items()}
    place = storage.join(warehouse, ENDING, name, f"{uuid.uuid4().hex}.json")
    storage.write_bytes(place, json.dumps(content, ensure_ascii=False).encode("utf-8"))


def begun(warehouse: str, name: str) -> dict[str, Ending]:
    """What was begun and not finished, by the lists' places. Raises StorageError for what is no
    such list."""
    folder = storage.join(warehouse, ENDING, name)
    return {place: _read(place) for place in storage.walk(folder) if place.endswith(".json")}


def together(endings: dict[str, Ending]) -> Ending:
    """All of them as one."""
    whole = Ending()
    for each in endings.values():
        whole |= each
    return whole


def finish(place: str) -> None:
    """All that a list names has gone."""
    storage.remove(place)


def _read(place: str) -> Ending:
    try:
        # An earlier version listed no photos.
        content = {"photos": []} | json.loads(storage.read_bytes(place))
        return Ending(*(frozenset(map(str, content[each.name])) for each in fields(Ending)))
    except FileNotFoundError:  # whose run has finished since
        return Ending()
    except (ValueError, LookupError, TypeError) as error:
        raise StorageError(f"{place} is no list of what an erase began ({error})") from None
