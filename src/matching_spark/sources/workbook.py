"""The first sheet of an Excel workbook (.xlsx, .xlsm), as rows of text; nothing in it is run.

With a reader of its own, for a workbook of a few kilobytes may unpack to anything: calamine sets
aside the whole rectangle up to the farthest cell (a file of 4.6 kB: 549 GB, and the process is
gone), openpyxl builds a row before anybody can count its cells (24 kB: over a minute). Here a part
is told element by element while it is unpacked, and is given up at a limit.
"""

import datetime as dt
import posixpath
import re
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import groupby
from typing import IO, TypeVar
from xml.parsers import expat

from matching_spark import storage
from matching_spark.domain.dates import SHEET_EPOCH
from matching_spark.domain.vocabulary import Seen
from matching_spark.errors import InputError
from matching_spark.sources.delimited import MAX_LINE, TOO_LONG, Record
from matching_spark.sources.number_formats import DATE_FORMATS, DAY, as_shown

MAX_PACKED = 128 << 20  # bytes of the file
MAX_UNPACKED = 256 << 20  # bytes of a part, and characters of all cells
MAX_KEPT = 32 << 20  # bytes of a part whose names are kept: one emoji makes four bytes of each
MAX_DIRECTORY = 8 << 20  # bytes: 100,000 parts; each takes ten times its bytes
MAX_ELEMENTS = 5_000_000  # of a part, and cells: 150,000 rows of 20 columns
MAX_TOKEN = 1 << 20  # bytes of one tag, and characters of one cell: Excel's own have 32,767
MAX_DEPTH = 64  # tags within tags
BLOCK = 1 << 16
OLD = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"  # an OLE file: .xls, or any workbook with a password
EPOCH_1904 = dt.datetime(1904, 1, 1)  # where a workbook says so, as of Excel for the Mac

T = TypeVar("T")
Row = tuple[int, int]  # how many there were, and its number: a programme may give two the same
Event = tuple[str, dict[str, str] | None, str]  # begin: attributes; end: None; text: no name


def rows_of(uri: str, seen: Seen) -> Iterator[Record]:
    """Each row of the first visible sheet that is not empty, with its number: cells up to the last
    one, days as 2026-11-01 or 2026-11-01 15:05:00, formulas as the values that were saved; or why
    it is not taken.

    seen: notes other sheets, pictures, comments, formulas without a value and cells that are off.
    Raises InputError when it is no such workbook, or beyond the limits.
    """
    with _opened(uri, seen) as book:
        yield from book.rows()


def epoch_of(uri: str) -> dt.datetime:
    """When its numbers of days begin. Raises InputError as rows_of does."""
    with _opened(uri, Seen()) as book:
        return book.epoch


@contextmanager
def _opened(uri: str, seen: Seen) -> Iterator["_Workbook"]:
    if storage.size_bytes(uri) > MAX_PACKED:
        raise InputError(f"{uri} is over {MAX_PACKED >> 20} MB; {SPLIT}")
    with storage.open_input(uri) as stream:
        _refuse_others(uri, stream)
        try:
            with zipfile.ZipFile(_InPieces(stream)) as archive:
                yield _Workbook(archive, uri, seen)
        except _Beyond as error:
            raise InputError(f"{uri}: {error}; {SPLIT}") from None
        except (*BROKEN, ValueError, LookupError) as error:
            raise InputError(
                f"{uri} cannot be read as an Excel workbook ({error}): save it again as .xlsx"
            ) from None


SPLIT = "split it, or save it as CSV"
BROKEN = (zipfile.BadZipFile, zlib.error, expat.ExpatError, EOFError, NotImplementedError)


class _Beyond(Exception):
    """A limit that a workbook is beyond."""


class _InPieces:
    """A file of which nobody reads more than MAX_DIRECTORY at once: zipfile reads the directory so,
    and nothing else that is as large. It raises _Beyond."""

    def __init__(self, stream: IO[bytes]) -> None:
        self.seek, self.tell, self.seekable = stream.seek, stream.tell, stream.seekable
        self._read = stream.read

    def read(self, size: int = -1) -> bytes:
        data = self._read(min(size, MAX_DIRECTORY + 1) if size >= 0 else MAX_DIRECTORY + 1)
        if len(data) > MAX_DIRECTORY:
            raise _Beyond("it has more parts than can be read")
        return data


def _refuse_others(uri: str, stream: IO[bytes]) -> None:
    begin = stream.read(1 << 16)
    stream.seek(0)
    if begin.startswith(OLD):
        locked = "EncryptedPackage".encode("utf-16-le")
        while locked not in begin and (block := stream.read(1 << 20)):
            begin = begin[-len(locked) :] + block
        if locked in begin:
            raise InputError(f"{uri} has a password: save it without one")
        raise InputError(f"{uri} is of Excel 97 to 2003 (.xls): save it as .xlsx")
    if not begin.startswith(b"PK"):
        is_page = begin.lstrip().lower().startswith((b"<html", b"<!doctype", b"<table", b"<?xml"))
        what = "a web page" if is_page else "no Excel workbook"
        raise InputError(f"{uri} is {what}, whatever its name says: save it as .xlsx or CSV")


