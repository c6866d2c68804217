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


COLUMNS = {
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
