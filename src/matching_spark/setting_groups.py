"""What a group of settings is, and those of what lies outside: the portal, receivers of alerts,
the service.
"""

import ipaddress
import os
from typing import Annotated, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic_core import PydanticCustomError

from matching_spark.guard.uris import is_uri


def _named(place: str) -> str:
    if not place:
        raise PydanticCustomError("empty", "is empty: name a place, or leave it out")
    if "\0" in place:
        raise PydanticCustomError(
            "no_place", "has a NUL, which no name of a file or folder may have"
        )
    whole = os.path.expanduser(place)
    if whole.startswith("~"):
        raise PydanticCustomError(
            "home", "begins with the home of a user that there is not: ./~name is a folder here"
        )
    return whole


def _local(place: str) -> str:
    if is_uri(place):
        raise PydanticCustomError(
            "local_place",
            "lies on a disk of this machine and is not a URI: neither HDFS nor a file system of "
            "the network keeps the promises that SQLite and locks need; name one like "
            "/var/lib/matching-spark",
        )
    return place


def _networks(said: tuple[str, ...]) -> tuple[str, ...]:
    for each in said:
        try:
            ipaddress.ip_network(each)
        except ValueError as error:
            raise PydanticCustomError(
                "network",
                "names an address as 10.0.0.2, a network as 10.0.0.0/8: {why}",
                {"why": str(error)},
            ) from None
    return said


READ_AT_ONCE = 10_000  # records of the journal, at most
WEEK_S = 604_800  # what waits longer has been forgotten; threads cannot for centuries
Networks = Annotated[tuple[str, ...], AfterValidator(_networks)]
# A file or folder of this machine, or a URI; ~ as a shell has it, which a file has not.
Place = Annotated[str, AfterValidator(_named)]
LocalPlace = Annotated[Place, AfterValidator(_local)]


class Group(BaseModel):
    """Settings that belong together: no other names, and defaults are checked too."""

    model_config = ConfigDict(extra="forbid", validate_default=True)

    @field_validator("*", mode="before")
    @classmethod
    def _is_no_switch(cls, value: object, of: ValidationInfo) -> object:
        """Python takes true for 1: `top_k = true` would be one match."""
        if isinstance(value, bool) and cls.model_fields[of.field_name or ""].annotation is not bool:
            raise PydanticCustomError("no_switch", "is no switch: true and false say nothing of it")
        return value


class Lost112(Group):
    """The police portal's open data, and what may be fetched for its announcements."""

    service_key: str | None = Field(
        default=None, description="data.go.kr's; as it is shown there, encoded or not"
    )
    base_url: str = Field(default="https://apis.data.go.kr/1320000", description="of its API")
    timeout_s: float = Field(
        default=20, gt=0, le=300, description="of an answer; it has been seen to take 5 s for 8 kB"
    )
    tries: int = Field(default=5, ge=1, le=10, description="of a request, with growing waits")
    requests_per_s: float = Field(default=10, gt=0, le=100, description="at most")
    rows_a_page: int = Field(default=100, ge=1, le=1000, description="asked of its lists")
    details: bool = Field(
        default=True,
        description="one more request a post: colour, place, state and words stand there",
    )
    photo_hosts: tuple[str, ...] = Field(
        default=("www.lost112.go.kr", "minwon24.police.go.kr"),
        description="photos come from these hosts only; a port that is not the scheme's own as "
        "HOST:PORT",
    )
    photo_bytes: int = Field(default=15 << 20, ge=1 << 10, description="of a photo at most")
    photo_s: float = Field(default=30, gt=0, le=300, description="for a photo at most")
    photo_pixels: int = Field(default=50_000_000, ge=1, description="of a photo at most")


class Alerts(Group):
    """Where `match --alert` sends what is new, beside stdout."""

    webhook_url: str | None = Field(default=None, description="posted to, signed; none: to nobody")
    webhook_secret: str | None = Field(
        default=None, description="what its receiver checks the signature with"
    )
    timeout_s: float = Field(default=10, gt=0, le=300, description="of its answer")
    tries: int = Field(default=4, ge=1, le=10, description="before it is told at the next run")


