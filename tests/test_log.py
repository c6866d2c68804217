"""Logs: text or JSON lines, the run's id, no secret."""

import json
import logging
from pathlib import Path
from typing import Literal

import pytest

from matching_spark.config import Logging
from matching_spark.log import setup_logging

HOSTILE = "busy\n12:00:00 ERROR run1 matching_spark: all was erased \x9b31m \x7f \u202e \U000e0041"


@pytest.mark.parametrize("format", ["text", "json"])
def test_a_strangers_words_are_no_line_of_the_log_and_obeyed_by_no_terminal(
    tmp_path: Path, format: Literal["text", "json"]
) -> None:
    root = logging.getLogger()
    before = root.handlers[:], root.level
    try:
        setup_logging(Logging(format=format, file=str(tmp_path / "log")), "run1")
        logging.getLogger("matching_spark.test").warning("the portal says %s", HOSTILE)
    finally:
        root.handlers[:], root.level = before
    said = (tmp_path / "log").read_text()
    assert sum(not line.startswith(" ") for line in said.splitlines()) == 1
    assert all(c == "\n" or c.isprintable() for c in said)
    if format == "json":
        assert json.loads(said)["message"] == f"the portal says {HOSTILE}"


@pytest.mark.parametrize("name", ["py4j", "py4j.clientserver", "py4j.java_gateway"])
def test_a_traceback_that_py4j_logs_of_what_it_raises_is_not_told(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """As where a stop of all processes ends the JVM too: it is raised, and told as what it is."""
    root = logging.getLogger()
    before, level = root.handlers[:], root.level
    try:
        setup_logging(Logging(level="DEBUG"), "run1")
        try:
            raise BrokenPipeError
        except BrokenPipeError:
            logging.getLogger(name).exception("Exception occurred while shutting down connection")
    finally:
        root.handlers[:] = before
        root.setLevel(level)
    assert capsys.readouterr().err == ""


def test_json_lines_carry_the_run(tmp_path: Path) -> None:
    root = logging.getLogger()
    before = root.handlers[:], root.level
    odd = "caf\udce9.jpg"  # a name whose bytes are no UTF-8
    try:
        file = tmp_path / "log.jsonl"
        for _ in range(2):  # set up twice, said once
            setup_logging(Logging(level="INFO", format="json", file=str(file)), "run1")
        logging.getLogger("matching_spark.test").info("token=%s", "s3cret")
        logging.getLogger("matching_spark.test").info("read %s", odd)
        lines = [json.loads(line) for line in file.read_text().splitlines()]
        assert [(x["run"], x["level"], x["message"]) for x in lines] == [
            ("run1", "INFO", "token=***"),
            ("run1", "INFO", f"read {odd}"),
        ]
    finally:
        root.handlers[:], root.level = before
