"""Places: any name of a file, spelt for Python and for the JVM, is the same file."""

import os
from datetime import timedelta
from pathlib import Path
from typing import Any
from unicodedata import normalize

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyspark.sql import SparkSession

from matching_spark import PostsTable, SimilarityEngine, StorageError, storage
from matching_spark.config import Cache, Hadoop
from matching_spark.filesystems.local_files import LocalFiles
from matching_spark.filesystems.namenodes import same_authority
from matching_spark.ingest.vector_import import ingest_vectors
from matching_spark.knn.similarity import unit
from matching_spark.shards.ivf_index import save_cells, train
from matching_spark.spark.files import read_parquet
from matching_spark.table.compact import compact
from tests.support.found import hits_of
from tests.support.names import NAMES, ODD
from tests.support.vectors import write_vectors

names = st.text(st.characters(exclude_characters="/\0", exclude_categories=["Cs"]), min_size=1)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("places")


@given(names.filter(lambda n: n not in (".", "..") and len(n.encode()) < 200))
def test_any_name_is_one_file(folder: Path, name: str) -> None:
    place = storage.join(str(folder), name)
    content = name.encode()
    storage.write_bytes(place, content)
    try:
        assert (folder / name).read_bytes() == content
        assert storage.read_bytes(place) == content
        assert list(storage.walk(str(folder))) == [place]
        assert storage.size_bytes(place) == len(content)
        assert storage.absolute(place) == place
        assert storage.absolute((folder / name).as_uri()) == place
        assert storage.recorded(storage.for_spark(place)) == place
        with pytest.raises(FileExistsError):
            storage.create(place, b"another")
        assert storage.read_bytes(place) == content
    finally:
        storage.remove(place)
    assert not any(folder.iterdir())


def test_the_jvm_reads_the_file_that_python_wrote(tmp_path: Path, spark: SparkSession) -> None:
    """Each file says its own name; no pattern matches another one, no character cuts a name."""
    here = tmp_path / ODD
    for name in NAMES:
        frame = spark.createDataFrame([(name,)], "name string").coalesce(1)
        frame.write.parquet(storage.for_spark(storage.join(str(here), name)))
    for name in NAMES:
        place = storage.join(str(here), name)
        assert os.path.isdir(place)
        (row,) = read_parquet(spark, [place]).collect()
        assert row["name"] == name


@pytest.mark.parametrize(
    "default", [pytest.param(None, marks=pytest.mark.long), "hdfs://127.0.0.1:9"]
)
def test_a_table_in_an_odd_folder(tmp_path: Path, spark: SparkSession, default: str | None) -> None:
    """Also where Hadoop's own default is an HDFS, and one that does not answer at that."""
    session = spark.newSession()
    if default:
        session.conf.set("fs.defaultFS", default)
    rng = np.random.default_rng(7)
    vectors = unit(rng.normal(size=(40, 8)))
    ids = [f"p{i:02}" for i in range(40)]
    uri = str(tmp_path / ODD / "table")
    for part in (slice(0, 25), slice(15, 40)):
        source = tmp_path / f"{ODD}-{part.start}.parquet"
        write_vectors(source, ids[part], vectors[part], category=["지갑"] * 25)
        ingest_vectors(str(source), uri, session, "found", Hadoop())
    table = PostsTable.open(uri, session, Hadoop(snapshot_keep=timedelta(0)))
    assert table.set_status(["p07"], "withdrawn") == 1
    cells = save_cells(train(table.shards(), table.model, 40, 4), storage.join(uri, "cells"))
    table.set_cells(cells)
    assert table.space.cells == cells

    def found() -> list[str]:
        memory = hits_of(
            SimilarityEngine(PostsTable.open(uri), "memory", cache=Cache()), vectors[7], top_k=40
        )
        by_spark = hits_of(
            SimilarityEngine(PostsTable.open(uri, session, Hadoop()), "spark", cache=Cache()),
            vectors[7],
            top_k=40,
        )
        assert memory == by_spark
        return [m.post_id for m in memory[0]]

    before = found()
    assert len(before) == 39
    assert "p07" not in before
    compact(table)
    assert found() == before
    assert PostsTable.open(uri).status()["delete_files"] == 0


