"""Columns of a Parquet of vectors as other programmes write them, without a table."""

import datetime as dt
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from matching_spark.domain.posts import LEFT_OUT, MAX_TEXT
from matching_spark.domain.schema import METADATA
from matching_spark.domain.vocabulary import Seen
from matching_spark.errors import InputError
from matching_spark.ingest.vector_batches import ImportRules, Staged, checked, first_vector
from matching_spark.ingest.vector_files import batches, open_file, tasks_of

VECTORS = [[1.0, 0.0], [0.0, 1.0]]


def taken(source: Path, columns: dict[str, object], **how: object) -> tuple[pa.Table, Staged]:
    """What is taken of a file with these columns, beside post_id and vector."""
    file = source / "posts.parquet" if source.is_dir() else source
    table = pa.table({"post_id": ["a", "b"], "vector": VECTORS} | columns)
    pq.write_table(table, file, **how)
    tasks = tasks_of(str(source), Seen())
    dimension, model = first_vector(str(source), tasks)
    rules = ImportRules(dimension, "found", model or "m", dt.datetime.now(dt.UTC))
    opened, staged = open_file(tasks[0].uri), Staged()
    names = [n for n in (*METADATA, "vector", "model") if n in opened.schema_arrow.names]
    out = [
        checked(batch, dict(task.fixed), rules, staged)
        for task in tasks
        for batch in batches(opened, task, 1000, names)
    ]
    return pa.Table.from_batches(out), staged


@pytest.mark.parametrize("kind", ["<f8", ">f4", "<f4 as <f8", "<f2", "i1"])
def test_bytes_of_other_numbers_are_no_vector(tmp_path: Path, kind: str) -> None:
    """NumPy's are float64 where nothing else is said, and Java's begin with the greater end; who
    saves room has float16, or whole numbers."""
    rows = np.random.default_rng(3).normal(size=(40, 512)) * (40 if kind == "i1" else 1)
    if kind == "<f4 as <f8":  # whose last 29 bits are 0: none of them is NaN
        rows, kind = rows.astype("<f4"), "<f8"
    other = [row.astype(kind).tobytes() for row in rows]
    ids = [str(i) for i in range(len(rows))]
    with pytest.raises(
        InputError, match=r"posts\.parquet: of most vectors, its bytes are no float32"
    ):
        taken(tmp_path, {"post_id": ids, "vector": other})
    width = len(other[0]) // 4
    mine = [
        row.tobytes() for row in np.random.default_rng(4).normal(size=(40, width)).astype("<f4")
    ]
    out, staged = taken(tmp_path, {"post_id": ids, "vector": mine[:30] + other[30:]})
    assert out["post_id"].to_pylist() == ids[:30]
    assert {(reason, detail[:25]) for _, reason, detail in staged.rejects} == {
        ("not-float32", "its bytes are no float32 ")
    }


def test_a_moment_is_seouls_day_however_it_is_written(tmp_path: Path) -> None:
    seoul = dt.timezone(dt.timedelta(hours=9))
    moments = [
        dt.datetime(2026, 11, 1, tzinfo=seoul),
        dt.datetime(2026, 11, 1, 23, 59, tzinfo=seoul),
    ]
    for unit, how in (
        ("us", {}),
        ("ns", {"version": "2.6"}),
        ("ns", {"use_deprecated_int96_timestamps": True}),  # as Spark does
    ):
        column = pa.array(moments, pa.timestamp(unit, "UTC"))
        out, _ = taken(tmp_path, {"happened_on": column}, **how)
        assert out["happened_on"].to_pylist() == [dt.date(2026, 11, 1)] * 2
    for zone in ("UTC", "Nowhere/Land"):
        odd = pa.array([1_793_491_200_000_000_001] * 2, pa.timestamp("ns", zone))
        out, _ = taken(tmp_path, {"happened_on": odd}, version="2.6")
        assert out["happened_on"].to_pylist() == [dt.date(2026, 11, 1)] * 2


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("post_id", [20261101001.0, 1e16]),
        ("post_id", [True, False]),
        ("post_id", [["a"], ["b"]]),
        ("vector", ["[0.1, 0.2]", "[0.3, 0.4]"]),
        ("vector", [0.1, 0.2]),
        ("vector", [["0.1"], ["0.2"]]),
        ("vector", [{"values": [0.1]}] * 2),
        ("title", [{"a": 1}] * 2),
        ("happened_on", [[dt.date(2026, 1, 1)]] * 2),
        ("model", [1, 1]),
        ("place", pa.array([bytes(range(i, 256, 16)) for i in (8, 9)], pa.uuid())),
        ("title", pa.array([0, 1], pa.timestamp("us", "Nowhere/Land"))),
    ],
)
def test_a_column_of_another_type_is_named(name: str, values: object, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=rf"posts\.parquet: column {name} is .*must be"):
        taken(tmp_path, {name: values})


