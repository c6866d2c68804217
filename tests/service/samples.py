"""Contexts of every page, full ones and bare ones: for the contract tests and for the pictures."""

import datetime as dt
from dataclasses import replace
from pathlib import Path
from typing import Any

from matching_spark.score.components import Language
from matching_spark.service.pages import render
from matching_spark.service.pages.contexts import (
    Asking,
    Card,
    ClaimedPage,
    ConfirmPage,
    DoorPage,
    HomePage,
    MinePage,
    Page,
    Picture,
    ProblemPage,
    RegisteredPage,
    ResultsPage,
    Told,
    Typed,
)
from matching_spark.service.pages.office_contexts import (
    Compared,
    DeskPage,
    Differing,
    Entry,
    Hit,
    OfficeSearchPage,
    Pairing,
    PasswordPage,
    PostPage,
    RegisterPage,
    ReviewPage,
    SendPage,
    SignInPage,
    State,
    Thing,
    Undo,
    Wanted,
)

TEMPLATES = Path(render.__file__).parent / "templates"
NOW = dt.datetime(2026, 11, 27, 5, 3, tzinfo=dt.UTC)  # 14:03 in Seoul, a Friday
DAY = dt.date(2026, 11, 25)
LONG = (  # 80 characters
    "검정색 반지갑 안쪽에 가족사진 두 장과 접힌 영수증 여러 장이 들어 있고 모서리가 조금 닳았으며 "
    "금색 단추로 여닫는 오래된 가죽 지갑입니다 정말"
)
PHOTOS = [Picture(f"/photo/{n}.jpg", f"/photo/{n}.jpg") for n in range(10)]
WIDE = Picture("/photo/wide.jpg", "/photo/wide.jpg")  # 3:1
TOLD = Told("어제 강남역에서 검정 가방", "가방", "검정", "서울", "강남역", DAY)

CARDS = (
    Card(
        category="가방",
        title="검정 백팩",
        place="강남역 2번 출구",
        day=DAY,
        photo=PHOTOS[0],
        why=("colour", "place", "photo", "days"),
        claim="c0",
    ),
    Card(
        category="지갑",
        title="반지갑",
        place="서울 강남구",
        day=dt.date(2026, 11, 23),
        until=dt.date(2026, 11, 29),
        why=("category", "days"),
        claim="c1",
    ),
    Card(category="카드", title="카드", day=DAY, until=DAY, why=("category",), claim="c2"),
    Card(
        category="기타물품", title=LONG, place="서울 강남구 테헤란로 132, 지하 1층 안내 데스크 옆"
    ),
    Card(
        category="의류",
        title="목도리",
        place="2호선 교대역",
        day=DAY,
        photo=WIDE,
        why=("photo",),
        claim="c4",
    ),
    *(
        Card(
            category="가방",
            title=title,
            place=place,
            day=DAY - dt.timedelta(n),
            photo=PHOTOS[n + 1],
            why=("category", "words", "near"),
            claim=f"c{n + 5}",
        )
        for n, (title, place) in enumerate(
            [
                ("에코백", "서초구 서초대로"),
                ("노트북 가방", "역삼역"),
                ("크로스백", "신논현역"),
                ("서류가방", "선릉역 화장실"),
                ("쇼핑백", "교보타워"),
            ]
        )
    ),
)
KEPT = replace(CARDS[0], claim="", office="강남경찰서 유실물센터", phone="02-1234-5678")

