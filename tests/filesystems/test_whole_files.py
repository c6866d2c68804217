"""Files that somebody asked for: whole or not at all, where they were asked for, or refused."""

import os
from pathlib import Path

import pytest

from matching_spark.errors import StorageError, UsageError
from matching_spark.filesystems.whole_files import check_file, write_file
from matching_spark.operations import browse, match, output
from tests.support.commands import command


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
