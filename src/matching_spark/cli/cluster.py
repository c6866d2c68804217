"""matching-spark cluster: HDFS and Spark for development, on this machine, without Docker."""

import shlex
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from matching_spark import operations
from matching_spark.cli.app import PLAIN
from matching_spark.cli.options import (
    Common,
    Run,
    here,
    one_of,
    printing,
    stderr,
    terminal,
    with_settings,
)
from matching_spark.cli.views import titled

cluster = typer.Typer(
    help="A development cluster: up, status, down.", no_args_is_help=True, **PLAIN
)
FolderOption = Annotated[
    Path, typer.Option(callback=here, help="Where its data, logs and state lie.")
]
FOLDER = Path("cluster")


@cluster.command()
@with_settings
def up(
    common: Common,
    folder: FolderOption = FOLDER,
    manager: Annotated[
        str, typer.Option(metavar="standalone|yarn", help="Who gives executors.")
    ] = "standalone",
    datanodes: Annotated[int, typer.Option(min=1, max=16, help="Of HDFS.")] = 2,
    workers: Annotated[int, typer.Option(min=1, max=16, help="Of Spark.")] = 2,
    worker_cores: Annotated[int, typer.Option(min=1, help="Of each.")] = 1,
    worker_memory: Annotated[str, typer.Option(help="As Spark writes it: 2g.")] = "2g",
) -> None:
    """Start HDFS and Spark (or YARN) on loopback; again, what has died of them."""
    run = common.begin()
    with terminal() as progress:
        made_of = operations.cluster.Size(
            one_of("--manager", manager, operations.cluster.MANAGERS),
            datanodes,
            workers,
            worker_cores,
            worker_memory,
        )
        started = operations.cluster.up(run.settings, folder, made_of, progress)
    _show(run, started.to_dict())
    used = {
        "SPARK_CONF_DIR": started.spark_conf,
        "HADOOP_CONF_DIR": started.hadoop_conf,
        "MATCHING_TABLE": f"{started.hdfs}/lostfound",
        "MATCHING_SPARK__MASTER": started.master,
    }
    words = " ".join(f"{name}={shlex.quote(value)}" for name, value in used.items())
    stderr.print(f"use it: export {words}")
    others = "HDFS believes any user name: others who may log in here can change what lies there"
    if started.master == "yarn":
        others = f"{others}, and YARN too: they can run programs as you"
    stderr.print(f"{others}; for data that matter use a cluster with Kerberos")


@cluster.command()
@printing
def status(common: Common, folder: FolderOption = FOLDER) -> None:
    """What runs, its pages and its logs."""
    run = common.begin()
    _show(run, operations.cluster.status(folder).to_dict())


@cluster.command()
@printing
def down(
    common: Common,
    folder: FolderOption = FOLDER,
    delete: Annotated[bool, typer.Option("--delete", help="Its data and logs too.")] = False,
) -> None:
    """Stop it; its data stay for the next time unless --delete."""
    run = common.begin()
    done = operations.cluster.down(folder, delete)
    view = Table("stopped")
    for name in done.stopped:
        view.add_row(name)
    run.emit(done.to_dict(), view)


def _show(run: Run, state: dict[str, Any]) -> None:
    view = titled(state["hdfs"], "process", "pid", "state")
    view.add_column("page, log", overflow="fold")
    for each in state["processes"]:
        where = "\n".join(filter(None, (each["page"], each["log"])))
        view.add_row(each["name"], str(each["pid"]), "up" if each["alive"] else "DOWN", where)
    view.caption = (
        f"spark.master={state['master']}, {state['live_datanodes']} DataNodes and "
        f"{state['live_workers']} workers live"
    )
    run.emit(state, view)
