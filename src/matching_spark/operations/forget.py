"""Forget: posts erased in the service's journal, and their photos in its folder."""

from collections.abc import Iterable
from contextlib import closing

from matching_spark import storage
from matching_spark.config import Settings
from matching_spark.errors import InputError
from matching_spark.journal.kept import some as parts
from matching_spark.journal.store import Journal
from matching_spark.layout import forget_thumbnails, uploads


def forget(settings: Settings, ids: frozenset[str], known: frozenset[str]) -> None:
    """Erase posts in the journal, or the next merge would bring them to the table again; also those
    that the table alone has, of which somebody may be writing just now.

    Raises InputError for those that neither it nor the table (`known`) has, UsageError where there
    is no journal: one that is elsewhere would bring them again. Then none is erased.
    """
    with closing(Journal.open(settings)) as journal:
        subjects = {f"post:{each}" for each in ids}
        had = journal.known(subjects)
        if missing := sorted(subjects - had - {f"post:{each}" for each in known}):
            names = ", ".join(repr(each.removeprefix("post:")) for each in missing)
            raise InputError(f"there is no post {names} in {storage.absolute(settings.table)}")
        vectors = {name for each in had for name in journal.vector_names(each)}
        try:
            for each in sorted(subjects):
                journal.forget(each, "system")
        finally:  # of those that are erased: once more there is no name left to find them by
            drop_photos(settings, journal, (n[6:] for n in vectors if n.startswith("photo:")))


def drop_photos(settings: Settings, journal: Journal, shas: Iterable[str]) -> None:
    """Remove photos of the service, with their thumbnails, that no post of the journal has."""
    assert settings.service.journal is not None
    for some in parts(list(shas)):
        with journal.unwanted(some) as gone:
            for sha in gone:
                (uploads(settings.service.journal) / f"{sha}.jpg").unlink(missing_ok=True)
        for sha in gone:
            forget_thumbnails(settings.cache.folder, sha)
