"""The HTTP API of LOST112: three services, lists and details, at the pace of the settings."""

import datetime as dt
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import unquote

from matching_spark import http_client
from matching_spark.domain.posts import Kind, Post, Reject, Status
from matching_spark.domain.vocabulary import Seen
from matching_spark.errors import InputError, RemoteError, UsageError
from matching_spark.setting_groups import Lost112 as Lost112Settings
from matching_spark.sources.lost112 import MAX_XML_BYTES, Item, Page, key_of, merged, parse, to_post

if TYPE_CHECKING:
    import httpx

DOWN_AFTER = 3  # details in a row that cannot be had: then it is the portal, not a post


@dataclass(frozen=True)
class Service:
    """One of the portal's services. of: what its operations are named by. prefix: what its ids
    begin with."""

    name: str
    of: str
    kind: Kind
    prefix: str


SERVICES = (
    Service("LosfundInfoInqireService", "Losfund", "found", "F"),
    Service("LosPtfundInfoInqireService", "PtLosfund", "found", "V"),
    Service("LostGoodsInfoInqireService", "LostGoods", "lost", "L"),
)


class Lost112Api:
    """The API with a service key. The key stands in no message and no log."""

    def __init__(self, settings: Lost112Settings) -> None:
        if not settings.service_key:
            raise UsageError(
                "lost112.service_key is not set: data.go.kr gives one; put it into "
                "MATCHING_LOST112__SERVICE_KEY"
            )
        self._settings = settings
        self._key = unquote(settings.service_key)  # shown there both encoded and plain
        self._client: httpx.Client = http_client.client(settings.timeout_s)
        self._next = 0.0
        self.listed: set[str] = set()  # ids that the lists have named

    def posts(
        self, since: dt.date, until: dt.date, kind: Kind | None, seen: Seen
    ) -> Iterator[Post | Reject]:
        """Every announcement of the days, both included; each once, photos as addresses.

        Raises RemoteError when the portal cannot be reached, InputError when it refuses.
        """
        missing = 0
        for service in SERVICES:
            if kind is not None and service.kind != kind:
                continue
            for item in self._list(service, since, until):
                key = key_of(item)
                if not key:
                    yield Reject(service.name, "", "no-id", "atcId is missing")
                    continue
                if key in self.listed:  # pages shift while they are read
                    continue
                self.listed.add(key)
                whole = item
                if self._settings.details:
                    try:
                        whole = merged(item, self.detail(key) or {})
                        missing = 0
                    except RemoteError as error:
                        missing += 1
                        if missing >= DOWN_AFTER:
                            raise
                        yield Reject(f"{service.name}#{key}", key, "no-detail", str(error))
                yield to_post(whole, service.name, seen)

    def closed(self, post_ids: Iterable[str], seen: Seen) -> Iterator[tuple[str, Status]]:
        """Those of the posts that the portal has closed, or has no more: with their state."""
        for post_id in post_ids:
            item = self.detail(post_id)
            post = None if item is None else to_post(item, post_id, seen)
            if item is None:
                yield post_id, "withdrawn"
            elif isinstance(post, Post) and post.status != "open":
                yield post_id, post.status

    def detail(self, post_id: str) -> Item | None:
        """What the portal says of one announcement now; None when it has it no more."""
        service = next((s for s in SERVICES if post_id.startswith(s.prefix)), None)
        if service is None:
            raise InputError(f"{post_id!r} is no id of the portal: it begins with F, V or L")
        atc, _, number = post_id.partition("-")
        asked = {"ATC_ID": atc} | ({"FD_SN": number} if number else {})
        page = self._page(service, f"get{service.of}DetailInfo", asked)
        return page.items[0] if page.items and any(page.items[0].values()) else None

    def _list(self, service: Service, since: dt.date, until: dt.date) -> Iterator[Item]:
        read, number, known = 0, 1, set[str]()
        what = f"get{service.of}InfoAccToClAreaPd"
        asked = {"START_YMD": f"{since:%Y%m%d}", "END_YMD": f"{until:%Y%m%d}"}
        asked["numOfRows"] = str(self._settings.rows_a_page)
        while True:
            page = self._page(service, what, asked | {"pageNo": str(number)})
            yield from page.items
            read += len(page.items)
            if not page.items or read >= page.total:
                return
            keys = {key_of(item) for item in page.items}
            if keys <= known:  # it would be asked for ever
                raise RemoteError(
                    f"the portal's {what} repeats itself: page {number} names nothing "
                    f"that the pages before it do not, and {read:,} of {page.total:,} were read; "
                    "ask again later, or for fewer days"
                )
            known |= keys
            number += 1

    def _page(self, service: Service, what: str, query: dict[str, str]) -> Page:
        # Not faster than asked: data.go.kr counts requests a second, and cuts off who sends more.
        now = time.monotonic()
        if now < self._next:
            time.sleep(self._next - now)
        self._next = max(now, self._next) + 1 / self._settings.requests_per_s
        request = self._client.build_request(
            "GET",
            f"{self._settings.base_url.rstrip('/')}/{service.name}/{what}",
            params={"serviceKey": self._key, **query},
        )
        status, body = http_client.call(
            self._client,
            request,
            f"the portal's {what}",
            tries=self._settings.tries,
            max_bytes=MAX_XML_BYTES,
            max_s=self._settings.timeout_s,
        )
        # Errors with the key come as XML with 200, but from the gateway also with others.
        if status != 200 and not body.lstrip().startswith(b"<"):
            raise RemoteError(f"the portal's {what} answers {status}")
        return parse(body, f"the portal's {what}")
