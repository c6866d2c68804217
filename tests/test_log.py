"""Logs: text or JSON lines, the run's id, no secret."""

import json
import logging
from pathlib import Path

import pytest

from matching_spark.config import Logging
from matching_spark.log import masked, setup_logging


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("GET /x?serviceKey=abc%2Bdef&page=1", "GET /x?serviceKey=***&page=1"),
        ("password: 'hunter2'", "password: ***"),
        ("Authorization: Bearer abc.def", "Authorization: ***"),
        ("nothing to hide", "nothing to hide"),
    ],
)
def test_secrets_are_masked(text: str, kept: str) -> None:
    assert masked(text) == kept
    for secret in ("abc%2Bdef", "hunter2", "abc.def"):
        assert secret not in masked(text)


def test_json_lines_carry_the_run(tmp_path: Path) -> None:
    root = logging.getLogger()
    before = root.handlers[:], root.level
    try:
        file = tmp_path / "log.jsonl"
        for _ in range(2):  # set up twice, said once
            setup_logging(Logging(level="INFO", format="json", file=str(file)), "run1")
        logging.getLogger("matching_spark.test").info("token=%s", "s3cret")
        lines = [json.loads(line) for line in file.read_text().splitlines()]
        assert [(x["run"], x["level"], x["message"]) for x in lines] == [
            ("run1", "INFO", "token=***")
        ]
    finally:
        root.handlers[:], root.level = before
