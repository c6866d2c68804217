"""The columns of a post: what every source, the table and a shard agree on."""

METADATA = (
    "post_id",
    "kind",
    "category",
    "subcategory",
    "title",
    "description",
    "colour",
    "place",
    "region",
    "happened_on",
    "status",
    "kept_at",
    "kept_phone",
    "source_url",
)


FILTERED = (
    "kind",
    "category",
    "colour",
    "region",
    "status",
)  # integers in a shard: to filter is a mask


FIRST = {  # as version 1 of the table has them
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
    "photos": "array<struct<uri: string, sha256: string, vector: binary>>",
    "text_vector": "binary",
    "model": "string NOT NULL",
    "updated_at": "timestamp",
}

ADDED = {  # by version 2
    "source": "string",  # who gives the post its id: lost112, a desk's name; of before: NULL
    "identifiers": "array<string>",  # keyed hashes of its serial numbers; NULL: not looked for
    "sequence": "bigint",  # grows by one with each change of the post, from 1; of before: NULL
}

COLUMNS = FIRST | ADDED
