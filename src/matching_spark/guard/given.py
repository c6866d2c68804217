"""Which settings somebody gave, and where: what a wrong one is told by."""

import os
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from pydantic_core import ErrorDetails
from pydantic_settings import BaseSettings, EnvSettingsSource, SettingsError

from matching_spark.errors import UsageError, meant
from matching_spark.guard.toml_file import leaves, read

PREFIX = "MATCHING_"
SPARK_CONF = "spark.conf"
JSON_FORMS = 'a list as ["a", "b"], a group or spark.conf as {"name": "value"}'
# By pydantic's name of the error, what it says in Python's words.
WRITTEN = {
    "tuple_type": 'is a list: write it as ["a", "b"]',
    "dict_type": "has names of its own: write each with its value",
    "model_type": "is a group of settings: write those by name below it",
    "time_delta_parsing": "is a length of time: write it as 1d or 36:00:00",
}


def variable_of(name: str) -> str:
    """The variable that a setting is given by."""
    return f"{PREFIX}{name.replace('.', '__')}".upper()


def fault(error: ErrorDetails, names: Collection[str]) -> tuple[str, str]:
    """The setting that pydantic says something of, and what that is in our words, without its
    value, which may be a key. names: of all settings."""
    name = ".".join(map(str, error["loc"]))
    if error["type"] == "extra_forbidden":
        return name, f"is no setting; {meant(name, names)}"
    return name, WRITTEN.get(error["type"]) or error["msg"].removeprefix("Input ")


@dataclass(frozen=True)
class Given:
    """The names of the settings that somebody gave, by where. names: of all that there are.
    variables: name -> its variable. filed: what the file says. environment: reads the variables
    that can be read. faults: what is wrong of the file, and of the others.
    """

    path: Path
    names: Collection[str]
    flags: set[str]
    variables: dict[str, str]
    filed: dict[str, Any]
    environment: EnvSettingsSource
    in_environment: set[str]
    faults: tuple[UsageError, ...]

    @classmethod
    def of(cls, kind: type[BaseSettings], path: Path, flags: Mapping[str, object]) -> "Given":
        names = [name for name, _ in leaves(kind.model_construct().model_dump())]
        variables = {
            name[len(PREFIX) :].lower().replace("__", "."): name
            for name, value in os.environ.items()
            if name.upper().startswith(PREFIX) and value
        }
        filed: dict[str, Any] = {}
        faults = []
        try:
            filed = read(path)
        except UsageError as error:
            faults.append(error)
        source = EnvSettingsSource(kind)
        for bad, fault in _faults(kind, variables, names):
            faults.append(fault)
            lost = {each.lower() for each in bad}
            source.env_vars = {k: v for k, v in source.env_vars.items() if k not in lost}
        in_environment = {name for name, _ in leaves(source())}
        given = {name for name, _ in leaves(flags)}
        return cls(path, names, given, variables, filed, source, in_environment, tuple(faults))

    def origin(self, name: str) -> str:
        """Where a setting was given; of a group, where something in it was; of a part of a value,
        where that was."""
        given = self._by_name
        sought = {name} & given or {each for each in given if each.startswith(f"{name}.")}
        sought = sought or {each for each in given if name.startswith(f"{each}.")}
        if sought & self.flags:
            return "flag"
        if mine := sought & self.in_environment:
            return f"environment {', '.join(sorted({self._variable(each) for each in mine}))}"
        return f"file {self.path}" if sought else "default"

    @cached_property
    def _by_name(self) -> set[str]:
        """Once: a file may say as much as it has names of categories."""
        return self.flags | self.in_environment | {name for name, _ in leaves(self.filed)}

    def _variable(self, name: str) -> str:
        """By which a setting was given: its own, or that of a group, whose JSON has it."""
        return self.variables[
            max((k for k in self.variables if f"{name}.".startswith(f"{k}.")), key=len)
        ]

    def wrong(self, error: ErrorDetails) -> UsageError:
        """What pydantic says of one setting, in a sentence that names it and where it was given;
        of a flag the setting is the error's argument."""
        name, what = fault(error, self.names)
        if name in self.flags:
            said = "''" if error["input"] == "" else error["input"]
            return UsageError(f"{said}: {what}", argument=name)
        return UsageError(f"setting {name} ({self.origin(name)}): {what}")


def _known(name: str, names: Collection[str]) -> bool:
    """Whether it is a setting, a group of them, or a Spark key."""
    return name.startswith(f"{SPARK_CONF}.") or any(f"{n}.".startswith(f"{name}.") for n in names)


def _faults(
    kind: type[BaseSettings], variables: Mapping[str, str], names: Collection[str]
) -> Iterator[tuple[list[str], UsageError]]:
    """The variables that name no setting or cannot be read, and what is wrong with them."""
    if unknown := sorted((v, k) for k, v in variables.items() if not _known(k, names)):
        told = (f"{variable}: {meant(name, names)}" for variable, name in unknown)
        fault = UsageError(f"no such setting in the environment: {' '.join(told)}")
        yield [variable for variable, _ in unknown], fault
    if bad := _unread(kind, variables.values()):
        how = f"write it as JSON, {JSON_FORMS}"
        yield bad, UsageError(f"{', '.join(bad)} in the environment: {how}")
    for name, variable in variables.items():
        if why := _fault_of_part(name, variable, variables):
            yield [variable], UsageError(f"{variable} in the environment: {why}")


def _unread(kind: type[BaseSettings], variables: Collection[str]) -> list[str]:
    """Those that pydantic cannot parse: of several, its own error names their group alone."""
    source = EnvSettingsSource(kind)
    if _is_read(source):
        return []
    out = []
    for each in variables:
        source.env_vars = {each.lower(): os.environ[each]}
        if not _is_read(source):
            out.append(each)
    return out


def _is_read(source: EnvSettingsSource) -> bool:
    try:
        source()
    except (SettingsError, RecursionError):
        return False
    return True


def _fault_of_part(name: str, variable: str, variables: Mapping[str, str]) -> str:
    """Of a key of spark.conf or match.neighbours as a variable: which of two counts, that or the
    JSON of all, hangs on their order. And no capital of a variable is left, also of one that is
    written in nothing else, but Spark passes over spark.driver.maxresultsize."""
    whole = next((v for k, v in variables.items() if "." in k and name.startswith(f"{k}.")), "")
    prefix = f"{PREFIX}{SPARK_CONF}__".replace(".", "__")
    part = variable[len(prefix) :] if name.startswith(f"{SPARK_CONF}.") else ""
    if not whole and part == part.lower():
        return ""
    why = "" if whole else "no capitals are kept of it, which Spark's keys may have; "
    return f"{why}write it in the JSON of {whole or prefix.removesuffix('__').upper()}"
