"""The command line: exit codes, one sentence an error, output that pipes."""

import csv
import datetime as dt
import errno
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from pyspark.sql import SparkSession

from matching_spark import operations
from matching_spark.config import Hadoop
from matching_spark.demo.world import World
from matching_spark.domain.dates import KST
from matching_spark.domain.posts import SEOUL
from matching_spark.ingest.vector_import import ingest_vectors
from tests.cli.test_asking import talk
from tests.support.commands import call, command
from tests.support.vectors import write_vectors

FOUND = ["ingest", str(Path(__file__).parents[1] / "examples" / "found.csv"), "--kind", "found"]


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["search"], 2, "search by one of --image, --text, --embedding or --post"),
        (["search", "--text", "a", "--post", "b"], 2, "given: --text, --post"),
        (["search", "--text", "a", "--category", "우주선"], 2, "choose one of: 가방"),
        (["search", "--text", "\udcb0\udcc5"], 2, "--text is no text in UTF-8: write it in that"),
        (["edit", "a", "--kept-at", "\udcb0"], 2, "--kept-at is no text in UTF-8: write it in tha"),
        (
            ["decide", "a", "b", "reject", "--by", "\udcb0"],
            2,
            "--by is no text in UTF-8: write it in",
        ),
        (["ingest", "a.csv", "--source-name", "\udcb0"], 2, "--source-name is no text in UTF-8: "),
        (
            ["models", "check", "--text", "\udcb0"],
            2,
            "--text is no text in UTF-8: write it in that",
        ),
        (["search", "--text", "a", "--since", "어제"], 2, "write it as 2026-11-01"),
        (
            ["search", "--text", "a", "--top-k", "0"],
            2,
            "0: should be greater than or equal to 1 (--top-k)",
        ),
        (
            ["search", "--text", "a", "--runner", "mem"],
            2,
            "mem: should be 'auto', 'spark' or 'memory' (--runner)",
        ),
        (
            ["search", "--text", "a", "--threshold", "50"],
            2,
            "less than or equal to 1 (--threshold)",
        ),
        (["search", "--text", "a", "--nprobe", "few"], 2, "few: should be a valid integer"),
        (["duplicates", "--threshold", "2"], 2, "less than or equal to 1 (--threshold)"),
        (["duplicates", "--since", "11/01"], 2, "--since 11/01: write it as 2026-11-01"),
        (["models", "check", "--image", "none.jpg"], 3, "there is no photo none.jpg (--image)"),
        (["models", "check", "--text", ""], 3, "there is no word to embed: name some"),
        (["models", "check", "--text", " \u200b"], 3, "or leave it out (--text)"),
        (["models", "check", "--image", "/dev/null"], 4, "/dev/null is a folder, a pipe or a dev"),
        (["models", "info", "a" * 300], 5, "there is no model 'aaaa"),
        (["models", "info", __file__], 5, "test_main.py is no folder, as a model is"),
        (["models", "check", "--image", __file__], 3, "test_main.py: these bytes are no picture"),
        (["ingest", "none.parquet", "--format", "parquet"], 3, "there is no none.parquet"),
        (["search", "--text", "a", "--metric", "dot"], 2, "'cosine' or 'euclidean'"),
        (["search", "--text", "a", "--output", "r.pdf"], 2, ".json, .csv, .html"),
        (["search", "--nothing"], 2, "--nothing"),
        (["search", "--text"], 2, "'--text' requires an argument (`matching-spark search --help`)"),
        (["models", "info", "--json=1"], 2, "a value (`matching-spark models info --help`)"),
        (["ingest", ".", "--kind", "stolen"], 2, "choose one of lost, found"),
        (["ingest", "."], 2, "name its kind, lost or found (--kind)"),
        (["ingest", "/no/such/place", "--kind", "lost"], 3, "there is no /no/such/place"),
        # What a sheet lacks is said without Spark, which `command` is not given here.
        (["ingest", __file__, "--format", "csv", "--kind", "lost"], 3, "has no column post_id"),
        (["ingest", __file__, "--format", "xlsx", "--kind", "lost"], 3, "is no Excel workbook"),
        ([*FOUND, "--column", "비고"], 2, "--column 비고: write it as HEADING=FIELD"),
        ([*FOUND, "--column", "비고=colours"], 2, "a column becomes one of: post_id, kind"),
        ([*FOUND, "--column", "칸=place"], 3, "has no column 칸; its columns are: 관리번호"),
        ([*FOUND, "--format", "parquet", "--column", "비고=place"], 2, "csv, xlsx, jsonl only"),
        (["serve", "--port", "99999"], 2, "99999: should be less than or equal to 65535 (--port)"),
        (["serve", "--demo", "--port", "-1"], 2, "-1: should be greater than or equal to 0 (--po"),
        (["undo", "--before", "0001-01-01"], 2, "--before 0001-01-01 00:00:00: no table is of"),
        (
            ["undo", "--before", "어제"],
            2,
            "--before 어제: write it as 2026-11-01, 2026-11-01 09:00 or",
        ),
        (["demo", "--seed", "-1"], 2, "'--seed': Input should be greater than or equal to 0"),
        (["decide", "a", "b", "confirm", "--by", " "], 2, "--by is empty"),
        ([*FOUND, "--source-name", ""], 2, "--source-name is empty"),
        (["close", "a", "--as", "gone"], 2, "choose one of open, claimed"),
        (["status", "--table", "/no/table"], 3, "`matching-spark ingest` makes one"),
        (["search", "--text", "a", "--table", "/no/table"], 3, "there is no posts table at"),
        (["status", "--table", "s3://bucket"], 4, "use a folder or hdfs://"),
    ],
)
def test_one_sentence_and_the_exit_code(arguments: list[str], code: int, says: str) -> None:
    done = command(*arguments)
    assert done.returncode == code
    assert says in " ".join(done.stderr.split())
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["search", "--post", "none"], 3, "there is no post 'none'"),
        (["search", "--image", "none.jpg"], 3, "there is no photo none.jpg"),
        (["search", "--image", __file__], 3, "test_main.py: these bytes are no picture"),
        (["search", "--text", "a", "--snapshot", "5"], 3, "has no snapshot 5"),
        (["search", "--text", "a", "--score", "fused", "--metric", "euclidean"], 2, "fused score"),
        (["match", "--threshold", "2"], 2, "(--threshold)"),
        (["ingest", __file__, "--format", "csv", "--model", "none"], 5, "there is no model 'none'"),
        (["warm", "지값"], 3, "지갑"),
        (["edit", "none", "--colour", "검정"], 3, "there is no post 'none'"),
        (["edit", "none", "--category", "우주선"], 2, "--category '우주선' is not known"),
        (["erase", "none"], 3, "none"),
        (["undo", "5"], 3, "no snapshot 5"),
    ],
)
def test_what_is_wrong_is_told_before_spark_starts(
    stored: str, arguments: list[str], code: int, says: str
) -> None:
    """A command of this kind that starts Spark fails: it is handed no session."""
    done = command(*arguments, "--table", stored)
    assert (done.returncode, says in " ".join(done.stderr.split())) == (code, True), done.stderr


