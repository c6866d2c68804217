"""What is printed without Rich, whose import takes a tenth of a second: JSON, and sentences."""

import json
import sys
from functools import cached_property
from typing import TYPE_CHECKING

from matching_spark.guard.redaction import masked
from matching_spark.log import silence, visible, visible_json

if TYPE_CHECKING:
    from rich.console import RenderableType

    from matching_spark.cli.console import Plain


class Stderr:
    """The console of errors and progress."""

    @cached_property
    def console(self) -> "Plain":
        from matching_spark.cli.console import Plain  # Rich, as above

        return Plain(stderr=True, soft_wrap=True)

    @property
    def is_terminal(self) -> bool:
        return self.console.is_terminal

    def print(self, what: "RenderableType") -> None:
        if not isinstance(what, str):
            self.console.print(what)
        elif sys.stderr is not None:  # as where a process is started with 2>&-
            try:
                print(visible(masked(what)), file=sys.stderr, flush=True)
            except OSError:  # nobody reads it any more: the work goes on
                silence(sys.stderr)


def print_json(value: object, indent: int | None = 2) -> None:
    """On stdout, in whatever encoding it has: what that cannot say, by JSON's own escapes."""
    text = visible_json(json.dumps(value, ensure_ascii=False, indent=indent, default=str))
    try:
        text.encode(sys.stdout.encoding or "utf-8")
    except UnicodeEncodeError:
        text = json.dumps(value, indent=indent, default=str)
    print(text, flush=True)
