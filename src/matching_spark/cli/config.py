"""matching-spark config: what is set, and where."""

import datetime as dt
import json
import os

from rich.cells import chop_cells
from rich.table import Table

from matching_spark.cli.options import Common, on_a_table
from matching_spark.config import Origin
from matching_spark.spark.conf import conf_dir

NAMES = 30  # columns


def _written(value: object) -> str:
    """As the environment takes it, and, but for the quotes of a text, the file."""
    if value is None or isinstance(value, str | dt.timedelta):
        return str(value or "")
    return json.dumps(value, ensure_ascii=False, default=str)


@on_a_table
def config(common: Common) -> None:
    """Every setting, its value, and where the value came from."""
    run = common.begin()
    named = "environment SPARK_CONF_DIR" if os.environ.get("SPARK_CONF_DIR") else "default"
    origins = [*run.origins, Origin("(spark-defaults.conf)", str(conf_dir()), named)]
    view = Table()
    view.add_column("setting", no_wrap=True)  # a name is there to be copied
    view.add_column("value", overflow="fold")
    view.add_column("origin", overflow="fold")
    for each in origins:
        # A long key of Spark's leaves the other columns some room.
        name = "\n".join(chop_cells(each.name, NAMES))
        view.add_row(name, _written(each.value), each.origin)
    run.emit({"settings": [vars(each) for each in origins]}, view)
