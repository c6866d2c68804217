"""LOST112 by its API and its photos, over a real HTTP server with the portal's faults."""

import datetime as dt
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import quote

import pytest
from PIL import Image
from pyspark.sql import SparkSession

from matching_spark import ClipModel, Settings, http_client
from matching_spark.domain.posts import Kind, Post, Reject
from matching_spark.domain.vocabulary import Seen
from matching_spark.errors import InputError, RemoteError, UsageError
from matching_spark.ingest.over import Rules
from matching_spark.ingest.pipeline import ingest_posts
from matching_spark.operations.ingest import Source, ingest
from matching_spark.operations.portal import PORTAL, Days
from matching_spark.operations.portal import Portal as Nightly
from matching_spark.operations.warehouse import made
from matching_spark.progress import Silent
from matching_spark.setting_groups import Lost112
from matching_spark.sources.lost112_api import Lost112Api
from matching_spark.sources.lost112_photos import check_address, with_photos
from tests.support.portal import KEY, Portal, answer, item, picture, thing
from tests.support.servers import Answer, Asked, serving

SINCE, UNTIL = dt.date(2026, 11, 1), dt.date(2026, 11, 7)


@pytest.fixture
def portal() -> Iterator[Portal]:
    made = Portal()
    with serving(made) as url:
        made.url = url
        yield made


def settings(portal: Portal, **more: object) -> Lost112:
    host = portal.url.removeprefix("http://")
    values: dict[str, object] = {
        "service_key": KEY,
        "base_url": portal.url,
        "requests_per_s": 100,
        "photo_hosts": (host,),
        "timeout_s": 5,
    }
    return Lost112(**values | more)  # type: ignore[arg-type]


def read(portal: Portal, **more: object) -> tuple[list[Post], list[Reject], Seen]:
    seen = Seen()
    api = Lost112Api(settings(portal, **more))
    rows = list(api.posts(SINCE, UNTIL, None, seen))
    return (
        [r for r in rows if isinstance(r, Post)],
        [r for r in rows if isinstance(r, Reject)],
        seen,
    )


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    """Between the tries of a call alone: without time.sleep whatever polls, Spark too, spins."""
    assert set(http_client.call.__kwdefaults__ or ()) == {"wait"}
    monkeypatch.setattr(http_client.call, "__kwdefaults__", {"wait": lambda s: None})


def test_three_services_lists_and_details(portal: Portal) -> None:
    portal.found = {t["atcId"]: t for t in (thing(i) for i in range(7))}
    portal.found["V1"] = thing(0, atcId="V1", depPlace="대구교통공사", fdPlace="대구 동성로")
    portal.lost["L1"] = {
        "atcId": "L1",
        "lstPrdtNm": "에어팟",
        "prdtClNm": "전자기기 > 무선이어폰",
        "lstYmd": "2026-11-02",
        "lstPlace": "2호선",
        "lstLctNm": "경상남도",
        "clrNm": "핑크(분홍)",
        "lstSteNm": "신고",
    }
    posts, rejects, seen = read(portal, rows_a_page=3)
    assert not rejects
    assert not seen.unknown
    by_id = {post.post_id: post for post in posts}
    assert len(posts) == len(by_id) == 9
    one = by_id["F2026110100000003-1"]
    assert (one.kind, one.category, one.subcategory) == ("found", "지갑", "남성용 지갑")
    assert (one.colour, one.region, one.status) == ("검정", "서울", "open")
    assert (one.kept_at, one.kept_phone) == ("서울강남경찰서", "02-123-4567")
    assert one.description == "강남역에서 주웠습니다."  # nobody's own number or address
    assert one.happened_on == dt.date(2026, 11, 3)
    assert (by_id["V1-1"].region, by_id["V1-1"].place) == ("대구", "대구 동성로")
    lost = by_id["L1"]
    assert (lost.kind, lost.region, lost.colour) == ("lost", "경남", "핑크")
    assert (lost.place, lost.happened_on) == ("2호선", dt.date(2026, 11, 2))
    pages = [
        q["pageNo"] for path, q in portal.asked if path.endswith("getLosfundInfoAccToClAreaPd")
    ]
    assert pages == ["1", "2", "3"]


