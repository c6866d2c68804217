"""Chromium, and the service over a small world's table, each started once."""

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser
from pyspark.sql import SparkSession

from matching_spark.demo.world import World
from matching_spark.score.components import LANGUAGES
from tests.browser.visitor import Visitor
from tests.support.chromium import WIDTHS, chromium, watched
from tests.support.commands import command
from tests.support.served import COMMAND, environment, served
from tests.support.tables import copied

NAME, PASSWORD = "김담당", "a password of this test"


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    with chromium() as started:
        yield started


@pytest.fixture(scope="session")
def journal(
    stored: str, spark: SparkSession, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, str]:
    """The environment of a service: over the world's table, in which pairs were matched, with an
    account."""
    folder: Path = tmp_path_factory.mktemp("service")
    table = copied(stored, folder / "table")
    matched = command("match", "--table", table, spark=spark)
    assert matched.returncode == 0, matched.stderr
    env = environment(table, folder)
    add = [*COMMAND, "account", "add", NAME]
    subprocess.run(add, env=os.environ | env, cwd=folder, input=PASSWORD, text=True, check=True)
    return env


@pytest.fixture(scope="session")
def service(journal: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Its address."""
    with served(journal, tmp_path_factory.mktemp("served")) as url:
        yield url


@pytest.fixture(params=[(w, lang) for w in WIDTHS for lang in LANGUAGES], ids=str)
def visitor(request: pytest.FixtureRequest, browser: Browser, service: str) -> Iterator[Visitor]:
    """Somebody who has come and chosen a language, and with whom nothing went wrong at the end."""
    width, language = request.param
    with watched(browser, service, width=width) as visit:
        somebody = Visitor(visit)
        visit.open("/")
        if language == "en":
            somebody.speak_english()
        visit.check()
        yield somebody
        assert visit.wrong == []


@pytest.fixture(scope="session")
def lost_photo(world: World) -> Path:
    """Of a compass, of which a found post has another photo."""
    return _photo(world.lost, "나침반")


@pytest.fixture(scope="session")
def found_photo(world: World) -> Path:
    """Of a balloon."""
    return _photo(world.found, "풍선")


def _photo(posts: Path, word: str) -> Path:
    lines = map(json.loads, posts.read_text("utf-8").splitlines())
    (first, *_) = (post for post in lines if word in post["title"] and post["photos"])
    return posts.parent / str(first["photos"][0])
