"""Logs: text or JSON lines, the run's id, no secret."""

import json
import logging
from pathlib import Path

from matching_spark.config import Logging
from matching_spark.log import setup_logging


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
