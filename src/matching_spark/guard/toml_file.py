"""matching.toml as a source of settings: read only where no other user can have written it."""

import os
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pydantic_core import PydanticCustomError

from matching_spark.errors import UsageError
from matching_spark.guard.owners import denied, doubt


def read(path: Path) -> dict[str, Any]:
    """What a settings file says; nothing where there is none. Raises UsageError where it cannot be
    read or believed.

    A setting may have Spark run code as this user, and send the service key anywhere.
    """
    try:
        with path.open("rb") as file:  # once: what is looked at is what is read
            if why := doubt(path, os.fstat(file.fileno())):
                raise UsageError(
                    f"{path} is not heeded: {why}, and settings can run code as you; look through "
                    f"it, then make it your own (chown $USER {path}; chmod go-w {path}), or name "
                    "another by --settings"
                )
            return tomllib.loads(file.read().decode("utf-8-sig"))  # Windows' editors write a BOM
    except FileNotFoundError:
        return {}
    except OSError as error:
        why = f"{error.strerror}"
        if isinstance(error, PermissionError):  # ./matching.toml, which nobody has named
            why = f"{denied(str(path))}; or be in another folder"
        raise UsageError(f"{path.absolute()} cannot be read: {why}") from None
    except UnicodeDecodeError:
        raise UsageError(f"{path} is in another encoding than UTF-8: save it as UTF-8") from None
    except (ValueError, RecursionError) as error:  # also a number of thousands of digits
        raise UsageError(f"{path} is not valid TOML: {error}") from None


def leaves(tree: Mapping[str, object], prefix: str = "") -> Iterator[tuple[str, object]]:
    """The settings of a tree by their dotted names; spark.conf without a key is one of them."""
    for name, value in tree.items():
        if isinstance(value, Mapping) and (value or prefix + name != "spark.conf"):
            yield from leaves(value, f"{prefix}{name}.")
        else:
            yield prefix + name, value


def spark_conf(value: object) -> object:
    """As TOML gives it (unquoted dots make tables, true, 4), in Spark's own form."""
    if not isinstance(value, Mapping):
        return value
    said = dict(leaves(value))
    if bad := [key for key, each in said.items() if not isinstance(each, str | int | float)]:
        raise PydanticCustomError(
            "spark_value",
            "{key} is neither a text, a number nor true or false, which is all that Spark knows; "
            "a list is one text with commas",
            {"key": bad[0]},
        )
    return {k: str(v).lower() if isinstance(v, bool) else str(v) for k, v in said.items()}
