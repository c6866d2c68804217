"""The vectors that the journal keeps: each once, with whose it is, until its last subject goes."""

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from sqlalchemy import Connection, delete, exists, select
from sqlalchemy.dialects.sqlite import insert as upsert

from matching_spark.errors import InputError, StorageError
from matching_spark.journal.tables import contents, vector_subjects, vectors

MAX_DIMENSION = 8192
MAX_TEXT = 200  # characters of an idempotency key and of a model's name
_VECTOR = re.compile(r"photo:[0-9a-f]{64}|text:[^\x00-\x1f\x7f-\x9f]{1,512}")


@dataclass(frozen=True)
class Vector:
    """A vector to be kept. name: photo:SHA256 of its photo, or text:POST_ID; model: whose space it
    is in; values: (d,) float32, finite.
    """

    name: str
    model: str
    values: npt.NDArray[np.float32]

    def __post_init__(self) -> None:
        if not _VECTOR.fullmatch(self.name):
            raise InputError(f"a vector is named photo:SHA256 or text:POST_ID, not {self.name!r}")
        printable("model", self.model)
        ok = self.values.dtype == np.float32 and self.values.ndim == 1
        if (
            not ok
            or not 1 <= self.values.size <= MAX_DIMENSION
            or not np.isfinite(self.values).all()
        ):
            raise InputError(
                f"vector {self.name} is not of 1 to {MAX_DIMENSION} finite numbers of float32"
            )


def keep(to: Connection, vector: Vector, subject: str) -> None:
    """Keep a vector of a subject; the newest of a name and a model stands. Of words the newest
    alone: another model's may be of what they were before."""
    row = {"name": vector.name, "model": vector.model}
    for each in (vector_subjects, vectors) if vector.name.startswith("text:") else ():
        others = (each.c.name == vector.name) & (each.c.model != vector.model)
        to.execute(delete(each).where(others))
    new = upsert(vectors).values(**row, vector=vector.values.astype("<f4").tobytes())
    to.execute(
        new.on_conflict_do_update(index_elements=[*row], set_={"vector": new.excluded.vector})
    )
    to.execute(upsert(vector_subjects).values(**row, subject=subject).on_conflict_do_nothing())


def drop(to: Connection, subject: str, names: Collection[str]) -> None:
    """Take vectors from a subject; those that no other has are deleted."""
    for part in some(names):
        mine = (vector_subjects.c.subject == subject) & vector_subjects.c.name.in_(part)
        to.execute(delete(vector_subjects).where(mine))
        others = (vector_subjects.c.name == vectors.c.name) & (
            vector_subjects.c.model == vectors.c.model
        )
        to.execute(delete(vectors).where(vectors.c.name.in_(part), ~exists().where(others)))


def names(of: Connection, subject: str) -> set[str]:
    """What vectors a subject has, of any model."""
    mine = select(vector_subjects.c.name).where(vector_subjects.c.subject == subject)
    return set(of.scalars(mine))


def holds(of: Connection, subject: str) -> bool:
    """Whether anything is kept of a subject: a content or a vector."""
    columns = (contents.c.subject, vector_subjects.c.subject)
    return any(of.scalar(select(exists().where(each == subject))) for each in columns)


def there(of: Connection, names: Collection[str]) -> set[str]:
    """Those of the names of which there is a vector, of any model."""
    return {
        name
        for part in some(names)
        for name in of.scalars(select(vectors.c.name).where(vectors.c.name.in_(part)))
    }


def read(of: Connection, names: Collection[str], model: str) -> dict[str, npt.NDArray[np.float32]]:
    """name -> its (d,) float32 vector of a model, of those names that have one. Raises StorageError
    for what is none."""
    return {
        row.name: _read(row.name, row.vector)
        for part in some(names)
        for row in of.execute(
            select(vectors).where(vectors.c.name.in_(part), vectors.c.model == model)
        )
    }


def _read(name: str, kept: object) -> npt.NDArray[np.float32]:
    if not isinstance(kept, bytes) or not kept or len(kept) % 4:
        raise StorageError(f"vector {name} of the journal was changed: restore a backup")
    return np.frombuffer(kept, "<f4").astype(np.float32)


def printable(name: str, text: str) -> None:
    """Raise InputError for a text that is empty, too long, or has what nobody sees."""
    if not 1 <= len(text) <= MAX_TEXT or not text.isprintable():
        raise InputError(f"{name} is not of 1 to {MAX_TEXT} printable characters", argument=name)


def some(names: Collection[str]) -> Iterator[list[str]]:
    """SQLite takes a bounded number of parameters in a statement."""
    every = list(names)
    return (every[at : at + 500] for at in range(0, len(every), 500))
