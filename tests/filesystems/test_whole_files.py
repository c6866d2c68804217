"""Files that somebody asked for: whole or not at all, where they were asked for, or refused."""

import os
import signal
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from matching_spark.errors import StorageError, UsageError
from matching_spark.filesystems.whole_files import appearing, check_file, write_file
from matching_spark.operations import browse, match, models, output
from tests.support.commands import command

HALF = """
import pathlib, sys, time
from matching_spark.filesystems.whole_files import appearing
with appearing(pathlib.Path(sys.argv[1])) as half:
    (half / "file").write_text("half")
    print(half, flush=True)
    time.sleep(600)
"""


def test_a_link_to_a_file_stays_one(tmp_path: Path) -> None:
    """As of a page that a web server shows from elsewhere, each night anew."""
    for there in ("shown.html", "deep/not yet.html"):
        link = tmp_path / "r.html"
        link.unlink(missing_ok=True)
        link.symlink_to(there)
        assert check_file(link, [".html"]) == ".html"
        write_file(link, b"new")
        assert (link.is_symlink(), (tmp_path / there).read_bytes()) == (True, b"new")


@pytest.mark.parametrize("uri", ["hdfs://namenode:8020/backup", "hdfs:///b", "file:///b", "s3://b"])
def test_a_uri_is_no_folder_of_this_machine(uri: str, tmp_path: Path) -> None:
    """A Path makes one of it, `hdfs:` in the working folder, in which nobody looks."""
    with pytest.raises(UsageError, match="is a URI"):
        check_file(Path(f"{uri}/r.csv"), [".csv"])
    for words in (
        ("export", f"{uri}/r.csv"),
        ("search", "--text", "a", "--output", f"{uri}/r.json"),
        ("demo", "--no-serve", "--output", uri),
        ("cluster", "up", "--folder", uri),
        ("models", "export", "ViT-B-32", uri),
        ("models", "quantize", "none", "--out", uri),
    ):
        done = command(*words, cwd=tmp_path)
        assert (done.returncode, "is a URI, not a" in done.stderr) == (2, True), done.stderr
    assert not [*tmp_path.iterdir()]


def test_a_file_is_refused_before_the_work(tmp_path: Path) -> None:
    assert check_file(tmp_path / "not yet" / "F.CSV", browse.FORMATS) == ".csv"
    for formats in (browse.FORMATS, match.FORMATS, output.ENDINGS):
        with pytest.raises(UsageError, match=r"must end in one of .*\.csv"):
            check_file(tmp_path / "F.pdf", formats)
    (tmp_path / "folder.csv").mkdir()
    (tmp_path / "file").touch()
    (tmp_path / "closed").mkdir(0o500)
    places = [tmp_path / name for name in ("folder.csv", "file/F.csv", "file/deep/F.csv")]
    places += [tmp_path / f"{'F' * 300}.csv", tmp_path / ("F" * 300) / "F.csv"]  # too long a name
    if os.geteuid():  # root writes everywhere
        places.append(tmp_path / "closed" / "F.csv")
    for place in places:
        for write in (lambda path: check_file(path, [".csv"]), lambda path: write_file(path, b"")):
            with pytest.raises(StorageError, match=f"{place} cannot be written"):
                write(place)
    assert {p.name for p in tmp_path.iterdir()} == {"folder.csv", "file", "closed"}


def test_of_a_folder_whose_maker_was_killed_the_next_leaves_nothing(tmp_path: Path) -> None:
    """But of one that is being made."""
    command_line = [sys.executable, "-c", HALF, str(tmp_path / "made")]
    makers = [subprocess.Popen(command_line, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    try:
        dead, live = (Path(each.stdout.readline().strip()) for each in makers if each.stdout)
        makers[0].kill()
        makers[0].wait()
        assert {*tmp_path.iterdir()} == {dead, live}
        with appearing(tmp_path / "made") as half:
            (half / "file").write_text("whole")
        assert {*tmp_path.iterdir()} == {live, tmp_path / "made"}
        assert (tmp_path / "made" / "file").read_text() == "whole"
        makers[1].send_signal(signal.SIGINT)
        makers[1].wait()
        assert [*tmp_path.iterdir()] == [tmp_path / "made"]
    finally:
        for each in makers:
            each.kill()
            each.communicate()


def test_an_export_that_was_stopped_is_run_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As its message says. In the place of torch, which is not here, stands one tower's file."""
    folder = tmp_path / "deep" / "model"
    stop = [KeyboardInterrupt()]

    def export_pretrained(architecture: str, pretrained: str | None, into: Path) -> None:
        (into / "model.onnx").write_text(architecture)
        if stop:
            raise stop.pop()

    stand_in = SimpleNamespace(export_pretrained=export_pretrained)
    monkeypatch.setitem(sys.modules, "matching_spark.embed.open_clip_export", stand_in)
    with pytest.raises(KeyboardInterrupt):
        models.export("ViT-B-32", None, folder)
    assert not [*folder.parent.iterdir()]
    assert models.export("ViT-B-32", None, folder).folder == str(folder)
    assert (folder / "model.onnx").read_text() == "ViT-B-32"
    assert [*folder.parent.iterdir()] == [folder]


def test_a_pipe_keeps_its_place(tmp_path: Path) -> None:
    """A file took it, and whoever read of the pipe waited for ever."""
    os.mkfifo(pipe := tmp_path / "posts.csv")
    with pytest.raises(StorageError, match=r"posts\.csv cannot be written: it is a pipe or a dev"):
        check_file(pipe, [".csv"])
    assert pipe.is_fifo()
