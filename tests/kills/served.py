"""The service as a process that is killed and started again, and a program that writes by its API.

`python -m tests.kills.served FOLDER` is the service without its journal's commit: the control.
"""

import base64
import contextlib
import io
import os
import random
import signal
import subprocess
import sys
import threading
import time
from contextlib import closing
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
from PIL import Image

from matching_spark.config import Settings, environment_of
from matching_spark.journal.store import Journal
from matching_spark.service.guards.accounts import Accounts
from matching_spark.service.guards.sessions import Sessions
from matching_spark.spark.ports import free_ports
from tests.kills.processes import settings_of, uncommitted
from tests.support.processes import in_session

ROOT = Path(__file__).parents[2]
POSTS = 50  # at most, so that one search gives all of them
MERGE_EVENTS = 60
MERGE_EVERY_S = 20
PAUSE_S = 0.05  # between two writes
LOOK_EVERY = 25  # writes


def served_settings(folder: Path) -> Settings:
    """With two ports that are free now, no limits for who asks, and many merges."""
    settings = settings_of(folder)
    settings.similarity.runner, settings.similarity.threshold = "memory", 0.0
    service = settings.service
    with contextlib.ExitStack() as held:
        service.port, service.watch_port = free_ports(2, held)
    service.requests_a_minute = service.searches_a_minute = service.uploads_a_minute = 100_000
    service.merge_events, service.merge_every_s = MERGE_EVENTS, MERGE_EVERY_S
    return settings


