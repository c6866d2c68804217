"""No library tells its maker of a run, here or in Spark's workers; one that would is noticed.

tests/test_processes.py has what an ingest and searches leave.
"""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from matching_spark import telemetry
from tests.support.empty_home import empty_home, left

ROOT = Path(__file__).parents[1]
# A task that imports the library before anything of ours, in workers that are not ours.
TASK = f"""
import pathlib
from matching_spark import Settings, start_session, telemetry

def task(_):
    import os, onnxruntime, sys
    assert "matching_spark" not in sys.modules
    yield {{name: os.environ.get(name) for name in {tuple(telemetry.OFF)!r}}}

conf = {{"spark.master": "local[1]", "spark.python.daemon.module": "pyspark.daemon"}}
spark = start_session(Settings(spark={{"conf": conf}}))
assert telemetry.of_executors().items() <= dict(spark.sparkContext.getConf().getAll()).items()
print(spark.sparkContext.parallelize([0], 1).mapPartitions(task).collect()[0])
spark.stop()
"""


@pytest.fixture
def empty(tmp_path: Path) -> dict[str, str]:
    return empty_home(tmp_path)


def run(env: dict[str, str], *command: str) -> str:
    done = subprocess.run(
        [sys.executable, *command], env=env, cwd=env["HOME"], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_control_it_would_report_and_leave_files(empty: dict[str, str]) -> None:
    """Without our word the library does: else the tests below would pass and prove nothing."""
    run(empty, "-c", "import onnxruntime")
    assert any("onnxruntime" in name for name in left(empty)), (
        "onnxruntime without ORT_DISABLE_TELEMETRY has left no file below HOME or XDG_CACHE_HOME: "
        "it has stopped to report, or keeps what it reports elsewhere; find out which, and let "
        "these tests look there"
    )


@pytest.mark.parametrize("said", [None, "0", ""])
def test_the_package_says_no_whatever_the_environment_said(
    empty: dict[str, str], said: str | None
) -> None:
    env = empty | (dict.fromkeys(telemetry.OFF, said) if said is not None else {})
    code = (
        "import matching_spark, onnxruntime, os; from matching_spark.telemetry import OFF; "
        "from huggingface_hub import constants; assert constants.HF_HUB_DISABLE_TELEMETRY; "
        "assert all(os.environ[name] == value for name, value in OFF.items())"
    )
    run(env, "-c", code)
    assert left(env) == []


@pytest.mark.processes
def test_workers_that_are_not_ours_are_told_too(empty: dict[str, str]) -> None:
    assert run(empty, "-c", TASK).strip() == str(telemetry.OFF)
    assert left(empty) == []


def _imported(file: Path) -> list[str]:
    """The modules of a script's imports at its top, in their order."""
    names: list[str] = []
    for node in ast.parse(file.read_text("utf-8")).body:
        if isinstance(node, ast.Import):
            names += [each.name for each in node.names]
        elif isinstance(node, ast.ImportFrom):
            names.append(node.module or "")
    return [name.partition(".")[0] for name in names]


def test_scripts_import_the_package_first() -> None:
    """Those outside the package that import onnxruntime by themselves."""
    folders = ("training", "parity", "benchmarks", "scripts", "tests")
    scripts = [file for folder in folders for file in (ROOT / folder).rglob("*.py")]
    importing = {file: names for file in scripts if "onnxruntime" in (names := _imported(file))}
    assert importing
    for file, names in importing.items():
        first = names.index("matching_spark") if "matching_spark" in names else len(names)
        assert first < names.index("onnxruntime"), file