class _Workbook:
    def __init__(self, archive: zipfile.ZipFile, uri: str, seen: Seen) -> None:
        self._archive, self._uri, self._seen = archive, uri, seen
        if "xl/workbook.xml" not in archive.namelist():
            raise InputError(f"{uri} is no .xlsx workbook, whatever its name says: save it as one")
        self._parts = {}  # by their own ids, and by the last word of their kinds
        for name, given, _ in self._events("xl/_rels/workbook.xml.rels"):
            if name == "Relationship" and given:
                part = posixpath.normpath(posixpath.join("/xl", given["Target"])).lstrip("/")
                self._parts[given["Id"]] = self._parts[given["Type"].rpartition("/")[2]] = part

    @property
    def epoch(self) -> dt.datetime:
        said = (g for name, g, _ in self._events("xl/workbook.xml") if name == "workbookPr" and g)
        return EPOCH_1904 if any(g.get("date1904") in ("1", "true") for g in said) else SHEET_EPOCH

    def rows(self) -> Iterator[Record]:
        if pictures := sum(n.startswith("xl/media/") for n in self._archive.namelist()):
            self._seen.note("pictures in the workbook are not read: give files", f"{pictures}")
        if any(n.startswith("xl/comments") for n in self._archive.namelist()):
            self._seen.note("comments on cells are not read", "write them into a column")
        sheets = []
        for name, given, _ in self._events("xl/workbook.xml"):
            if name == "sheet" and given and given.get("state", "visible") == "visible":
                sheets.append((given["name"], self._parts[given["id"]]))
        shown = [sheet for sheet in sheets if "/chartsheets/" not in sheet[1]]
        if not shown:
            raise InputError(f"{self._uri} has no visible sheet")
        for name, _ in shown[1:]:
            self._seen.note("sheet not read", name)
        strings = [*self._strings()] if "sharedStrings" in self._parts else []
        told = _Cells(strings, self._formats(), self.epoch, self._seen)
        cells = self._events(shown[0][1], MAX_UNPACKED)
        return _grouped(told.of(_texts(cells, ("c",), ("v", "t"))))

    def _strings(self) -> Iterator[bytes]:
        """In UTF-8: one emoji in a text of a million letters makes four bytes of each."""
        for name, given, text in _texts(
            self._events(self._parts["sharedStrings"], MAX_UNPACKED), ("si",), ("t",)
        ):
            if name == "si" and given is None:
                yield text.encode()

    def _formats(self) -> list[str]:
        """Of each style, its format."""
        if "styles" not in self._parts:
            return []
        codes: dict[int, str] = {}
        formats, within = [], ""
        for name, given, _ in self._events(self._parts["styles"]):
            if given is None:
                continue
            if name == "numFmt":
                codes[int(given["numFmtId"])] = given.get("formatCode", "")
            elif name == "xf":
                if within == "cellXfs":
                    own = int(given.get("numFmtId", 0))
                    formats.append(DAY if own in DATE_FORMATS else codes.get(own, ""))
            elif name in ("cellXfs", "cellStyleXfs", "cellStyles", "dxfs"):
                within = name
        return formats

    def _events(self, part: str, most: int = MAX_KEPT) -> Iterator[Event]:
        """What a part of at most so many bytes says, as it is unpacked; names without their
        prefixes."""
        info = self._archive.getinfo(part)
        if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise NotImplementedError("it is packed as no workbook is")
        if info.header_offset < 0:  # zipfile would seek there
            raise zipfile.BadZipFile("a part lies before its beginning")
        if info.flag_bits & 1:
            raise InputError(f"{self._uri} has a password: save it without one")
        told: list[Event] = []
        parser = _parser(told)
        read = elements = 0
        with self._archive.open(info) as stream:
            while block := stream.read(BLOCK):
                parser.Parse(block, False)
                read += len(block)
                elements += len(told)
                if read > most or elements > 3 * MAX_ELEMENTS:  # a cell is told by five
                    raise _Beyond("it unpacks to more than can be read")
                if read - parser.CurrentByteIndex > MAX_TOKEN + BLOCK:
                    raise _Beyond(f"it has a tag of over {MAX_TOKEN >> 20} MB")
                yield from told
                told.clear()
        parser.Parse(b"", True)
        yield from told


