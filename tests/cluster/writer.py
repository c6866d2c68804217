"""`writer.py URI NAME SOURCE...`: ingest sources beside other writers, withdraw a post of each."""

import sys

from matching_spark import PostsTable, Settings, start_session
from matching_spark.config import Hadoop, Spark
from matching_spark.ingest.vector_import import ingest_vectors

CONF = {
    "spark.master": "local[1]",
    "spark.driver.memory": "600m",
    "spark.sql.shuffle.partitions": "2",
}


def main(uri: str, name: str, *sources: str) -> None:
    spark = start_session(Settings(spark=Spark(conf=CONF)))
    # All of them bring posts of the same ids, so each commit overtakes the others.
    hadoop = Hadoop(commit_retries=20)
    for part, source in enumerate(sources):
        print(ingest_vectors(source, uri, spark, "found", hadoop).accepted)
        table = PostsTable.open(uri, spark, hadoop)
        assert table.set_status([f"{name}-{part}-0"], "withdrawn") == 1


if __name__ == "__main__":
    main(*sys.argv[1:])
