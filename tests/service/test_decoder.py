"""Strangers' photos in processes of their own: the same pixels, and whatever they do ends there."""

import contextlib
import io
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

import numpy as np
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from matching_spark import ClipModel
from matching_spark.config import Settings
from matching_spark.embed.photos import REASONS, encode_photo, open_photo, photo_sha256
from matching_spark.errors import PhotoError, StorageError
from matching_spark.service.guards.fields import Fields
from matching_spark.service.photos.decoder import Decoders, taken
from matching_spark.service.photos.decoder_process import HEAD, MAX_PIXELS, PIXELS, REFUSED
from matching_spark.setting_groups import Service
from tests.embed.test_clip import drawn_photo
from tests.embed.test_zoo import KINDS
from tests.service.outcomes import HTML, JPEG, PAGE, SENDINGS, Sent, table
from tests.support import page
from tests.support.photo_bytes import png, saved
from tests.support.zoo.reference import SEEN, Kind

T = TypeVar("T")


def heavy() -> bytes:
    """A quarter of a second and more to decode, 100 MB."""
    return png(7_000, 7_000, 16, 0)


@pytest.fixture(scope="module")
def decoders() -> Iterator[Decoders]:
    with contextlib.closing(Decoders(2)) as begun:
        yield begun


def outcome(open_: Callable[[bytes], Image.Image], data: bytes) -> tuple[object, ...]:
    try:
        image = open_(data)
    except PhotoError as error:
        return (error.reason,)
    return image.mode, image.size, image.tobytes()


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_what_comes_out_is_what_opening_it_here_gives(decoders: Decoders, kind: Kind) -> None:
    there = outcome(lambda data: decoders.prepare(data).image, kind.data)
    assert there == outcome(open_photo, kind.data)


@pytest.mark.parametrize(
    ("size", "format"),
    [((96, 96), "PNG"), ((224, 673), "JPEG"), ((2401, 300), "WEBP"), ((3300, 2500), "JPEG")],
)
def test_its_vector_is_the_one_that_an_ingest_gives(
    decoders: Decoders, clip: ClipModel, size: tuple[int, int], format: str
) -> None:
    data = saved(drawn_photo(np.random.default_rng(size[0]), *size), format)
    prepared = decoders.prepare(data)
    here = open_photo(data)
    mine, ingested, whole = clip.embed_images([prepared.image, here, data])
    assert mine @ ingested > 1 - 1e-6
    # The bytes themselves are reduced further by their decoder, where there is much to reduce.
    assert mine @ whole > 1 - (1e-6 if max(size) < 3200 else 5e-3)
    assert prepared.sha256 == photo_sha256(data)
    assert prepared.kept == encode_photo(here)


def test_photos_of_many_threads_are_not_mixed_up(decoders: Decoders) -> None:
    sent = [Image.new("RGB", (16 + n, 16), (n, 2 * n, 0)) for n in range(40)]
    with ThreadPoolExecutor(40) as pool:
        got = pool.map(lambda each: decoders.prepare(saved(each, "PNG")).image, sent)
    for mine, image in zip(sent, got, strict=True):
        assert (image.size, image.tobytes()) == (mine.size, mine.tobytes())


# -- what goes wrong ends with the photo -----------------------------------------------------------


def test_what_takes_too_long_is_ended() -> None:
    settings = Settings(service=Service(decoders=1, decode_s=0.1))
    with contextlib.closing(Decoders.of(settings)) as decoders:
        decoders.wait()
        begun = time.monotonic()
        with pytest.raises(PhotoError, match=r"too-complex: .* 0.1 s to open: save it again"):
            decoders.prepare(heavy())
        assert time.monotonic() - begun < 5
        assert decoders.prepare(JPEG).image.size == SEEN.size
        assert not any(children(each) for each in pids(decoders))


def test_what_takes_too_much_memory_is_refused() -> None:
    with contextlib.closing(Decoders(1, memory=80 << 20)) as decoders:
        with pytest.raises(PhotoError, match=r"too-many-pixels|too-complex"):
            decoders.prepare(heavy())
        assert decoders.prepare(JPEG).image.size == SEEN.size