@dataclass
class _Cells:
    """What the cells of a sheet say, as people see it."""

    strings: list[bytes]
    formats: list[str]
    epoch: dt.datetime
    seen: Seen

    def of(self, events: Iterator[Event]) -> Iterator[tuple[Row, int, str]]:
        """(row, column, text) of each cell that is not empty."""
        count, row, column = 0, 0, -1
        cell: dict[str, str] = {}
        for name, given, text in events:
            if name == "row" and given is not None:
                count, row, column = count + 1, int(given.get("r", row + 1)), -1
            elif name == "f":
                cell["f"] = ""
            elif name == "mergeCell" and given and len({*re.findall(r"\d+", given["ref"])}) > 1:
                self.seen.note("merged cells: the first alone has the value", "fill in the others")
            elif name == "c" and given is not None:
                column, cell = _column(given.get("r", ""), column + 1), given
            elif name == "c" and (said := self._said(cell, text)):
                yield (count, row), column, said

    def _said(self, cell: dict[str, str], text: str) -> str:
        if not text:
            if "f" in cell:
                self.seen.note("formulas without a value", "open the workbook and save it")
            return ""
        kind = cell.get("t", "n")
        try:
            match kind:
                case "s":
                    return _unescaped(_at(self.strings, text).decode())
                case "b":
                    return "TRUE" if text == "1" else "FALSE"
                case "n":
                    shown = _at(self.formats, cell.get("s", "0")) if self.formats else ""
                    return as_shown(text, shown, self.epoch)
        except (ValueError, IndexError):
            kept = "" if kind == "s" else text  # where no string is, is no text either
            self.seen.note("cells not as Excel writes them", "kept as text" if kept else "empty")
            return kept
        return _unescaped(text)


def _grouped(cells: Iterator[tuple[Row, int, str]]) -> Iterator[Record]:
    width = size = 0
    for (_, number), group in groupby(cells, lambda cell: cell[0]):
        row: dict[int, str] = {}
        last = long = 0
        for _, column, text in group:
            last, long = max(last, column), long + len(text)
            row[column] = text if long <= MAX_LINE else ""
        width += last
        size += long
        if width > MAX_ELEMENTS or size > MAX_UNPACKED:
            raise _Beyond("it holds more than can be read")
        yield number, TOO_LONG if long > MAX_LINE else [row.get(i, "") for i in range(last + 1)]


def _parser(told: list[Event]) -> expat.XMLParserType:
    """A parser that tells what it meets. It raises ValueError for what no workbook has."""
    depth = 0

    def begin(name: str, given: dict[str, str]) -> None:
        nonlocal depth
        depth += 1
        if depth > MAX_DEPTH:  # each open one costs memory
            raise ValueError("its tags are nested as no workbook's are")
        if any(":" in key for key in given):
            given = {key.rpartition(":")[2]: value for key, value in given.items()}
        told.append((name.rpartition(":")[2], given, ""))

    def end(name: str) -> None:
        nonlocal depth
        depth -= 1
        told.append((name.rpartition(":")[2], None, ""))

    def refuse(*_: object) -> None:
        raise ValueError("it has a document type, which no workbook has")

    parser = expat.ParserCreate()
    parser.buffer_text = True
    parser.StartElementHandler = begin
    parser.EndElementHandler = end
    parser.CharacterDataHandler = lambda text: told.append(("", None, text))
    parser.StartDoctypeDeclHandler = refuse
    return parser


def _texts(
    events: Iterator[Event], wholes: tuple[str, ...], parts: tuple[str, ...]
) -> Iterator[Event]:
    """The events, each whole's end with the text of its parts; how it is said (rPh) is left out."""
    text: list[str] = []
    size = 0
    taken = spoken = False
    for name, given, said in events:
        if not name:
            size += len(said)
            if taken and not spoken and size <= MAX_TOKEN:
                text.append(said)
            continue
        if name == "rPh":
            spoken = given is not None
        elif name in parts:
            taken = given is not None
        elif name in wholes:
            yield name, given, "".join(text)
            text.clear()
            size = 0
            continue
        yield name, given, ""


def _column(place: str, following: int) -> int:
    """AB12 -> 27. Raises ValueError beyond what a sheet can have."""
    letters = place.rstrip("0123456789")
    at = following
    if letters:
        at = -1
        for letter in letters[:4].upper():
            at = (at + 1) * 26 + ord(letter) - ord("A")
    if not 0 <= at < 1 << 14:
        raise ValueError(f"there is no column {at + 1:,}")
    return at


def _at(told: list[T], place: str) -> T:
    """Raises ValueError for what is no number, IndexError for one beyond the list."""
    at = int(place)
    if at < 0:
        raise IndexError(at)
    return told[at]


def _unescaped(text: str) -> str:
    """_x000D_ is a character by its number: ECMA-376 part 1, 22.9.2.19 (ST_Xstring)."""
    return re.sub("_x([0-9A-Fa-f]{4})_", lambda found: chr(int(found[1], 16)), text)
