"""Rows of the posts table, put together of posts and of vectors that are kept by keys."""

from collections.abc import Collection
from typing import Any

import pyarrow as pa
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from matching_spark.domain.schema import ADDED, COLUMNS, TOLD
from matching_spark.layout import photo_column_here
from matching_spark.shards.arrow import arrow_fields
from matching_spark.table.posts_table import PostsTable

# Post.text of the table's rows, and layout.text_key of it, in Spark SQL.
TEXT = "concat_ws(' ', nullif(title, ''), nullif(description, ''))"
TEXT_KEY = f"concat('text:', sha2({TEXT}, 256))"
GONE = "post %s: what was embedded of it has gone, as by an erase beside this; run it again"


def photos_of(table: PostsTable, shas: Collection[str]) -> DataFrame:
    """key, uri, vector of those photos that posts of the table have, one for each post."""
    wanted = table.session.createDataFrame(pa.table({"sha": sorted(shas)}))
    held = table.frame().select(F.explode("photos").alias("p"))
    return held.join(F.broadcast(wanted), F.col("p.sha256") == F.col("sha")).select(
        F.concat(F.lit("photo:"), "sha").alias("key"),
        photo_column_here(table.photos, F.col("p.uri")).alias("uri"),
        "p.vector",
    )


def posts_of(spark: SparkSession, rows: list[dict[str, Any]], *more: str) -> DataFrame:
    """Posts as `assemble` takes them. rows: by TOLD and more columns, `keys` and `text_key`."""
    keys = [("keys", pa.list_(pa.string())), ("text_key", pa.string())]
    schema = pa.schema([*arrow_fields(*TOLD, *more), *keys])
    return spark.createDataFrame(pa.Table.from_pylist(rows, schema))


def assemble(posts: DataFrame, vectors: DataFrame, model: str) -> DataFrame:
    """Rows of the table: posts with the vectors of their keys.

    posts: TOLD, updated_at, keys, text_key, and ADDED or not. vectors: key, uri, vector, each
    key once. The write fails, naming the post, where a vector is missing.
    """
    each = posts.select("post_id", F.posexplode("keys").alias("pos", "key"))
    photo = F.struct("pos", "uri", F.substring_index("key", ":", -1).alias("sha256"), "vector")
    photos = (
        each.join(vectors, "key")
        .groupBy("post_id")
        .agg(F.array_sort(F.collect_list(photo)).alias("photos"))
    )
    texts = vectors.select(F.col("key").alias("text_key"), F.col("vector").alias("text_vector"))
    whole = (
        posts.join(photos, "post_id", "left")
        .join(texts, "text_key", "left")
        .withColumn("photos", F.expr("coalesce(photos, array())"))
    )
    lacks = "size(photos) != size(keys) OR (text_key IS NOT NULL AND text_vector IS NULL)"
    checked = F.when(
        F.expr(lacks),
        F.raise_error(F.format_string(GONE, "post_id")),
    ).otherwise(F.col("post_id"))
    bare = (
        "transform(photos, p -> named_struct('uri', p.uri, 'sha256', p.sha256, 'vector', p.vector))"
    )
    return (
        whole.withColumn("post_id", checked)
        .withColumn("photos", F.expr(bare))
        .withColumn("model", F.lit(model))
        .select(*(name for name in COLUMNS if name not in ADDED or name in posts.columns))
    )