def test_the_first_vector_that_is_one_says_how_long_they_are(tmp_path: Path) -> None:
    for vectors in ([[], [0.0, 1.0]], [b"\0" * 3, b"\0\0\x80\x3f" * 2], [None, [1.0, 0.0]]):
        out, staged = taken(tmp_path, {"vector": vectors})
        assert out["post_id"].to_pylist() == ["b"]
        assert staged.rejected == 1


def test_a_vector_that_is_cut_off_does_not_say_how_long_the_others_are(tmp_path: Path) -> None:
    for vectors in ([[0.5], [0.0, 1.0], [1.0, 0.0]], [b"\0\0\x80\x3f", *[b"\0\0\x80\x3f" * 2] * 2]):
        columns: dict[str, object] = {
            "post_id": ["a", "b", "c"],
            "vector": vectors,
            "model": ["x", "m", "m"],
        }
        out, staged = taken(tmp_path, columns)
        assert out["post_id"].to_pylist() == ["b", "c"]
        assert [each[:2] for each in staged.rejects] == [("a", "wrong-dimension")]
        assert set(out["model"].to_pylist()) == {"m"}


@pytest.mark.parametrize(
    "days",
    [
        pa.array([1_793_491_200_000_000_000, -(10**18), 0], pa.timestamp("us")),
        pa.array([2**63 - 5, -(2**63) + 1, 0], pa.timestamp("us", "UTC")),
        pa.array([20_000_000, -2_000_000, 0], pa.int32()).cast(pa.date32()),
        pa.array([dt.date(1, 1, 1), dt.date(9999, 12, 31), dt.date(1970, 1, 1)]),
        pa.array(["0001-01-01", "9999-12-31", "1970-01-01"]),
    ],
)
def test_a_day_of_no_year_costs_its_row(days: pa.Array, tmp_path: Path) -> None:
    """Stored, it would end every list, for Python has no such day."""
    three = {"post_id": ["a", "b", "c"], "vector": [*VECTORS, [1.0, 1.0]]}
    out, staged = taken(tmp_path, three | {"happened_on": days})
    assert [(row["post_id"], row["happened_on"]) for row in out.to_pylist()] == [
        ("c", dt.date(1970, 1, 1))
    ]
    assert [each[:2] for each in staged.rejects] == [("a", "bad-date"), ("b", "bad-date")]


def test_what_is_no_number_is_not_given_and_bytes_are_text_everywhere(tmp_path: Path) -> None:
    columns = {
        "title": pa.array([float("nan"), 212345678.0]),
        "place": pa.array([float("inf"), 1.5], pa.float32()).dictionary_encode(),
        "happened_on": pa.array([b"2026-11-01", b"\xff"], pa.binary()),
        "model": pa.array([b"m", b"m"], pa.binary()),
    }
    out, staged = taken(tmp_path, columns)
    (row,) = out.to_pylist()
    assert (row["title"], row["place"], row["happened_on"]) == ("", "", dt.date(2026, 11, 1))
    assert (row["model"], staged.models) == ("m", {"m"})
    assert [each[:2] for each in staged.rejects] == [("b", "bad-date")]
    del columns["happened_on"]
    out, _ = taken(tmp_path, columns)
    assert out["title"].to_pylist() == ["", "212345678"]
    assert out["place"].to_pylist() == ["", "1.5"]


def test_what_is_left_out_and_words_of_no_list_are_noted(tmp_path: Path) -> None:
    columns: dict[str, object] = {"title": ["x" * (MAX_TEXT + 1), "y"], "region": ["달", "달"]}
    out, staged = taken(tmp_path, columns)
    assert [len(title) for title in out["title"].to_pylist()] == [MAX_TEXT, 1]
    assert staged.seen.unknown == {f"{LEFT_OUT}: title": 1, "region: 달": 2}


def test_columns_that_are_not_read_are_noted(tmp_path: Path) -> None:
    """Nothing of a post goes in silence: color is no colour, and a point is not taken from here."""
    (tmp_path / "desk=a").mkdir()
    columns = {"post_id": ["a"], "vector": [[1.0]], "title": ["x"]}
    more = {"color": ["black"], "latitude": [37.5], "model": ["m"]}
    pq.write_table(pa.table(columns | more), tmp_path / "desk=a" / "a.parquet")
    seen = Seen()
    tasks_of(str(tmp_path), seen)
    assert set(seen.unknown) == {
        "column not used: color (colour?)",
        "column not used: latitude (latitude?)",
        "column not used: desk",
    }


