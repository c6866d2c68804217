"""The process: a service that is warm, two listeners, what runs beside them, a clean end."""

import asyncio
import gc
import logging
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager, suppress
from errno import EACCES, EADDRINUSE
from functools import partial
from typing import Any

import uvicorn
from anyio.to_thread import current_default_thread_limiter
from starlette.types import ASGIApp

from matching_spark.config import Settings, environment_of
from matching_spark.errors import MatchingError, StorageError
from matching_spark.operations.merger import END_S as MERGE_END_S
from matching_spark.progress import SILENT, Progress
from matching_spark.service.app import create_app
from matching_spark.service.guards.connections import AT_ONCE, Listening, Patient
from matching_spark.service.guards.guards import check_listening
from matching_spark.service.guards.limits import Addresses
from matching_spark.service.guards.problems import where_raised
from matching_spark.service.heaps import share_heaps
from matching_spark.service.opening import opened, warm
from matching_spark.service.watch import Watch, operations_app
from matching_spark.spark.interrupts import heeded

log = logging.getLogger(__name__)
LOOK_S = 2.0  # between two looks for what others have written
NEWS_S = 10.0  # between two looks for what turned up for people
RENEW_S = 30.0  # between two looks whether the merger is there, and the table of this model
END_S = 10.0  # for requests that are under way when the service is to end


def serve(
    settings: Settings,
    progress: Progress = SILENT,
    *,
    demo: bool = False,
    ready: Callable[[str], None] = lambda url: None,
    stop: threading.Event | None = None,
) -> None:
    """Serve until a signal, or `stop`, ends it; with the table's new model once it has another, as
    after a reembed. ready: called with the address of the first page.

    Raises UsageError for settings that cannot be, StorageError where a port is taken.
    """
    check_listening(settings)
    share_heaps()
    stop = stop or threading.Event()
    wanted = settings.service
    with ExitStack() as held:
        places = (
            (wanted.host, wanted.port, "service.port"),
            ("127.0.0.1", wanted.watch_port, "service.watch_port"),
        )
        sockets = [held.enter_context(_bound(*place)) for place in places]
        now: _Loaded | None = _Loaded(settings, demo, progress)
        merger = held.enter_context(closing(_Merger(settings)))
        for each, place in zip(sockets, places, strict=True):
            with _free(*place):  # two that do not listen yet may be bound to one port
                each.listen()  # who comes when nobody accepts waits, and is not refused
        host, port = sockets[0].getsockname()[:2]
        ready(wanted.url or f"http://{_named(host)}:{port}/")
        while now is not None:
            with closing(now):
                now.begin()
                copies = [each.dup() for each in sockets]
                work = wanted.searches_at_once + wanted.uploads_at_once
                with _beside(now, merger) as over, _signals_given_back():
                    addresses = now.of.guards.limits.addresses
                    ends = (stop, over)
                    asyncio.run(_listening(now.apps, copies, addresses, ends, work, sockets))
            now = now.next
            if now is not None and stop.is_set():
                for each in sockets:
                    each.close()
                now.close()
                break
            if now is not None:
                progress.say(f"serving {settings.table} by its new model")


class _Loaded:
    """A service that is warm, to be closed. next: the one that is to take its place, with the
    table's new model. Raises as `opened` and `warm`."""

    def __init__(self, settings: Settings, demo: bool, progress: Progress = SILENT) -> None:
        self.next: _Loaded | None = None
        with ExitStack() as held:
            self.of = held.enter_context(opened(settings, demo, progress))
            self.watch = Watch(self.of)
            self.apps: list[ASGIApp] = [
                self.watch.around(create_app(self.of)),
                operations_app(self.watch),
            ]
            warm(self.of)
            self._held = held.pop_all()
        self.watch.ready = True

    def begin(self) -> None:
        """Be ready to serve now: with what was written while this was loaded."""
        with suppress(StorageError):  # the next look reads it, or says why not
            self.of.desk.tail.refresh()
        gc.unfreeze()
        gc.collect()
        gc.freeze()  # what is loaded stays: a collection need not look through it

    def close(self) -> None:
        self._held.close()

    def load_next(self) -> None:
        """Load it beside this one, which serves meanwhile. Where that fails this one goes on; the
        reason is raised, and told by /readyz."""
        try:
            self.next = _Loaded(self.of.settings, self.of.demo)
        except Exception as error:
            self.watch.not_loaded = _told(error)
            raise


def _told(error: Exception) -> str:
    """An error's message, if it is one of ours: another's may quote what a person wrote."""
    return str(error) if isinstance(error, MatchingError) else where_raised(error)


