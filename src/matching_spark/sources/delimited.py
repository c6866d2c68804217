"""CSV as records, in whatever encoding, by whatever delimiter; memory holds a record, no file."""

import codecs
import csv
import io
from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import chain, islice
from typing import IO, cast

from matching_spark import storage
from matching_spark.domain.korean import usual_in_korean
from matching_spark.errors import InputError

MAX_LINE = 1 << 20  # characters of a record, bytes of a line of JSON
MAX_LINES = 1000  # of one record: more is an open quote
# Of a file whose quotes are open without end each line was read a thousand times. So many lines may
# be read again, and so many more for each that is done with; then a record has few at most.
AGAIN, AGAIN_EACH, FEW_LINES = 100_000, 10, 50
TOO_LONG = f"the row has over {MAX_LINE:,} characters"
LONG_LINE = f"the line has over {MAX_LINE >> 20} MB"  # of JSON
DELIMITERS = ",\t;"
FIRST = 20  # lines by which the delimiter is found
ENDS = ("\n", "\r")
# What a file begins with: of text, its encoding; of all else, what it is.
MARKS = {
    codecs.BOM_UTF32_LE: "utf-32",  # before UTF-16's, which begins like it
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
NO_TEXT = {
    b"\x1f\x8b": "compressed (gzip): unpack it",
    b"\x28\xb5\x2f\xfd": "compressed (zstd): unpack it",
    b"\xfd7zXZ": "compressed (xz): unpack it",
    b"BZh": "compressed (bzip2): unpack it",
    b"PK\x03\x04": "a workbook or an archive: name a workbook .xlsx, unpack an archive",
    b"\xd0\xcf\x11\xe0": "of Excel 97 to 2003 or has a password: save it as .xlsx, without one",
    b"%PDF": "a PDF: export what it was made of",
    b"PAR1": "Parquet: name it .parquet",
}
HALF = 0.5  # of the lines that are more than ASCII
# Of what is CP949 at least so many letters are usual in Korean: 92 % of those of our sentences are.
# Japanese and Chinese in encodings of their own can often be read so, and come to 10 to 20 %.
LEAST_USUAL, SAMPLE = 0.4, 1000  # lines
# How bytes that are no text are read, in every encoding: Python's surrogateescape knows no way for
# those below 128, as the last one of a UTF-16 file that was cut in the middle of a letter.
TORN, NO_LETTER = "matching-spark.torn", "\udc80"
codecs.register_error(TORN, lambda error: (NO_LETTER, cast(UnicodeDecodeError, error).end))

Record = tuple[int, list[str] | str]


def rows_of(uri: str, known: Callable[[list[str]], int]) -> Iterator[Record]:
    """Each record with the number of its first line: its cells, or why it cannot be read.

    UTF-8, UTF-16 and UTF-32 with a BOM; without, UTF-8 or CP949, whichever most lines are in: one
    that is in neither costs its own record. known: how well names of a line name columns; the
    delimiter is that which makes the best of them. After a record that cannot be read it goes on
    with the next line: a quote that is never closed takes in no other row. Raises InputError for
    another encoding, and for what is no text.
    """
    # The csv module has one limit for a whole process: it is raised, never lowered for others.
    csv.field_size_limit(max(csv.field_size_limit(), MAX_LINE))
    encoding = _encoding_of(uri)
    with storage.open_input(uri) as stream:
        text = io.TextIOWrapper(stream, encoding, errors=TORN, newline="")
        lines = _limited(text)
        first = list(islice(lines, FIRST))

        def names(delimiter: str) -> tuple[int, int]:
            most = max((known(line[:10_000].split(delimiter)) for line in first), default=0)
            return most, sum(line.count(delimiter) for line in first[:1])

        yield from _records(chain(first, lines), max(DELIMITERS, key=names))


def lines_of(stream: IO[bytes]) -> Iterator[bytes]:
    """Lines, by whatever mark they end; of one over MAX_LINE its beginning alone, which is over it
    by one."""
    # As Latin-1 each byte is a letter.
    for line in _limited(io.TextIOWrapper(stream, "latin-1", newline="")):
        yield line.encode("latin-1")


def _limited(text: io.TextIOWrapper) -> Iterator[str]:
    while line := text.readline(MAX_LINE + 1):
        part = line
        while len(part) > MAX_LINE and part[-1] not in ENDS:
            part = text.readline(MAX_LINE + 1)
        yield line


def check_text(uri: str) -> str | None:
    """The encoding that a file's first bytes name, if they do. Raises InputError for no text."""
    begin = storage.read_bytes(uri, 8)
    for mark, what in NO_TEXT.items():
        if begin.startswith(mark):
            raise InputError(f"{uri} is {what}")
    return next((name for mark, name in MARKS.items() if begin.startswith(mark)), None)


def _encoding_of(uri: str) -> str:
    """Raises InputError where there is none by which half of the lines can be read."""
    if named := check_text(uri):
        return named
    decoded = dict.fromkeys(("utf-8-sig", "cp949"), 0)
    lines = letters = usual = 0
    with storage.open_input(uri) as stream:
        for raw in lines_of(stream):
            if raw.isascii() or len(raw) > MAX_LINE:  # cut, perhaps in the middle of a letter
                continue
            lines += 1
            for encoding in decoded:
                with suppress(UnicodeDecodeError):
                    raw.decode(encoding)
                    decoded[encoding] += 1
            if lines <= SAMPLE:
                text = raw.decode("cp949", "replace")
                letters += sum(map(_is_letter, text))
                usual += sum(map(usual_in_korean().__contains__, text))
    for encoding, many in decoded.items():
        if many >= HALF * lines:
            if encoding == "cp949" and usual < LEAST_USUAL * letters:
                raise InputError(
                    f"{uri} is not UTF-8, and as CP949 it is no Korean: it may be Shift-JIS, GBK "
                    "or Big5; save it as UTF-8"
                )
            return encoding
    raise InputError(f"{uri} is neither UTF-8, UTF-16 nor CP949; save it as UTF-8")


def _is_letter(c: str) -> bool:
    """More than ASCII, and no full-width form of it; or bytes that are none."""
    return c == "\ufffd" or ("\x80" < c < "\uff00" and c.isalpha())


def _records(lines: Iterator[str], delimiter: str) -> Iterator[Record]:
    held = _Held(lines)
    number = 1
    while True:
        try:
            for cells in csv.reader(held, delimiter=delimiter, strict=True):
                if any(NO_LETTER in cell for cell in cells):
                    yield (
                        number,
                        "it has bytes that are no text: a letter may have been cut in half",
                    )
                elif cells:
                    yield number, cells
                number += held.taken(held.used)
            return
        except csv.Error as error:
            more = f"; an open quote would take in {held.used} lines, so it goes on at the next one"
            yield number, f"{error}{more if held.used > 1 else ''}"
            number += held.taken(1)


class _Held:
    """Lines of which those of a record that cannot be read are told once more.

    used: how many of them the record has so far.
    """

    def __init__(self, lines: Iterator[str]) -> None:
        self._lines = lines
        self._held: list[str] = []
        self._size = 0
        self._again, self._most = AGAIN, MAX_LINES
        self.used = 0

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        if self.used == len(self._held):
            self._held.append(next(self._lines))
        line = self._held[self.used]
        self.used += 1
        self._size += len(line)
        if self._size > MAX_LINE:
            raise csv.Error(TOO_LONG)
        if self.used > self._most:
            raise csv.Error(f"a cell of over {self._most} lines")
        return line

    def taken(self, count: int) -> int:
        """So many lines are done with; the next one begins a record."""
        self._again = min(AGAIN, max(0, self._again + AGAIN_EACH * count - (self.used - count)))
        self._most = min(MAX_LINES, max(FEW_LINES, self._again))
        del self._held[:count]
        self.used = self._size = 0
        return count