FOUND = Thing(
    post_id="s-0123456789abcdef0123456789abcdef",
    title="검정 백팩",
    category="가방",
    colour="검정",
    region="서울",
    place="강남역 2번 출구",
    day=DAY,
    description="앞주머니에 우산이 있음",
    kept_at="강남역 유실물센터",
    kept_phone="02-1234-5678",
    photos=(PHOTOS[0], PHOTOS[4]),
    expires=dt.date(2026, 12, 3),
    source="service",
    sequence=3,
    saved=NOW,
)
LOST = replace(
    FOUND,
    post_id="s-fedcba9876543210fedcba9876543210",
    kind="lost",
    title="남색 배낭",
    colour="파랑",
    place="강남역",
    description="",
    kept_at="",
    kept_phone="",
    photos=(PHOTOS[3],),
    expires=None,
)
BARE = Thing(post_id="F2026112500001234", category="증명서")
DIFFERING = (
    Differing("colour", "검정", "파랑"),
    Differing("place", "강남역 2번 출구", ""),
    Differing("day", DAY, DAY - dt.timedelta(1)),
    Differing("description", "앞주머니에 우산이 있음", LONG),
)
TYPED = Typed(
    "/office/posts/s-1/edit",
    (
        *(("sequence", "3"), ("title", "검정 백팩"), ("category", "가방"), ("region", "서울")),
        *(("place", ""), ("day", "2026-11-25"), ("description", LONG), ("photo", "IMG_0042.jpg")),
    ),
)
HISTORY = (
    Entry(at=NOW, who="김하나", what="decided", said="unsure"),
    Entry(at=NOW - dt.timedelta(hours=2), who="김하나", what="edited", changed=("title", "place")),
    Entry(at=NOW - dt.timedelta(hours=3), who="김하나", what="opened"),
    Entry(at=NOW - dt.timedelta(days=1), who="", what="added"),
    Entry(at=NOW - dt.timedelta(days=400), who="박둘", what="closed", said="expired"),
)
STATE = State(
    lost=1843,
    found=20311,
    waiting=12,
    model="small-clip",
    snapshot="6127…4410",
    merged=NOW - dt.timedelta(minutes=7),
    matched=NOW - dt.timedelta(hours=9),
)


def things(count: int) -> tuple[Thing, ...]:
    """Some that came in: with a photo and without."""
    names = ["검정 백팩", "우산", LONG, "에어팟 케이스", "반지갑", "목도리", "텀블러", "안경"]
    kinds = ["가방", "기타물품", "지갑", "전자기기", "지갑", "의류", "기타물품", "기타물품"]
    return tuple(
        replace(
            FOUND,
            post_id=f"s-{n:032x}",
            title=names[n % 8],
            category=kinds[n % 8],
            photos=(PHOTOS[n % 10],) if n % 3 else (),
        )
        for n in range(count)
    )


def rendered(context: Page, language: Language) -> str:
    """A page as it is shown NOW, its forms with the token `csrf-token`."""
    return render.render(context, language, "csrf-token", NOW)


