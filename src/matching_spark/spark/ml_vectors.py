"""The posts' vectors as Spark's own ML vectors, for MLlib and the data engineer."""

import numpy as np
import pyarrow as pa
from pyspark.ml.functions import array_to_vector
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from matching_spark.domain.posts import Filters
from matching_spark.domain.schema import FILTERED


def ml_vectors(posts: DataFrame, where: Filters) -> DataFrame:
    """One row a vector of the posts (the table's columns) that pass `where`.

    Columns: post_id, part ('photo' or 'text'), kind, category, features (pyspark.ml vector).
    """
    for name in FILTERED:
        if (wanted := getattr(where, name)) is not None:
            posts = posts.where(F.col(name) == wanted)
    if where.since is not None:
        posts = posts.where(F.col("happened_on") >= F.lit(where.since))
    if where.until is not None:
        posts = posts.where(F.col("happened_on") <= F.lit(where.until))
    keys = ["post_id", "kind", "category"]
    photos = posts.select(*keys, F.explode("photos.vector").alias("bytes"))
    texts = posts.where("text_vector IS NOT NULL").select(
        *keys, F.col("text_vector").alias("bytes")
    )
    both = photos.withColumn("part", F.lit("photo")).unionByName(
        texts.withColumn("part", F.lit("text"))
    )
    # pyspark 4.1 does not name it for type checkers.
    to_array = F.arrow_udf(floats, "array<float>")  # type: ignore[attr-defined]
    features = array_to_vector(to_array("bytes")).alias("features")
    return both.select("post_id", "part", "kind", "category", features)


def floats(column: pa.Array) -> pa.Array:
    """Little-endian float32 bytes -> lists of floats."""
    rows = np.stack([np.frombuffer(raw.as_buffer(), dtype="<f4") for raw in column])
    return pa.FixedSizeListArray.from_arrays(rows.ravel(), rows.shape[1]).cast(
        pa.list_(pa.float32())
    )
