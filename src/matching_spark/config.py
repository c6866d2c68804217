"""Settings: defaults, then matching.toml, then MATCHING_... in the environment, then flags."""

import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    ModelWrapValidatorHandler,
    ValidationError,
    model_validator,
)
from pydantic_core import PydanticCustomError
from pydantic_settings import (
    BaseSettings,
    InitSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from matching_spark.errors import UsageError
from matching_spark.guard.given import PREFIX, Given, fault
from matching_spark.guard.owners import cache_folder
from matching_spark.guard.redaction import masked_setting
from matching_spark.guard.toml_file import leaves, read, spark_conf
from matching_spark.setting_groups import WEEK_S, Alerts, Group, LocalPlace, Lost112, Place, Service

FILE = "matching.toml"
CENTURY_D = 36_525  # as far as days are counted: the calendar ends somewhere
USED = "(matching.toml)"  # the row of `config` that says which file was read


class Hadoop(Group):
    """HDFS and the table's layout on it."""

    conf_dir: Place | None = Field(default=None, description="in place of HADOOP_CONF_DIR")
    target_file_bytes: int = Field(
        default=128 << 20,
        ge=1 << 20,
        description="of a data file. One HDFS block: a task reads it in a second or two, and a "
        "NameNode holds few of them",
    )
    replication: int | None = Field(
        default=None,
        ge=1,
        le=512,
        description="of the table's new files; none: as HDFS itself has it, which photos always "
        "follow",
    )
    block_bytes: int | None = Field(
        default=None,
        ge=128 << 20,
        multiple_of=512,
        description="likewise, of a block. Parquet makes none that is smaller than its row group",
    )
    snapshot_keep: timedelta = Field(
        default=timedelta(days=1),
        ge=timedelta(0),
        le=timedelta(days=CENTURY_D),
        description="how long `compact` leaves what a search may still read; longer than the "
        "longest match. 1d, 36:00:00",
    )
    commit_retries: int = Field(
        default=8, ge=0, le=20, description="after another writer's; the waits double: 8 take 70 s"
    )
    commit_wait_s: float = Field(
        default=0.35, gt=0, le=60, description="the first of those waits, give or take 40 %"
    )
    lock_wait_s: float = Field(
        default=600,
        gt=0,
        le=WEEK_S,
        description="for the process that writes to a table in a folder just now; on HDFS nobody "
        "waits",
    )
    maven: str = Field(
        default="https://repo1.maven.org/maven2",
        description="where Spark's packages and the jars of `cluster up` are fetched",
    )


class Model(Group):
    """Which CLIP, and how it is fed."""

    name: Place = Field(
        default="small-clip",
        description="the shipped one, a folder, or a hub's owner/model[@COMMIT]",
    )
    batch_size: int = Field(
        default=64, ge=1, le=4096, description="inputs of one run of a tower at most"
    )
    device: Literal["auto", "cpu", "cuda"] = Field(
        default="auto", description="auto: cuda where ONNX Runtime has it"
    )
    photos_a_post: int = Field(
        default=20, ge=1, description="of a post at most; what it has more is listed as rejected"
    )


class Spark(Group):
    """What Spark is started with, over conf/spark-defaults.conf."""

    master: str | None = Field(default=None, description="spark.master: local[*], yarn, spark://..")
    profile: Literal["laptop", "cluster"] = Field(
        default="laptop", description="cluster: conf/cluster.conf over it"
    )
    app_name: str = Field(default="matching-spark", description="spark.app.name")
    conf: Annotated[dict[str, str], BeforeValidator(spark_conf)] = Field(
        default={}, description="Spark's own keys, over everything else"
    )


class Similarity(Group):
    """What a search does unless told otherwise."""

    top_k: int = Field(default=10, ge=1, le=10_000, description="matches of a query at most")
    threshold: float | None = Field(
        default=None,
        le=1,
        allow_inf_nan=False,
        description="on the scale of the score; none: the calibration's or the model card's, where "
        "there is one",
    )
    metric: Literal["cosine", "euclidean"] = Field(
        default="cosine", description="euclidean: 1 / (1 + distance)"
    )
    runner: Literal["auto", "spark", "memory"] = Field(
        default="auto",
        description="memory: in this process, without a JVM; auto: spark where spark.master names "
        "a cluster or what is searched is larger than cache.max_bytes, else memory",
    )
    score: Literal["cosine", "fused"] | None = Field(
        default=None, description="none: fused where there is a calibration"
    )
    share_here: float = Field(
        default=0.5, gt=0, lt=1, description="of all that is looked for, what is among the posts"
    )
    cost_false_alarm: float = Field(
        default=20, gt=1, le=1e6, description="in looks at a pair: proposed from 1 - 1 / this on"
    )
    cost_miss: float = Field(
        default=100, gt=1, le=1e6, description="in looks at a pair: worth one from 1 / this on"
    )
    language: Literal["ko", "en"] = Field(
        default="ko", description="of pages, and of the sentence that says why a match is proposed"
    )
    understand: bool = Field(
        default=True,
        description="of words that are searched by: what they say of the thing's category, colour, "
        "place and day weighs as if it were typed as flags",
    )
    nprobe: int | None = Field(
        default=None, ge=1, description="cells looked at; none: all, which is exact"
    )
    places: Place | None = Field(
        default=None, description="CSV of place, latitude, longitude: where places lie"
    )


class Matching(Group):
    """Which lost and found posts are compared with each other, and in what blocks."""

    grace_days: int = Field(
        default=3, ge=0, le=CENTURY_D, description='found so much before "lost": people misremember'
    )
    block_posts: int = Field(default=1024, ge=1, description="lost posts a task holds at once")
    neighbours: dict[str, tuple[str, ...]] = Field(
        default={
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
        },
        description="what a lost thing may have been registered as, beside its own category",
    )


class Holding(Group):
    """How long a found thing is kept before it goes to its finder or to the state."""

    days: int = Field(
        default=183,
        ge=1,
        le=CENTURY_D,
        description="six months by Korean law (Civil Act, article 253)",
    )
    soon_days: int = Field(
        default=14,
        ge=0,
        le=CENTURY_D,
        description="`status` lists what expires within so many days",
    )
    duplicate_cosine: float = Field(
        default=0.98, ge=-1, le=1, description="from which on two photos are nearly the same"
    )


class Identifiers(Group):
    """Numbers that name a thing, kept as keyed hashes alone."""

    key: str | None = Field(
        default=None, min_length=16, repr=False, description="of the hashes; none: none are kept"
    )
    former_key: str | None = Field(
        default=None, min_length=16, repr=False, description="while `key` takes its place: both"
    )


class Cache(Group):
    """What is kept on this host."""

    folder: LocalPlace = Field(
        default_factory=cache_folder, description="of shards, jars and what is fetched"
    )
    max_bytes: int = Field(
        default=8 << 30,
        ge=1 << 20,
        description="of shards, memory-mapped by every process; 3 million vectors of 512 numbers",
    )
    preload: tuple[str, ...] = Field(
        default=(),
        description="categories whose shards `warm` loads ahead of the first search; none: all",
    )


class Logging(Group):
    """What is told beside the result."""

    level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field(
        default="WARNING", description="-v: INFO, -vv: DEBUG"
    )
    format: Literal["text", "json"] = Field(default="text", description="json: an object a line")
    file: LocalPlace | None = Field(default=None, description="none: on stderr")


def _folder(place: str) -> str:
    """A table's, whose files are its own: not all that a machine or an HDFS has."""
    if re.fullmatch(r"(hdfs:(//[^/]*)?)?/*", place, re.IGNORECASE):
        raise PydanticCustomError(
            "root", "names no folder: name one, like /data/lostfound or hdfs://host:8020/lostfound"
        )
    return place


class Settings(BaseSettings):
    """Every setting of the project; MATCHING_TABLE, MATCHING_SPARK__MASTER and so on.

    Raises UsageError in a sentence for each that is wrong.
    """

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        env_nested_delimiter="__",
        env_ignore_empty=True,
        extra="forbid",
    )

    table: Annotated[Place, AfterValidator(_folder)] = Field(
        default="lostfound", description="a folder, or hdfs://..."
    )
    hadoop: Hadoop = Field(default_factory=Hadoop)
    model: Model = Field(default_factory=Model)
    spark: Spark = Field(default_factory=Spark)
    similarity: Similarity = Field(default_factory=Similarity)
    match: Matching = Field(default_factory=Matching)
    holding: Holding = Field(default_factory=Holding)
    identifiers: Identifiers = Field(default_factory=Identifiers)
    lost112: Lost112 = Field(default_factory=Lost112)
    alerts: Alerts = Field(default_factory=Alerts)
    service: Service = Field(default_factory=Service)
    cache: Cache = Field(default_factory=Cache)
    logging: Logging = Field(default_factory=Logging)

    @model_validator(mode="wrap")
    @classmethod
    def _in_our_words(cls, said: object, check: ModelWrapValidatorHandler[Self]) -> Self:
        """Raises UsageError: pydantic's own error shows each value, which may be a key."""
        try:
            return check(said)
        except ValidationError as error:
            raise UsageError.of(cls._faults(error)) from None

    @classmethod
    def _faults(cls, error: ValidationError) -> list[UsageError]:
        names = [name for name, _ in leaves(cls.model_construct().model_dump())]
        faults = (fault(each, names) for each in error.errors())
        return [UsageError(f"setting {name}: {what}") for name, what in faults]

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        *others: PydanticBaseSettingsSource,
        **more: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return init_settings, env_settings, InitSettingsSource(settings_cls, read(Path(FILE)))


