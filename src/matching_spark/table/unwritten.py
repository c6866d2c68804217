"""A table that nobody has written yet, as one without rows: for who may read before its first
commit.
"""

from pyiceberg.partitioning import UNPARTITIONED_PARTITION_SPEC
from pyiceberg.schema import Schema
from pyiceberg.table.metadata import new_table_metadata
from pyiceberg.table.sorting import UNSORTED_SORT_ORDER

from matching_spark import storage
from matching_spark.table.catalog import FORMAT_VERSION, PROPERTY
from matching_spark.table.metadata import table_of
from matching_spark.table.planning import head_of
from matching_spark.table.posts_table import PostsTable
from matching_spark.table.state import TableState


def unwritten(uri: str, model: str, dimension: int) -> PostsTable:
    """The posts table of the warehouse `uri` before it is made; nothing is written."""
    uri = storage.absolute(uri)
    said = {"model": model, "dimension": str(dimension), "format-version": str(FORMAT_VERSION)}
    metadata = new_table_metadata(
        Schema(),
        UNPARTITIONED_PARTITION_SPEC,
        UNSORTED_SORT_ORDER,
        storage.join(uri, "posts"),
        {PROPERTY + name: value for name, value in said.items()},
    )
    table = table_of(metadata, "")
    return PostsTable(TableState(uri, head_of(table, ""), lambda: table), None, None)
