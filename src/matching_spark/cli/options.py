"""What every command shares: its options, its settings, how it prints, how it shows progress."""

import datetime as dt
import inspect
import logging
import sys
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import AbstractContextManager, closing, contextmanager
from dataclasses import dataclass, fields
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar, get_type_hints, overload

import typer

from matching_spark.cli.lines import Stderr, print_json
from matching_spark.config import FILE, Origin, Settings, load_settings
from matching_spark.domain.dates import FORMS, NO_DAY, parse_date, parse_lost_on
from matching_spark.domain.posts import KINDS, STATUSES, Filters
from matching_spark.errors import InputError, MatchingError, UsageError, listed
from matching_spark.filesystems.namenodes import heed_conf_dir
from matching_spark.guard.given import variable_of
from matching_spark.guard.uris import is_uri
from matching_spark.log import new_run_id, setup_logging
from matching_spark.progress import Progress

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.progress import Progress as Bars

log = logging.getLogger(__name__)
T = TypeVar("T", bound=str)
# Settings whose flag has another name than they.
FLAGS = {"model.name": "model", "holding.duplicate_cosine": "threshold"}
stderr = Stderr()

OF_A_POST = "Of a post, as `list` and `search` tell it."
IdArgument = Annotated[str, typer.Argument(metavar="ID", help=OF_A_POST)]
IdsArgument = Annotated[list[str], typer.Argument(metavar="ID", help=OF_A_POST)]
ModelOption = Annotated[
    str | None,
    typer.Option("--model", help="The CLIP model: a name or a folder; default: model.name."),
]
ThresholdOption = Annotated[
    float | None,
    typer.Option(
        "--threshold",
        help="The lowest score, inclusive; default: similarity.threshold, else the model's.",
    ),
]
ScoreOption = Annotated[
    str | None,
    typer.Option(
        "--score",
        metavar="cosine|fused",
        help="Default: similarity.score, else fused where it is calibrated.",
    ),
]
LanguageOption = Annotated[
    str | None,
    typer.Option(
        "--language",
        metavar="ko|en",
        help="Of the reasons given, and of a page; default: similarity.language.",
    ),
]
KindOption = Annotated[
    str | None, typer.Option("--kind", metavar="lost|found", help="Default: both.")
]
CategoryOption = Annotated[str | None, typer.Option("--category", help="지갑, 가방, wallet, ...")]
ColourOption = Annotated[str | None, typer.Option("--colour", help="검정, 파랑, black, ...")]
RegionOption = Annotated[str | None, typer.Option("--region", help="서울, 부산, Seoul, ...")]
SinceOption = Annotated[str | None, typer.Option("--since", help="From this day on: 2026-11-01.")]
UntilOption = Annotated[str | None, typer.Option("--until", help="Up to this day: 2026-11-20.")]
StatusOption = Annotated[
    str, typer.Option("--status", metavar="open|claimed|withdrawn|expired|any", help="Their state.")
]


@dataclass(frozen=True)
class Run:
    """What every command is given: settings, where they came from, and how to print."""

    settings: Settings
    origins: list[Origin]
    as_json: bool

    def emit(
        self, value: dict[str, Any], view: "RenderableType | Callable[[], RenderableType]"
    ) -> None:
        """Print a result as JSON, or as a view of it, which a function may make."""
        if self.as_json:
            print_json(value)
            return
        from matching_spark.cli.console import Plain  # Rich, a tenth of a second

        Plain().print(view() if callable(view) else view)


