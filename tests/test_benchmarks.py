"""The benchmark that draws a picture of the docs, by its command, of a small world."""

import json
import sys
from importlib import import_module
from pathlib import Path

import pytest
from PIL import Image

from benchmarks import __main__ as benchmarks
from benchmarks import harness, lists, page, plots
from matching_spark.demo.labelled import Worlds


def test_the_picture_of_lists_is_drawn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lists, "WORLDS", (Worlds((106,), 30, 30),))
    for module in (harness, page):
        monkeypatch.setattr(module, "ROWS", tmp_path)
    monkeypatch.setattr(harness, "commit", lambda: "")  # the tests may lie in no repository
    for module in (benchmarks, page, plots):
        monkeypatch.setattr(module, "ROOT", tmp_path)
    monkeypatch.setattr(sys, "argv", ["benchmarks", "lists"])
    benchmarks.main()
    with Image.open(tmp_path / "docs" / "benchmarks" / "lists.png") as picture:
        assert min(picture.size) > 400
        assert len(picture.convert("L").getcolors() or ()) > 10, "not blank"
    kept = json.loads((tmp_path / "lists.json").read_text("utf-8"))
    asked = {row["subject"] for row in kept["rows"]}
    assert {"both", "image bare"} <= asked, "which the picture shows"
    assert all(0 <= row["value"] <= 1 for row in kept["rows"])
    written = (tmp_path / "BENCHMARKS.md").read_text("utf-8")
    assert "lists.png" in written
    assert "among 30 posts" in written


@pytest.mark.long
@pytest.mark.parametrize("name", ["cores", "kernels", "scale", "search"])
def test_a_picture_shows_the_rows_that_are_kept(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of benchmarks whose pictures are of their rows alone."""
    monkeypatch.setattr(plots, "ROOT", tmp_path)
    kept = json.loads((harness.ROWS / f"{name}.json").read_text("utf-8"))
    import_module(f"benchmarks.{name}").plot([harness.Row(**each) for each in kept["rows"]])
    drawn = sorted((tmp_path / "docs" / "benchmarks").iterdir())
    assert drawn
    for picture in drawn:
        with (
            Image.open(picture) as now,
            Image.open(harness.ROOT / "docs" / "benchmarks" / picture.name) as shown,
        ):
            assert now.tobytes() == shown.tobytes(), picture.name


def test_what_is_kept_can_be_run_again() -> None:
    assert {path.stem for path in harness.ROWS.glob("*.json")} <= set(benchmarks.names())
    assert (harness.ROOT / "BENCHMARKS.md").read_text("utf-8") == page.page()
