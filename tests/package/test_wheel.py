"""The wheel in an empty environment: the tour runs there, and no extra is needed or imported."""

import json
import os
import re
import shutil
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from matching_spark.service.pages.words import say
from tests.support.served import served

ROOT = Path(__file__).parents[2]
# What only an extra brings: the core must run where none of them can be imported.
EXTRAS = (
    *("hdfs_native", "sklearn", "httpx", "matplotlib", "nbclient", "fastapi", "onnx"),
    *("alembic", "cryptography", "sqlalchemy"),
)

pytestmark = pytest.mark.package


def run(*command: str | Path, cwd: Path | None = None) -> str:
    # An environment of its own: nothing of ours on its paths.
    ours = (
        "PYTHONPATH",
        "VIRTUAL_ENV",
        "UV_PROJECT_ENVIRONMENT",
        "SPARK_CONF_DIR",
        "PYSPARK_PYTHON",
    )
    clean = {name: value for name, value in os.environ.items() if name not in ours}
    done = subprocess.run([*map(str, command)], cwd=cwd, env=clean, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


# A session of the installed package, and the files of its configuration.
SHOW = """
import json
from matching_spark import Settings
from matching_spark.spark.conf import conf_dir, read_conf
from matching_spark.spark.session import session
with session(Settings()) as spark:
    held = dict(spark.sparkContext.getConf().getAll())
said = read_conf(conf_dir() / "spark-defaults.conf")
differ = [key for key, value in said.items() if held.get(key) != value]
files = sorted(path.name for path in conf_dir().iterdir())
print(json.dumps({"dir": str(conf_dir()), "said": len(said), "differ": differ, "files": files}))
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder: Path = tmp_path_factory.mktemp("wheel")
    run(sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", folder, cwd=ROOT)
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The bin folder of an empty environment with the wheel and its locked core dependencies."""
    return _installed(wheel, tmp_path_factory.mktemp("package"))


@pytest.fixture(scope="module")
def with_service(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Likewise, with the extra `service`."""
    return _installed(wheel, tmp_path_factory.mktemp("service"), "--extra", "service")


def _installed(wheel: Path, folder: Path, *extra: str) -> Path:
    uv = shutil.which("uv") or str(ROOT / ".uv" / "bin" / "uv")
    locked = ("export", "--locked", "--no-dev", "--no-emit-project", "-q", *extra)
    (folder / "locked.txt").write_text(run(uv, *locked, cwd=ROOT), encoding="utf-8")
    run(uv, "venv", "--quiet", "--python", sys.executable, folder / "env")
    python = folder / "env" / "bin" / "python"
    run(uv, "pip", "install", "--quiet", "--python", python, "-r", folder / "locked.txt")
    run(uv, "pip", "install", "--quiet", "--python", python, "--no-deps", wheel)
    return python.parent


def test_no_extra_is_there_and_every_module_that_needs_none_imports(installed: Path) -> None:
    script = (
        "import importlib.util as u, json, pkgutil, matching_spark\n"
        f"print(json.dumps([m for m in {EXTRAS!r} if u.find_spec(m)]))\n"
        "for name in matching_spark.__all__: getattr(matching_spark, name)\n"
        "import matching_spark.main\n"
    )
    assert json.loads(run(installed / "python", "-c", script)) == []


def test_its_configuration_is_the_checkouts_and_in_force(installed: Path) -> None:
    got = json.loads(run(installed / "python", "-c", SHOW, cwd=Path("/")))
    assert Path(got["dir"]).is_relative_to(installed.parent)
    assert got["files"] == sorted(path.name for path in (ROOT / "conf").iterdir())
    assert got["said"] > 20
    assert got["differ"] == []


def test_the_tour_runs_there(installed: Path, tmp_path: Path) -> None:
    told = run(installed / "matching-spark", "demo", "--posts", "40", cwd=tmp_path)
    result = json.loads(told)
    assert result["results"]
    assert json.loads((tmp_path / "demo-out" / "matches.json").read_text("utf-8")) == result
    assert "<img" in (tmp_path / "demo-out" / "matches.html").read_text("utf-8")


def test_pages_need_the_extra_and_say_so(installed: Path) -> None:
    done = subprocess.run(
        [installed / "matching-spark", "serve", "--demo"], capture_output=True, text=True
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert "pip install 'matching-spark[service]'" in done.stderr


def test_serve_demo_draws_a_world_and_shows_it(with_service: Path, tmp_path: Path) -> None:
    env = {"MATCHING_CACHE__FOLDER": str(tmp_path / "cache")}
    command = (str(with_service / "matching-spark"), "serve", "--demo")
    with served(env, tmp_path, command) as url:
        page = urllib.request.urlopen(url + "/").read().decode("utf-8")
        assert say("find.demo", "ko") in page
        style = re.search(r'href="(/static/app\.[0-9a-f]+\.css)"', page)
        assert style
        assert urllib.request.urlopen(url + style[1]).status == 200
    assert (tmp_path / "cache" / "demo" / "service" / "journal.sqlite").is_file()
