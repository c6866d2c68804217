"""Where places lie: a CSV of place, latitude, longitude, and region where a name has several."""

import unicodedata
from collections.abc import Iterator, Mapping

from matching_spark import storage
from matching_spark.domain.points import Point, point_of
from matching_spark.domain.posts import clean
from matching_spark.domain.vocabulary import REGION, Seen
from matching_spark.errors import InputError
from matching_spark.sources.delimited import rows_of

COLUMNS = ("place", "latitude", "longitude")
ANYWHERE = ""  # the region of a place that lies in whatever region it is told of
Places = dict[str, dict[str, Point]]  # plain name -> region -> where
MOST = 1_000_000  # of places: some 200 MB


def plain(place: str) -> str:
    """By which two spellings are one place: without white space and case."""
    return "".join(unicodedata.normalize("NFKC", place).casefold().split())


def point_in(places: Places, place: str, region: str) -> Point | None:
    """Where a place of a region lies. None where it is not known, or lies in several regions and
    none is told.
    """
    of = places.get(plain(place), {})
    if not region and len(of) == 1:
        return next(iter(of.values()))
    return of.get(region, of.get(ANYWHERE))


def read_places(uri: str) -> Places:
    """Where each place lies. Raises InputError naming the line that cannot be taken."""
    if not storage.exists(uri) or not storage.is_regular(uri):
        raise InputError(f"there is no {uri}", argument="similarity.places")
    places: Places = {}
    count, seen = 0, Seen()
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
        of = places.setdefault(name, {})
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
        elif len(cells) < len(names):
            why = f"{len(cells)} cells, {len(names)} columns"
            raise InputError(f"{where}: {why}", argument="similarity.places")
        else:
            yield where, {n: clean(c) for n, c in zip(names, cells, strict=False)}
