"""The route of photos: who may see one, and how long a browser keeps it."""

import hashlib
import logging
from collections.abc import Callable
from typing import Any

from fastapi import APIRouter, HTTPException, Request, Response

from matching_spark.errors import NotFoundError, PhotoError
from matching_spark.journal.posts import StoredPost
from matching_spark.service.guards.headers import OF_PHOTO
from matching_spark.service.photos.names import PhotoNames
from matching_spark.service.photos.store import GONE, PhotoStore
from matching_spark.service.posts.desk import Desk

log = logging.getLogger(__name__)
KEPT_OPEN_S = 300  # that a browser may show a photo again without asking: withdrawn, it is to go
HEADERS = OF_PHOTO | {
    "Cache-Control": f"private, max-age={KEPT_OPEN_S}",
    "Content-Disposition": "inline",
    "Cross-Origin-Resource-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
}
Visible = Callable[[Request, StoredPost], bool]


def photos_router(desk: Desk, store: PhotoStore, names: PhotoNames, visible: Visible) -> APIRouter:
    """GET /photos/{name}. visible: whether who asks may see a post's photos.

    A name that was never given, a post that is gone, withdrawn or not to be seen: the same 404.
    """
    router = APIRouter()

    kinds: dict[int | str, dict[str, Any]] = {
        200: {"content": {"image/jpeg": {}}},
        304: {"description": "As it is held"},
    }

    @router.get("/photos/{name}", response_class=Response, responses=kinds)
    def photo(request: Request, name: str) -> Response:
        try:
            post_id, index, size = names.open(name)
            stored = desk.post(post_id)
            if stored is None or index >= len(stored.shown) or not visible(request, stored):
                raise NotFoundError(GONE)
            data = store.sized(stored.shown[index], size)
        except PhotoError as error:
            log.error(
                "post %s, photo %d: what is kept of it does not open: %s", post_id, index, error
            )
            raise HTTPException(404, GONE, {"Cache-Control": "no-store"}) from None
        except NotFoundError:
            raise HTTPException(404, GONE, {"Cache-Control": "no-store"}) from None
        tag = f'"{hashlib.sha256(data).hexdigest()[:32]}"'
        headers = HEADERS | {"ETag": tag}
        if _is_held(request, tag):
            return Response(status_code=304, headers=headers)
        return Response(data, headers=headers, media_type="image/jpeg")

    return router


def _is_held(request: Request, tag: str) -> bool:
    """Whether who asks has a photo, by its tag or whichever it is (RFC 9110, 13.1.2)."""
    held = ",".join(request.headers.getlist("If-None-Match"))
    return held.strip() == "*" or tag in held
