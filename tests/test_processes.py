"""An ingest and searches, each a process of its own: where they listen, what they run and leave."""

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from matching_spark.demo.world import World
from tests.support.empty_home import empty_home, left
from tests.support.listening import Listener, beyond_loopback, watched

pytestmark = pytest.mark.processes
ROOT = Path(__file__).parents[1]
PAGES = ("--conf", "spark.ui.enabled=true")
FEW = ("--conf", "spark.sql.shuffle.partitions=2")
# What a table and an engine can be asked after their session has ended.
ENDED = """
import sys
import numpy as np
from matching_spark import MatchRules, PostsTable, Query, Settings, SimilarityEngine
from matching_spark import StorageError, start_session
settings = Settings(table=sys.argv[1], spark={"master": "local[1]"})
spark = start_session(settings)
table = PostsTable.of(settings, spark)
engine = SimilarityEngine(table, "spark", cache=settings.cache)
matcher = engine.matcher(MatchRules(score="cosine"))
spark.stop()
for ask in (
    lambda: engine.search([Query(embedding=np.ones(table.dimension))]),
    engine.embeddings,
    matcher.pairs,
    table.frame,
    lambda: table.set_status(["a"], "claimed"),
):
    try:
        ask()
    except StorageError as error:
        print(error)
"""


@dataclass(frozen=True)
class Place:
    """A table, and the empty home in which its commands ran."""

    folder: Path
    env: dict[str, str]
    ingest: set[Listener]  # what the ingest listened on
    after: list[str]  # what it left that is not ours

    def run(self, *words: str) -> set[Listener]:
        return watched(list(words), self.env, self.folder)[1]

    @property
    def table(self) -> tuple[str, str]:
        return ("--table", str(self.folder / "table"))


@pytest.fixture(scope="module")
def place(world: World, tmp_path_factory: pytest.TempPathFactory) -> Place:
    """Photos embedded in Spark's workers, by start_session, its pages turned on."""
    folder = tmp_path_factory.mktemp("run")
    env = empty_home(folder)
    words = ("ingest", str(world.found), *FEW, *PAGES, "--conf", "spark.master=local[2]")
    command = [sys.executable, "-m", "matching_spark.main", *words]
    _, seen = watched([*command, "--table", str(folder / "table")], env, folder)
    return Place(folder, env, seen, left(env))


def assert_on_loopback(seen: set[Listener]) -> None:
    assert sum(each.protocol.startswith("tcp") for each in seen) >= 3
    assert beyond_loopback(seen) == []


def test_an_ingest(place: Place) -> None:
    assert_on_loopback(place.ingest)
    assert place.after == []


def test_a_search_here(place: Place) -> None:
    """It embeds in its own process, and multiplies by onnxruntime."""
    main = (sys.executable, "-m", "matching_spark.main")
    words = ("search", "--text", "검정 지갑", "--runner", "memory")
    assert beyond_loopback(place.run(*main, *words, *place.table)) == []
    assert left(place.env) == []
    assert any(Path(place.env["XDG_CACHE_HOME"]).rglob("*")), "our own cache is looked for there"


def test_a_search_on_spark(place: Place, world: World) -> None:
    """By start_context, its pages turned on."""
    main = (sys.executable, "-m", "matching_spark.main")
    words = ("search", "--image", str(world.query_photo), "--runner", "spark", *PAGES)
    assert_on_loopback(place.run(*main, *words, "--conf", "spark.master=local[2,3]", *place.table))
    assert left(place.env) == []


def test_by_spark_submit(place: Place, world: World) -> None:
    """Its JVM is there before us: the address is set all the same."""
    submit = (str(Path(sys.executable).parent / "spark-submit"), "--master", "local")
    main = str(ROOT / "src" / "matching_spark" / "main.py")
    env = place.env | {"SPARK_CONF_DIR": str(ROOT / "conf"), "PYSPARK_PYTHON": sys.executable}
    words = ("search", "--image", str(world.query_photo), "--runner", "spark", *place.table)
    _, seen = watched([*submit, main, *words], env, place.folder)
    assert_on_loopback(seen)


def test_nothing_of_the_working_folder_is_run(stored: str, tmp_path: Path) -> None:
    """Another user may write to one, as to /tmp: workers took a random.py of it for Python's own,
    which the command, as it is installed, does not."""
    (tmp_path / "random.py").write_text("raise SystemExit('run')\n")
    command = [str(Path(sys.executable).parent / "matching-spark"), "search", "--text", "지갑"]
    command += ["--threshold", "-1", "--runner", "spark", "--table", stored]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["runner"] == "spark"


def test_a_session_that_has_ended_is_named(stored: str) -> None:
    """By an assertion of py4j, a NoneType that has no sc, and traces of Java."""
    done = subprocess.run([sys.executable, "-c", ENDED, stored], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    said = "the Spark session has ended: start another one, and open the table with that"
    assert done.stdout.splitlines() == [said] * 5
