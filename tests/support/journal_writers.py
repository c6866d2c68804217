"""Writers of one journal, in processes of their own; what each was answered, as JSON on stdout.

journal_writers.py kill FOLDER KEY ROUNDS SEED: one after the other, each killed at a random moment.
journal_writers.py race FOLDER KEY WRITERS EVENTS: at once, each to its end.
They are forked from one that has imported everything and opened nothing.
"""

import json
import os
import random
import signal
import sys
import time
from itertools import count

from matching_spark.config import Settings
from matching_spark.journal.events import PostAdded
from matching_spark.journal.store import Journal

WHO = "account-" + "0" * 32


def write(settings: Settings, name: str, events: int | None, answers: int) -> None:
    """Append events for ever or so many, and tell each after its answer."""
    journal = Journal.open_or_create(settings)
    for i in count() if events is None else range(events):
        key = f"{name}-{i}"
        event = PostAdded(key, "found", "지갑", "desk")
        record = journal.append(event, WHO, key, content={"title": key * 50})
        os.write(answers, f"{record.sequence} {key}\n".encode())
    journal.close()


def fork(settings: Settings, name: str, events: int | None) -> tuple[int, int]:
    """(pid, where its answers are read)"""
    ours, theirs = os.pipe()
    if pid := os.fork():
        os.close(theirs)
        return pid, ours
    try:
        write(settings, name, events, theirs)
        os._exit(0)
    except BaseException as error:
        print(repr(error), file=sys.stderr, flush=True)
    finally:
        os._exit(1)


def read(answers: int, begun: bytes = b"") -> list[tuple[int, str]]:
    """Every whole answer. begun: what was read of them before."""
    with os.fdopen(answers, "rb") as rest:
        lines = (begun + rest.read()).decode().split("\n")[:-1]
    return [(int(sequence), key) for sequence, key in map(str.split, lines)]


def main() -> None:
    what, folder, key, *numbers = sys.argv[1:]
    settings = Settings()
    settings.service.journal, settings.service.key = folder, key
    first, second = map(int, numbers)
    told: list[list[tuple[int, str]]] = []
    if what == "kill":
        rng = random.Random(second)
        for i in range(first):
            pid, answers = fork(settings, f"w{i}", None)
            # One in five while it opens the journal, the first of them while it is made.
            begun = os.read(answers, 1) if i % 5 else b""
            time.sleep(rng.uniform(0, 0.1))
            os.kill(pid, signal.SIGKILL)
            told.append(read(answers, begun))
            os.waitpid(pid, 0)
    else:
        children = [fork(settings, f"w{i}", second) for i in range(first)]
        told = [read(answers) for _, answers in children]
        assert all(os.waitpid(pid, 0)[1] == 0 for pid, _ in children)
    print(json.dumps(told))


if __name__ == "__main__":
    main()
