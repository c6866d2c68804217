"""matching-spark config: what is set, and where."""

from rich.table import Table

from matching_spark.cli.options import Common, on_a_table
from matching_spark.config import Origin
from matching_spark.spark.conf import conf_dir


@on_a_table
def config(
    common: Common,
) -> None:
    """Every setting, its value, and where the value came from."""
    run = common.begin()
    origins = [*run.origins, Origin("(spark-defaults.conf)", str(conf_dir()), "SPARK_CONF_DIR")]
    view = Table()
    for name in ("setting", "value", "origin"):
        view.add_column(name, overflow="fold")
    for each in origins:
        view.add_row(each.name, "" if each.value is None else str(each.value), each.origin)
    run.emit({"settings": [vars(each) for each in origins]}, view)
