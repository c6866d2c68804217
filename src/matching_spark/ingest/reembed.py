"""Reembed: another model's vectors for the whole table, switched to in one commit.

The new vectors are staged, then written to a branch of the table, while searches and writers go on
with the old ones. Whatever changed meanwhile is carried over, pass after pass, until nothing has
changed: then one commit of the table's metadata makes the branch the table and names the new model.
A reembed that was cut off goes on where it stopped.
"""

import time
import uuid
from dataclasses import dataclass

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from matching_spark.domain.results import Reported
from matching_spark.domain.schema import ADDED, COLUMNS, EXTERNAL, METADATA
from matching_spark.embed.clip import ClipModel
from matching_spark.errors import ModelError, StorageError
from matching_spark.ingest.rows import TEXT, TEXT_KEY, assemble
from matching_spark.ingest.staging import PHOTOS_A_TASK, Item, Staging
from matching_spark.layout import kept_photo, photo_column_here
from matching_spark.progress import SILENT, Progress
from matching_spark.spark.jvm import Java
from matching_spark.table.catalog import MODEL_PLACE, PROPERTY
from matching_spark.table.mark import kept, merged
from matching_spark.table.metadata import check_files
from matching_spark.table.posts_table import PostsTable

BRANCH = "reembed_"  # how the names of the branches begin
PASSES = 20  # at most; each carries over what was written during the one before


@dataclass(frozen=True)
class Reembedded(Reported):
    """What a reembed did. embedded: photos and texts. passes: how many until it switched."""

    table: str
    before: str
    model: str
    embedded: int = 0
    passes: int = 0
    seconds: float = 0.0
    snapshot: str | None = None


def check(table: PostsTable) -> None:
    """Raise ModelError for a table of vectors made elsewhere."""
    if table.model.startswith(EXTERNAL):
        raise ModelError(
            f"{table.uri} holds {table.model} vectors, made elsewhere, without photos to embed"
        )


def reembed(table: PostsTable, model: ClipModel, progress: Progress = SILENT) -> Reembedded:
    """Give every post of the table vectors of `model`, from its kept photos and its words.

    Raises ModelError for a table of vectors made elsewhere, StorageError naming kept photos that
    have gone, or when writers never let it switch; the table is then as it was.
    """
    check(table)
    start = time.perf_counter()
    before = table.model
    run = _Reembed(table, model, progress)
    for passes in range(1, PASSES + 1):
        table.refresh()
        base = table.snapshot
        if base is not None:
            run.stage()
            run.write()
        progress.count("passes", passes, PASSES)
        if run.switch(base):
            break
    else:
        raise StorageError(
            f"{table.uri} was written to during each of {PASSES} passes; let the writers rest for "
            "a moment and run it again, what was embedded is kept"
        )
    run.staging.clear()
    table.refresh()
    seconds = time.perf_counter() - start
    return Reembedded(table.uri, before, model.name, run.embedded, passes, seconds, table.snapshot)


