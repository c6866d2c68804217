"""Which runner searches where none is named, what is said of it, and that it is so."""

import os
import re
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import SparkSession

from matching_spark import Filters, PostsTable, Query, Settings, SimilarityEngine
from matching_spark.operations import search, table
from matching_spark.progress import Silent
from matching_spark.search.choice import chosen
from matching_spark.shards.shard import DataFile
from matching_spark.spark import session
from tests.support.commands import command

FILES = [DataFile("a", 10, 600_000), DataFile("b", 10, 600_000)]


class Told(Silent):
    """Progress that remembers."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def say(self, what: str) -> None:
        self.said.append(what)


@pytest.fixture(autouse=True)
def nothing_submitted(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("PYSPARK_SUBMIT_ARGS", "SPARK_CONF_DIR", "PYSPARK_GATEWAY_PORT"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def mine(stored: str, settings: Settings, tmp_path: Path) -> Settings:
    made = settings.model_copy(deep=True)
    made.table, made.cache.folder = stored, str(tmp_path / "cache")
    assert made.similarity.runner == "auto"
    return made


@pytest.mark.parametrize(
    ("said", "runner", "why"),
    [
        ({}, "memory", r"spark.master is local\[\*\], 1 MB to search, and cache.max_bytes is"),
        ({"spark": {"master": "local[2]"}}, "memory", r"spark.master is local\[2\]"),
        ({"spark": {"master": "yarn"}}, "spark", "spark.master is yarn"),
        ({"spark": {"profile": "cluster"}}, "memory", "local"),
        (
            {"spark": {"master": "local[2]", "conf": {"spark.master": "spark://a:7077"}}},
            "spark",
            "spark.master is spark://a:7077",
        ),
        ({"cache": {"max_bytes": 1 << 20}}, "spark", "1 MB to search, and cache.max_bytes is 1"),
        (
            {"cache": {"max_bytes": 1 << 20}, "similarity": {"runner": "memory"}},
            "memory",
            "similarity.runner is memory",
        ),
        ({"similarity": {"runner": "spark"}}, "spark", "similarity.runner is spark"),
    ],
)
def test_by_settings_and_sizes(said: dict[str, Any], runner: str, why: str) -> None:
    choice = chosen(Settings(**said), FILES)
    assert choice.runner == runner
    assert re.search(why, choice.why)


def test_by_sparks_own_configuration(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file of one's own, then what is submitted, then settings: as Spark itself has it."""
    (tmp_path / "spark-defaults.conf").write_text("spark.master yarn\n")
    monkeypatch.setenv("SPARK_CONF_DIR", str(tmp_path))
    assert chosen(Settings(), FILES).why == "spark.master is yarn"
    monkeypatch.setenv("PYSPARK_SUBMIT_ARGS", "--master spark://b:7077 pyspark-shell")
    assert chosen(Settings(), FILES).why == "spark.master is spark://b:7077"
    here = Settings(spark={"master": "local[1]"})  # type: ignore[arg-type]
    assert chosen(here, FILES).runner == "memory"
    assert chosen(here, FILES, "k8s://c").why == "spark.master is k8s://c"


def test_a_search_says_which_and_why(
    mine: Settings, spark: SparkSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And both give the same answer."""
    started: list[object] = []

    @contextmanager
    def context(of: Settings) -> Any:
        started.append(of)
        yield spark.sparkContext

    monkeypatch.setattr(session, "context", context)
    monkeypatch.setattr("matching_spark.spark.jvm.has_started", lambda: False)
    query, where = Query(text="검정 지갑"), Filters(kind="found")

    def asked() -> tuple[Any, list[str]]:
        told = Told()
        return search.search(mine, query, where, progress=told), told.said

    here, said = asked()
    assert (here.runner, started) == ("memory", [])
    assert said == [f"searching in this process: {here.runner_why}"]
    assert "spark.master is local[2]" in here.runner_why

    mine.cache.max_bytes = 1000
    there, said = asked()
    assert (there.runner, len(started)) == ("spark", 1)
    assert said == [f"searching by Spark: {there.runner_why}", "starting Spark ..."]
    assert "cache.max_bytes" in there.runner_why
    assert [m.post_id for m in here.matches] == [m.post_id for m in there.matches]
    keys = list(there.to_dict())
    assert keys[keys.index("runner") + 1] == "runner_why"

    mine.similarity.runner = "memory"
    named, said = asked()
    assert (named.runner, named.runner_why, said) == ("memory", "similarity.runner is memory", [])


def test_what_is_searched_must_fit_not_all_of_the_table(mine: Settings) -> None:
    files = PostsTable.of(mine).plan(Filters(kind="found", category="지갑")).files
    mine.cache.max_bytes = sum(file.size_bytes for file in files)
    got = search.search(mine, Query(text="지갑"), Filters(kind="found", category="지갑"))
    assert got.runner == "memory"
    assert chosen(mine, PostsTable.of(mine).plan().files).runner == "spark"


def test_caches_are_warmed_by_the_same_rule(mine: Settings) -> None:
    told = Told()
    warmed = table.warm(mine, progress=told)
    assert (warmed.runner, warmed.shards > 0) == ("memory", True)
    assert told.said == [f"loading shards in this process: {warmed.runner_why}"]
    assert "spark.master is local[2]" in warmed.runner_why


def test_an_engine_of_settings_follows_the_session_that_the_table_has(
    mine: Settings, spark: SparkSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = PostsTable.of(mine, spark)
    assert SimilarityEngine.of(mine, opened).runner == "memory"
    monkeypatch.setattr(spark.sparkContext, "master", "yarn")
    assert SimilarityEngine.of(mine, opened).runner == "spark"


def test_as_a_command(mine: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MATCHING_CACHE__FOLDER", mine.cache.folder)
    done = command("search", "--text", "지갑", "--table", mine.table)
    assert done.returncode == 0, done.stderr
    assert '"runner": "memory"' in done.stdout
    assert "searching in this process: spark.master is local[*]" in done.stderr
    assert not os.environ.get("PYSPARK_GATEWAY_PORT")


def test_a_little_is_not_told_as_nothing() -> None:
    assert "less than 1 MB to search" in chosen(Settings(), []).why
