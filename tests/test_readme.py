"""The README's Python examples, run as they stand; the public names are exactly those promised."""

import re
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

import matching_spark
from matching_spark import ClipModel, PostsTable
from matching_spark.demo.world import World
from matching_spark.ingest import ingest_posts
from matching_spark.sources import read_posts

ROOT = Path(__file__).parents[1]


def test_examples_run(
    spark: SparkSession,
    clip: ClipModel,
    world: World,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    table = PostsTable.open_or_create(
        "demo-out/table", spark, model=clip.name, dimension=clip.dimension
    )
    ingest_posts(read_posts(str(world.found)), table, clip)
    examples = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text("utf-8"), re.S)
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

    listed = set(re.findall(r"^\| `(\w+)", (ROOT / "README.md").read_text("utf-8"), re.M))
    assert {c.name or c.callback.__name__ for c in app.registered_commands if c.callback} == listed
