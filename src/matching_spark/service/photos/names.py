"""By what name a photo is asked for: sealed, so that it says nothing and none can be made up. The
same photo has the same name, which a browser's cache knows again.
"""

from matching_spark.errors import InputError, NotFoundError
from matching_spark.journal.posts import StoredPost
from matching_spark.service.pages.contexts import Picture
from matching_spark.service.public.opaque import Names

CARD, LARGE = 320, 960  # px of the longer side: on a card, which a dense screen doubles; opened
SIZES = (CARD, LARGE)


class PhotoNames:
    """Seals and opens names of photos. key: the setting service.key."""

    def __init__(self, key: str) -> None:
        self._names = Names(key, "photo")

    def picture(self, post_id: str, index: int = 0) -> Picture:
        """Where a post's photo is shown. index: from 0, the cover."""
        return Picture(*(f"/photos/{self.seal(post_id, index, size)}" for size in SIZES))

    def pictures(self, stored: StoredPost) -> tuple[Picture, ...]:
        """Where a post's photos are shown, the cover first."""
        return tuple(self.picture(stored.post.post_id, at) for at in range(len(stored.shown)))

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
