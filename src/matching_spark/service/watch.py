"""Watching the service: its figures, whether it lives and is ready; on loopback."""

import time

from fastapi import FastAPI
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from matching_spark.service.guards.headers import method_of
from matching_spark.service.running import Service

SECONDS = (0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10)


class Watch:
    """ready: both towers have answered and the shards are loaded. not_loaded: why the table's new
    model could not be, the last time."""

    def __init__(self, of: Service) -> None:
        self.of, self.ready, self.not_loaded = of, False, ""
        self.registry = CollectorRegistry()
        labels = ("method", "route", "status")
        self._seconds = Histogram(
            "matching_request_seconds",
            "From a request's head to the end of its answer.",
            labels,
            buckets=SECONDS,
            registry=self.registry,
        )
        self._errors = Counter(
            "matching_broken_answers", "Answers that were cut short.", registry=self.registry
        )
        desk = of.desk
        last, waiting = lambda: desk.tail.upto, lambda: desk.tail.upto - desk.merged
        for name, about, value in (
            ("matching_events", "The sequence of the journal's last event.", last),
            ("matching_events_waiting", "Events that the table has not yet.", waiting),
        ):
            Gauge(name, about, registry=self.registry).set_function(value)

    def around(self, app: ASGIApp) -> ASGIApp:
        """The application, each of its answers counted by its route, never by its address; it says
        itself whether it lives (/healthz)."""

        async def counted(scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] != "http":
                await app(scope, receive, send)
                return
            if scope["path"] == "/healthz":
                await health()(scope, receive, send)
                return
            began, status = time.perf_counter(), 500

            async def sent(message: Message) -> None:
                nonlocal status
                if message["type"] == "http.response.start":
                    status = message["status"]
                await send(message)

            try:
                await app(scope, receive, sent)
            except BaseException:
                self._errors.inc()
                raise
            finally:
                route = getattr(scope.get("route"), "path", "none")
                taken = time.perf_counter() - began
                self._seconds.labels(method_of(scope), route, str(status)).observe(taken)

        return counted


def health() -> Response:
    return JSONResponse({"status": "alive"}, headers={"Cache-Control": "no-store"})


def operations_app(watch: Watch) -> FastAPI:
    """The second listener: /healthz, /readyz, /metrics."""
    app = FastAPI(openapi_url=None)

    def readyz() -> Response:
        if not watch.ready:
            return JSONResponse({"status": "starting"}, 503)
        if model := watch.of.desk.outdated:
            why = watch.not_loaded
            detail = (
                f"the table has vectors of {model} now: this service loads it, and answers "
                "meanwhile from the table as it was before"
            )
            if why:
                detail += (
                    f"; it could not be loaded ({why}), which is tried again: where model.name "
                    "names another model, name this one's folder and start the service again"
                )
            return JSONResponse({"status": "outdated", "detail": detail})
        return JSONResponse({"status": "ready"})

    def metrics() -> Response:
        return Response(generate_latest(watch.registry), media_type=CONTENT_TYPE_LATEST)

    for path, answer in (("/healthz", health), ("/readyz", readyz), ("/metrics", metrics)):
        app.add_api_route(path, answer, response_class=Response)
    return app
