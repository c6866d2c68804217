"""What an erase is about to end, by name, from before it ends until all of it has gone.

Iceberg commits that snapshots have ended and removes their files then. Killed between the two, it
leaves files that no snapshot names, of posts that no table knows any more.
"""

import json
from dataclasses import asdict, dataclass

from matching_spark import storage
from matching_spark.errors import StorageError
from matching_spark.layout import ENDING


@dataclass(frozen=True)
class Ending:
    """Of one table: the posts, and the files that any snapshot named; data: those with rows."""

    ids: frozenset[str] = frozenset()
    data: frozenset[str] = frozenset()
    files: frozenset[str] = frozenset()

    def __or__(self, other: "Ending") -> "Ending":
        return Ending(self.ids | other.ids, self.data | other.data, self.files | other.files)


def begun(warehouse: str, name: str) -> Ending:
    """What was begun and not finished. Raises StorageError for a file that is not ours."""
    place = _place(warehouse, name)
    if not storage.exists(place):
        return Ending()
    try:
        content = json.loads(storage.read_bytes(place))
        return Ending(*(frozenset(map(str, content[key])) for key in ("ids", "data", "files")))
    except (ValueError, LookupError, TypeError) as error:
        raise StorageError(f"{place} is no list of what an erase began ({error})") from None


def begin(warehouse: str, name: str, ending: Ending) -> None:
    """Write down what will end, beside what was begun before."""
    whole = asdict(ending | begun(warehouse, name))
    content = {key: sorted(values) for key, values in whole.items()}
    storage.write_bytes(
        _place(warehouse, name), json.dumps(content, ensure_ascii=False).encode("utf-8")
    )


def finish(warehouse: str, name: str) -> None:
    """All of it has gone."""
    storage.remove(_place(warehouse, name))


def _place(warehouse: str, name: str) -> str:
    return storage.join(warehouse, ENDING, f"{name}.json")
