"""matching-spark serve: the pages and the HTTP API, until Ctrl-C."""

from typing import Annotated

import typer

from matching_spark.cli.options import Common, on_a_table, terminal


@on_a_table
def serve(
    common: Common,
    host: Annotated[
        str | None,
        typer.Option(help="To listen on; other than loopback wants service.public."),
    ] = None,
    port: Annotated[
        int | None, typer.Option(help="Of the pages and the API; 0: any free one.")
    ] = None,
) -> None:
    """Serve the pages for people and the office, and the HTTP API, until Ctrl-C."""
    run = common.begin()
    settings = run.settings
    if host is not None:
        settings.service.host = host
    if port is not None:
        settings.service.port = port
    from matching_spark.service import server  # fastapi, which no other command needs

    with terminal() as progress:
        server.serve(
            settings,
            progress,
            ready=lambda url: progress.say(f"serving {settings.table} at {url} (Ctrl-C ends it)"),
        )
