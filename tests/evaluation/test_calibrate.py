"""Weights learnt from labelled pairs and from decisions, measured on what is held out."""

import json
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from matching_spark import PostsTable, Settings
from matching_spark.cli.app import app
from matching_spark.config import Hadoop
from matching_spark.demo.world import World
from matching_spark.errors import InputError, UsageError
from matching_spark.evaluation.labelled import held_out
from matching_spark.matching.decisions import Decision, checked, latest, store
from matching_spark.operations.evaluate import calibrate
from matching_spark.score.store import FILE, SELF, read, shipped
from tests.support.calibrations import random_calibration


def run(*arguments: str, capsys: pytest.CaptureFixture[str]) -> Any:
    app(list(arguments), standalone_mode=False)
    return json.loads(capsys.readouterr().out)


def test_evaluate_and_calibrate_from_truth_and_decisions(
    spark: SparkSession, world: World, own: str, capsys: pytest.CaptureFixture[str]
) -> None:
    truth = str(world.truth)
    report = run("evaluate", truth, "--table", own, capsys=capsys)
    assert report["lost"] == 10
    assert report["split"].startswith("held out: all of it")
    assert report["scores"]["fused"]["recall@1"]["value"] >= 0.8

    table = PostsTable.open(own, spark, Hadoop())
    with pytest.raises(InputError, match="has no decisions"):
        app(["evaluate", "decisions", "--table", own], standalone_mode=False)
    rows = [json.loads(line) for line in world.truth.read_text("utf-8").splitlines()]
    for row in rows[:6]:
        said = Decision(
            row["lost_id"], row["found_id"], "confirmed" if row["same"] else "rejected", "a test"
        )
        store(table, [checked(table, said)])
    assert len(latest(own)) == 6
    with pytest.raises(InputError, match="give the lost post first"):
        checked(table, Decision(rows[0]["found_id"], rows[0]["lost_id"], "rejected", "a test"))
    with pytest.raises(InputError, match="there is no post 'x'"):
        checked(table, Decision("x", rows[0]["found_id"], "rejected", "a test"))
    decided = run("evaluate", "decisions", "--table", own, capsys=capsys)
    assert decided["true_pairs"] == sum(row["same"] for row in rows[:6])

    with pytest.raises(InputError, match="no weights of its own"):
        app(["calibrate", "--reset", "--table", own], standalone_mode=False)
    with pytest.raises(InputError, match=r"10 lost and \d+ found posts; .* takes 200 lost"):
        app(["calibrate", "self", "--table", own], standalone_mode=False)
    learnt = run("calibrate", truth, "--table", own, capsys=capsys)
    assert learnt["split"].startswith("held out: 30 %")
    held = sum(held_out(lost_id) for lost_id in {row["lost_id"] for row in rows})
    assert learnt["lost"] == held
    assert learnt["lists"]["share_here"] == (held + 1) / (held + 2), "of those that are held out"
    again = run("evaluate", truth, "--table", own, capsys=capsys)
    assert again["scores"] == learnt["scores"]  # the same held-out posts, nothing else
    kept = (Path(own) / FILE).read_bytes()
    for others in ("decisions", "self"):  # neither of them starts from what the file has taught
        with pytest.raises(
            InputError, match=f"from {truth}, which `calibrate {others}` .* --reset"
        ):
            app(["calibrate", others, "--table", own], standalone_mode=False)
    assert (Path(own) / FILE).read_bytes() == kept
    assert run("calibrate", "--reset", "--table", own, capsys=capsys) == {
        "table": own,
        "fused": True,
    }
    assert run("evaluate", truth, "--table", own, capsys=capsys) == report, (
        "as before it was learnt"
    )


@pytest.mark.parametrize("words_alone", [False, True])
def test_of_few_decisions_what_cannot_be_measured_is_not(
    spark: SparkSession,
    world: World,
    own: str,
    capsys: pytest.CaptureFixture[str],
    words_alone: bool,
) -> None:
    """They are learnt from all the same; and no figure is NaN, which no JSON has, or one of none.
    words_alone: the one pair that is held out has no photo on its lost side."""
    table = PostsTable.open(own, spark, Hadoop())
    photos = {
        row["post_id"]: row["n"]
        for row in table.frame().select("post_id", F.size("photos").alias("n")).collect()
    }
    rows = [json.loads(line) for line in world.truth.read_text("utf-8").splitlines()]
    true = [(row["lost_id"], row["found_id"]) for row in rows if row["same"]]
    held = [pair for pair in true if held_out(pair[0])]
    fit = [pair for pair in true if not held_out(pair[0])]
    measured = next(pair for pair in held if bool(photos[pair[0]]) != words_alone)

    def confirm(pair: tuple[str, str]) -> None:
        store(table, [checked(table, Decision(*pair, "confirmed", "a test"))])

    confirm(measured)
    with pytest.raises(InputError, match="decisions leaves no pair to learn from"):
        app(["calibrate", "decisions", "--table", own], standalone_mode=False)
    assert not (Path(own) / FILE).exists()
    confirm(fit[0])
    app(["calibrate", "decisions", "--table", own], standalone_mode=False)
    report = json.loads(capsys.readouterr().out, parse_constant=pytest.fail)
    assert report["learnt"]["true_pairs"] == report["lost"] == 1
    assert ("scores" in report["where_both_have_photos"]) != words_alone

    store(table, [Decision(*measured, "rejected", "a test")])
    learnt = run("calibrate", "decisions", "--table", own, capsys=capsys)
    assert learnt.keys() == {"model", "learnt", "split"}
    assert learnt["split"].startswith("not measured, for no true pair is held out")
    assert read(f"{own}/{FILE}").learnt == learnt["learnt"]
    with pytest.raises(InputError, match="decisions has no true pair to measure on"):
        app(["evaluate", "decisions", "--table", own], standalone_mode=False)


def test_what_is_no_base_is_named_and_the_models_serves(
    own: str, world: World, caplog: pytest.LogCaptureFixture
) -> None:
    place = Path(own) / SELF
    for text in ("{", random_calibration(1, "small-clip@000000000000").to_json()):
        place.write_text(text)
        report = calibrate(Settings(table=own), str(world.truth)).to_dict()
        assert report["learnt"]["base"] == shipped().learnt["from"]
        assert f"{place} is passed over" in caplog.text
        caplog.clear()


@pytest.mark.parametrize("left", [[SELF], [FILE, SELF]])
def test_a_reset_takes_what_was_learnt_without_labels_too(
    own: str, capsys: pytest.CaptureFixture[str], left: list[str]
) -> None:
    """Else the next decisions would sharpen it; it may stand alone, where a run was cut off."""
    for name in left:
        (Path(own) / name).write_text(shipped().to_json())
    run("calibrate", "--reset", "--table", own, capsys=capsys)
    assert not [name for name in (FILE, SELF) if (Path(own) / name).exists()]


@pytest.mark.parametrize("asked", ["self", "--reset"])
def test_without_labels_there_is_no_report_to_write(own: str, tmp_path: Path, asked: str) -> None:
    report = tmp_path / "report.json"
    with pytest.raises(UsageError, match="here there are none"):
        app(["calibrate", asked, "--table", own, "--output", str(report)], standalone_mode=False)
    assert not report.exists()