@pytest.mark.parametrize("words", [(), ("models",), ("account",), ("cluster",)])
def test_a_group_without_a_word_says_its_help_and_nothing_else(words: tuple[str, ...]) -> None:
    done, asked = command(*words), command(*words, "--help")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.split() == asked.stdout.split()


def _writes(place: str) -> None:
    with open(place, "w") as file:
        file.write("x")


@pytest.mark.parametrize(
    ("fails", "says"),
    [
        (lambda: _writes("/dev/full"), "a file cannot be used: No space left on device; make room"),
        (lambda: _raise(OSError(errno.ENOSPC, "No space left", "/x")), "/x cannot be used: No spa"),
        (lambda: _raise(OSError(errno.EROFS, "Read-only", "/proc/x")), "/proc/x cannot be used: "),
        (lambda: bytearray(1 << 60), "this process may have no more memory: allow it more (ulimi"),
        (
            lambda: _raise(ImportError("lib.so: failed to map segment from shared object")),
            "this process may have no more memory: allow",
        ),
        (
            lambda: _raise(RuntimeError("can't start new thread")),
            "no more processes or threads may be started: allow more (ulimit -u; TasksMax= of sys",
        ),
        (
            lambda: _raise(BlockingIOError(errno.EAGAIN, "Resource temporarily unavailable")),
            "no more processes or threads may be started",
        ),
    ],
)
def test_what_the_machine_has_no_more_of_is_no_bug(
    monkeypatch: pytest.MonkeyPatch, fails: Callable[[], object], says: str
) -> None:
    """Whatever a library raises; what is not stdout's is not said to be."""
    monkeypatch.setattr(operations.status, "status", lambda settings: fails())
    done = command("status")
    assert (done.returncode, done.stdout) == (4, "")
    assert done.stderr.startswith(f"matching-spark: {says}")


def _raise(error: Exception) -> None:
    raise error


