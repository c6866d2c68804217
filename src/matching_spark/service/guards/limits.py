"""How much one may ask of the service: by address, by kind of work, and how much runs at once."""

import asyncio
import hashlib
import ipaddress
import logging
import math
import re
import threading
import time
from collections import OrderedDict
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Literal

from starlette.requests import Request
from starlette.types import Scope

from matching_spark.service.guards.problems import Refused
from matching_spark.setting_groups import Service

log = logging.getLogger(__name__)

Work = Literal["search", "upload", "sign-in"]
Network = ipaddress.IPv4Network | ipaddress.IPv6Network
MOST_NAMES = 50_000  # addresses that are remembered: some 10 MB
PREFIX = 64  # bits of an IPv6 address that are one subscriber's (RFC 6177)
MOST_HOPS = 20  # of an X-Forwarded-For that are looked at
WAIT_S = 10.0  # for a place among those that run
COME_BACK_S = 2  # when there is none
OFFICE = 10  # times as much as an address may, an account may
SIGN_INS_AT_ONCE = 2  # each takes 64 MiB
FAILURES = 10  # sign-ins of a name or an address that fail, in a row; then
FAILURES_S = 600  # seconds for as many
_KEY = re.compile(r'(")?([A-Za-z0-9._~:+/=-]{8,128})(?(1)")')


class Buckets:
    """Token buckets: `amount` at once and as many in `seconds`, for each name."""

    def __init__(
        self,
        amount: float,
        seconds: float,
        clock: Callable[[], float] = time.monotonic,
        most: int = MOST_NAMES,
    ) -> None:
        self._amount, self._rate, self._clock, self._most = amount, amount / seconds, clock, most
        self._full_at: OrderedDict[str, float] = OrderedDict()  # when each is full again
        self._turn = threading.Lock()

    def __len__(self) -> int:
        return len(self._full_at)

    def spend(self, name: str, price: float = 1) -> None:
        """Raises Refused, with when it can be asked again, where there is not enough left."""
        with self._turn:
            now = self._clock()
            full_at = max(self._full_at.get(name, now), now) + price / self._rate
            over = full_at - now - self._amount / self._rate
            if over > 1e-9:
                raise Refused("too-many", retry_after=max(1, math.ceil(over)))
            self._full_at[name] = full_at
            self._full_at.move_to_end(name)
            while len(self._full_at) > self._most:
                self._full_at.popitem(last=False)

    def refund(self, name: str) -> None:
        """Give back what was spent last."""
        with self._turn:
            if name in self._full_at:
                self._full_at[name] -= 1 / self._rate


class Gate:
    """So many run at once, so many wait for `wait_s` at most; all others are refused at once."""

    def __init__(self, running: int, waiting: int, wait_s: float = WAIT_S) -> None:
        self._places = asyncio.Semaphore(running)
        self._most, self._wait_s = running + waiting, wait_s
        self.inside = 0

    @asynccontextmanager
    async def enter(self) -> AsyncIterator[None]:
        """Raises Refused where there is no place, or none in time."""
        if self.inside >= self._most:
            raise Refused("busy", retry_after=COME_BACK_S)
        self.inside += 1
        try:
            try:
                async with asyncio.timeout(self._wait_s):
                    await self._places.acquire()
            except TimeoutError:
                raise Refused("busy", retry_after=COME_BACK_S) from None
            try:
                yield
            finally:
                self._places.release()
        finally:
            self.inside -= 1


