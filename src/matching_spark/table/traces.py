"""Traces of posts in files: each file is read as what it is, so that nothing hides in a codec."""

import io
import json
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import PurePosixPath
from typing import IO, TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from matching_spark import storage
from matching_spark.domain.posts import Post
from matching_spark.errors import StorageError
from matching_spark.layout import text_key
from matching_spark.shards.arrow import read_columns

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

    from matching_spark.table.posts_table import PostsTable

BOUND = 16  # characters of a text that Iceberg keeps as a file's least and greatest value
LEAST_WORD, LEAST_ID = 4, 8  # characters; shorter ones stand in other things by chance
VECTORS = frozenset(["vector", "text_vector"])
PIECE = 32 << 20
TRACED = ("title", "description", "place", "kept_at", "kept_phone", "source_url")
AVRO = b"Obj\x01"


@dataclass(frozen=True)
class Subject:
    """What is looked for. photos: the sha256 of photos that only these posts have. words: texts, or
    beginnings of texts, that no other post has. plain: ids that stand in no other post.
    """

    ids: frozenset[str]
    photos: frozenset[str] = frozenset()
    words: frozenset[str] = frozenset()
    plain: frozenset[str] = frozenset()

    @cached_property
    def anywhere(self) -> list[tuple[str, bytes]]:
        """What gives a post away wherever it stands: (which of them, bytes)."""
        whole = {json.dumps(i, ensure_ascii=a) for i in self.ids for a in (True, False)}
        escaped = {json.dumps(word)[1:-1] for word in self.words}
        words = self.words | escaped
        named = (("the id", self.plain | whole), ("a photo's hash", self.photos), ("words", words))
        return [(what, each.encode()) for what, several in named for each in sorted(several)]


@dataclass(frozen=True)
class Looked:
    """What was looked at, and what was found: (file, what of it)."""

    files: dict[str, int] = field(default_factory=dict)  # by their kind
    bytes: int = 0
    found: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Had:
    """All that any snapshot still has of the posts."""

    photos: frozenset[str]  # sha256
    texts: frozenset[str]  # what stands in a column
    keys: frozenset[str]  # of what may be staged
    vectors: frozenset[bytes]


def had(files: Iterable[str], ids: frozenset[str]) -> Had:
    """What the files have of the posts, in every version of them."""
    photos: set[str] = set()
    texts: set[str] = set()
    keys: set[str] = set()
    vectors: set[bytes] = set()
    wanted = pa.array(sorted(ids), pa.string())
    for file in files:
        rows = read_columns(file, ["post_id", *TRACED, "identifiers", "photos", "text_vector"])
        for row in rows.filter(pc.is_in(rows["post_id"], wanted)).to_pylist():
            photos |= {photo["sha256"] for photo in row["photos"] or ()}
            seen = (*(photo["vector"] for photo in row["photos"] or ()), row["text_vector"])
            vectors |= {*filter(None, seen)}
            texts |= {row[name] for name in TRACED if row[name]} | {*(row.get("identifiers") or ())}
            post = Post("", "found", title=row["title"] or "", description=row["description"] or "")
            keys.add(text_key(post.text))
    return Had(frozenset(photos), frozenset(texts), frozenset(keys), frozenset(vectors))


def begins(text: str) -> str:
    """The part of a text that both of its bounds begin with: the last character of a cut-off upper
    bound is another one."""
    return text if len(text) <= BOUND else text[: BOUND - 1]


def betraying(
    table: "PostsTable", ids: frozenset[str], photos: frozenset[str], texts: Iterable[str]
) -> Subject:
    """Of these posts' ids, photos and texts, those that stand in no other post of the table now."""
    words = {begins(text) for text in texts}
    long = {w for w in words if len(w) >= LEAST_WORD} | {i for i in ids if len(i) >= LEAST_ID}
    own = frozenset(long | photos) - _shared(table, ids, sorted(long | photos))
    return Subject(ids, own & photos, own & words, own & ids)


def _shared(table: "PostsTable", ids: frozenset[str], tokens: list[str]) -> frozenset[str]:
    """The tokens that stand in another post."""
    from pyspark.sql import functions as F  # half a second for those who read only

    if not tokens or table.snapshot is None:
        return frozenset()
    others: DataFrame = table.frame().where(~F.col("post_id").isin(sorted(ids)))
    everything = F.concat_ws("\n", "post_id", *TRACED, "identifiers", F.col("photos.sha256"))
    wanted = table.session.createDataFrame(pa.table({"token": tokens}))
    found = others.select(everything.alias("text")).join(
        F.broadcast(wanted), F.col("text").contains(F.col("token"))
    )
    return frozenset(row["token"] for row in found.select("token").distinct().collect())


def look(places: Iterable[str], subject: Subject) -> Looked:
    """Read every file. Raises StorageError naming one that cannot be read."""
    kinds: Counter[str] = Counter()
    found: list[tuple[str, str]] = []
    total = 0
    for place in places:
        try:
            what, kind, size = _look(place, subject)
        except FileNotFoundError:  # a cache's, a writer's: it is gone
            continue
        kinds[kind] += 1
        total += size
        found += [(place, each) for each in sorted(what)]
    return Looked(dict(kinds), total, tuple(found))


