"""What an empty Python job costs: as Spark comes, and with our worker and settings."""

from statistics import median

from benchmarks.data import settings
from benchmarks.harness import Row, ratio_row, row, seconds
from matching_spark.session import session

AS_IT_COMES = {
    "spark_python_daemon_module": "pyspark.daemon",
    "spark_python_unix_domain_socket_enabled": "false",
}


def run(full: bool) -> list[Row]:
    taken: dict[str, dict[int, list[float]]] = {}
    for who, conf in (("as Spark comes", AS_IT_COMES), ("ours", {})):
        keys = {k.replace("unix_domain_socket_", "unix.domain.socket."): v for k, v in conf.items()}
        with session(settings(**keys)) as spark:
            context = spark.sparkContext
            taken[who] = {
                tasks: seconds(
                    lambda: context.parallelize(range(tasks), tasks).map(str).collect(),
                    repeats=7,
                    warm_up=2,
                )
                for tasks in (2, 4, 8)
            }
    rows = []
    for tasks in (2, 4, 8):
        for who, each in taken.items():
            ms = [1000 * s for s in each[tasks]]
            rows.append(row(f"an empty job of {tasks} tasks", who, ms, "ms", "warm", "the job"))
        ratio = median(taken["ours"][tasks]) / median(taken["as Spark comes"][tasks])
        rows.append(
            ratio_row(
                f"an empty job of {tasks} tasks",
                "ours / as it comes",
                ratio,
                "warm",
                "",
                0.25,
                False,
            )
        )
    return rows
