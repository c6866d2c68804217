"""The README as a new user takes it: its commands and Python examples, run as they stand."""

import json
import re
import shlex
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

import matching_spark
from tests.conftest import call

README = (Path(__file__).parents[1] / "README.md").read_text("utf-8")


def test_the_tour_finds_the_lost_thing(toured: Path) -> None:
    out = toured / "demo-out"
    lines = (out / "world" / "truth.jsonl").read_text("utf-8").splitlines()
    same = {t["lost_id"]: t["found_id"] for t in map(json.loads, lines) if t["same"]}
    result = json.loads((out / "matches.json").read_text("utf-8"))
    results = result["results"]
    assert results[0]["post_id"] == same[result["query"]["post_id"]]
    assert results[0]["probability"] > 0.5 > results[1]["probability"]
    assert results[0]["why"]
    page = (out / "matches.html").read_text("utf-8")
    assert page.count("<img") == sum(match["photo"] is not None for match in results) + 1
    assert "http" not in re.sub(r"data:[^']*", "", page)


def test_commands_of_the_readme_run(toured: Path) -> None:
    block = re.search(r"export MATCHING_TABLE=demo-out/table\n(.*?)```", README, re.S)
    assert block
    lines = [line for line in block[1].splitlines() if line]
    assert len(lines) == 3
    for line in lines:
        program, *arguments = shlex.split(line)
        assert program == ".venv/bin/matching-spark"
        done = call(*arguments, cwd=toured, MATCHING_TABLE="demo-out/table")
        assert done.returncode == 0, done.stderr
        assert json.loads(done.stdout)
    assert (toured / "found.html").is_file()


def test_examples_run(
    toured: Path,
    spark: SparkSession,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(toured)
    examples = re.findall(r"```python\n(.*?)```", README, re.S)
    assert len(examples) == 2
    for example in examples:
        exec(example, {})
    assert "F2026" in capsys.readouterr().out


def test_public_names() -> None:
    for name in matching_spark.__all__:
        assert getattr(matching_spark, name).__name__ == name
    with pytest.raises(AttributeError):
        _ = matching_spark.nothing


def test_commands_of_the_readme_exist() -> None:
    from matching_spark.main import app

    listed = set(re.findall(r"^\| `(\w+)", README, re.M))
    commands = {c.name or c.callback.__name__ for c in app.registered_commands if c.callback}
    assert commands | {str(group.name) for group in app.registered_groups} == listed