class Service(Group):
    """The service's journal: what is written through it, before the table has it."""

    journal: LocalPlace | None = Field(
        default=None, description="a folder on a disk of this machine; none: there is no service"
    )
    key: str | None = Field(
        default=None,
        min_length=32,
        repr=False,
        description="seals what is personal in the journal; random: `openssl rand -base64 32`",
    )
    former_key: str | None = Field(
        default=None,
        min_length=32,
        repr=False,
        description="the key before, while `rekey` seals the journal by another one",
    )
    merge_every_s: float = Field(
        default=600,
        ge=1,
        le=WEEK_S,
        description="what was written is in the table this long after it at most, but for the time "
        "that a merge takes",
    )
    merge_events: int = Field(
        default=500,
        ge=1,
        le=READ_AT_ONCE,
        description="so many events are merged at once, however new they are",
    )
    decoders: int = Field(
        default=2,
        ge=1,
        le=32,
        description="processes that decode people's photos, each with up to 730 MB while it does",
    )
    decode_s: float = Field(
        default=10, gt=0, le=120, description="that a photo may take to be decoded"
    )
    url: str | None = Field(
        default=None,
        pattern=r"^https?://[^\s/?#@]+(/[^\s?#]*)?$",
        description="under which people reach the service, as https://found.example; links of "
        "mails begin with it",
    )
    sensitive: tuple[str, ...] = Field(
        default=("증명서", "카드", "서류", "현금", "유가증권"),
        description="categories of which the public sees and searches no photo and no words; what "
        "has no category is one of them",
    )
    valuables: tuple[str, ...] = Field(
        default=("귀금속", "휴대폰", "컴퓨터", "전자기기", "지갑"),
        description="categories of which the public sees no photo, the district and the week",
    )
    smtp_host: str | None = Field(
        default=None, description="of the mail server; none: mail is not offered"
    )
    smtp_port: int = Field(default=587, ge=1, le=65535, description="465 goes with tls")
    smtp_tls: Literal["starttls", "tls", "none"] = Field(
        default="starttls", description="none: not where a password is set"
    )
    smtp_user: str | None = Field(default=None, description="none: the server asks for none")
    smtp_password: str | None = Field(default=None, repr=False, description="the user's")
    smtp_from: str | None = Field(default=None, description="the address that mails come from")
    smtp_timeout_s: float = Field(default=20, gt=0, le=300, description="of its answer")
    mails_per_minute: int = Field(default=30, ge=1, le=10_000, description="at most")

    host: str = Field(
        default="127.0.0.1", description="on which it listens; other than loopback wants public"
    )
    port: int = Field(default=8008, ge=0, le=65535, description="of it; 0: any free one")
    watch_port: int = Field(
        default=8009,
        ge=0,
        le=65535,
        description="on loopback alone: /healthz, /readyz and /metrics; 0: any free one",
    )
    public: bool = Field(
        default=False,
        description="listen where others reach it. Not yet defended there: many addresses that "
        "ask or guess passwords together, TLS (a proxy before it brings that), what one account "
        "may do of what another may",
    )
    proxies: Networks = Field(
        default=(),
        description="addresses or networks of the proxies before it, as 10.0.0.2 or 10.0.0.0/8, "
        "whose X-Forwarded-For is believed; of nobody else",
    )
    session_hours: float = Field(
        default=12, gt=0, le=720, description="until who is signed in signs in anew; idle: 2 hours"
    )
    upload_bytes: int = Field(
        default=25 << 20, ge=1 << 20, description="of a form with its photos at most"
    )
    body_s: float = Field(
        default=60, gt=0, le=3600, description="in which a request has arrived as a whole"
    )
    requests_a_minute: int = Field(
        default=3000, ge=1, description="of an address; of IPv6, of its /64. As many at once"
    )
    searches_a_minute: int = Field(
        default=60, ge=1, description="likewise; an account may ten times as much"
    )
    uploads_a_minute: int = Field(
        default=20, ge=1, description="of posts with photos, likewise as searches"
    )
    search_budget_s: float = Field(
        default=2,
        gt=0,
        le=600,
        description="of a search, after which its answer is what was found so far and says so; the "
        "office's has ten times as much",
    )
    searches_at_once: int = Field(
        default=64, ge=1, description="as many more wait; the others are told to come back"
    )
    uploads_at_once: int = Field(default=8, ge=1, description="likewise")

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.smtp_password is not None and self.smtp_tls == "none":
            raise PydanticCustomError(
                "smtp_tls", "smtp_tls is none, but a password is set, which would go in the clear"
            )
        if self.smtp_host and not (self.smtp_from and self.url):
            raise PydanticCustomError(
                "smtp_host", "smtp_host needs smtp_from and url: whom mails are from, and its link"
            )
        return self
