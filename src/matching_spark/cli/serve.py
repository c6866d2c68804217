"""matching-spark serve: the pages and the HTTP API, until Ctrl-C."""

from typing import Annotated

import typer

from matching_spark import operations
from matching_spark.cli import first_run
from matching_spark.cli.options import Common, on_a_table, terminal
from matching_spark.errors import UsageError, extra


@on_a_table
def serve(
    common: Common,
    host: Annotated[
        str | None,
        typer.Option(
            help="The address to listen on; any but loopback needs service.public; default: "
            "service.host, of --demo 127.0.0.1."
        ),
    ] = None,
    port: Annotated[
        int | None,
        typer.Option(
            help="Of the pages and the API; 0: any free one; default: service.port; of --demo any."
        ),
    ] = None,
    demo: Annotated[
        bool,
        typer.Option(
            "--demo", help="A drawn world and a journal of its own, in the cache's folder."
        ),
    ] = False,
) -> None:
    """Serve the pages for people and the office, and the HTTP API, until Ctrl-C."""
    with extra("service", "the service"):  # a second, which no other command needs
        from matching_spark.service import server
    if demo and common.table is not None:
        raise UsageError("--demo has a table of its own: leave --table out")
    settings = common.begin(service={"host": host, "port": port}).settings
    with terminal() as progress:
        if demo:
            said = settings.service
            settings = operations.demo_service.drawn_once(settings, progress=progress)
            if host is not None:  # over the demo's own
                settings.service.host = said.host
            if port is not None:
                settings.service.port = said.port
            first_run.shown(settings, progress)
            return
        server.serve(
            settings,
            progress,
            ready=lambda url: progress.say(f"serving {settings.table} at {url} (Ctrl-C ends it)"),
        )
