"""By what name a photo is asked for: sealed, so that it says nothing and none can be made up. The
same photo has the same name, which a browser's cache knows again.
"""

from matching_spark.errors import InputError, NotFoundError
from matching_spark.service.public.opaque import Names


class PhotoNames:
    """Seals and opens names of photos. key: the setting service.key."""

    def __init__(self, key: str) -> None:
        self._names = Names(key, "photo")

    def seal(self, post_id: str, index: int, size: int) -> str:
        """index: from 0, the cover; size: px of the longer side."""
        return self._names.seal(f"{index} {size} {post_id}")

    def open(self, name: str) -> tuple[str, int, int]:
        """(post_id, index, size). Raises NotFoundError for what `seal` has not given."""
        try:
            index, size, post_id = self._names.open(name).split(" ", 2)
        except InputError:
            raise NotFoundError("there is no such photo") from None
        return post_id, int(index), int(size)
