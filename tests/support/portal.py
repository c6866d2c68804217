"""A portal LOST112 of a test: its announcements, by HTTP, with its envelope and its faults."""

import datetime as dt
from urllib.parse import parse_qs, urlsplit

from PIL import Image

from tests.support.photo_bytes import saved
from tests.support.servers import Answer, Asked

KEY = "a+b/c=="
SINCE, UNTIL = dt.date(2026, 11, 1), dt.date(2026, 11, 7)
OK = "<header><resultCode>00</resultCode><resultMsg>NORMAL SERVICE.</resultMsg></header>"
OF_DETAILS = ("uniq", "clrNm", "csteSteNm", "tel", "fdPlace")  # in no list
REFUSED = (
    "<OpenAPI_ServiceResponse><cmmMsgHeader><errMsg>SERVICE ERROR</errMsg>"
    "<returnAuthMsg>SERVICE_KEY_IS_NOT_REGISTERED_ERROR</returnAuthMsg>"
    "<returnReasonCode>30</returnReasonCode></cmmMsgHeader></OpenAPI_ServiceResponse>"
)


def item(**fields: str) -> str:
    return "<item>" + "".join(f"<{k}>{v}</{k}>" for k, v in fields.items()) + "</item>"


def answer(*items: str, total: int | None = None, detail: bool = False) -> bytes:
    inside = "".join(items) if detail else f"<items>{''.join(items)}</items>"
    count = "" if total is None else f"<totalCount>{total}</totalCount>"
    return f"<response>{OK}<body>{inside}{count}</body></response>".encode()


def picture(side: int = 40) -> bytes:
    (exif := Image.Exif())[271] = "the owner's camera"
    return saved(Image.linear_gradient("L").resize((side, side)), "JPEG", exif=exif)


class Portal:
    """The portal as a table of announcements: lists by day and page, details, and its faults."""

    def __init__(self, url: str = "") -> None:
        self.url = url
        self.asked: list[tuple[str, dict[str, str]]] = []
        self.faults: list[Answer | None] = []  # what comes first, whoever asks
        self.found: dict[str, dict[str, str]] = {}
        self.lost: dict[str, dict[str, str]] = {}
        self.photos: dict[str, Answer] = {}

    def __call__(self, request: Asked) -> Answer | None:
        parts = urlsplit(request.path)
        query = {k: v[0] for k, v in parse_qs(parts.query).items()}
        self.asked.append((parts.path, query))
        if parts.path in self.photos:
            return self.photos[parts.path]
        if self.faults:
            return self.faults.pop(0)
        if query.pop("serviceKey", None) != KEY:
            return Answer(REFUSED.encode())
        things = self.lost if "/LostGoods" in parts.path else self.found
        if "Detail" in parts.path:
            one = things.get(query["ATC_ID"])
            return Answer(answer(*([item(**one)] if one else []), detail=True))
        assert (query["START_YMD"], query["END_YMD"]) == ("20261101", "20261107")
        prefix = "V" if "LosPt" in parts.path else "F" if "Losfund" in parts.path else "L"
        listed = [t for atc, t in sorted(things.items()) if atc.startswith(prefix)]
        shown = [{k: v for k, v in t.items() if k not in OF_DETAILS} for t in listed]
        size, page = int(query["numOfRows"]), int(query["pageNo"])
        rows = shown[(page - 1) * size : page * size]
        return Answer(answer(*(item(**r) for r in rows), total=len(shown)))


def thing(number: int, **more: str) -> dict[str, str]:
    return {
        "atcId": f"F20261101{number:08d}",
        "fdSn": "1",
        "fdPrdtNm": f"지갑 {number}",
        "prdtClNm": "지갑 > 남성용 지갑",
        "fdYmd": "2026-11-03",
        "depPlace": "서울강남경찰서",
        "clrNm": "블랙(검정)",
        "csteSteNm": "보관중",
        "tel": "02-123-4567",
        "uniq": "강남역에서 주웠습니다. 010-1234-5678 kim@example.com",
    } | more
