"""The columns of a post: what every source, the table and a shard agree on."""

from collections.abc import Mapping

_OF_A_SOURCE = {  # in FIRST, before what an ingest makes of a post
    "post_id": "string NOT NULL",
    "kind": "string NOT NULL",
    "category": "string NOT NULL",
    "subcategory": "string",
    "title": "string",
    "description": "string",
    "colour": "string",
    "place": "string",
    "region": "string",
    "happened_on": "date",
    "status": "string NOT NULL",
    "kept_at": "string",
    "kept_phone": "string",
    "source_url": "string",
}
METADATA = tuple(_OF_A_SOURCE)
POINT = ("latitude", "longitude")
TOLD = (*METADATA, *POINT)  # what a source tells of a post, its photos beside
FILTERED = ("kind", "category", "colour", "region", "status")  # integers in a shard: a mask each
EXTERNAL = "external/"  # and the dimension: the model of vectors made elsewhere

FIRST = _OF_A_SOURCE | {  # as version 1 of the table has them
    "photos": "array<struct<uri: string, sha256: string, vector: binary>>",
    "text_vector": "binary",
    "model": "string NOT NULL",
    "updated_at": "timestamp",
}

BY_VERSION = {  # what each later version of the table has more
    2: {
        "source": "string",  # who gives the post its id: lost112, a desk's name; of before: NULL
        "identifiers": "array<string>",  # keyed hashes of its numbers; NULL: not looked for
        "sequence": "bigint",  # grows by one with each change, from 1; of before: NULL
    },
    3: {
        "latitude": "double",  # of its place, in degrees; NULL: not known
        "longitude": "double",
    },
}
ADDED = {name: kind for columns in BY_VERSION.values() for name, kind in columns.items()}
COLUMNS = FIRST | ADDED


def numbered(columns: Mapping[str, str], first: int) -> dict[str, int]:
    """Iceberg's numbers of columns that are added one after the other, from `first` on; a list
    takes one more, for its elements.
    """
    numbers: dict[str, int] = {}
    for name, kind in columns.items():
        numbers[name] = first
        first += 2 if kind.startswith("array") else 1
    return numbers