@pytest.mark.parametrize("whose", ["the photo's process", "the one that forks it"])
def test_a_process_that_is_killed_is_another_one_for_the_next_photo(whose: str) -> None:
    with contextlib.closing(Decoders(1)) as decoders:
        decoders.wait()
        (parent,) = pids(decoders)
        data = heavy()
        told: list[str] = []

        def send() -> None:
            try:
                told.append(str(decoders.prepare(data).image.size))
            except PhotoError as error:
                told.append(str(error))

        thread = threading.Thread(target=send)
        thread.start()
        child = until(lambda: children(parent))[0]
        os.kill(child if whose == "the photo's process" else parent, signal.SIGKILL)
        thread.join()
        if whose == "the photo's process":
            assert "its decoder broke over it: save it again as a JPEG" in told[0]
            assert pids(decoders) == [parent]
        else:  # nobody's photo is at fault: it is decoded by the next process
            assert told == ["(1750, 1750)"]
            until(lambda: gone(child))
        assert decoders.prepare(JPEG).image.size == SEEN.size


def test_one_that_was_killed_while_nothing_was_to_do_costs_no_photo() -> None:
    with contextlib.closing(Decoders(1)) as decoders:
        decoders.wait()
        os.kill(pids(decoders)[0], signal.SIGKILL)
        assert decoders.prepare(JPEG).image.size == SEEN.size


def test_after_its_end_photos_are_refused_and_no_process_is_left() -> None:
    decoders = Decoders(2)
    before = pids(decoders)
    decoders.close()
    assert all(gone(each) for each in before)
    with pytest.raises(StorageError, match="the service is ending"):
        decoders.prepare(JPEG)


SERVICE = """
import sys, threading, time
from matching_spark.service.photos.decoder import Decoders
decoders = Decoders(2)
decoders.wait()
heavy = sys.stdin.buffer.read()
threading.Thread(target=decoders.prepare, args=(heavy,)).start()
print(*(each.process.pid for each in decoders._all), flush=True)
time.sleep(60)
"""


def test_they_end_with_a_service_that_is_killed() -> None:
    service = subprocess.Popen(
        [sys.executable, "-c", SERVICE], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert service.stdin
    assert service.stdout
    with service.stdin as given:
        given.write(heavy())
    both = [int(each) for each in service.stdout.readline().split()]
    child = until(lambda: children(both[0]) + children(both[1]))
    service.kill()
    service.wait()
    service.stdout.close()
    until(lambda: all(gone(each) for each in both + child))


# -- what a process is given, and what it may do ---------------------------------------------------


def test_no_secret_is_in_its_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MATCHING_SERVICE__KEY", "a key that nobody else is to have.")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "neither this")
    with contextlib.closing(Decoders(1)) as decoders:
        decoders.wait()
        told = Path(f"/proc/{pids(decoders)[0]}/environ").read_bytes()
    names = {each.partition(b"=")[0].decode() for each in told.split(b"\0") if each}
    ours = {"OPENBLAS_NUM_THREADS", "MALLOC_ARENA_MAX", "GLIBC_TUNABLES", "PYTHONPATH"}
    assert names - {"LANG", "LC_ALL", "LD_LIBRARY_PATH", "LC_CTYPE"} == ours


CONFINED = """
import mmap, os, socket, sys
from matching_spark.service.photos.decoder_process import confine
confine(300 << 20)
done = []
for name, do in {
    "a file": lambda: open("/etc/passwd"),
    "a new file": lambda: open("/tmp/x", "w"),
    "a socket": lambda: socket.socket(),
    "a pipe": lambda: os.pipe(),
    "memory": lambda: bytearray(400 << 20),
}.items():
    try:
        do()
        done.append(name)
    except (OSError, MemoryError):
        pass
print(done)
"""


def test_it_opens_no_file_and_no_socket_and_takes_no_memory_beyond_its_limit() -> None:
    ran = subprocess.run([sys.executable, "-c", CONFINED], capture_output=True, check=True)
    assert ran.stdout == b"[]\n"


def test_it_imports_what_decoding_needs_and_has_one_thread(decoders: Decoders) -> None:
    code = "import matching_spark.service.photos.decoder_process, sys; print(*sys.modules)"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True)
    whole = {"pyspark", "pyarrow", "pydantic", "fastapi", "onnxruntime", "sqlalchemy", "pyiceberg"}
    assert not whole & set(ran.stdout.split())
    decoders.wait()
    for each in pids(decoders):  # with more a fork may wait for ever
        assert len(os.listdir(f"/proc/{each}/task")) == 1


