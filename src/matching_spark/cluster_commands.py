"""matching-spark cluster: HDFS and Spark for development, on this machine, without Docker."""

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from matching_spark.cli import (
    JsonOption,
    Run,
    SettingsOption,
    VerboseOption,
    begin,
    errors,
)
from matching_spark.errors import InputError

app = typer.Typer(help="A development cluster: up, status, down.", no_args_is_help=True)
FolderOption = Annotated[Path, typer.Option(help="Where its data, logs and state lie.")]
FOLDER = Path("cluster")


@app.command()
def up(
    folder: FolderOption = FOLDER,
    datanodes: Annotated[int, typer.Option(min=1, max=16)] = 2,
    workers: Annotated[int, typer.Option(min=1, max=16)] = 2,
    worker_cores: Annotated[int, typer.Option(min=1)] = 1,
    worker_memory: Annotated[str, typer.Option(help="As Spark writes it: 2g.")] = "2g",
    settings_file: SettingsOption = None,
    as_json: JsonOption = False,
    verbose: VerboseOption = 0,
) -> None:
    """Start a NameNode, DataNodes, a Spark master and workers on loopback."""
    run = begin(None, None, settings_file, as_json, verbose)
    from matching_spark import cluster

    started = cluster.up(
        folder,
        Path(run.settings.cache.folder),
        datanodes=datanodes,
        workers=workers,
        worker_cores=worker_cores,
        worker_memory=worker_memory,
        maven=run.settings.hadoop.maven,
        progress=lambda what: errors.print(f"{what} ..."),
    )
    _show(run, started.to_dict())
    errors.print(
        f"use it: matching-spark ingest ... --table {started.hdfs}/lostfound "
        f"--conf spark.master={started.master}"
    )


@app.command()
def status(
    folder: FolderOption = FOLDER,
    as_json: JsonOption = False,
    verbose: VerboseOption = 0,
) -> None:
    """What runs, its pages and its logs."""
    run = begin(None, None, None, as_json, verbose)
    from matching_spark.cluster import Cluster

    state = Cluster.load(folder.resolve())
    if state is None:
        raise InputError(f"there is no cluster in {folder}; `matching-spark cluster up` starts one")
    _show(run, state.to_dict())


@app.command()
def down(
    folder: FolderOption = FOLDER,
    delete: Annotated[bool, typer.Option("--delete", help="Its data and logs too.")] = False,
    as_json: JsonOption = False,
    verbose: VerboseOption = 0,
) -> None:
    """Stop it; its data stay for the next time unless --delete."""
    run = begin(None, None, None, as_json, verbose)
    from matching_spark import cluster

    stopped = cluster.down(folder, delete)
    view = Table("stopped")
    for name in stopped:
        view.add_row(name)
    run.emit({"stopped": stopped, "folder": str(folder), "deleted": delete}, view)


def _show(run: Run, state: dict[str, Any]) -> None:
    view = Table("process", "pid", "state", title=state["hdfs"], title_justify="left")
    view.add_column("page, log", overflow="fold")
    for each in state["processes"]:
        where = "\n".join(filter(None, (each["page"], each["log"])))
        view.add_row(each["name"], str(each["pid"]), "up" if each["alive"] else "DOWN", where)
    view.caption = f"spark.master={state['master']}, {state['live_datanodes']} DataNodes live"
    view.caption_justify = "left"
    run.emit(state, view)