def test_a_column_that_comes_twice_is_named(tmp_path: Path) -> None:
    names = ["post_id", "title", "title", "vector"]
    table = pa.Table.from_arrays([pa.array(["a"])] * 3 + [pa.array([[1.0]])], names=names)
    pq.write_table(table, tmp_path / "a.parquet")
    with pytest.raises(InputError, match=r"a\.parquet has the column title twice: keep one"):
        tasks_of(str(tmp_path / "a.parquet"), Seen())


def test_bytes_that_are_no_text_cost_their_row(tmp_path: Path) -> None:
    for kind in (pa.binary(), pa.string()):
        for name in ("post_id", "title"):
            given = pa.array([b"\xb0\xa1", b"b"], pa.binary())
            column = pa.Array.from_buffers(kind, 2, given.buffers())
            out, staged = taken(tmp_path, {name: column})
            assert out["post_id"].to_pylist() == ["b"]
            assert f"{name} is not UTF-8" in str(staged.rejects)


def test_the_folder_of_nulls_says_nothing(tmp_path: Path) -> None:
    folder = tmp_path / "posts" / "colour=__HIVE_DEFAULT_PARTITION__"
    folder.mkdir(parents=True)
    pq.write_table(pa.table({"post_id": ["a"], "vector": [[1.0]]}), folder / "a.parquet")
    (task,) = tasks_of(str(tmp_path / "posts"), Seen())
    assert task.fixed == (("colour", ""),)


def test_numbers_beyond_a_dictionary_are_a_torn_file(tmp_path: Path) -> None:
    """Arrow hands them on as they are; other programmes write no checksums."""
    path, rows = tmp_path / "posts.parquet", 200
    table = pa.table(
        {
            "post_id": [str(i) for i in range(rows)],
            "vector": VECTORS * (rows // 2),
            "title": [f"지갑 {i % 7}" for i in range(rows)],  # numbers of three bits: 7 is none
        }
    )
    pq.write_table(table, path, compression="none")
    titles = pq.read_metadata(path).row_group(0).column(2)
    data = bytearray(path.read_bytes())
    end = titles.dictionary_page_offset + titles.total_compressed_size
    data[end - 8 : end] = b"\xff" * 8
    path.write_bytes(data)
    (task,) = tasks_of(str(path), Seen())
    of = batches(open_file(str(path)), task, 1000, ["post_id", "title", "vector"])
    with pytest.raises(InputError, match=r"posts\.parquet is not Parquet.*Index 7 out of bounds"):
        list(of)


def test_a_footer_that_contradicts_itself_is_a_torn_file(tmp_path: Path) -> None:
    """Of a column so told, pyarrow ended the process."""
    path, rows = tmp_path / "posts.parquet", 200
    ids = [str(i) for i in range(rows)]
    pq.write_table(pa.table({"post_id": ids, "vector": VECTORS * (rows // 2)}), path)
    counts = b"\x46\0\0\0\xa0\x06"  # how many values lie how deep: 0, 0, 0, 400; then five of them
    data = path.read_bytes()
    assert data.count(counts) == 1
    path.write_bytes(data.replace(counts, b"\x56\0\0\0\x20\x06"))
    with pytest.raises(InputError, match=r"posts\.parquet is not Parquet.*level histogram"):
        first_vector(str(path), tasks_of(str(path), Seen()))


def test_rows_that_a_column_lacks_are_not_passed_over(tmp_path: Path) -> None:
    """Arrow gave none of them, and no error: an ingest of 200 posts took none and ended well."""
    path, rows = tmp_path / "posts.parquet", 200
    vectors = pa.array(VECTORS * (rows // 2))
    kinds = pa.array(["found"] * rows)
    pq.write_table(
        pa.table({"post_id": [str(i) for i in range(rows)], "vector": vectors, "kind": kinds}), path
    )
    named = b"\x19\x18\x04kind\x15\x02\x16\x90\x03"  # kind, SNAPPY, of 200 values (400 in zigzag)
    data = path.read_bytes()
    assert data.count(named) == 1
    path.write_bytes(data.replace(named, named[:-2] + b"\x80\x00"))  # of none
    (task,) = tasks_of(str(path), Seen())
    of = batches(open_file(str(path)), task, 1000, ["post_id", "vector", "kind"])
    with pytest.raises(InputError, match=r"posts\.parquet is not Parquet.*200 rows .* not there"):
        list(of)