@dataclass(frozen=True)
class Origin:
    """One setting, its value, and where the value came from."""

    name: str
    value: object
    origin: str


def environment_of(settings: Settings) -> dict[str, str]:
    """The table and all that was set, by the names that a process reads from its environment."""
    told = {"table": settings.table}
    for name in type(settings).model_fields:
        group = getattr(settings, name)
        if isinstance(group, Group):
            said = group.model_dump(mode="json", exclude_unset=True, exclude_none=True)
            told |= {
                f"{name}__{field}": value if isinstance(value, str) else json.dumps(value)
                for field, value in said.items()
            }
    return {f"{PREFIX}{name}".upper(): value for name, value in told.items()}


def load_settings(
    file: Path | None = None, flags: Mapping[str, Any] | None = None
) -> tuple[Settings, list[Origin]]:
    """The settings and the origin of each; first of all, which file was read.

    file: in place of ./matching.toml. flags: nested, as {"spark": {"master": "local[2]"}}.
    Raises UsageError in a sentence for each setting that is wrong, naming it, where it was set, and
    what is valid; of a flag the setting is the fault's argument.
    """
    if file is not None and not os.path.isfile(file):  # also of a name that is too long
        if os.path.exists(file):
            raise UsageError(f"{file} is a folder, a pipe or a device: name a TOML file")
        raise UsageError(f"there is no settings file {file}")
    path = file or Path(FILE)
    if os.path.lexists(path) and not os.path.isfile(path):  # pydantic would pass it over in silence
        raise UsageError(f"{path.absolute()} is no file, or a link to none: take it away")
    given = Given.of(Settings, path, flags or {})

    class Here(Settings):
        @classmethod
        def _faults(cls, error: ValidationError) -> list[UsageError]:
            return [*given.faults, *map(given.wrong, error.errors())]

        @classmethod
        def settings_customise_sources(
            cls,
            settings_cls: type[BaseSettings],
            init_settings: PydanticBaseSettingsSource,
            *others: PydanticBaseSettingsSource,
            **more: PydanticBaseSettingsSource,
        ) -> tuple[PydanticBaseSettingsSource, ...]:
            return init_settings, given.environment, InitSettingsSource(settings_cls, given.filed)

    settings = Here(**(flags or {}))
    if given.faults:
        raise UsageError.of(given.faults)
    if settings.hadoop.conf_dir is None and os.environ.get("HADOOP_CONF_DIR"):
        settings.hadoop.conf_dir = os.environ["HADOOP_CONF_DIR"]
        given.variables["hadoop.conf_dir"] = "HADOOP_CONF_DIR"
        given.in_environment.add("hadoop.conf_dir")
    used = str(path.absolute()) if os.path.isfile(path) else None
    origins = [Origin(USED, used, "--settings" if file else "working folder")]
    origins += [
        Origin(name, masked_setting(name, value), given.origin(name))
        for name, value in leaves(settings.model_dump())
    ]
    return settings, origins
