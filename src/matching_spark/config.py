"""Settings: defaults, then matching.toml, then MATCHING_... in the environment, then flags."""

import os
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, Literal

from platformdirs import user_cache_dir
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError
from pydantic_settings import (
    BaseSettings,
    EnvSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    SettingsError,
    TomlConfigSettingsSource,
)

from matching_spark.errors import UsageError

PREFIX = "MATCHING_"
FILE = "matching.toml"
SECRET = ("key", "secret", "password", "token", "webhook_url")  # such an address is a secret too


def _leaves(tree: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in tree.items():
        if isinstance(value, Mapping) and (value or prefix + name != "spark.conf"):
            yield from _leaves(value, f"{prefix}{name}.")
        else:
            yield prefix + name, value


def _spark_conf(value: Any) -> Any:
    """As TOML gives it (unquoted dots make tables, true, 4), in Spark's own form."""
    if not isinstance(value, Mapping):
        return value
    return {k: str(v).lower() if isinstance(v, bool) else str(v) for k, v in _leaves(value)}


class _Group(BaseModel):
    model_config = ConfigDict(extra="forbid", validate_default=True)


class Hadoop(_Group):
    """HDFS and the table's layout on it."""

    conf_dir: str | None = None  # HADOOP_CONF_DIR when not given
    # One HDFS block: a task reads a file in a second or two, and a NameNode holds few of them.
    target_file_bytes: int = Field(default=128 << 20, ge=1 << 20)
    # Of the table's new files; None: as HDFS itself has it, which photos always follow.
    replication: int | None = Field(default=None, ge=1, le=512)
    block_bytes: int | None = Field(default=None, ge=1 << 20)
    # How long `compact` leaves what a search may still read; longer than the longest match.
    snapshot_keep: timedelta = timedelta(days=1)  # 1d, 36:00:00
    # Of a commit that another writer overtook; the waits double to 22 s: 8 of them take 70 s.
    commit_retries: int = Field(default=8, ge=0, le=20)
    commit_wait_s: float = Field(default=0.35, gt=0)  # the first wait, give or take 40 %
    # For the process that writes to a table in a folder just now; on HDFS nobody waits.
    lock_wait_s: float = Field(default=600, gt=0)
    maven: str = "https://repo1.maven.org/maven2"  # where `cluster up` fetches its one jar


class Model(_Group):
    """Which CLIP, and how it is fed."""

    name: str = "small-clip"  # shipped, a folder, or a hub's owner/model
    batch_size: int = Field(default=64, ge=1, le=4096)
    device: Literal["auto", "cpu", "cuda"] = "auto"


class Spark(_Group):
    """What Spark is started with, over conf/spark-defaults.conf."""

    master: str | None = None
    profile: Literal["laptop", "cluster"] = "laptop"  # cluster: conf/cluster.conf over it
    app_name: str = "matching-spark"
    conf: Annotated[dict[str, str], BeforeValidator(_spark_conf)] = {}


class Similarity(_Group):
    """What a search does unless told otherwise."""

    top_k: int = Field(default=10, ge=1, le=10_000)
    # On the scale of the score. The calibration's or the model card's, where there is one.
    threshold: float | None = None
    metric: Literal["cosine", "euclidean"] = "cosine"
    runner: Literal["spark", "memory"] = "spark"
    score: Literal["cosine", "fused"] | None = None  # fused where there is a calibration
    language: Literal["ko", "en"] = "ko"  # of the sentence that says why a match is proposed
    nprobe: int | None = Field(default=None, ge=1)  # cells looked at; none: all, which is exact


class Match(_Group):
    """Which lost and found posts are compared with each other, and in what blocks."""

    grace_days: int = Field(default=3, ge=0)  # found so much before "lost": people misremember
    block_posts: int = Field(default=1024, ge=1)  # lost posts a task holds at once
    # What a lost thing may have been registered as, beside its own category.
    neighbours: dict[str, tuple[str, ...]] = {
        "지갑": ("가방", "카드", "현금", "증명서"),
        "가방": ("쇼핑백", "지갑", "의류"),
        "쇼핑백": ("가방",),
        "카드": ("지갑", "증명서"),
        "증명서": ("지갑", "카드", "서류"),
        "현금": ("지갑", "유가증권"),
        "유가증권": ("현금", "지갑"),
        "휴대폰": ("전자기기",),
        "전자기기": ("휴대폰", "컴퓨터", "귀금속"),
        "컴퓨터": ("전자기기", "가방"),
        "귀금속": ("전자기기",),
        "서류": ("증명서", "도서용품"),
        "도서용품": ("서류",),
    }


class Holding(_Group):
    """How long a found thing is kept before it goes to its finder or to the state."""

    days: int = Field(default=183, ge=1)  # six months by Korean law (Civil Act, article 253)
    soon_days: int = Field(default=14, ge=0)  # `status` lists what expires within so many days
    duplicate_cosine: float = Field(default=0.98, ge=-1, le=1)  # of two photos nearly the same


class Lost112(_Group):
    """The police portal's open data, and what may be fetched for its announcements."""

    service_key: str | None = None  # data.go.kr's; as it is shown there, encoded or not
    base_url: str = "https://apis.data.go.kr/1320000"
    timeout_s: float = Field(default=20, gt=0, le=300)  # it has been seen to take 5 s for 8 kB
    tries: int = Field(default=5, ge=1, le=10)
    requests_per_s: float = Field(default=10, gt=0, le=100)
    rows_a_page: int = Field(default=100, ge=1, le=1000)
    details: bool = True  # one more request a post: colour, place, state and words stand there
    # Photos come from these hosts only; a port that is not the scheme's own as HOST:PORT.
    photo_hosts: tuple[str, ...] = ("www.lost112.go.kr", "minwon24.police.go.kr")
    photo_bytes: int = Field(default=15 << 20, ge=1 << 10)
    photo_s: float = Field(default=30, gt=0, le=300)
    photo_pixels: int = Field(default=50_000_000, ge=1)


class Alerts(_Group):
    """Where `match --alert` sends what is new, beside stdout."""

    webhook_url: str | None = None
    webhook_secret: str | None = None  # what its receiver checks the signature with
    timeout_s: float = Field(default=10, gt=0, le=300)
    tries: int = Field(default=4, ge=1, le=10)


class Cache(_Group):
    """What is kept on this host."""

    folder: str = user_cache_dir("matching-spark")
    # Shards, memory-mapped by every process; 4 million vectors of 512 numbers.
    max_bytes: int = Field(default=8 << 30, ge=1 << 20)
    # Categories whose shards `warm` loads ahead of the first search; none: all.
    preload: tuple[str, ...] = ()


class Logging(_Group):
    level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "WARNING"
    format: Literal["text", "json"] = "text"
    file: str | None = None


class Settings(BaseSettings):
    """Every setting of the project; MATCHING_TABLE, MATCHING_SPARK__MASTER and so on."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        env_nested_delimiter="__",
        env_ignore_empty=True,
        toml_file=FILE,
        extra="forbid",
    )

    table: str = "lostfound"  # a folder, or hdfs://...
    hadoop: Hadoop = Field(default_factory=Hadoop)
    model: Model = Field(default_factory=Model)
    spark: Spark = Field(default_factory=Spark)
    similarity: Similarity = Field(default_factory=Similarity)
    match: Match = Field(default_factory=Match)
    holding: Holding = Field(default_factory=Holding)
    lost112: Lost112 = Field(default_factory=Lost112)
    alerts: Alerts = Field(default_factory=Alerts)
    cache: Cache = Field(default_factory=Cache)
    logging: Logging = Field(default_factory=Logging)

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return init_settings, env_settings, TomlConfigSettingsSource(settings_cls)


@dataclass(frozen=True)
class Origin:
    """One setting, its value, and where the value came from."""

    name: str
    value: Any
    origin: str


def load_settings(
    file: Path | None = None, flags: Mapping[str, Any] | None = None
) -> tuple[Settings, list[Origin]]:
    """The settings and the origin of each.

    file: in place of ./matching.toml. flags: nested, as {"spark": {"master": "local[2]"}}.
    Raises UsageError in one sentence naming the setting, where it was set, and what is valid.
    """
    path = file or Path(FILE)
    if file is not None and not file.is_file():
        raise UsageError(f"there is no settings file {file}")
    try:
        in_file = dict(_leaves(tomllib.loads(path.read_text("utf-8")))) if path.is_file() else {}
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"{path} is not valid TOML: {error}") from None
    given = dict(_leaves(flags or {}))
    variables = {
        name[len(PREFIX) :].lower().replace("__", "."): name
        for name, value in os.environ.items()
        if name.upper().startswith(PREFIX) and value
    }
    if unknown := sorted(v for k, v in variables.items() if not _known(k)):
        raise UsageError(
            f"{', '.join(unknown)} in the environment: no such setting; there are: "
            f"{', '.join(_names())}"
        )
    try:
        in_environment = dict(_leaves(EnvSettingsSource(Settings)()))
    except SettingsError as error:
        raise UsageError(f"{error}: a group or spark.conf is given as JSON") from None

    def origin(name: str) -> str:
        if name in given:
            return "flag"
        if name in in_environment:  # by its own variable, or inside the JSON of a group's
            own = max((k for k in variables if f"{name}.".startswith(f"{k}.")), key=len)
            return f"environment {variables[own]}"
        return f"file {path}" if name in in_file else "default"

    class Here(Settings):
        model_config = SettingsConfigDict(toml_file=path)

    try:
        settings = Here(**(flags or {}))
    except ValidationError as error:
        first = error.errors()[0]
        name = ".".join(map(str, first["loc"]))
        what = first["msg"].removeprefix("Input ")
        if first["type"] == "extra_forbidden":
            what = f"is no setting; there are: {', '.join(_names())}"
        raise UsageError(f"setting {name} ({origin(name)}): {what}") from None
    if settings.hadoop.conf_dir is None and os.environ.get("HADOOP_CONF_DIR"):
        settings.hadoop.conf_dir = os.environ["HADOOP_CONF_DIR"]
        variables["hadoop.conf_dir"] = "HADOOP_CONF_DIR"
        in_environment["hadoop.conf_dir"] = settings.hadoop.conf_dir
    origins = [
        Origin(name, _masked(name, value), origin(name))
        for name, value in _leaves(settings.model_dump())
    ]
    return settings, origins


def _names() -> list[str]:
    return [name for name, _ in _leaves(Settings.model_construct().model_dump())]


def _known(name: str) -> bool:
    """Whether it is a setting, a group of them, or a Spark key."""
    return name.startswith("spark.conf.") or any(f"{n}.".startswith(f"{name}.") for n in _names())


def _masked(name: str, value: Any) -> Any:
    # The whole name: fs.azure.account.key.NAME.dfs.core.windows.net ends in no secret's word.
    return "***" if value and any(word in name.lower() for word in SECRET) else value
