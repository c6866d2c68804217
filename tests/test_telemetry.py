"""No library tells its maker of a run, here or in Spark's workers; one that would is noticed."""

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

from matching_spark import telemetry
from matching_spark.demo.world import World

ROOT = Path(__file__).parents[1]
OURS = "matching-spark"
# By these onnxruntime knows a run of tests, of which it does not report.
RUNS_OF_TESTS = [
    "CI",
    "TF_BUILD",
    "GITHUB_ACTIONS",
    "GITLAB_CI",
    "CIRCLECI",
    "TRAVIS",
    "JENKINS_URL",
    "CODEBUILD_BUILD_ID",
    "BUILDKITE",
]
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
    """An environment whose home and cache are empty, and in which nothing is turned off."""
    home, cache = tmp_path / "home", tmp_path / "cache"
    home.mkdir()
    cache.mkdir()
    kept = {k: v for k, v in os.environ.items() if k not in {*telemetry.OFF, *RUNS_OF_TESTS}}
    kept.pop("MATCHING_CACHE__FOLDER", None)
    # What would be sent all the same goes nowhere.
    proxies = dict.fromkeys(("https_proxy", "HTTPS_PROXY", "http_proxy"), "http://127.0.0.1:9")
    return kept | proxies | {"HOME": str(home), "XDG_CACHE_HOME": str(cache)}


def run(env: dict[str, str], *command: str) -> str:
    done = subprocess.run(
        [sys.executable, *command], env=env, cwd=env["HOME"], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def left(env: dict[str, str]) -> list[str]:
    """All files below the home and the cache folder that are not ours."""
    found = []
    for folder in map(Path, (env["HOME"], env["XDG_CACHE_HOME"])):
        files = (path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
        found += [str(path) for path in files if path.parts[0] != OURS]
    return found


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


def test_a_search_and_an_ingest_leave_nothing_but_ours(
    empty: dict[str, str], world: World, tmp_path: Path
) -> None:
    """The ingest embeds in Spark's workers, both searches here; one multiplies by onnxruntime."""
    table = ("--table", str(tmp_path / "table"))
    main = ("-m", "matching_spark.main")
    conf = ("--conf", "spark.master=local[2]", "--conf", "spark.sql.shuffle.partitions=2")
    run(empty, *main, "ingest", str(world.found), *conf, *table)
    run(empty, *main, "search", "--text", "검정 지갑", "--runner", "memory", *table)
    assert left(empty) == []
    assert any(Path(empty["XDG_CACHE_HOME"]).rglob("*")), "our own cache is looked for there"


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
