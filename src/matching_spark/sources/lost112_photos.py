"""Photos of announcements: fetched by the operator's ingest, from the hosts of the settings only.

A fetched photo lies in the warehouse, named by its address, and is not fetched again. One that
cannot be had is listed and leaves its post without it; the next run tries again.
"""

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from matching_spark import http_client, storage
from matching_spark.domain.posts import NO_ADDRESS, Post, Reject, is_web_address
from matching_spark.embed.photos import check_photo, encode_photo, open_photo
from matching_spark.errors import PhotoError, RemoteError
from matching_spark.layout import FETCHED
from matching_spark.setting_groups import Lost112 as Lost112Settings

if TYPE_CHECKING:
    import httpx

PORTS = {"http": 80, "https": 443}


def with_photos(
    posts: Iterable[Post | Reject], warehouse: str, settings: Lost112Settings
) -> Iterator[Post | Reject]:
    """The posts with their photos as files; a Reject before a post for each that was not had."""
    client = http_client.client(settings.photo_s)
    for post in posts:
        if not isinstance(post, Post):
            yield post
            continue
        had = []
        for address in post.photos:
            if not address.lower().startswith(("http://", "https://")):
                why = "this is no address of the web: no file of this machine is read for it"
                yield Reject(address, post.post_id, "photo-not-fetched", why)
                continue
            name = hashlib.sha256(address.encode()).hexdigest()
            place = storage.join(warehouse, FETCHED, name[:2], name)
            if not storage.exists(place):
                try:
                    # As it is kept: without what the camera wrote of its place and owner.
                    image = open_photo(_fetch(client, address, settings))
                    storage.write_bytes(place, encode_photo(image))
                except (RemoteError, PhotoError) as error:
                    yield Reject(address, post.post_id, "photo-not-fetched", str(error))
                    continue
            had.append(place)
        yield replace(post, photos=tuple(had))


def _fetch(client: "httpx.Client", address: str, settings: Lost112Settings) -> bytes:
    """Raises RemoteError when it may not or cannot be had, PhotoError when it is no photo."""
    import httpx  # an extra, and half a second

    check_address(address, settings.photo_hosts)
    try:
        request = client.build_request("GET", address)
    except (httpx.InvalidURL, ValueError):  # a tab, half an emoji
        raise RemoteError("its address cannot be read") from None
    status, body = http_client.call(
        client,
        request,
        "the photo",
        tries=2,  # the next run tries again
        max_bytes=settings.photo_bytes,
        max_s=settings.photo_s,
    )
    if status != 200:
        raise RemoteError(f"the photo's host answers {status}")
    check_photo(body, settings.photo_pixels)
    return body


def check_address(address: str, hosts: Iterable[str]) -> None:
    """Raise RemoteError unless the address is of one of the hosts; HOST:PORT for another port."""
    if not is_web_address(address):
        raise RemoteError(f"its address {NO_ADDRESS}")
    parts = urlsplit(address)
    host, port = parts.hostname or "", parts.port
    asked = host if port in (None, PORTS[parts.scheme]) else f"{host}:{port}"
    if asked not in hosts:
        raise RemoteError(f"{asked} is not in lost112.photo_hosts")
