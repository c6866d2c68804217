"""`committer.py URI NAME COUNT WHAT`: commits that are told on stdout once they are acknowledged.

WHAT: properties (of the posts table, at full speed), posts (one is closed, one decided on) or erase
(one is erased, run again when it says so, TRIES times at most).
Begins when a line comes on stdin, having said that it is ready.
"""

import sys
from typing import Any

from matching_spark import PostsTable, Settings, start_session
from matching_spark.config import Hadoop, Spark
from matching_spark.errors import StorageError
from matching_spark.matching.decisions import Decision, store
from matching_spark.spark.jvm import java_session, jvm
from matching_spark.table.erase import erase

TRIES = 5
CONF = {
    "spark.master": "local[1]",
    "spark.driver.memory": "600m",
    "spark.sql.shuffle.partitions": "1",
}


def main(uri: str, name: str, count: int, what: str) -> None:
    spark = start_session(Settings(spark=Spark(conf=CONF)))
    table = PostsTable.open(uri, spark, Hadoop(commit_retries=20, commit_wait_s=0.05))
    load = jvm(spark).org.apache.iceberg.spark.Spark3Util.loadIcebergTable
    loaded: Any = load(java_session(spark), table.name)
    print("ready", flush=True)
    sys.stdin.readline()
    for i in range(count):
        own = f"{name}{i:04}"
        if what == "properties":
            with table.writing():
                loaded.updateProperties().set(f"test.{own}", "yes").commit()
        elif what == "erase":
            erased(table, own)
        else:
            assert table.set_status([own], "claimed") == 1
            store(table, [Decision("lost", own, "rejected", name)])
        print(own, flush=True)


def erased(table: PostsTable, post_id: str) -> None:
    for left in reversed(range(TRIES)):
        try:
            erase(table, [post_id])
        except StorageError as error:
            assert left, error
            assert "run it again" in str(error), error
            print(error, file=sys.stderr)
        else:
            return


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4])