@dataclass(frozen=True)
class Common:
    """The options that commands share: how they print, their settings, the table of those."""

    table: Annotated[
        str | None, typer.Option("--table", help="A folder or hdfs:// URI. [MATCHING_TABLE]")
    ] = None
    conf: Annotated[
        list[str] | None,
        typer.Option("--conf", metavar="KEY=VALUE", help="For Spark, as spark-submit has it."),
    ] = None
    settings_file: Annotated[
        Path | None, typer.Option("--settings", help="A TOML file in place of ./matching.toml.")
    ] = None
    as_json: Annotated[bool, typer.Option("--json", help="JSON also on a terminal.")] = False
    verbose: Annotated[
        int,
        typer.Option(
            "-v", "--verbose", count=True, show_default=False, help="Log more; -vv for debugging."
        ),
    ] = 0

    def begin(self, **flags: Any) -> Run:
        """Settings from every source, and the log set up; flags: a group of settings each, with the
        values that options gave. Raises UsageError."""
        given: dict[str, Any] = {
            group: {k: v for k, v in values.items() if v is not None}
            for group, values in flags.items()
        }
        if self.table is not None:
            given["table"] = self.table
        if self.conf:
            pairs = [item.partition("=") for item in self.conf]
            bad = [key for key, sign, _ in pairs if not sign or not key]
            if bad:
                raise UsageError(f"--conf {bad[0]}: write it as KEY=VALUE")
            spark = given.setdefault("spark", {})
            spark["conf"] = {key: value for key, _, value in pairs}
        if self.verbose:
            given["logging"] = {"level": "INFO" if self.verbose == 1 else "DEBUG"}
        flagged = {name: value for name, value in given.items() if value != {}}
        settings, origins = load_settings(self.settings_file, flagged)
        setup_logging(settings.logging, new_run_id())
        log.info("settings from %s", origins[0].value or f"no {FILE} in the working folder")
        heed_conf_dir(settings.hadoop.conf_dir)
        return Run(settings, origins, self.as_json or not sys.stdout.isatty())


Command = Callable[..., None]


def with_options(*names: str) -> Callable[[Command], Command]:
    """Give a command these of Common's options after its own; its first parameter is the Common."""
    offered = [each for each in fields(Common) if each.name in names]

    def offering(command: Command) -> Command:
        @wraps(command)
        def called(**given: Any) -> None:
            common = Common(**{each.name: given.pop(each.name) for each in offered})
            command(common, **given)

        keyword = inspect.Parameter.KEYWORD_ONLY
        hints = get_type_hints(command, include_extras=True)
        _, *own = inspect.signature(command).parameters.values()
        mine = [each.replace(kind=keyword, annotation=hints[each.name]) for each in own]
        shared = [
            inspect.Parameter(each.name, keyword, default=each.default, annotation=each.type)
            for each in offered
        ]
        # What typer makes options of; a function takes what attributes one gives it.
        called.__signature__ = inspect.Signature([*mine, *shared])  # type: ignore[attr-defined]
        called.__annotations__ = {each.name: each.annotation for each in [*mine, *shared]}
        return called

    return offering


PRINTING = ("as_json", "verbose")
printing = with_options(*PRINTING)
with_settings = with_options("settings_file", *PRINTING)
on_a_table = with_options("table", "conf", "settings_file", *PRINTING)


@overload
def one_of(name: str, value: str, choices: Collection[T]) -> T: ...
@overload
def one_of(name: str, value: str | None, choices: Collection[T]) -> T | None: ...
def one_of(name: str, value: str | None, choices: Collection[T]) -> T | None:
    """The choice that was given, None where none was. Raises UsageError listing the choices."""
    if value is None:
        return None
    for each in choices:
        if each == value:
            return each
    raise UsageError(f"{name} {value}: choose one of {', '.join(choices)}")


def not_empty(name: str, value: str | None) -> str | None:
    """What was given, a text and not nothing, as of "$NAME" where nobody has set it. Raises
    UsageError."""
    if value is not None and not value.strip():
        raise UsageError(f"{name} is empty: leave it out, or say it")
    check_words({name: value})
    return value