async def _listening(
    apps: list[ASGIApp],
    sockets: list[socket.socket],
    addresses: Addresses,
    ends: Sequence[threading.Event],
    work: int = 0,
    bound: Sequence[socket.socket] = (),
) -> None:
    """Until one of the events is set; a signal sets the first. work: how many threads searches and
    uploads may hold, beside the 40 that all else has: no page waits for them. bound: what the
    sockets are copies of, closed with the first, for whom nobody answers any more is refused."""
    current_default_thread_limiter().total_tokens += work
    patient: Any = partial(Patient, addresses=addresses)
    servers = [Listening(uvicorn.Config(app, http=patient, **_UVICORN)) for app in apps]
    loop = asyncio.get_running_loop()
    for each in heeded():
        with suppress(NotImplementedError, RuntimeError, ValueError):  # not in the main thread
            loop.add_signal_handler(each, ends[0].set)

    async def ending() -> None:
        while not any(each.is_set() for each in ends):
            await asyncio.sleep(0.1)
        for each in bound if ends[0].is_set() else ():
            each.close()  # the kernel would take who comes, and they would wait for ever
        for server in servers:
            server.should_exit = True

    serving = (s.serve([each]) for s, each in zip(servers, sockets, strict=True))
    await asyncio.gather(ending(), *serving)


@contextmanager
def _signals_given_back() -> Iterator[None]:
    """Signals do afterwards what they did before. A loop that ends leaves SIGTERM to the system:
    one that comes while the next model is loaded would end this process, not its merger."""
    before = {each: signal.getsignal(each) for each in heeded()}
    try:
        yield
    finally:
        for each, act in before.items():
            with suppress(ValueError):  # not in the main thread
                signal.signal(each, act)


_UVICORN: dict[str, Any] = {
    "log_config": None,
    "backlog": AT_ONCE,
    "workers": 1,  # else WEB_CONCURRENCY counts, which platforms set, and not only to numbers
    "log_level": "error",  # its warnings are of what strangers send, as often as they like
    "access_log": False,  # an address is personal; metrics count
    "server_header": False,
    "proxy_headers": False,  # limits.Addresses knows whom to believe
    "timeout_keep_alive": 15,
    "timeout_graceful_shutdown": int(END_S),
    "lifespan": "off",
    "ws": "none",
}


@contextmanager
def _beside(now: _Loaded, merger: "_Merger") -> Iterator[threading.Event]:
    """The threads that see what others write, what turns up, and whether the merger is there. Gives
    an event that is set where the table has another model, and the next service is loaded."""
    of, over = now.of, threading.Event()

    def again(act: Callable[[], object], every_s: float) -> None:
        while not over.wait(every_s):
            try:
                act()
            except Exception as error:  # the thread goes on
                level = logging.WARNING if isinstance(error, MatchingError) else logging.ERROR
                log.log(level, "%s; tried again in %.0f s", _told(error), every_s)

    def look() -> None:
        of.finder.asks.sweep()
        of.desk.refresh()
        of.review.refresh()

    def renew() -> None:
        merger.look()
        if of.desk.outdated:
            now.load_next()
            over.set()

    threads = [
        threading.Thread(target=again, args=(act, every), name=name, daemon=True)
        for name, act, every in (
            ("look", look, LOOK_S),
            ("news", of.news.run_once, NEWS_S),
            ("renew", renew, RENEW_S),
        )
    ]
    for each in threads:
        each.start()
    try:
        yield over
    finally:
        over.set()
        for each in threads:
            each.join(END_S)


_MERGER = (sys.executable, "-m", "matching_spark.main", "merge", "--follow")


class _Merger:
    """The merger, a process of its own that starts Spark when there is something to merge. It gets
    these settings by its environment, which only its user can read."""

    def __init__(self, settings: Settings) -> None:
        self._environment = os.environ | environment_of(settings)
        self._process = self._started()

    def look(self) -> None:
        """Start it again where it has ended: no request needs it, so nobody else would notice."""
        if (status := self._process.poll()) is not None:
            log.warning("the merger has ended with %d; it is started again", status)
            self._process = self._started()

    def close(self) -> None:
        self._process.terminate()
        try:
            self._process.wait(END_S + MERGE_END_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _started(self) -> "subprocess.Popen[bytes]":
        return subprocess.Popen(
            [*_MERGER, f"--parent={os.getpid()}"],  # which may be gone before the merger can ask
            env=self._environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            start_new_session=True,  # Ctrl-C is for this process, which ends it
        )


def _bound(host: str, port: int, setting: str) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # asyncio sets TCP_NODELAY where a socket says that it is TCP's, and what is accepted says what
    # this one does. Else an answer's body waits 40 ms for the client to acknowledge its head.
    bound = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    with ExitStack() as unless_bound, _free(host, port, setting):
        unless_bound.callback(bound.close)
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind((host.strip("[]"), port))
        unless_bound.pop_all()
    return bound


@contextmanager
def _free(host: str, port: int, setting: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        remedy = "service.host to an address of this machine"
        if error.errno in (EADDRINUSE, EACCES):
            remedy = f"{setting} to a free port, or 0 for any"
        why = f"{host}:{port} cannot be listened on: {error.strerror}; set {remedy}"
        raise StorageError(why) from None


def _named(host: str) -> str:
    return f"[{host}]" if ":" in host else host
