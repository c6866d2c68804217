"""Where places lie: a CSV of place, latitude, longitude, and region where a name has several."""

import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property

from matching_spark import storage
from matching_spark.domain.place_names import plain_name
from matching_spark.domain.points import Point, point_of
from matching_spark.domain.posts import clean
from matching_spark.domain.spelt_names import SpeltNames
from matching_spark.domain.vocabulary import REGION, Seen
from matching_spark.errors import InputError
from matching_spark.sources.delimited import rows_of

COLUMNS = ("place", "latitude", "longitude")
ANYWHERE = ""  # the region of a place that lies in whatever region it is told of
MOST = 1_000_000  # of places: some 500 MB, twice that once one is looked for by its spelling


def plain(place: str) -> str:
    """By which two spellings are one place: without white space and case."""
    return "".join(unicodedata.normalize("NFKC", place).casefold().split())


@dataclass
class Places:
    """points: where each place lies, by its plain name and its region. names: as written."""

    points: dict[str, dict[str, Point]] = field(default_factory=dict)
    names: list[str] = field(default_factory=list)

    def point_in(self, place: str, region: str) -> Point | None:
        """Where a place of a region lies: by its name, else by the one name in the other letters,
        Hangul or Latin, that is spelt so. None where it is not known, or lies in several regions
        and none is told.
        """
        of = self.points.get(plain(place)) or self._spelt(place)
        if not region and len(of) == 1:
            return next(iter(of.values()))
        return of.get(region, of.get(ANYWHERE))

    def _spelt(self, place: str) -> Mapping[str, Point]:
        there = self._by_spelling.find(plain_name(place)).whole
        return dict(next(iter(there)) or ()) if len(there) == 1 else {}

    @cached_property
    def _by_spelling(self) -> SpeltNames[tuple[tuple[str, Point], ...]]:
        told: dict[str, tuple[tuple[str, Point], ...]] = {}
        for name in self.names:
            words, of = plain_name(name), tuple(self.points[plain(name)].items())
            told[words] = of if told.get(words, of) == of else ()
        return SpeltNames(told)


def read_places(uri: str) -> Places:
    """Where each place lies. Raises InputError naming the line that cannot be taken."""
    if not storage.exists(uri):
        raise InputError(f"there is no {uri}", argument="similarity.places")
    if not storage.is_regular(uri):
        why = "is a folder, a pipe or a device: name a CSV"
        raise InputError(f"{uri} {why}", argument="similarity.places")
    places, count, seen = Places(), 0, Seen()
    for where, row in _rows(uri):
        name = plain(row["place"])
        try:
            point = point_of(row["latitude"], row["longitude"])
        except InputError as error:
            raise InputError(f"{where}: {error}", argument="similarity.places") from None
        why = "has no name" if not name else "has no point" if point is None else ""
        if point is None or why:
            raise InputError(f"{where}: its place {why}", argument="similarity.places")
        region = seen.word(REGION, row.get("region", ANYWHERE))
        of = places.points.setdefault(name, {})
        if not of:
            places.names.append(row["place"])
        count += region not in of
        if of.setdefault(region, point) != point:
            why = f"{row['place']!r} lies in two places: keep one, or tell the region of each"
            raise InputError(f"{where}: {why}", argument="similarity.places")
        if count > MOST:
            raise InputError(f"{uri} has over {MOST:,} places", argument="similarity.places")
    return places


def _rows(uri: str) -> Iterator[tuple[str, Mapping[str, str]]]:
    """(file and line, cells by their columns) of every record below the headings."""
    names: list[str] | None = None
    for number, cells in rows_of(uri, lambda line: len({*map(clean, line)} & {*COLUMNS})):
        where = f"{uri}:{number}"
        if isinstance(cells, str):
            raise InputError(f"{where}: {cells}", argument="similarity.places")
        if names is None:
            names = [clean(cell).casefold() for cell in cells]
            if missing := [name for name in COLUMNS if name not in names]:
                why = f"has no column {', '.join(missing)}; its columns are: {', '.join(names)}"
                raise InputError(f"{uri} {why}", argument="similarity.places")
            if doubled := {name for name in names if name and names.count(name) > 1}:
                why = f"has the column {', '.join(sorted(doubled))} twice: keep one"
                raise InputError(f"{uri} {why}", argument="similarity.places")
        elif len(cells) != len(names):  # of decimal commas another point would be read
            why = f"{len(cells)} cells, {len(names)} columns"
            raise InputError(f"{where}: {why}", argument="similarity.places")
        else:
            yield where, {n: clean(c) for n, c in zip(names, cells, strict=True)}