def check_words(said: Mapping[str, str | None]) -> None:
    """flag -> the words that it was given. Raises UsageError for those that are no text in this
    process's encoding, as of a script that is saved in CP949: other words would be searched by, or
    stored."""
    for name, value in said.items():
        try:
            (value or "").encode()
        except UnicodeEncodeError:
            encoding = sys.getfilesystemencoding().upper()
            raise UsageError(
                f"{name} is no text in {encoding}: write it in that encoding, or set another one "
                "(LC_ALL=C.UTF-8 is UTF-8)"
            ) from None


def day(name: str, value: str | None) -> dt.date | None:
    """The day that was given, in any form that a source may have it. Raises UsageError."""
    try:
        return parse_date(not_empty(name, value))
    except InputError:
        raise UsageError(f"{name} {value}: write it as {FORMS}") from None


def day_of_loss(name: str, value: str | None) -> dt.date | None:
    """As `day`, on which a thing can have been lost or found; of '' none, which clears it."""
    found = day(name, value or None)
    try:
        return parse_lost_on(found)
    except InputError:
        raise UsageError(f"{name} {value} {NO_DAY}") from None


def here(folder: Path | None) -> Path | None:
    """The folder to write to, which must be of this machine: a Path of a URI is a folder `hdfs:` in
    the working one. Raises UsageError."""
    if folder is not None and is_uri(str(folder)):
        raise UsageError(f"{folder} is a URI, not a folder of this machine: name one like /data/x")
    return folder


@contextmanager
def flags_named() -> Iterator[None]:
    """What the check of an argument says is wrong usage of the flag of its name."""
    try:
        yield
    except InputError as error:
        raise UsageError(f"--{error}") from None


def where_of(
    kind: str | None,
    category: str | None,
    colour: str | None,
    region: str | None,
    since: str | None,
    until: str | None,
    status: str,
) -> Filters:
    """The filters that options give. Raises UsageError for a word, a day or a choice not known, and
    for none: '' would be all posts, or those that say nothing."""
    with flags_named():
        return Filters(
            kind=one_of("--kind", kind, KINDS),
            category=not_empty("--category", category),
            colour=not_empty("--colour", colour),
            region=not_empty("--region", region),
            since=day("--since", since),
            until=day("--until", until),
            status=None if status == "any" else one_of("--status", status, STATUSES),
        )


def sentence(error: MatchingError, flags: Collection[str]) -> str:
    """What went wrong, and what says otherwise: one of the flags that the command has; else, of a
    setting, its variable, unless it is a word of the command that has none."""
    if isinstance(error, UsageError) and error.faults:
        return listed(sentence(each, flags) for each in error.faults)
    name = error.argument or ""
    word = FLAGS.get(name, name.rpartition(".")[2])
    flag = f"--{word.replace('_', '-')}"
    if flag in flags:
        return f"{error} ({flag})"
    is_setting = "." in name or name in Settings.model_fields
    return f"{error} ({variable_of(name)})" if is_setting and word not in flags else str(error)


class Terminal:
    """Progress on stderr: sentences, and bars below them where stderr is a terminal."""

    def __init__(self) -> None:
        self._bars: Bars | None = None
        self._tasks: dict[str, Any] = {}

    def say(self, what: str) -> None:
        """A sentence, which ends the bars before it."""
        self.close()
        stderr.print(what)

    def count(self, what: str, done: int, total: int) -> None:
        if self._bars is None:
            # Rich, as above.
            from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
            from rich.progress import Progress as Bars

            self._bars = Bars(
                TextColumn("{task.description}"),
                BarColumn(),
                MofNCompleteColumn(),
                TimeRemainingColumn(),
                console=stderr.console,
                transient=True,
                disable=not stderr.is_terminal,
            )
            self._bars.start()
        if what not in self._tasks:
            self._tasks[what] = self._bars.add_task(what, total=total)
        self._bars.update(self._tasks[what], completed=done, total=total)

    def close(self) -> None:
        """Take the bars away."""
        if self._bars is not None:
            self._bars.stop()
        self._bars, self._tasks = None, {}


def terminal() -> AbstractContextManager[Progress]:
    """Progress for one command; no bar is left of it."""
    return closing(Terminal())