def samples() -> dict[str, Page]:
    """By a name for each; the part before the hyphen is the page's."""
    person: dict[str, Any] = {"here": "/"}
    asked: dict[str, Any] = {"asked": "asked-0"}
    office: dict[str, Any] = {"here": "/office", "who": "김하나"}
    mine: dict[str, Any] = {"token": "token-0", "registered": DAY}
    pair = Pairing(lost=LOST, found=FOUND, likely="28 %, 살펴볼 만함")
    compared = (
        Compared(name="category", differs=False),
        Compared(name="colour", differs=True),
        Compared(name="region", differs=False),
        Compared(name="place", differs=False, note="0.2 km"),
        Compared(name="day", differs=False),
        Compared(name="description"),
    )
    return {
        "home": HomePage(**person),
        "home-filled": HomePage(
            **person,
            notice="signed-out",
            demo=True,
            told=TOLD,
            wrong={"photo": "long", "words": "needed", "day": "day", "place": "long"},
        ),
        "home-wrong": HomePage(**person, wrong={"words": "needed"}),
        "home-over": HomePage(**person, address="kim@example.com", wrong={"photo": "over"}),
        "results-0": ResultsPage(**asked, told=TOLD, photo=True, nothing=True, mail=True),
        "results-unclear": ResultsPage(**asked, told=Told(category="가방"), needed=("category",)),
        "results-1": ResultsPage(**asked, told=TOLD, likely=CARDS[:1]),
        "results-10": ResultsPage(
            **asked, told=TOLD, photo=True, likely=CARDS[:3], look=CARDS[3:], mail=True, full=True
        ),
        "results-doubt": ResultsPage(
            **asked,
            told=replace(TOLD, colour="", day=None),
            look=CARDS[5:8],
            question=Asking("colour", ("검정", "파랑", "갈색")),
            skipped=("day",),
            mail=True,
        ),
        "results-day": ResultsPage(
            **asked, told=Told(), look=CARDS[5:6], question=Asking("day"), nothing=True
        ),
        "results-short": ResultsPage(**asked, told=TOLD, look=CARDS[5:8], complete=False),
        "results-short-0": ResultsPage(**asked, told=TOLD, complete=False),
        "results-wrong": ResultsPage(
            **asked,
            told=TOLD,
            look=CARDS[5:7],
            mail=True,
            address="kim@localhost",
            wrong={"address": "address"},
        ),
        "results-over": ResultsPage(
            **asked, told=TOLD, look=CARDS[5:7], mail=True, wrong={"photo": "over"}
        ),
        "registered": RegisteredPage(
            **person,
            link="https://lost.example/mine#Zm9vYmFyYmF6cXV4MTIzNA",
            written="kim@example.com",
        ),
        "registered-quiet": RegisteredPage(**person, link="https://lost.example/mine#Zm9v"),
        "registered-often": RegisteredPage(
            **person, link="https://lost.example/mine#Zm9v", often=True
        ),
        "claimed": ClaimedPage(**person, card=KEPT, link="https://lost.example/mine#Zm9v"),
        "claimed-bare": ClaimedPage(**person, card=Card(category="카드")),
        "door": DoorPage(here="/mine"),
        "door-wrong": DoorPage(
            here="/mine", link="https://lost.example/mine#Zm9", wrong={"link": "link"}
        ),
        "mine": MinePage(
            **mine,
            state="matched",
            told=TOLD,
            photo=PHOTOS[0],
            cards=(replace(KEPT, came=NOW.date()), replace(CARDS[1], came=DAY)),
            mail="confirmed",
            can_mail=True,
            seen="words=0123456789ab",
            notice="edited",
        ),
        "mine-waiting": MinePage(**mine, state="waiting", told=Told(category="지갑")),
        "mine-wrong": MinePage(
            **mine,
            state="waiting",
            told=TOLD,
            can_mail=True,
            mail="unconfirmed",
            typed=Told(words="손잡이가 끊어진 가방", colour="파랑"),
            address="kim@localhost",
            no_mail=True,
            wrong={"address": "address"},
        ),
        "mine-withdrawn": MinePage(**mine | {"token": ""}, state="withdrawn", told=Told()),
        "mine-closed": MinePage(**mine, state="withdrawn", told=Told()),
        "mine-expired": MinePage(**mine, state="expired", told=Told(words=LONG)),
        "mine-claimed": MinePage(**mine, state="claimed", told=TOLD),
        "confirm-ask": ConfirmPage(**person, state="ask"),
        "confirm-done": ConfirmPage(**person, state="done"),
        "confirm-stale": ConfirmPage(**person, state="stale"),
        "problem": ProblemPage(**person, kind="photo-unreadable", status=422),
        "problem-wait": ProblemPage(
            **person, kind="too-many", status=429, retry_after=30, detail="자세한 말", back="/mine"
        ),
        "problem-typed": ProblemPage(kind="form-expired", status=403, back="/office", typed=TYPED),
        "sign_in": SignInPage(here="/office/sign-in"),
        "sign_in-failed": SignInPage(name="김하나", failed=True, after="/office/x"),
        "sign_in-typed": SignInPage(typed=TYPED),
        "send": SendPage(**office, typed=TYPED),
        "send-bare": SendPage(**office, typed=Typed("/office/found/new", (("draft", "none"),))),
        "password": PasswordPage(**office, least=12),
        "password-wrong": PasswordPage(
            **office, least=12, wrong={"now": "password", "new": "short"}
        ),
        "desk": DeskPage(
            **office,
            counts=(300, 1234, 3),
            arrived=things(6),
            pairs=(pair, pair, Pairing(lost=BARE, found=BARE)),
            expiring=(FOUND, *things(2)),
            state=STATE,
        ),
        "desk-more": DeskPage(
            **office, counts=(9, 0, 300), expiring=things(10), more="expiring", state=STATE
        ),
        "desk-outdated": DeskPage(
            **office, counts=(0, 0, 0), state=replace(STATE, outdated="siglip@0123456789ab")
        ),
        "desk-empty": DeskPage(
            **office, counts=(0, 0, 0), state=State(lost=0, found=0, waiting=0, model="small-clip")
        ),
        "register": RegisterPage(**office),
        "register-wrong": RegisterPage(**office, wrong={"photo": "needed"}),
        "register-suggested": RegisterPage(
            **office,
            draft="draft-0",
            thing=Thing(title="검정 백팩", category="가방", colour="검정", photos=(PHOTOS[0],)),
            suggested=("title", "category", "colour"),
        ),
        "register-over": RegisterPage(
            **office,
            draft="draft-0",
            thing=Thing(title="검정 백팩", description=LONG),
            wrong={"photo": "over"},
        ),
        "register-bare": RegisterPage(**office, draft="none", wrong={"title": "needed"}),
        "post": PostPage(
            **office, thing=FOUND, seen="title=0123456789ab", history=HISTORY, notice="merged"
        ),
        "post-closed": PostPage(**office, thing=replace(FOUND, status="claimed"), history=HISTORY),
        "post-unlike": PostPage(
            **office, thing=replace(FOUND, photos=(), title="", description=""), similar=False
        ),
        "post-again": PostPage(
            **office,
            thing=replace(FOUND, place="", description=LONG, day=DAY - dt.timedelta(1)),
            history=HISTORY,
            again="conflict",
            differing=DIFFERING,
        ),
        "post-again-closed": PostPage(
            **office, thing=replace(FOUND, status="claimed"), history=HISTORY, again="conflict"
        ),
        "post-again-registered": PostPage(
            **office, thing=BARE, again="registered", differing=DIFFERING[:2]
        ),
        "post-bare": PostPage(**office, thing=BARE, wrong={"description": "long", "day": "day"}),
        "review": ReviewPage(
            **office,
            pair=pair,
            compared=compared,
            why="사진이 비슷하고, 종류와 지역이 일치합니다. 다만 색은 다릅니다.",
            decided="unsure",
            history=HISTORY[:1],
            number=3,
            count=12,
            previous="/office/review?lost=a&found=b",
            next="/office/review?lost=c&found=d",
            undo=Undo(lost_id="s-1", found_id="s-2", said="confirmed", verdict="unsure"),
        ),
        "review-bare": ReviewPage(
            **office, pair=Pairing(lost=replace(BARE, kind="lost"), found=BARE), number=1, count=1
        ),
        "review-empty": ReviewPage(**office, pair=None),
        "office_search": OfficeSearchPage(
            **office,
            wanted=Wanted("검정 가방", "lost", "open", "가방", "검정", "서울", DAY, DAY),
            hits=tuple(
                Hit(thing=each, likely="28 %, 살펴볼 만함", why="사진이 비슷하고, 색이 일치합니다.")
                for each in things(8)
            ),
            searched=20311,
            seconds=0.08,
            full=True,
        ),
        "office_search-deep": OfficeSearchPage(**office, hits=(), deep=True),
        "office_search-like": OfficeSearchPage(**office, like=things(1)[0], hits=()),
        "office_search-start": OfficeSearchPage(**office, wrong={"photo": "long", "words": "long"}),
        "office_search-none": OfficeSearchPage(**office | {"here": ""}, asked="Zm9v", hits=()),
        "office_search-short": OfficeSearchPage(**office, hits=(), complete=False),
    }
