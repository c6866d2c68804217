"""The demo as a service: a drawn world's table, with a journal and a key of its own beside it."""

import os
import secrets
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from matching_spark.config import Settings
from matching_spark.embed.clip import ClipModel
from matching_spark.errors import StorageError
from matching_spark.filesystems.whole_files import write_new
from matching_spark.guard.owners import doubt, own_folder
from matching_spark.layout import JOURNAL_FILE
from matching_spark.matching import matches_table
from matching_spark.operations.match import match
from matching_spark.operations.tour import drawn, taken_in
from matching_spark.operations.warehouse import spark_of
from matching_spark.progress import SILENT, Progress
from matching_spark.setting_groups import Service
from matching_spark.spark import jvm
from matching_spark.table.metadata import current_metadata

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

FOLDER = "demo"  # of the cache, for a demo that no folder was named for
JOURNAL = "service"  # of a demo's folder
KEY = "key"  # of that


def demo_settings(settings: Settings, folder: Path) -> Settings:
    """Those of a service over the settings' table whose journal lies in `folder`/service, sealed by
    a key that is made there. Of the user's own service nothing counts: not its journal, nor where
    it listens.

    Raises StorageError where the folder is another user's or cannot be written.
    """
    own = settings.model_copy(deep=True)
    journal = (folder / JOURNAL).absolute()
    # Any free port: a demo that was waited for must not end on one that is taken.
    own.service = Service(journal=str(journal), key=_key(journal), port=0, watch_port=0)
    own.similarity.runner = "memory"
    return own


def resumed(settings: Settings, folder: Path) -> Settings:
    """Those of a demo in `folder`, of which nothing goes to the user's own service: with the
    journal of its pages, where they were shown before."""
    if (folder / JOURNAL / JOURNAL_FILE).exists():
        return demo_settings(settings, folder)
    return settings.model_copy(update={"service": Service()})


def drawn_once(
    settings: Settings,
    posts: int = 400,
    progress: Progress = SILENT,
    spark: "SparkSession | None" = None,
) -> Settings:
    """The settings of a demo in the cache's folder: its world is drawn and stored when it is first
    asked for, which takes Spark and a minute; later it is there.

    posts: how many are drawn. spark: a session that stays; None: one for this. Raises as
    demo_settings, and as an ingest.
    """
    folder = Path(settings.cache.folder) / FOLDER
    own = settings.model_copy(update={"table": str(folder / "table")})
    own = demo_settings(own, folder)
    pairs = current_metadata(own.table, matches_table.NAME)  # stored last
    if pairs is None or pairs.current_snapshot() is None:  # none, or the first time was interrupted
        world = drawn(folder, posts, 0, progress)
        with spark_of(own, "demo", progress, spark) as session:
            taken_in(own, world, (), ClipModel.of(own.model), session, progress)
            match(own, progress=progress, spark=session)  # for the office to look at
        if spark is None:
            jvm.shut_down()  # the service needs none
    return own


def _key(folder: Path) -> str:
    """The key of a demo's journal, made where there is none: whole, or not there."""
    path = folder / KEY
    try:
        own_folder(folder)
        if not path.exists():
            part = path.with_name(f"{KEY}.{secrets.token_hex(8)}")
            try:
                write_new(str(part), secrets.token_urlsafe(32).encode(), 0o600)
                with suppress(FileExistsError):  # another process was as quick: its key is the one
                    os.link(part, path)
            finally:
                part.unlink(missing_ok=True)
        if why := doubt(path):
            raise StorageError(f"{path}: {why}; remove it, or name another folder")
        return path.read_text("utf-8")
    except OSError as error:
        raise StorageError(
            f"{error.filename or path}: {error.strerror}; name a folder of your own for the demo"
        ) from error