class Server:
    """The command `serve`, or the control in its place."""

    def __init__(self, settings: Settings, folder: Path, control: bool = False) -> None:
        self.settings, self.folder = settings, folder
        self.url = f"http://127.0.0.1:{settings.service.port}"
        self._watch = f"http://127.0.0.1:{settings.service.watch_port}"
        self._command = ["tests.kills.served"] if control else ["matching_spark.main", "serve"]
        self._mergers: set[int] = set()
        self.start()

    def start(self) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", *self._command],
            env=os.environ | environment_of(self.settings),
            stdout=subprocess.DEVNULL,
            stderr=(self.folder / "serve.log").open("ab"),
            cwd=ROOT,
            start_new_session=True,
        )

    def ready(self) -> bool:
        """Whether it says so, and its merger is there."""
        assert self.process.poll() is None, (self.folder / "serve.log").read_text("utf-8")[-2000:]
        with contextlib.suppress(httpx.TransportError):
            return httpx.get(f"{self._watch}/readyz").status_code == 200 and bool(self.merger())
        return False

    def waiting(self) -> float:
        """How many events the table has not; -1 where it cannot be asked."""
        with contextlib.suppress(httpx.TransportError):
            for line in httpx.get(f"{self._watch}/metrics").text.splitlines():
                if line.startswith("matching_events_waiting "):
                    return float(line.split()[1])
        return -1

    def merger(self) -> int | None:
        """The process that it has started for merges, which leads a session of its own."""
        for pid in _children(self.process.pid):
            with contextlib.suppress(OSError):
                if b"--follow" in Path(f"/proc/{pid}/cmdline").read_bytes():
                    self._mergers.add(pid)
                    return pid
        return None

    def merging(self) -> bool:
        """Whether a merge has its JVM."""
        merges = _children(self.merger() or 0)
        return any(_children(each) for each in merges)

    def kill(self, service: bool, merger: bool, jvm: bool) -> None:
        """Those at once. A JVM alone goes on with what it does."""
        of = self.merger()
        victims = [self.process.pid] if service else []
        if merger and of is not None:
            java = in_session(of, "java")
            victims += [pid for pid in in_session(of) if jvm or pid not in java]
        for each in victims:
            _kill(each)
        if service:
            self.process.wait()

    def end(self) -> int:
        """As Ctrl-C does; the exit status."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(60)

    def clear(self) -> None:
        """End all that is left of it."""
        self.kill(service=True, merger=True, jvm=True)
        for each in self._mergers:
            for pid in in_session(each):
                _kill(pid)


@dataclass
class Known:
    """What was acknowledged of a post."""

    title: str
    sequence: int
    status: str


@dataclass
class Program:
    """Writes one thing after the other for ever; what was not answered is sent again with its key
    until it is. wrong: what was acknowledged, and is not as it was, or not once."""

    server: Server
    token: str
    posts: dict[str, Known] = field(default_factory=dict)
    decided: dict[str, str] = field(default_factory=dict)  # found post -> the last verdict
    wrong: list[str] = field(default_factory=list)
    written: int = 0
    again: int = 0  # sent more than once
    looks: int = 0
    lost_id: str = ""

    def __post_init__(self) -> None:
        self._over, self._chance = threading.Event(), random.Random()
        headers = {"Authorization": f"Bearer {self.token}"}
        self._client = httpx.Client(base_url=self.server.url, headers=headers, timeout=60)
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def end(self) -> None:
        self._over.set()
        self._thread.join()
        self._client.close()

    def has_looked(self, often: int) -> bool:
        """Whether so often, or has nothing to look for any more."""
        return self.looks >= often or bool(self.wrong)

    def _run(self) -> None:
        try:
            made = self._ask("POST", "/posts", {"kind": "lost", "title": "지갑"})
            self.lost_id = made["post_id"]
            while not self._over.is_set() and not self.wrong:
                self._write()
                self.written += 1
                if self.written % LOOK_EVERY == 0:
                    self.wrong += self.look()
                time.sleep(PAUSE_S)
        except _Over:
            pass
        except Exception as error:
            self.wrong.append(f"{type(error).__name__}: {error}")

    def _write(self) -> None:
        open_ids = [i for i, each in self.posts.items() if each.status == "open"]
        dice = self._chance.random()
        if len(self.posts) < POSTS and (dice < 0.2 or not open_ids):
            self._add()
            return
        post_id = self._chance.choice(open_ids or list(self.posts))
        known = self.posts[post_id]
        if dice < 0.4 or not open_ids:
            verdict = self._chance.choice(["confirmed", "rejected"])
            pair = {"lost_id": self.lost_id, "found_id": post_id, "verdict": verdict}
            self._ask("POST", "/decisions", pair)
            self.decided[post_id] = verdict
        elif dice < 0.42:
            self._told(post_id, self._ask("POST", f"/posts/{post_id}/close", {"status": "claimed"}))
            known.status, known.sequence = "claimed", known.sequence + 1
        else:
            title = f"지갑 {known.sequence + 1}"
            said = self._ask("PATCH", f"/posts/{post_id}", {"title": title})
            self._told(post_id, said)
            known.title, known.sequence = title, known.sequence + 1

    def _add(self) -> None:
        post: dict[str, Any] = {"kind": "found", "category": "지갑", "title": "지갑 1"}
        if self._chance.random() < 0.3:
            post["photos"] = [base64.b64encode(_drawn(self._chance)).decode()]
        said = self._ask("POST", "/posts", post)
        if said["post_id"] in self.posts:
            self.wrong.append(f"{said['post_id']} was given to two posts")
        self.posts[said["post_id"]] = Known(said["title"], said["sequence"], said["status"])

    def _told(self, post_id: str, said: dict[str, Any]) -> None:
        """An answer to a change counts one change more, however often it was sent."""
        if said["sequence"] != self.posts[post_id].sequence + 1:
            self.wrong.append(f"{post_id} counts {said['sequence']} after {self.posts[post_id]}")

    def look(self) -> list[str]:
        """What of all that was acknowledged is not there as it was, or twice in a search."""
        wrong = []
        for post_id, known in self.posts.items():
            said = self._ask("GET", f"/posts/{post_id}", None)
            shown = Known(said.get("title", ""), said.get("sequence", 0), said.get("status", ""))
            if shown != known:
                wrong.append(f"{post_id} was answered as {known}, and is shown as {shown}")
        asked = {"words": "지갑", "kind": "found", "status": None, "limit": 100}
        ids = [each["post_id"] for each in self._ask("POST", "/search", asked)["results"]]
        if sorted(ids) != sorted(self.posts):
            wrong.append(f"a search finds {sorted(ids)} of {sorted(self.posts)}")
        self.looks += 1
        return wrong

    def _ask(self, method: str, path: str, body: dict[str, Any] | None) -> dict[str, Any]:
        key, tries = {"Idempotency-Key": str(uuid4())}, 0
        while not self._over.is_set():
            tries += 1
            try:
                answer = self._client.request(method, f"/api/office{path}", json=body, headers=key)
            except httpx.TransportError:
                time.sleep(0.1)
                continue
            self.again += tries > 1
            if answer.status_code == 503:
                time.sleep(0.1)
            elif answer.status_code == 404 and method == "GET":
                return {}
            elif answer.is_success:
                said: dict[str, Any] = answer.json()
                return said
            else:
                raise AssertionError(f"{method} {path}: {answer.status_code} {answer.text}")
        raise _Over


class _Over(Exception):
    """It is to end."""


def token_of(settings: Settings) -> str:
    """Of a new account, for a program."""
    with closing(Journal.open_or_create(settings)) as journal:
        account = Accounts(journal).add("program", "a long enough password")
        return Sessions(journal, 12).issue(account.account_id, timedelta(days=1))[1]


def _drawn(chance: random.Random) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (64, 64), tuple(chance.randrange(256) for _ in "rgb")).save(out, "PNG")
    return out.getvalue()


def _children(pid: int) -> list[int]:
    lists = Path(f"/proc/{pid}/task").glob("*/children")
    with contextlib.suppress(OSError):
        return [int(each) for every in lists for each in every.read_text().split()]
    return []


def _kill(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


def main() -> None:
    uncommitted()
    sys.argv = ["matching-spark", "serve"]
    from matching_spark.main import run  # after the control is in place

    run()


if __name__ == "__main__":
    main()