@dataclass(frozen=True)
class Addresses:
    """Who asks, by address. proxies: whose X-Forwarded-For is believed."""

    proxies: Sequence[Network]

    def of(self, scope: Scope) -> str:
        """The address of a request's client; of IPv6, its /64; `unknown` where there is none."""
        at = _address((scope.get("client") or ("",))[0])
        if at is None:
            return "unknown"
        said = b",".join(value for name, value in scope["headers"] if name == b"x-forwarded-for")
        # From the right: what the nearest proxy added. The first that is no proxy of ours asks.
        for hop in reversed(said.decode("latin-1").split(",")[-MOST_HOPS:]):
            if not self._trusted(at) or (before := _address(hop.strip())) is None:
                break
            at = before
        if isinstance(at, ipaddress.IPv6Address):
            return str(ipaddress.IPv6Network((at, PREFIX), strict=False))
        return str(at)

    def is_proxy(self, client: tuple[str, int] | None) -> bool:
        """Whether it is a proxy of ours that is connected."""
        at = _address((client or ("",))[0])
        return at is not None and self._trusted(at)

    def _trusted(self, at: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
        return any(at.version == each.version and at in each for each in self.proxies)


class Limits:
    """The limits of one service. clock: seconds that only grow."""

    def __init__(self, settings: Service, clock: Callable[[], float] = time.monotonic) -> None:
        self.addresses = Addresses(tuple(map(ipaddress.ip_network, settings.proxies)))
        self._warned = False
        self._requests = Buckets(settings.requests_a_minute, 60, clock)
        self._rates: Mapping[Work, Buckets] = {
            "search": Buckets(settings.searches_a_minute * OFFICE, 60, clock),
            "upload": Buckets(settings.uploads_a_minute * OFFICE, 60, clock),
        }
        self._gates: Mapping[Work, Gate] = {
            "search": Gate(settings.searches_at_once, settings.searches_at_once),
            "upload": Gate(settings.uploads_at_once, settings.uploads_at_once),
            "sign-in": Gate(SIGN_INS_AT_ONCE, 8 * SIGN_INS_AT_ONCE),
        }
        self._failures = Buckets(FAILURES, FAILURES_S, clock)

    def request(self, scope: Scope) -> None:
        """Count a request of any kind. Raises Refused where its address asked too much."""
        passed_on = any(name == b"x-forwarded-for" for name, _ in scope["headers"])
        if passed_on and not self.addresses.proxies and not self._warned:
            self._warned = True
            log.warning(
                "a proxy passes requests on, but service.proxies does not name it: all its "
                "clients share the limits of one address"
            )
        self._requests.spend(self.addresses.of(scope))

    def work(self, kind: Work) -> Callable[[Request], AsyncGenerator[None]]:
        """A dependency of routes that do such work: Depends(limits.work("search"),
        scope="function"), so that the place is free again before the answer is sent.

        An account, where a dependency before it has found one (Door.asker), is counted by itself.
        """

        async def admitted(request: Request) -> AsyncGenerator[None, None]:
            if kind in self._rates:
                asker = getattr(request.state, "asker", None)
                account = asker.account if asker else None
                name, price = (
                    (account, 1) if account else (self.addresses.of(request.scope), OFFICE)
                )
                self._rates[kind].spend(name, price)
            async with self._gates[kind].enter():
                yield

        return admitted

    @asynccontextmanager
    async def sign_in(self, scope: Scope, name: str) -> AsyncIterator[None]:
        """Around a try to sign in: the problem sign-in-failed that is raised inside counts, for the
        name and for the address. Raises Refused where too many have failed."""
        known = (
            self.addresses.of(scope),
            hashlib.sha256(name.encode("utf-8", "replace")).hexdigest(),
        )
        spent: list[str] = []
        failed = False
        try:
            for each in known:
                self._failures.spend(each)
                spent.append(each)
            async with self._gates["sign-in"].enter():
                yield
        except Refused as error:
            failed = error.kind == "sign-in-failed"
            raise
        finally:
            for each in () if failed else spent:
                self._failures.refund(each)


def idempotency_key(request: Request) -> str | None:
    """The header Idempotency-Key, with or without the quotes of a structured field; None where
    there is none. Raises Refused for one that is not of 8 to 128 letters, digits and ._~:+/=-"""
    said = request.headers.getlist("idempotency-key")
    if not said:
        return None
    found = _KEY.fullmatch(said[0].strip()) if len(said) == 1 else None
    if found is None:
        raise Refused("bad-request", field="Idempotency-Key")
    return found[2]


def _address(said: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """Also with a port, as some proxies write it. An IPv4 address in IPv6 is the former."""
    if bracketed := re.fullmatch(r"\[([^]]*)\](?::\d+)?", said):
        said = bracketed[1]
    elif said.count(":") == 1:
        said = said.partition(":")[0]
    try:
        at = ipaddress.ip_address(said.partition("%")[0])
    except ValueError:
        return None
    return (at.ipv4_mapped or at) if isinstance(at, ipaddress.IPv6Address) else at
