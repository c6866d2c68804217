"""README and site as a new user takes them: commands and examples run, links lead somewhere."""

import ast
import importlib
import importlib.metadata
import itertools
import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import SparkSession
from typer.main import get_command

import matching_spark
from matching_spark.cli.app import COMMANDS, app
from tests.support.commands import command

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text("utf-8")
PAGES = sorted((ROOT / "docs").glob("*.md"))
EXAMPLES = [
    pytest.param(example, id=f"{page.stem}-{i}")
    for page in PAGES
    for i, example in enumerate(re.findall(r"```python\n(.*?)```", page.read_text("utf-8"), re.S))
]


def test_the_site_builds_and_its_links_lead_somewhere(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", tmp_path],
        cwd=ROOT,
        env=os.environ | {"NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    commands = (tmp_path / "reference" / "commands.html").read_text("utf-8")
    settings = (tmp_path / "reference" / "settings.html").read_text("utf-8")
    python = (tmp_path / "reference" / "python.html").read_text("utf-8")
    assert "matching-spark search" in commands
    assert "similarity.top_k" in settings
    assert "SearchOptions" in python
    fetched = re.findall(r"""(?:src|href)=["'](https?://[^"']+\.(?:js|css|woff2?))""", commands)
    assert not fetched, "the site must be readable without a network"


@pytest.mark.parametrize("example", EXAMPLES)
def test_examples_of_the_site_run(
    example: str, toured: Path, spark: SparkSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(toured)
    exec(example, {})


def commands_of(text: str) -> list[str]:
    blocks = "\n".join(re.findall(r"```(?:sh|bash)?\n(.*?)```", text, re.S)).replace("\\\n", " ")
    lines = (line.strip().removeprefix(".venv/bin/") for line in blocks.splitlines())
    return [line for line in lines if re.match(r"matching-spark( |$)", line)]


@pytest.mark.parametrize("page", [*PAGES, *ROOT.glob("README*.md")], ids=lambda page: page.name)
def test_commands_of_a_page_exist_with_the_options_they_name(page: Path) -> None:
    root = get_command(app)
    for line in commands_of(page.read_text("utf-8")):
        words = shlex.split(line, comments=True)
        ends = [i for i, word in enumerate(words) if word in ("&&", "|", ";")]
        for start, end in itertools.pairwise([-1, *ends, len(words)]):
            part = words[start + 1 : end]
            if part[:1] != ["matching-spark"] or "..." in part:
                continue
            named: Any = root
            rest = part[1:]
            while hasattr(named, "commands") and rest:
                assert rest[0] in named.commands, f"{page.name}: {line}"
                named, rest = named.commands[rest[0]], rest[1:]
            known = {option for p in named.params for option in (*p.opts, *p.secondary_opts)}
            given = {word.partition("=")[0] for word in rest if re.match(r"--?[a-z]", word)}
            assert given <= known | {"--help"}, f"{page.name}: {line}"


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


def test_commands_of_the_readme_run(
    toured: Path, spark: SparkSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MATCHING_TABLE", "demo-out/table")
    block = re.search(r"export MATCHING_TABLE=demo-out/table\n(.*?)```", README, re.S)
    assert block
    lines = [line for line in block[1].splitlines() if line]
    assert len(lines) == 3
    for line in lines:
        program, *arguments = shlex.split(line)
        assert program == ".venv/bin/matching-spark"
        done = command(*arguments, cwd=toured, spark=spark)
        assert done.returncode == 0, done.stderr
        assert json.loads(done.stdout)
    assert (toured / "found.html").is_file()


def test_examples_of_the_readme_run(
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


def test_no_room_is_too_large() -> None:
    package = Path(matching_spark.__file__).parent
    lines = {file: len(file.read_text("utf-8").splitlines()) for file in package.rglob("*.py")}
    assert {file.name: count for file, count in lines.items() if count > 400} == {}
    assert len([file for file in lines if file.parent == package]) <= 14 + 1  # and __init__


def test_late_imports_say_why() -> None:
    """Beside it; or it is an extra, whose absence is an error that says what to install."""
    silent = []
    for file in Path(matching_spark.__file__).parent.rglob("*.py"):
        lines = file.read_text("utf-8").splitlines()
        for function in ast.walk(ast.parse("\n".join(lines))):
            if not isinstance(function, ast.FunctionDef):
                continue
            tried = [node for node in ast.walk(function) if isinstance(node, ast.Try)]
            extras = [
                line
                for node in tried
                if any("ImportError" in ast.unparse(h.type) for h in node.handlers if h.type)
                for line in range(node.lineno, node.handlers[0].lineno)
            ]
            late = [n for n in ast.walk(function) if isinstance(n, ast.Import | ast.ImportFrom)]
            told = [n.lineno for n in late if "#" in "".join(lines[n.lineno - 2 : n.lineno])]
            first = [n.lineno for n in late if n.lineno not in extras]
            if first and min(first) not in told:
                silent.append(f"{file.name}: {lines[min(first) - 1].strip()}")
    assert silent == []


def test_the_house_is_shown_as_it_is() -> None:
    """`make house` prints what docs/developer.md shows, and every stop of its ways exists."""
    printed = subprocess.run(
        [sys.executable, ROOT / "scripts" / "house.py"], capture_output=True, text=True, check=True
    ).stdout
    page = (ROOT / "docs" / "developer.md").read_text("utf-8")
    assert f"```text\n{printed}```" in page
    ways = page[page.index("Three ways through it") : page.index("Rules that keep it so")]
    stops = re.findall(r"`([a-z_.]+\.[A-Za-z_.]+)`", ways)
    assert len(stops) > 15
    for stop in stops:
        found: Any = matching_spark
        for name in stop.split("."):
            if hasattr(found, "__path__"):
                importlib.import_module(f"{found.__name__}.{name}")
            found = vars(found)[name]
        assert callable(found), stop


def test_public_names() -> None:
    """What types see, what is imported when it is asked for, and what there is, are the same."""
    names = set(matching_spark.__all__)
    assert names == {*matching_spark.HOME_OF, "__version__"}
    for name in names - {"__version__"}:
        assert getattr(matching_spark, name).__name__ == name
    assert matching_spark.__version__ == importlib.metadata.version("matching-spark")
    assert (Path(matching_spark.__file__).parent / "py.typed").is_file()
    with pytest.raises(AttributeError):
        _ = matching_spark.nothing


def test_commands_of_the_readme_exist() -> None:
    listed = set(re.findall(r"^\| `(\w+)", README, re.M))
    assert set(COMMANDS) == listed