def test_undo_takes_a_moment_as_history_tells_it(stored: str) -> None:
    first = json.loads(command("history", "--table", stored).stdout)["commits"][-1]["at"]
    shown = talk(["history", "--table", stored], [])
    told = re.findall(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", shown)[-1]
    day, _, minute = told.rpartition(":")[0].partition(" ")
    for moment in (told, first, f"{day}T{minute}", day):
        done = command("undo", "--before", moment, "--table", stored)
        said = " ".join(done.stderr.split())
        assert "`matching-spark history` lists those that there are" in said, (moment, said)


def test_a_post_was_changed_when_this_machines_clock_says(
    stored: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As `history` and `account` have it: 20:00 in Seoul was 11:00:00.123456+00:00."""
    monkeypatch.setenv("TZ", "KST-9")
    post = json.loads(command("list", "--limit", "1", "--table", stored).stdout)["posts"][0]
    seoul = dt.datetime.fromisoformat(post["updated_at"]).astimezone(dt.timezone(KST))
    shown = talk(["show", post["post_id"], "--table", stored], [])
    assert re.search(rf"updated_at\W+{seoul:%Y-%m-%d %H:%M:%S}\W", shown)


def test_search_writes_json_csv_and_a_page(stored: str, world: World, tmp_path: Path) -> None:
    common: list[str | Path] = [
        "search",
        "--table",
        stored,
        "--runner",
        "memory",
        "--threshold",
        "-1",
        "--kind",
        "found",
    ]
    photo = command(*common, "--image", world.query_photo, "--output", tmp_path / "r.html")
    got = json.loads(photo.stdout)
    assert photo.returncode == 0
    assert len(got["results"]) == 10
    assert got["score_kind"] == "fused"
    first = got["results"][0]
    assert 0 < first["probability"] < 1
    assert set(first["contributions"]) == set(first["components"])
    assert first["why"].endswith("니다.")
    assert (tmp_path / "r.html").read_text("utf-8").count("data:image/jpeg") >= 10
    words = command(*common, "--text", "지갑", "--output", tmp_path / "r.csv", "--top-k", "3")
    assert [r["rank"] for r in json.loads(words.stdout)["results"]] == [1, 2, 3]
    with (tmp_path / "r.csv").open(encoding="utf-8-sig") as file:
        assert len(list(csv.DictReader(file))) == 3
    post = got["results"][0]["post_id"]
    similar = json.loads(command(*common, "--post", post).stdout)
    assert post not in [r["post_id"] for r in similar["results"]]
    both = command(*common, "--image", world.query_photo, "--text", "가방", "--score", "cosine")
    assert json.loads(both.stdout)["score_kind"] == "cosine"
    assert {"image-image", "text-image"} <= set(json.loads(both.stdout)["results"][0]["components"])


def test_a_day_to_come_is_told_and_searched_by(stored: str) -> None:
    """It finds nothing, whatever there is; a clock may be wrong, and a trip's day be asked by."""
    today = dt.datetime.now(SEOUL).date()
    for days in (0, 1):
        day = today + dt.timedelta(days)
        words = ("--text", "지갑", "--lost-on", str(day), "--runner", "memory", "--table", stored)
        done = command("search", *words)
        assert json.loads(done.stdout)["query"]["happened_on"] == str(day)
        assert (f"{day} is yet to come, by this machine's clock" in done.stderr) == bool(days)


def test_a_vector_of_a_file(spark: SparkSession, tmp_path: Path) -> None:
    write_vectors(tmp_path / "v.parquet", ["a", "b"], np.eye(2, 8))
    uri = tmp_path / "table"
    ingest_vectors(str(tmp_path / "v.parquet"), str(uri), spark, "found", Hadoop())
    np.save(tmp_path / "q.npy", np.eye(2, 8)[1])
    common: list[str | Path] = ["search", "--table", uri, "--runner", "memory"]
    got = json.loads(command(*common, "--embedding", tmp_path / "q.npy").stdout)
    assert [(r["post_id"], r["score"]) for r in got["results"]] == [("b", 1.0), ("a", 0.0)]
    assert got["model"] == "external/8"
    refused = command(*common, "--text", "지갑")
    assert refused.returncode == 5
    assert "search by a vector or by a post" in " ".join(refused.stderr.split())
    (tmp_path / "bad.npy").write_bytes(b"\x93NUMPY")
    assert command(*common, "--embedding", tmp_path / "bad.npy").returncode == 3
    np.save(tmp_path / "long.npy", np.ones(9))
    assert command(*common, "--embedding", tmp_path / "long.npy").returncode == 3


def test_status_and_config(stored: str) -> None:
    status = json.loads(command("status", "--table", stored).stdout)
    assert status["total"] == 40
    assert status["model"].startswith("small-clip@")
    assert status["provider"] == "CPUExecutionProvider"
    settings = json.loads(command("config", "--table", "x", "--conf", "spark.ui.port=1").stdout)
    by_name = {row["name"]: row for row in settings["settings"]}
    assert by_name["table"] == {"name": "table", "value": "x", "origin": "flag"}
    assert by_name["spark.conf.spark.ui.port"]["value"] == "1"
    assert by_name["model.name"]["origin"] == "default"


@pytest.mark.processes
def test_through_spark_submit_and_closed_by_command(own: str, spark: SparkSession) -> None:
    main = Path(__file__).parents[1] / "src" / "matching_spark" / "main.py"
    submit = Path(sys.executable).parent / "spark-submit"
    env = os.environ | {"PYSPARK_PYTHON": sys.executable, "PYSPARK_DRIVER_PYTHON": sys.executable}
    arguments = ["search", "--table", own, "--text", "지갑", "--top-k", "2", "--threshold", "-1"]
    by_spark = [*arguments, "--runner", "spark"]
    done = subprocess.run(
        [submit, "--master", "local[2]", main, *by_spark], capture_output=True, text=True, env=env
    )
    assert done.returncode == 0, done.stderr
    got = json.loads(done.stdout)
    assert got["runner"] == "spark"
    best = got["results"][0]["post_id"]
    closed = command("close", best, "--as", "claimed", "--table", own, spark=spark)
    assert json.loads(closed.stdout)["changed"] == 1
    again = command(*arguments, "--runner", "memory")
    assert best not in [r["post_id"] for r in json.loads(again.stdout)["results"]]


def test_index_warm_and_what_compact_forgets(
    own: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, spark: SparkSession
) -> None:
    """Cells and --nprobe by command; shards warmed; a compact drops those of dead files."""
    monkeypatch.setenv("MATCHING_CACHE__FOLDER", str(tmp_path))
    trained = json.loads(command("index", "--cells", "4", "--table", own, spark=spark).stdout)
    assert (trained["photos"], trained["texts"]) == (4, 4)
    asked = [
        "search",
        "--table",
        own,
        "--text",
        "지갑",
        "--threshold",
        "-1",
        "--score",
        "cosine",
    ]
    asked += ["--runner", "memory"]
    exact = json.loads(command(*asked, "--nprobe", "all").stdout)
    every = json.loads(command(*asked, "--nprobe", "4").stdout)
    few = json.loads(command(*asked, "--nprobe", "1").stdout)
    assert (exact["exact"], every["exact"], few["exact"]) == (True, False, False)
    assert every["results"] == exact["results"]
    assert 0 < len(few["results"]) <= len(exact["results"])

    def shards() -> set[str]:
        return {path.name for path in (tmp_path / "shards").glob("*.shard")}

    best = exact["results"][0]["post_id"]
    changed = command("close", best, "--as", "claimed", "--table", own, spark=spark)
    assert json.loads(changed.stdout)["changed"] == 1
    warm = ("warm", "--runner", "memory", "--table", own)
    assert json.loads(command(*warm).stdout)["shards"] == len(before := shards()) > 0
    unknown = command(*warm, "지값")
    assert (unknown.returncode, "지갑" in unknown.stderr) == (3, True)
    compacted = json.loads(command("compact", "--table", own, spark=spark).stdout)
    assert compacted["files_after"] < compacted["files_before"]
    assert before - shards()
    assert json.loads(command(*warm).stdout)["shards"] == len(shards()) == compacted["files_after"]


def test_warm_takes_and_names_categories_as_searches_do(
    stored: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    warm = ("warm", "--runner", "memory", "--table", stored)
    every, wallets, said = (command(*warm, *words) for words in ((), ("지갑",), ("wallet",)))
    shards = [json.loads(done.stdout)["shards"] for done in (every, wallets, said)]
    assert shards[0] > shards[1] == shards[2] > 0
    for words in (("*",), ("지값",)):
        wrong = command(*warm, *words)
        assert (wrong.returncode, wrong.stdout) == (3, "")
        assert re.search(r"is not known; choose one of: (\w+, )+\w+\n$", wrong.stderr)
    monkeypatch.setenv("MATCHING_CACHE__PRELOAD", '["지값"]')
    assert command(*warm).stderr.endswith(" (MATCHING_CACHE__PRELOAD)\n")
    assert command(*warm, "").stderr.endswith("CATEGORY is empty: leave it out, or say it\n")


def test_pyicebergs_own_file_is_not_heeded(stored: str, tmp_path: Path) -> None:
    """Whoever may write to the working folder had ended each command in a traceback."""
    (tmp_path / ".pyiceberg.yaml").write_text("catalog: [\n")
    done = call("status", "--table", stored, cwd=tmp_path, HOME=str(tmp_path))
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("what", ["folder", "pipe", "link"])
def test_settings_that_are_no_file_are_not_passed_over(tmp_path: Path, what: str) -> None:
    place = tmp_path / "matching.toml"
    if what == "folder":
        place.mkdir()
    elif what == "pipe":
        os.mkfifo(place)
    else:
        place.symlink_to("gone.toml")
    done = command("config", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert f"{place} is no file, or a link to none: take it away" in done.stderr