def holds(place: str, subject: Subject) -> bool:
    """Whether one file has a trace. Raises StorageError when it cannot be read."""
    return bool(_look(place, subject)[0])


def _look(place: str, subject: Subject) -> tuple[set[str], str, int]:
    """(what was found, the file's kind, its bytes)."""
    anywhere = subject.anywhere
    name = PurePosixPath(place).name
    found = {f"{what} in its name" for what, token in anywhere if token.decode() in name}
    size = storage.size_bytes(place)
    try:
        with storage.open_input(place) as stream:
            head = stream.read(4)
            stream.seek(0)
            if head == b"PAR1":
                return found | _in_parquet(stream, subject), "parquet", size
            if head == AVRO:
                exact = [("the id", _avro_text(i)) for i in subject.ids]
                return found | _in_pieces(_blocks(stream), [*anywhere, *exact]), "avro", size
            pieces = iter(lambda: stream.read(PIECE), b"")
            kind = PurePosixPath(place).suffix.lstrip(".") or "other"
            return found | _in_pieces(pieces, anywhere), kind, size
    except FileNotFoundError:
        raise
    # OSError: of Parquet whose pages are torn, or not what their checksums say.
    except (OSError, pa.ArrowException, zlib.error, ValueError, EOFError, IndexError) as error:
        raise StorageError(f"{place} cannot be read, so not looked at: {error}") from error


def _in_pieces(pieces: Iterable[bytes], tokens: list[tuple[str, bytes]]) -> set[str]:
    found: set[str] = set()
    longest = max((len(token) for _, token in tokens), default=0)
    before = b""
    for piece in pieces:
        whole = before + piece
        found |= {what for what, token in tokens if token in whole}
        before = whole[-longest:]
    return found


def _in_parquet(stream: IO[bytes], subject: Subject) -> set[str]:
    """In every column of text, whatever its encoding; a file's statistics are of these."""
    file = pq.ParquetFile(stream, page_checksum_verification=True)
    leaves = [file.schema.column(i) for i in range(len(file.schema))]
    texts = [c.path for c in leaves if c.physical_type == "BYTE_ARRAY" and c.name not in VECTORS]
    found: set[str] = set()
    parts = (("a photo's hash", subject.photos), ("words", subject.words))
    ids = pa.array(sorted(subject.ids), pa.string())
    for batch in file.iter_batches(1 << 16, columns=texts, use_threads=False) if texts else ():
        for column in batch.columns:
            for values in _leaves(column):
                if pc.any(pc.is_in(values, ids)).as_py():
                    found.add("the id")
                for what, several in parts:
                    if any(pc.any(pc.match_substring(values, t)).as_py() for t in several):
                        found.add(what)
    return found


def _leaves(column: pa.Array) -> Iterator[pa.Array]:
    """The texts of a column, out of its lists, maps and structs."""
    kind: Any = column.type
    if pa.types.is_struct(kind):
        for each in column.flatten():
            yield from _leaves(each)
    elif pa.types.is_map(kind):
        yield from (*_leaves(column.keys), *_leaves(column.items))
    elif pa.types.is_list(kind) or pa.types.is_large_list(kind):
        yield from _leaves(column.flatten())
    elif pa.types.is_dictionary(kind):
        yield column.dictionary.cast(pa.string())
    elif pa.types.is_string(kind) or pa.types.is_large_string(kind):
        yield column.cast(pa.string())


# -- Avro's container: a header, then blocks of (rows, bytes, data, 16 bytes that part them) -------


def _blocks(stream: IO[bytes]) -> Iterator[bytes]:
    """The header, which holds the schema, and every block as it was before it was compressed.

    Raises ValueError for a codec other than those that Iceberg writes by default.
    """
    from pyiceberg.avro.decoder import StreamingBinaryDecoder  # half a second, of an erase alone
    from pyiceberg.avro.file import META_SCHEMA, SYNC_SIZE, AvroFileHeader
    from pyiceberg.avro.resolver import construct_reader

    raw = stream.read()
    data = StreamingBinaryDecoder(raw)
    about = construct_reader(META_SCHEMA, {-1: AvroFileHeader}).read(data).meta
    yield "".join(about.values()).encode()
    codec = about.get("avro.codec", "null")
    if codec not in ("null", "deflate"):
        raise ValueError(f"it is compressed by {codec}")
    while data.tell() < len(raw):
        data.read_int()
        block = data.read_bytes()
        yield block if codec == "null" else zlib.decompress(block, -zlib.MAX_WBITS)
        data.skip(SYNC_SIZE)


def _avro_text(text: str) -> bytes:
    """A text as Avro writes it, its length first: an id is told from a longer one."""
    from pyiceberg.avro.encoder import BinaryEncoder  # as above

    out = io.BytesIO()
    BinaryEncoder(out).write_utf8(text)
    return out.getvalue()