def test_what_is_closed_is_so_without_words(portal: Portal) -> None:
    """As where the portal takes them away with the state."""
    bare = {"fdPrdtNm": "", "uniq": "", "csteSteNm": "반환"}
    portal.found = {"F1": thing(1, atcId="F1", **bare), "F2": thing(2, atcId="F2")}
    api = Lost112Api(settings(portal))
    closed = [*api.closed(["F1-1", "F2-1", "F3-1"], Seen())]
    assert closed == [("F1-1", "claimed"), ("F3-1", "withdrawn")]


def test_faults_are_tried_again_and_the_key_is_said_nowhere(
    portal: Portal, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    portal.found = {"F1": thing(1, atcId="F1")}
    portal.faults = [Answer(status=503), None, Answer(b"slow down", 429)]
    posts, _, _ = read(portal)
    assert [p.post_id for p in posts] == ["F1-1"]
    portal.faults = [Answer(status=500)] * 99
    with pytest.raises(
        RemoteError, match="getLosfundInfoAccToClAreaPd could not be reached"
    ) as bad:
        read(portal)
    said = str(bad.value) + caplog.text
    assert "try 5 of 5" in said
    assert KEY not in said
    assert quote(KEY, safe="") not in said
    with pytest.raises(UsageError, match="MATCHING_LOST112__SERVICE_KEY"):
        Lost112Api(Lost112())


def test_a_list_that_repeats_itself_is_not_asked_for_ever(portal: Portal) -> None:
    """A portal that does not heed the number of the page, 25 a page."""
    rows = "".join(item(**thing(n)) for n in range(25))
    same = Answer(answer(rows, total=1_000_000))
    portal.faults = [same, same, *[Answer(b"it was asked again", status=500)] * 20]
    read = Lost112Api(settings(portal, details=False)).posts(SINCE, UNTIL, "found", Seen())
    with pytest.raises(RemoteError, match=r"repeats itself: page 2 names nothing .* 50 of 1,000,0"):
        list(read)
    assert [query["pageNo"] for _, query in portal.asked] == ["1", "2"]


def test_what_pages_name_twice_comes_once(portal: Portal) -> None:
    """They shift while they are read: the last of a page is the first of the next."""
    pages = [(0, 1), (1, 2), (2, 3)]
    rows = [[item(**thing(n)) for n in page] for page in pages]
    rows[1].append(item(fdPrdtNm="지갑"))
    portal.faults = [Answer(answer(*page, total=7)) for page in rows]
    read = [*Lost112Api(settings(portal, details=False)).posts(SINCE, UNTIL, "found", Seen())]
    ids = [row.post_id for row in read if isinstance(row, Post)]
    assert ids == [f"{thing(n)['atcId']}-1" for n in range(4)]
    assert [row.reason for row in read if isinstance(row, Reject)] == ["no-id"]


def test_details_that_cannot_be_had_one_after_the_other_are_the_portals_end(portal: Portal) -> None:
    """Here and there one costs its post the detail, and is asked for again by the next ingest."""
    portal.found = {t["atcId"]: t for t in (thing(i) for i in range(9))}

    def without(*bad: int) -> Callable[[Asked], Answer | None]:
        gone = [thing(i)["atcId"] for i in bad]

        def told(request: Asked) -> Answer | None:
            lacks = "Detail" in request.path and any(i in request.path for i in gone)
            return Answer(status=500) if lacks else portal(request)

        return told

    def rows(*bad: int) -> Iterator[Post | Reject]:
        with serving(without(*bad)) as url:
            told = Lost112(service_key=KEY, base_url=url, tries=1, requests_per_s=100)
            yield from Lost112Api(told).posts(SINCE, UNTIL, "found", Seen())

    now_and_then = list(rows(0, 1, 3, 4, 6, 7))
    assert sum(isinstance(row, Post) for row in now_and_then) == 9
    assert [r.reason for r in now_and_then if isinstance(r, Reject)] == ["no-detail"] * 6
    down = rows(2, 3, 4)
    assert len([next(down) for _ in range(6)]) == 6  # four posts, two without their detail
    with pytest.raises(RemoteError, match="could not be reached"):
        next(down)


def test_the_portal_refuses(portal: Portal) -> None:
    with pytest.raises(InputError, match="refuses: SERVICE_KEY_IS_NOT_REGISTERED_ERROR") as refused:
        read(portal, service_key="wrong")
    assert refused.value.exit_code == 3
    assert len(portal.asked) == 1  # asking again would not help
    # Encoded, as data.go.kr shows it, it is the same key.
    assert read(portal, service_key="a%2Bb%2Fc%3D%3D")[0] == []


def test_a_detail_that_is_not_had_leaves_the_list(portal: Portal) -> None:
    portal.found = {"F1": thing(1, atcId="F1")}
    real = portal.__call__
    asked = {"n": 0}

    def answer_details_badly(request: Asked) -> Answer | None:
        if "Detail" in request.path:
            asked["n"] += 1
            return Answer(status=500)
        return real(request)

    with serving(answer_details_badly) as url:
        api = Lost112Api(Lost112(service_key=KEY, base_url=url, tries=2, requests_per_s=100))
        rows = list(api.posts(SINCE, UNTIL, "found", Seen()))
    assert asked["n"] == 2
    assert isinstance(rows[0], Reject)
    assert rows[0].reason == "no-detail"
    assert isinstance(rows[1], Post)
    assert (rows[1].title, rows[1].colour) == ("지갑 1", "")


@pytest.mark.parametrize(
    "address",
    [
        "http://169.254.169.254/latest/meta-data",
        "https://www.lost112.go.kr.evil.example/a.jpg",
        "https://www.lost112.go.kr:8443/a.jpg",
        "https://user:pw@www.lost112.go.kr/a.jpg",
        "https://evil.example/www.lost112.go.kr",
        "ftp://www.lost112.go.kr/a.jpg",
        "https://[::1/a.jpg",
    ],
)
def test_only_the_hosts_of_the_settings(address: str) -> None:
    with pytest.raises(RemoteError):
        check_address(address, Lost112().photo_hosts)


def test_the_portals_own_host_may_be_asked() -> None:
    check_address("https://www.lost112.go.kr/a.jpg", Lost112().photo_hosts)
    check_address("http://www.lost112.go.kr:80/a.jpg", Lost112().photo_hosts)


def photos_of(portal: Portal, tmp_path: Path, **more: object) -> Callable[..., list[Post | Reject]]:
    def take(*paths: str) -> list[Post | Reject]:
        posts = [Post(f"F{i}", "found", title="x", photos=(p,)) for i, p in enumerate(paths)]
        return list(with_photos(posts, str(tmp_path), settings(portal, **more)))

    return take


def test_photos_are_fetched_once_within_limits(portal: Portal, tmp_path: Path) -> None:
    def endless() -> Iterator[bytes]:
        while True:
            yield b"x" * 65536

    portal.photos = {
        "/good.jpg": Answer(picture()),
        "/wide.jpg": Answer(picture(400)),
        "/endless.jpg": Answer(chunks=endless),
        "/moved.jpg": Answer(status=302, headers={"Location": "http://169.254.169.254/"}),
        "/page.jpg": Answer(b"<html>no such picture</html>"),
        "/gone.jpg": Answer(picture(), 404),  # as a host that shows one in the place of any other
    }
    take = photos_of(portal, tmp_path, photo_bytes=1 << 20, photo_pixels=100 * 100)
    addresses = [portal.url + path for path in portal.photos]
    (tmp_path / "own.jpg").write_bytes(picture())
    others = ["http://elsewhere.example/a.jpg", str(tmp_path / "own.jpg")]
    rows = take(*addresses, *others)
    posts = [r for r in rows if isinstance(r, Post)]
    rejects = {r.source: r for r in rows if isinstance(r, Reject)}
    assert len(posts) == 8
    assert [len(p.photos) for p in posts] == [1, 0, 0, 0, 0, 0, 0, 0]
    with Image.open(posts[0].photos[0]) as kept:
        assert (kept.size, dict(kept.getexif())) == ((40, 40), {})
    assert {r.reason for r in rejects.values()} == {"photo-not-fetched"}
    assert set(rejects) == {*addresses[1:], *others}
    assert "too-many-pixels" in rejects[addresses[1]].detail
    assert "more than 1 MB" in rejects[addresses[2]].detail
    assert "not in lost112.photo_hosts" in rejects["http://elsewhere.example/a.jpg"].detail
    refused = rows[-2]  # what was no post before stays none
    assert list(with_photos([refused], str(tmp_path), settings(portal))) == [refused]
    # Again: what was had is not asked for, what was not is.
    portal.asked.clear()
    portal.photos["/gone.jpg"] = Answer(picture(50))
    (first, last) = take(addresses[0], addresses[-1])
    assert [path for path, _ in portal.asked] == ["/gone.jpg"]
    assert isinstance(first, Post)
    assert isinstance(last, Post)
    assert last.photos


def test_a_photo_that_does_not_come_in_its_time_is_given_up(portal: Portal, tmp_path: Path) -> None:
    def drip() -> Iterator[bytes]:
        while True:
            time.sleep(0.02)
            yield b"x"

    portal.photos = {"/slow.jpg": Answer(chunks=drip)}
    why, post = photos_of(portal, tmp_path, photo_s=0.1)(f"{portal.url}/slow.jpg")
    assert isinstance(why, Reject)
    assert "no whole answer in 0.1 s" in why.detail
    assert isinstance(post, Post)


@pytest.mark.long
def test_a_nightly_ingest(
    spark: SparkSession, clip: ClipModel, portal: Portal, tmp_path: Path
) -> None:
    """What the portal has closed, or has no more, is closed: of its own posts, of the days and of
    the kind that were asked for, and no other."""
    mine = Settings(table=str(tmp_path / "table"), lost112=settings(portal))
    portal.found = {
        "F1": thing(1, atcId="F1", fdFilePathImg=portal.url + "/1.jpg"),
        **{f"F{i}": thing(i, atcId=f"F{i}") for i in (2, 3, 4)},
    }
    portal.lost = {"L1": {"atcId": "L1", "lstPrdtNm": "에어팟", "lstYmd": "2026-11-02"}}
    table = made(mine, clip, spark)
    day = dt.date(2026, 11, 3)
    desks = Post("F5-1", "found", title="지갑", happened_on=day)
    others = [Post("F6-1", "found", title="지갑", happened_on=SINCE - dt.timedelta(days=1))]
    others.append(Post("F7-1", "found", title="지갑", happened_on=UNTIL + dt.timedelta(days=1)))
    ingest_posts([desks], table, clip)
    ingest_posts(others, table, clip, rules=Rules(PORTAL))

    def run(kind: Kind | None = None) -> tuple[int, int, int]:
        source = Source("api", kind, since=SINCE, until=UNTIL)
        report = ingest(mine, source, spark=spark)
        table.refresh()
        assert report.snapshot == table.snapshot
        return report.accepted, report.skipped, report.rejected

    def states() -> dict[str, str]:
        return {r["post_id"]: r["status"] for r in table.frame().collect()}

    assert run() == (5, 0, 0)  # a photo that is not there yet rejects no post
    was = states()
    assert set(was.values()) == {"open"}
    table.set_status(["F4-1"], "claimed")  # at the desk
    portal.photos["/1.jpg"] = Answer(picture())
    portal.found["F2"]["csteSteNm"] = "반환"
    del portal.found["F3"], portal.found["F4"], portal.lost["L1"]
    assert run("found") == (2, 0, 0)  # F1 has its photo now, F2 was returned
    closed = {"F2-1": "claimed", "F3-1": "withdrawn", "F4-1": "claimed"}
    assert states() == was | closed
    kept = {r["post_id"]: len(r["photos"]) for r in table.frame().collect()}
    assert kept["F1-1"] == 1
    assert run() == (0, 2, 0)
    assert states() == was | closed | {"L1": "withdrawn"}


def test_what_is_closed_while_the_portal_is_asked_stays_so(
    spark: SparkSession, clip: ClipModel, portal: Portal, tmp_path: Path
) -> None:
    """To ask of a hundred posts takes a minute: one is claimed at the desk then, one is erased."""
    mine = Settings(table=str(tmp_path / "table"), lost112=settings(portal))
    table, another = made(mine, clip, spark), made(mine, clip, spark)
    day = dt.date(2026, 11, 3)
    posts = [Post(f"F{i}-1", "found", title="지갑", happened_on=day) for i in (1, 2, 3)]
    ingest_posts(posts, table, clip, rules=Rules(PORTAL))
    said: list[str] = []

    class Told(Silent):
        def say(self, what: str) -> None:
            said.append(what)

    def answering(asked: Asked) -> Answer:
        another.set_status(["F1-1"], "claimed")
        another.delete(["F2-1"])
        return Answer(answer(detail=True))

    with serving(answering) as url:
        mine.lost112.base_url = url
        of_days = Nightly(mine, "found", Days(SINCE, UNTIL), Seen())
        of_days.close_unlisted(table, Told())
    states = {r["post_id"]: r["status"] for r in table.frame().collect()}
    assert states == {"F1-1": "claimed", "F3-1": "withdrawn"}
    assert said == ["1 posts closed as withdrawn: the portal has closed them"]
