"""Links: who fills a folder may not be allowed to read what whoever ingests it may."""

import json
from pathlib import Path
from unicodedata import normalize

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from matching_spark.domain.posts import Post, Reject
from matching_spark.domain.vocabulary import Seen
from matching_spark.errors import InputError
from matching_spark.ingest.vector_files import tasks_of
from matching_spark.sources import read_posts
from tests.support.sources import read


def test_a_link_is_followed_within_the_folder_and_not_out_of_it(tmp_path: Path) -> None:
    folder, private = tmp_path / "photos", tmp_path / "photos-private"
    for each in (folder / "below", private):
        each.mkdir(parents=True)
        (each / "a.jpg").write_bytes(b"x")
    (folder / "fine.jpg").symlink_to("below/a.jpg")
    (folder / "out.jpg").symlink_to(private / "a.jpg")
    (folder / "below" / "far.jpg").symlink_to("../out.jpg")
    (folder / "gone.jpg").symlink_to("/nowhere/a.jpg")
    (folder / "way").symlink_to(private)
    (tmp_path / "here").symlink_to(folder)
    for root in (folder, tmp_path / "here"):  # which may be a link itself
        posts, rejects = read(root, format="folder", kind="found")
        assert [post.post_id for post in posts] == ["below/a.jpg", "fine.jpg"]
        assert {(each.source, each.reason) for each in rejects} == {
            (str(root / "below" / "far.jpg"), "linked-file"),
            (str(root / "gone.jpg"), "linked-file"),
            (str(root / "out.jpg"), "linked-file"),
            (str(root / "way"), "linked-folder"),
        }
    named = [
        *("fine.jpg", "below/a.jpg", "out.jpg", "way/a.jpg"),
        *(str(folder / "gone.jpg"), str(private / "a.jpg"), "../photos-private/a.jpg"),
    ]
    row = {"post_id": "a", "kind": "found", "photos": named}
    (folder / "posts.jsonl").write_text(json.dumps(row))
    (post,), rejects = read(folder / "posts.jsonl")
    outside = [str(private / "a.jpg"), f"{folder}/../photos-private/a.jpg"]  # said openly
    assert list(post.photos) == [f"{folder}/fine.jpg", f"{folder}/below/a.jpg", *outside]
    assert [each.reason for each in rejects] == ["linked-photo"] * 3
    assert str(folder / "out.jpg") in rejects[0].detail


def test_a_link_by_another_spelling_of_its_name(tmp_path: Path) -> None:
    folder = tmp_path / "posts"
    folder.mkdir()
    (tmp_path / "private.jpg").write_bytes(b"x")
    composed, apart = (normalize(form, "가방 100%20.jpg") for form in ("NFC", "NFD"))
    (folder / apart).symlink_to(tmp_path / "private.jpg")
    (folder / "plain.jpg").symlink_to(tmp_path / "private.jpg")
    row = {"post_id": "a", "kind": "found", "title": "가방", "photos": [composed, "plain.jpg"]}
    sheet = folder / "posts.jsonl"
    sheet.write_text(json.dumps(row))
    for named in (str(sheet), sheet.as_uri()):
        rows = list(read_posts(named))
        assert [r.reason for r in rows if isinstance(r, Reject)] == ["linked-photo"] * 2
        assert [r.photos for r in rows if isinstance(r, Post)] == [()]


def linked(folder: Path, name: str, data: bytes) -> Path:
    """A folder with a file, a link to it, and a link to one outside; itself behind a link."""
    inside, outside = folder / "in", folder / "out"
    for each in (inside, outside):
        each.mkdir()
        (each / name).write_bytes(data)
    (inside / f"same-{name}").symlink_to(name)
    (inside / f"far-{name}").symlink_to(outside / name)
    (folder / "here").symlink_to(inside)
    return folder / "here"


def test_of_the_portals_xml_too(tmp_path: Path) -> None:
    said = (
        "<response><body><item><atcId>F{}</atcId><fdPrdtNm>우산</fdPrdtNm></item></body></response>"
    )
    root = linked(tmp_path, "a.xml", said.format(1).encode())
    (tmp_path / "out" / "a.xml").write_text(said.format(2))
    (tmp_path / "in" / "gone.xml").symlink_to("went.xml")
    posts, rejects = read(root, format="lost112")
    assert [post.title for post in posts] == ["우산"]
    assert {(r.source, r.reason) for r in rejects} == {
        (str(root / "far-a.xml"), "linked-file"),
        (str(root / "gone.xml"), "unreadable"),
    }


def test_of_parquet_too(tmp_path: Path) -> None:
    vectors = pa.FixedSizeListArray.from_arrays(np.ones(4, np.float32), 2)
    pq.write_table(pa.table({"post_id": ["a", "b"], "vector": vectors}), tmp_path / "a")
    root = linked(tmp_path, "a.parquet", (tmp_path / "a").read_bytes())
    with pytest.raises(InputError, match=r"far-a\.parquet: a link out of the folder"):
        tasks_of(str(root), Seen())
    (root / "far-a.parquet").unlink()
    names = ["a.parquet", "same-a.parquet"]
    assert [Path(each.uri).name for each in tasks_of(str(root), Seen())] == names