def test_what_somebody_writes_and_the_place_it_is(tmp_path: Path) -> None:
    here = str(tmp_path)
    assert storage.absolute(f"file://{here}/a%20b%23") == f"{here}/a b#"
    assert storage.absolute(f"file:{here}/x/../a") == f"{here}/a"
    assert storage.absolute(f"file://localhost{here}/a") == f"{here}/a"
    assert storage.absolute(f"FILE:{here}/a") == storage.absolute(f"/{here}/a") == f"{here}/a"
    assert storage.absolute("HDFS://h/a") == "hdfs://h/a"
    assert storage.absolute(storage.join("hdfs:///", "a")) == "hdfs:///a"
    assert storage.absolute("hdfs://h//a//b/./c/../d/") == "hdfs://h/a/b/d"
    assert storage.absolute("hdfs://h/") == "hdfs://h"
    assert storage.absolute("hdfs://h/100%/IMG#1?;x") == "hdfs://h/100%/IMG#1?;x"
    assert storage.absolute("/a:b/c:") == "/a:b/c:"
    wrong = (
        "file://host/a",
        "s3://bucket/a",
        "s3a:/bucket/a",
        "s3a:",
        "file:///a%00b",
        "file:/a%ffb",
    )
    for uri in (*wrong, "file:", "FILE://", "file://localhost"):  # not the working folder
        for asked in (storage.absolute, storage.exists, storage.read_bytes):
            with pytest.raises(StorageError, match=uri):
                asked(uri)


def test_a_link_to_nothing_is_named_before_spark(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("unmounted")
    for uri in (tmp_path / "link", tmp_path / "link" / "table"):
        with pytest.raises(StorageError, match=r"/link is a link to unmounted, which is not there"):
            storage.check_writable(str(uri))
    (tmp_path / "unmounted").mkdir()
    storage.check_writable(str(tmp_path / "link"))


def test_the_same_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real, other, link = tmp_path / "real", tmp_path / "other", tmp_path / "link"
    real.mkdir()
    other.mkdir()
    link.symlink_to(real)
    assert storage.same_place(str(real), str(link))
    assert not storage.same_place(str(real), str(other))
    assert not storage.same_place(str(real), str(tmp_path / "gone"))
    assert not storage.same_place("hdfs://h/a", "/a")
    conf = tmp_path / "conf"
    conf.mkdir()
    (conf / "core-site.xml").write_text(
        "<configuration><property><name>fs.defaultFS</name><value>hdfs://ns</value></property>"
        "</configuration>"
    )
    values = {
        "dfs.nameservices": "ns",
        "dfs.ha.namenodes.ns": "one, two",
        "dfs.namenode.rpc-address.ns.one": "nn1.example:8020",
        "dfs.namenode.rpc-address.ns.two": "nn2.example:9000",
    }
    rows = (f"<property><name>{k}</name><value>{v}</value></property>" for k, v in values.items())
    (conf / "hdfs-site.xml").write_text(f"<configuration>{''.join(rows)}</configuration>")
    monkeypatch.setenv("HADOOP_CONF_DIR", str(conf))
    for authority in ("ns", "nn1.example", "NN1.example:8020", "nn2.example:9000"):
        assert same_authority(authority, "ns")
        assert same_authority("", authority)
        assert storage.same_place(f"hdfs://{authority}/a/b", "hdfs://ns/a/b")
    assert same_authority("localhost:9000", "me@127.0.0.1:9000")
    assert same_authority("nn1.example:", "ns")
    assert not same_authority("a..b", "x" * 70)
    assert not same_authority("nn2.example", "ns")
    assert not same_authority("127.0.0.1:9000", "127.0.0.1:9001")
    assert not storage.same_place("hdfs://ns/a", "hdfs://ns/b")


def test_a_folder_is_listed_once_for_all_names_that_it_lacks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A sheet may name ten thousand photos that are not there, of a folder of as many."""
    listed = []
    ls = LocalFiles.ls

    def counted(files: LocalFiles, path: str, detail: bool) -> list[dict[str, Any]]:
        listed.append(path)
        return ls(files, path, detail)

    monkeypatch.setattr(LocalFiles, "ls", counted)
    composed, apart = (normalize(form, "가방.jpg") for form in ("NFC", "NFD"))
    os.utime(tmp_path, (0, 0))
    missing = [str(tmp_path / f"지갑 {n}.jpg") for n in range(20)]
    assert {storage.in_another_form(each) for each in [*missing, str(tmp_path / composed)]} == {
        None
    }
    assert listed == [str(tmp_path)]
    (tmp_path / apart).touch()  # what comes later is seen
    assert storage.in_another_form(str(tmp_path / composed)) == str(tmp_path / apart)
