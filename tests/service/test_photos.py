"""Kept photos: what is on the disk, what is served and to whom, by names that say nothing."""

import base64
import datetime as dt
import io
import os
import stat
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import cast

import numpy as np
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from starlette.requests import Request

from matching_spark import storage
from matching_spark.config import Settings
from matching_spark.domain.posts import Post
from matching_spark.embed.photos import encode_photo
from matching_spark.errors import NotFoundError, StorageError
from matching_spark.journal.posts import StoredPost
from matching_spark.layout import kept_photo, thumbnails, uploads
from matching_spark.service.photos.decoder import Decoders
from matching_spark.service.photos.names import CARD, LARGE, SIZES, PhotoNames
from matching_spark.service.photos.store import PhotoStore
from matching_spark.service.posts.desk import Desk
from matching_spark.service.posts.seen import Prepared, SeenPhoto
from matching_spark.service.routes.photos import photos_router
from tests.embed.test_clip import drawn_photo
from tests.service.outcomes import turned_jpeg
from tests.support.photo_bytes import saved

KEY = "a key that only these tests have."
NAMES = PhotoNames(KEY)


@pytest.fixture(scope="module")
def decoders() -> Iterator[Decoders]:
    with closing(Decoders(1)) as begun:
        yield begun


@pytest.fixture(scope="module")
def photo(decoders: Decoders) -> Prepared:
    drawn = drawn_photo(np.random.default_rng(1), 1300, 900)
    return decoders.prepare(saved(drawn, "PNG"))


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    made = Settings(table=str(tmp_path / "table"))
    made.service.journal, made.cache.folder = str(tmp_path / "journal"), str(tmp_path / "cache")
    return made


@pytest.fixture
def store(settings: Settings, decoders: Decoders) -> PhotoStore:
    return PhotoStore(settings, decoders)


def kept(photo: Prepared) -> SeenPhoto:
    encoded: Future[bytes] = Future()
    encoded.set_result(photo.kept)
    return SeenPhoto(photo.sha256, encoded, np.zeros(1, np.float32))


def opened(data: bytes) -> Image.Image:
    image = Image.open(io.BytesIO(data))
    assert image.format == "JPEG"
    return image


def folder_of(settings: Settings) -> Path:
    assert settings.service.journal is not None
    return uploads(settings.service.journal)


def files(folder: Path) -> set[str]:
    return {each.name for each in folder.iterdir()}


# -- the store -------------------------------------------------------------------------------------


def test_what_is_kept_is_for_this_user_alone_and_whole(
    store: PhotoStore, settings: Settings, photo: Prepared
) -> None:
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(store.keep, [kept(photo)] * 4))
    folder = folder_of(settings)
    place = folder / f"{photo.sha256}.jpg"
    assert files(folder) == {f"{photo.sha256}.jpg"}
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert stat.S_IMODE(place.stat().st_mode) == 0o600
    assert place.read_bytes() == store.read(photo.sha256) == encode_photo(photo.image)


def test_it_is_on_the_disk_before_it_has_its_name(
    store: PhotoStore, photo: Prepared, monkeypatch: pytest.MonkeyPatch
) -> None:
    did: list[str] = []
    sync, rename = os.fsync, os.replace

    def synced(at: int) -> None:
        did.append("folder" if stat.S_ISDIR(os.fstat(at).st_mode) else "file")
        sync(at)

    def renamed(one: Path, other: Path) -> None:
        did.append("name")
        rename(one, other)

    monkeypatch.setattr(os, "fsync", synced)
    monkeypatch.setattr(os, "replace", renamed)
    store.keep(kept(photo))
    assert did == ["file", "name", "folder"]


def test_a_photo_that_was_merged_is_read_from_the_warehouse(
    store: PhotoStore, settings: Settings, photo: Prepared
) -> None:
    with pytest.raises(NotFoundError):
        store.read(photo.sha256)
    storage.write_bytes(kept_photo(f"{settings.table}/photos", photo.sha256), photo.kept)
    assert store.read(photo.sha256) == photo.kept
    assert opened(store.sized(photo.sha256, CARD)).size == (320, 222)


