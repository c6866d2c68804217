"""What is kept from being taken for a folder: Path("hdfs://host/folder") is one, named `hdfs:`."""

import re

_URI = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:/")


def is_uri(place: str) -> bool:
    """Also of what a Path makes of one, hdfs:/host/folder."""
    return _URI.match(place) is not None