# A head as a decoder writes it, and bytes that are any.
HEADS = st.builds(
    HEAD.pack,
    st.sampled_from([PIXELS, REFUSED, b"\0\0\0\0"]),
    *[st.one_of(st.integers(0, 12), st.integers(0, 2**32 - 1))] * 2,
)


@settings(max_examples=150, suppress_health_check=[HealthCheck.too_slow])
@given(st.one_of(st.just(b""), HEADS), st.binary(max_size=500), st.integers(0, 3 * MAX_PIXELS + 99))
def test_whatever_a_process_sends_is_a_picture_a_reason_or_nothing(
    head: bytes, body: bytes, far: int
) -> None:
    with io.FileIO(os.memfd_create("test"), "r+") as out:
        out.write(head + body)
        if far % 3 == 0:  # sparse
            out.truncate(far)
        size = os.fstat(out.fileno()).st_size
        try:
            image = taken(out.fileno())
        except PhotoError as error:
            assert error.reason in REASONS
            assert str(error).isprintable()
            return
        if image is not None:
            assert image.mode == "RGB"
            assert HEAD.size + 3 * image.width * image.height == size
            assert image.width * image.height <= MAX_PIXELS


# -- what people send ------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def client(decoders: Decoders) -> TestClient:
    app = FastAPI()

    @app.post("/")
    def photo(fields: Fields) -> dict[str, object]:
        data = fields.photo
        if data is None:
            return {"outcome": "none"}
        try:
            prepared = decoders.prepare(data)
        except PhotoError as error:
            return {"outcome": error.reason}
        held.append(prepared.kept)
        return {"outcome": "taken"}

    return TestClient(app)


held: list[bytes] = []


@pytest.mark.parametrize("sent", SENDINGS, ids=lambda sent: sent.what)
def test_each_has_one_outcome(client: TestClient, sent: Sent) -> None:
    typed = f"Content-Type: {sent.type}\r\n" if sent.type else ""
    head = f'--edge\r\nContent-Disposition: form-data; name="photo"; filename="{sent.name}"\r\n'
    body = f"{head}{typed}\r\n".encode() + sent.make() + b"\r\n--edge--\r\n"
    kind = {"Content-Type": "multipart/form-data; boundary=edge"}
    answer = client.post("/", content=body, headers=kind)
    assert answer.json() == {"outcome": sent.outcome}
    if sent.outcome == "taken":
        kept = Image.open(io.BytesIO(held.pop()))
        assert (kept.format, kept.size) == ("JPEG", SEEN.size)
        assert not kept.getexif()
        assert HTML not in kept.fp.read()  # type: ignore[union-attr]
        if "HEIC" not in sent.what and "of no type" not in sent.what:
            off = np.abs(np.asarray(kept).astype(int) - np.asarray(SEEN)).mean()
            assert off < 8, "upright, and the first frame"


def test_the_page_tells_them() -> None:
    assert table() == page.told("sent", PAGE)


# -- looking at processes --------------------------------------------------------------------------


def pids(decoders: Decoders) -> list[int]:
    return sorted(each.process.pid for each in decoders._all)  # noqa: SLF001 (to kill them)


def children(pid: int) -> list[int]:
    with contextlib.suppress(FileNotFoundError):
        return [int(each) for each in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    return []


def gone(pid: int) -> bool:
    """No more, or only waiting to be told so."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except (FileNotFoundError, ProcessLookupError):
        return True


def until(asked: Callable[[], T]) -> T:
    end = time.monotonic() + 10
    while not (told := asked()):
        assert time.monotonic() < end
        time.sleep(0.005)
    return told