def test_thumbnails_are_made_once(
    store: PhotoStore, settings: Settings, photo: Prepared, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.keep(kept(photo))
    made = {size: store.sized(photo.sha256, size) for size in SIZES}
    assert [opened(made[size]).width for size in SIZES] == [320, 960]
    monkeypatch.setattr(Decoders, "prepare", lambda *args: pytest.fail("it is decoded again"))
    assert {size: store.sized(photo.sha256, size) for size in SIZES} == made
    folder = thumbnails(settings.cache.folder)
    assert files(folder) == {f"{photo.sha256}-{side}.jpg" for side in (320, 960)}
    assert all(stat.S_IMODE(each.stat().st_mode) == 0o600 for each in folder.iterdir())
    for size in (321, 1600):
        with pytest.raises(NotFoundError):
            store.sized(photo.sha256, size)


def test_a_small_photo_is_not_made_larger(store: PhotoStore, decoders: Decoders) -> None:
    small = decoders.prepare(turned_jpeg(6))
    store.keep(kept(small))
    assert opened(store.sized(small.sha256, LARGE)).size == small.image.size == (96, 64)


def test_what_is_forgotten_is_on_no_disk(
    store: PhotoStore, settings: Settings, photo: Prepared, tmp_path: Path
) -> None:
    store.keep(kept(photo))
    for size in SIZES:
        store.sized(photo.sha256, size)
    store.forget(photo.sha256)
    store.forget(photo.sha256)  # nothing more to do
    assert not [each for each in tmp_path.rglob("*") if each.is_file()]
    with pytest.raises(NotFoundError):
        store.sized(photo.sha256, CARD)


def test_one_that_is_forgotten_while_its_thumbnail_is_made_leaves_none(
    store: PhotoStore, photo: Prepared, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.keep(kept(photo))
    prepare = Decoders.prepare

    def slowly(decoders: Decoders, data: bytes) -> Prepared:
        done = prepare(decoders, data)
        store.forget(photo.sha256)
        return done

    monkeypatch.setattr(Decoders, "prepare", slowly)
    store.sized(photo.sha256, CARD)
    assert not [each for each in tmp_path.rglob("*") if each.is_file()]


def test_the_folder_of_thumbnails_is_bounded(settings: Settings, decoders: Decoders) -> None:
    bound = 10_000
    store = PhotoStore(settings, decoders, max_thumbnails=bound)
    folder = thumbnails(settings.cache.folder)
    for shade in range(16):
        drawn = drawn_photo(np.random.default_rng(shade), 64, 64)
        each = decoders.prepare(saved(drawn, "PNG"))
        store.keep(kept(each))
        store.sized(each.sha256, CARD)
        assert sum(path.stat().st_size for path in folder.iterdir()) <= bound
    assert f"{each.sha256}-{CARD}.jpg" in files(folder), "the newest stay"
    assert len(files(folder)) > 3


def test_a_folder_that_others_may_write_to_is_refused(
    settings: Settings, decoders: Decoders
) -> None:
    folder_of(settings).mkdir(parents=True)
    folder_of(settings).chmod(0o777)
    with pytest.raises(StorageError, match=r"journal/photos.*|everybody may write"):
        PhotoStore(settings, decoders)


# -- names -----------------------------------------------------------------------------------------

ids = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=200)


@given(ids, st.integers(0, 19), st.sampled_from(SIZES))
def test_a_name_is_opened_to_what_was_sealed(post_id: str, index: int, size: int) -> None:
    name = NAMES.seal(post_id, index, size)
    assert NAMES.open(name) == (post_id, index, size)
    assert NAMES.seal(post_id, index, size) == name
    assert set(name) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")
    with pytest.raises(NotFoundError):
        PhotoNames(KEY + "other").open(name)


@given(st.one_of(st.text(max_size=100), st.text("AZaz09-_", max_size=100)))
def test_no_other_name_is_opened(name: str) -> None:
    with pytest.raises(NotFoundError, match="there is no such photo"):
        NAMES.open(name)


def test_a_name_that_was_changed_anywhere_is_not_opened() -> None:
    name = NAMES.seal("s-" + "0" * 32, 0, CARD)
    sealed = base64.urlsafe_b64decode(name + "==")
    for at in range(len(sealed)):
        other = bytearray(sealed)
        other[at] ^= 1
        with pytest.raises(NotFoundError):
            NAMES.open(base64.urlsafe_b64encode(other).decode())
    with pytest.raises(NotFoundError):
        NAMES.open("A" * 1_000_000)


def test_names_of_any_source_are_of_one_length() -> None:
    several = ("s-" + "0" * 32, "F2026112700001234", "가방 1.jpg")
    assert len({len(NAMES.seal(each, 0, CARD)) for each in several}) == 1
    assert NAMES.seal("a", 0, CARD)[:8] != NAMES.seal("a", 1, CARD)[:8]


# -- the route -------------------------------------------------------------------------------------


class Posts:
    def __init__(self, *posts: StoredPost) -> None:
        self.held = {each.post.post_id: each for each in posts}

    def post(self, post_id: str) -> StoredPost | None:
        return self.held.get(post_id)


@pytest.fixture
def posts(store: PhotoStore, photo: Prepared) -> Posts:
    store.keep(kept(photo))
    post = Post("s-1", "found", "가방")
    return Posts(StoredPost(post, "service", 1, (photo.sha256,), dt.datetime.now(dt.UTC)))


def seen(request: Request, stored: StoredPost) -> bool:
    return "staff" in request.headers or stored.post.category == "가방"


@pytest.fixture
def client(posts: Posts, store: PhotoStore) -> TestClient:
    app = FastAPI()
    app.include_router(photos_router(cast(Desk, posts), store, NAMES, seen))
    return TestClient(app)


@pytest.mark.parametrize("size", SIZES)
def test_a_photo_is_served(
    client: TestClient, store: PhotoStore, photo: Prepared, size: int
) -> None:
    path = f"/photos/{NAMES.seal('s-1', 0, size)}"
    answer = client.get(path)
    assert answer.status_code == 200
    assert answer.content == store.sized(photo.sha256, size)
    told = {name.lower(): value for name, value in answer.headers.items()}
    tag = told.pop("etag")
    assert told == {
        "content-type": "image/jpeg",
        "content-length": str(len(answer.content)),
        "content-disposition": "inline",
        "cache-control": "private, max-age=300",
        "content-security-policy": "default-src 'none'; style-src 'unsafe-inline'",
        "cross-origin-resource-policy": "same-origin",
        "x-content-type-options": "nosniff",
    }
    for held in (tag, f"W/{tag}", f'"other", {tag}', "*"):
        again = client.get(path, headers={"If-None-Match": held})
        assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", tag)
    assert client.get(path, headers={"If-None-Match": '"other"'}).status_code == 200
    assert photo.sha256 not in path + str(told) + tag


def test_whatever_is_not_to_be_seen_is_the_same_404(
    client: TestClient, posts: Posts, photo: Prepared
) -> None:
    stored = posts.held["s-1"]
    for post in (
        replace(stored.post, post_id="withdrawn", status="withdrawn"),
        replace(stored.post, post_id="hidden", category="지갑"),
    ):
        posts.held[post.post_id] = replace(stored, post=post)
    posts.held["lost"] = replace(stored, photos=("0" * 64,))
    answers = [
        client.get(f"/photos/{name}")
        for name in (
            NAMES.seal("withdrawn", 0, CARD),
            NAMES.seal("hidden", 0, CARD),
            NAMES.seal("lost", 0, CARD),
            NAMES.seal("nobody", 0, CARD),
            NAMES.seal("s-1", 1, CARD),
            NAMES.seal("s-1", 0, 321),
            photo.sha256,
            "s-1",
        )
    ]
    assert {(a.status_code, a.content, a.headers["cache-control"]) for a in answers} == {
        (404, b'{"detail":"there is no such photo"}', "no-store")
    }
    hidden = f"/photos/{NAMES.seal('hidden', 0, CARD)}"
    assert client.get(hidden, headers={"staff": "yes"}).status_code == 200
    withdrawn = f"/photos/{NAMES.seal('withdrawn', 0, CARD)}"
    assert client.get(withdrawn, headers={"staff": "yes"}).status_code == 404


def test_a_withdrawn_photo_is_gone_from_the_next_answer_on(
    client: TestClient, posts: Posts
) -> None:
    path = f"/photos/{NAMES.seal('s-1', 0, CARD)}"
    tag = client.get(path).headers["etag"]
    stored = posts.held["s-1"]
    posts.held["s-1"] = replace(stored, post=replace(stored.post, status="withdrawn"))
    assert client.get(path, headers={"If-None-Match": tag}).status_code == 404


def test_a_kept_file_that_is_no_photo_is_not_served(
    client: TestClient, posts: Posts, settings: Settings, photo: Prepared
) -> None:
    (folder_of(settings) / f"{photo.sha256}.jpg").write_bytes(b"<html>")
    assert client.get(f"/photos/{NAMES.seal('s-1', 0, CARD)}").status_code == 404