class _Reembed:
    def __init__(self, table: PostsTable, model: ClipModel, progress: Progress) -> None:
        self.table = table
        self.spark = table.session
        self.model = model
        self.embedded = 0
        self.staging = Staging(table.session, table.uri, model, "reembed", progress)
        self.ref = BRANCH + model.name.rpartition("@")[2]
        self.branch = f"{table.name}.branch_{self.ref}"

    def stage(self) -> None:
        """Embed what is not staged yet."""
        posts = self._posts()
        photos = posts.select(F.explode("photos").alias("p")).select(
            F.concat(F.lit("photo:"), "p.sha256").alias("key"),
            photo_column_here(self.table.photos, F.col("p.uri")).alias("payload"),
        )
        texts = posts.where("text_key IS NOT NULL").select(
            F.col("text_key").alias("key"), F.col("words").alias("payload")
        )
        todo = photos.unionByName(texts).dropDuplicates(["key"])
        if (staged := self.staging.frame()) is not None:
            todo = todo.join(staged.select("key"), "key", "left_anti")
        count = todo.count()
        if count:
            tasks = max(self.spark.sparkContext.defaultParallelism, -(-count // PHOTOS_A_TASK))
            rows = todo.repartition(tasks).rdd
            self.staging.embed("reembed", rows.map(lambda r: Item(r["key"], r["payload"])), count)
            self.embedded += count
        staged = self.staging.frame()
        if staged is not None:
            failed = staged.where("reason IS NOT NULL").select("key", "detail").limit(5).collect()
            if failed:
                # The next run tries them again, when whoever took them has put them back.
                self.staging.clear()
                self._check_kept(posts)
                raise StorageError(
                    "kept photos cannot be embedded, nothing was changed: put them back as they "
                    "were, or `erase` their posts, and run it again: "
                    + "; ".join(f"{self._place(row['key'])}: {row['detail']}" for row in failed)
                )

    def _check_kept(self, posts: DataFrame) -> None:
        """Raise ModelError naming posts with vectors made elsewhere, whose photos nobody has."""
        bare = posts.where("exists(photos, p -> p.uri IS NULL)").select("post_id")
        if ids := [row["post_id"] for row in bare.orderBy("post_id").limit(5).collect()]:
            raise ModelError(
                f"{self.table.uri} has posts with vectors made elsewhere and no photo to embed "
                f"({', '.join(ids)}{', ...' if len(ids) == 5 else ''}): ingest them with their "
                "photos, or `erase` them, and run it again"
            )

    def _place(self, key: str) -> str:
        """Where the photo of a key is kept; the key itself of words."""
        kind, _, name = key.partition(":")
        return kept_photo(self.table.photos, name) if kind == "photo" else key

    def write(self) -> None:
        """Bring the branch to what the table is now, with the new vectors."""
        with self.table.writing():
            self.table.bring_up()
        others = self.table.metadata.metadata.refs.values()
        check_files(self.table.metadata, (each.snapshot_id for each in others))
        refs = {row["name"] for row in self.spark.table(f"{self.table.name}.refs").collect()}
        if self.ref not in refs:
            self._commit(f"ALTER TABLE {self.table.name} CREATE BRANCH {self.ref}")
        ours = self.spark.table(self.branch).where(F.col("model") == self.model.name)
        now = self._posts()
        if ours.isEmpty():
            with self.table.writing():
                self._assembled(now).writeTo(self.branch).overwrite(F.lit(True))
            return
        same = ours.select("post_id", "updated_at")
        changed = now.join(same, ["post_id", "updated_at"], "left_anti")
        if not changed.isEmpty():
            view = f"reembedded_{uuid.uuid4().hex}"
            self._assembled(changed).createOrReplaceTempView(view)
            self._commit(
                f"MERGE INTO {self.branch} t USING {view} s ON t.post_id = s.post_id "
                f"WHEN MATCHED THEN UPDATE SET {', '.join(f't.{c} = s.{c}' for c in COLUMNS)} "
                f"WHEN NOT MATCHED THEN INSERT ({', '.join(COLUMNS)}) "
                f"VALUES ({', '.join(f's.{c}' for c in COLUMNS)})"
            )
            self.spark.catalog.dropTempView(view)
        gone = ours.join(now.select("post_id"), "post_id", "left_anti").select("post_id")
        if not gone.isEmpty():  # an import was taken back meanwhile
            view = f"gone_{uuid.uuid4().hex}"
            gone.createOrReplaceTempView(view)
            self._commit(f"DELETE FROM {self.branch} WHERE post_id IN (SELECT post_id FROM {view})")
            self.spark.catalog.dropTempView(view)

    def _commit(self, statement: str) -> None:
        with self.table.writing():
            self.spark.sql(statement)

    def switch(self, base: str | None) -> bool:
        """Make the branch the table, unless the table is no longer at snapshot `base`."""
        properties = {
            "model": self.model.name,
            "dimension": str(self.model.dimension),
            MODEL_PLACE: self.model.place,
        }

        def change(now: Java, builder: Java) -> Java:
            if base is not None:
                head = now.ref(self.ref).snapshotId()
                properties["model-snapshot"] = str(head)
                builder = builder.setBranchSnapshot(head, "main")
                # Also the branch of a reembed to another model that was cut off and given up:
                # nothing else would end what that has written.
                for ref in now.refs().keySet():
                    if ref.startswith(BRANCH):
                        builder = builder.removeRef(ref)
                builder = builder.setProperties(kept(merged(self.table.metadata), head))
            return builder.setProperties({PROPERTY + k: v for k, v in properties.items()})

        return self.table.swap(base, change)

    def _posts(self) -> DataFrame:
        """The table as `assemble` wants it, its photos and words beside."""
        return self.table.frame().select(
            *METADATA,
            "updated_at",
            *ADDED,
            "photos",
            F.expr(f"{TEXT} AS words"),
            F.expr("transform(photos, p -> concat('photo:', p.sha256)) AS keys"),
            F.expr(f"CASE WHEN text_vector IS NOT NULL THEN {TEXT_KEY} END AS text_key"),
        )

    def _assembled(self, posts: DataFrame) -> DataFrame:
        staged = self.staging.frame()
        if staged is None:
            raise StorageError(f"nothing is staged in {self.staging.folder}; run it again")
        here = photo_column_here(self.table.photos, F.col("uri")).alias("uri")
        vectors = staged.select("key", here, "vector").dropDuplicates(["key"])
        return assemble(posts.drop("photos", "words"), vectors, self.model.name)
