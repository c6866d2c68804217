"""Forget: posts erased in the service's journal, and their photos in its folder."""

from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass

from matching_spark import storage
from matching_spark.config import Settings
from matching_spark.domain.posts import check_there
from matching_spark.journal.kept import some as parts
from matching_spark.journal.posts import OF_POST
from matching_spark.journal.store import Journal
from matching_spark.layout import forget_thumbnails, uploads
from matching_spark.operations.warehouse import there
from matching_spark.table.mark import after
from matching_spark.table.traces import TRACED


@dataclass(frozen=True)
class Forgotten:
    """What the journal alone had of posts: the sha256 of photos, and texts."""

    photos: frozenset[str] = frozenset()
    texts: frozenset[str] = frozenset()


def forget(settings: Settings, ids: frozenset[str], known: frozenset[str]) -> Forgotten:
    """Erase posts in the journal, or the next merge would bring them to the table again. Those that
    only the table has are erased here too: somebody may be writing about one just now.

    known: which of them the table has. Raises InputError for posts that neither has, UsageError
    without a journal: one that lies elsewhere would bring them again. Then none is erased.
    """
    with closing(Journal.open(settings)) as journal:
        subjects = {f"post:{each}" for each in ids}
        table = there(settings)
        seen = after(table.metadata, journal) if table is not None else 0
        had = journal.known(subjects)
        in_journal = {each.removeprefix("post:") for each in had}
        check_there(ids, known | in_journal, storage.absolute(settings.table))
        vectors = {name for each in had for name in journal.vector_names(each)}
        texts = {text for each in had for text in _texts(journal, each)}
        try:
            for each in sorted(ids):
                journal.forget(f"post:{each}", "system", seen=seen if each in known else 0)
        finally:  # if it fails half-way too: run again, it would not find the erased ones' photos
            shas = (n.removeprefix("photo:") for n in vectors if n.startswith("photo:"))
            gone = drop_photos(settings, journal, shas)
        return Forgotten(frozenset(gone), frozenset(texts))


def _texts(journal: Journal, subject: str) -> Iterator[str]:
    """All that was ever written of a post, as it would stand in the table's columns."""
    ids = [each.event_id for each in journal.history(subject) if isinstance(each.event, OF_POST)]
    for content in journal.contents(ids).values() if ids else ():
        told = content.get("post") or {}
        yield from filter(None, map(told.get, TRACED))
        yield from content.get("identifiers") or ()


def drop_photos(settings: Settings, journal: Journal, shas: Iterable[str]) -> set[str]:
    """Remove photos of the service, with their thumbnails, that no post of the journal has; gives
    which."""
    assert settings.service.journal is not None
    dropped: set[str] = set()
    for some in parts(list(shas)):
        with journal.unwanted(some) as gone:
            for sha in gone:
                (uploads(settings.service.journal) / f"{sha}.jpg").unlink(missing_ok=True)
        for sha in gone:
            forget_thumbnails(settings.cache.folder, sha)
        dropped |= gone
    return dropped
