"""search --ask: on a terminal it asks and ranks anew, elsewhere it says what is worth asking."""

import datetime as dt
import json
import os
import pty
import select
import sys
import time
from itertools import product

import pytest

from matching_spark.demo.world import World
from matching_spark.domain.results import Question
from matching_spark.errors import InputError
from matching_spark.operations.question import answered
from matching_spark.search.query import Query
from tests.support.commands import command
from tests.support.processes import LONG_S


def photo_of(world: World) -> str:
    """Of the first lost post that has one."""
    posts = map(json.loads, world.lost.read_text("utf-8").splitlines())
    return str(world.folder / next(each["photos"][0] for each in posts if each["photos"]))


def talk(arguments: list[str], answers: list[str]) -> str:
    """What a terminal shows of a search, where each prompt is answered in turn."""
    child, terminal = pty.fork()
    if not child:
        os.execv(sys.executable, [sys.executable, "-m", "matching_spark.main", *arguments])
    shown, given, until = b"", 0, time.monotonic() + LONG_S
    while time.monotonic() < until:
        if not select.select([terminal], [], [], 1)[0]:
            continue
        try:
            got = os.read(terminal, 1 << 16)
        except OSError:  # the child has ended
            break
        shown += got
        if shown.count(b"not known: ") > given and given < len(answers):
            os.write(terminal, f"{answers[given]}\n".encode())
            given += 1
    os.close(terminal)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0, shown.decode()
    return shown.decode()


def test_a_terminal_asks_and_ranks_anew(stored: str, world: World) -> None:
    photo = photo_of(world)
    arguments = ["search", "--table", stored, "--image", photo, "--ask", "--runner", "memory"]
    shown = talk([*arguments, "--language", "en", "--top-k", "3"], ["1", ""])
    assert "Where was it?  1 " in shown
    assert shown.count("posts compared in") == 2, "what was shown is not shown again"
    assert "place" in shown.split("posts compared in")[1], "the answer weighs"


def test_elsewhere_the_question_is_told(stored: str, world: World) -> None:
    photo = photo_of(world)
    arguments = ("search", "--table", stored, "--image", photo, "--runner", "memory", "--json")
    said = json.loads(command(*arguments, "--ask").stdout)
    question = said["question"]
    assert question["fact"] in ("happened_on", "place", "region", "colour", "category")
    assert question["bits"] > 0
    assert question["words"].endswith("?")
    assert "question" not in json.loads(command(*arguments).stdout)
    for wrong in (("--post", "L1"), ("--embedding", "x.npy")):
        done = command("search", "--table", stored, *wrong, "--ask", "--runner", "memory")
        assert (done.returncode, "--ask is for photos and words" in done.stderr) == (2, True)


def test_an_answer_is_a_fact_of_the_query() -> None:
    query, today = Query(text="지갑"), dt.date(2026, 11, 27)

    def after(fact: str, said: str) -> Query:
        return answered(query, Question(fact, "?", (), 1.0), said, today)

    assert after("happened_on", "어제").happened_on == dt.date(2026, 11, 26)
    assert after("happened_on", "2026-11-03").happened_on == dt.date(2026, 11, 3)
    assert after("colour", "black").colour == "검정"
    assert after("place", " 강남역 ").place == "강남역"
    assert after("region", "서울").text == "지갑"
    with pytest.raises(InputError, match="category 'blah' is not known"):
        after("category", "blah")
    with pytest.raises(InputError, match="cannot be read"):
        after("happened_on", "sometime")
    for fact, nothing in product(("colour", "place", "happened_on"), (" ", "\t", "\u200b")):
        with pytest.raises(InputError, match="says nothing"):  # else it is asked again, endlessly
            after(fact, nothing)
