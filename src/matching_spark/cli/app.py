"""Every command by its name and what it does; a command's module is imported when it is asked for.

stdout carries the result (JSON unless it is a terminal), stderr progress and log.
"""

from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from importlib import import_module
from typing import Annotated, Any, cast

import typer
from typer.core import TyperGroup
from typer.main import get_command

# name: the module of this package that has it, and the first sentence of its help. A test holds
# the sentences against the commands' own.
COMMANDS = {
    "demo": (
        "demo",
        "The tour: draw posts, ingest them, search with a lost thing's photo, show what came.",
    ),
    "status": ("status", "Posts by kind, category and state; model, snapshot, files and bytes."),
    "config": ("config", "Every setting, its value, and where the value came from."),
    "ingest": (
        "posts",
        "Take in posts and their photos, or vectors made elsewhere; run it again at any time.",
    ),
    "search": (
        "search",
        "Find the posts most like a photo, words, a vector or a post of the table.",
    ),
    "match": (
        "match",
        "Compare all open lost posts with all open found ones; keep the pairs in the matches "
        "table.",
    ),
    "show": (
        "browse",
        "All that the table has of a post: its fields, its photos, what was decided of it.",
    ),
    "list": ("browse", "Posts of the table, the latest first; filters as a search has them."),
    "export": ("browse", "Write posts to a file that `ingest` takes in again."),
    "edit": (
        "posts",
        "Change fields of a post; what is not named stays, an empty text ('') clears.",
    ),
    "decide": (
        "posts",
        "Record a person's verdict on a pair: a rejected one is not proposed again.",
    ),
    "close": ("posts", "Close posts: from the next snapshot on they no longer appear in searches."),
    "withdraw": ("posts", "Close posts as withdrawn."),
    "erase": (
        "posts",
        "Erase posts and all that hangs on them; undo and history of the table end there.",
    ),
    "duplicates": (
        "posts",
        "Open posts with a near-identical photo, the same place and day; they are never merged.",
    ),
    "evaluate": (
        "evaluate",
        "Recall, precision and calibration of the scores, on pairs that nothing was fitted on.",
    ),
    "calibrate": (
        "evaluate",
        "Learn the weights of the fused score; `demo` for the model itself, else for the table.",
    ),
    "reembed": (
        "table",
        "Re-embed the table with another model; searches use the old vectors until it switches.",
    ),
    "compact": (
        "table",
        "Rewrite small files, fold deletes in, expire old snapshots, remove what none names.",
    ),
    "history": (
        "table",
        "What was committed to the table: when, by which command, how many posts it has since.",
    ),
    "serve": (
        "serve",
        "Serve the pages for people and the office, and the HTTP API, until Ctrl-C.",
    ),
    "merge": (
        "merge",
        "Take what the service's journal has into the table; run it again at any time.",
    ),
    "warm": (
        "table",
        "Load shards into the cache ahead of the first search, after a compact or on a new host.",
    ),
    "undo": (
        "table",
        "Take back everything that was written after SNAPSHOT, in one commit; can itself be "
        "undone.",
    ),
    "adopt": (
        "table",
        "Make a table that was moved or copied one of its own; its history does not come along.",
    ),
    "index": (
        "table",
        "Train cells on the table's vectors, for searches with --nprobe; run it again as it grows.",
    ),
    "account": (
        "account",
        "Who may sign in to the service: add, password, list, remove, token, revoke.",
    ),
    "rekey": (
        "rekey",
        "Seal the journal by service.key instead of service.former_key; run it again if cut off.",
    ),
    "models": ("models", "CLIP models: list, info, check, describe, export, quantize."),
    "cluster": ("cluster", "A development cluster: up, status, down."),
}
# How the help orders them.
GROUPS = {
    "Find": ("demo", "search", "match", "duplicates", "show", "list", "status"),
    "Bring in and change": ("ingest", "edit", "decide", "close", "withdraw", "erase", "export"),
    "Keep the table": ("compact", "history", "undo", "merge", "index", "warm", "reembed", "adopt"),
    "Serve people": ("serve",),
    "Judge the scores": ("evaluate", "calibrate"),
    "Set up": ("config", "account", "rekey", "models", "cluster"),
}
# At the end of a command's help; a test parses each.
EXAMPLES = {
    "demo": ("--output demo-out", "--photos my-pictures"),
    "status": ("--table demo-out/table",),
    "config": ("", "--json"),
    "ingest": ("photos --kind found", "posts.csv", "api --since 2026-11-01 --until 2026-11-07"),
    "search": ("--text '검정 지갑'", "--image a.jpg --output found.html"),
    "match": ("--new --alert", "--output pairs.csv"),
    "show": ("F2026110100001",),
    "list": ("--kind found --category 지갑 --since 2026-11-01",),
    "export": ("posts.csv --kind lost",),
    "edit": ("F2026110100001 --colour 검정 --on 2026-11-01",),
    "decide": ("L2026110100001 F2026110100001 confirm",),
    "close": ("F2026110100001 --as claimed", "--expired"),
    "withdraw": ("L2026110100001",),
    "erase": ("L2026110100001 --proof",),
    "duplicates": ("--kind found --since 2026-11-01",),
    "evaluate": ("pairs.jsonl", "demo"),
    "calibrate": ("decisions", "--reset"),
    "reembed": ("--model owner/model",),
    "compact": ("",),
    "history": ("",),
    "serve": ("", "--port 8080", "--demo"),
    "merge": ("", "--follow"),
    "warm": ("", "지갑 가방 --runner spark"),
    "undo": ("4473836825982351336", "--before '2026-11-01 09:00'"),
    "adopt": ("--table copied/table",),
    "index": ("--cells 256",),
    "account": ("list",),
    "account add": ("kim",),
    "account password": ("kim",),
    "account list": ("",),
    "account remove": ("kim",),
    "account token": ("kim --days 30",),
    "account revoke": ("0123456789abcdef",),
    "rekey": ("",),
    "models": ("list",),
    "models list": ("",),
    "models info": ("small-clip",),
    "models check": ("small-clip --image a.jpg --text '검정 지갑'",),
    "models describe": ("a.jpg b.heic",),
    "models export": ("ViT-B-32 my-model --pretrained openai",),
    "models quantize": ("my-model", "owner/model --out my-model-int8 --photos photos"),
    "cluster": ("up",),
    "cluster up": ("", "--manager yarn --workers 4"),
    "cluster status": ("",),
    "cluster down": ("", "--delete"),
}
# Of a group of commands too: Rich takes [@COMMIT] in a help for markup, and breaks its examples.
HELP = {"help_option_names": ["-h", "--help"]}
PLAIN: dict[str, Any] = {
    "context_settings": HELP,
    "add_completion": False,
    "pretty_exceptions_enable": False,
    "rich_markup_mode": None,
}


class _Commands(Mapping[str, Any]):
    """The commands by name, each made when it is first looked at."""

    def __getitem__(self, name: str) -> Any:
        return _made(name)

    def __iter__(self) -> Iterator[str]:
        return iter(COMMANDS)

    def __len__(self) -> int:
        return len(COMMANDS)

    def __contains__(self, name: object) -> bool:
        return name in COMMANDS


@cache
def _made(name: str) -> Any:
    """The command, or group of commands, that a module of this package has under this name.

    Raises KeyError for a name that no command has.
    """
    module = import_module(f"matching_spark.cli.{COMMANDS[name][0]}")
    given = getattr(module, name)
    if not isinstance(given, typer.Typer):
        one = typer.Typer(**PLAIN)
        one.command(name)(given)
        given = one
    command = get_command(given)
    command.name = name
    command.epilog = _examples(name)
    for each, part in getattr(command, "commands", {}).items():
        part.short_help = (part.help or "").partition("\n\n")[0]  # whole, in the list of its group
        part.epilog = _examples(f"{name} {each}")
    return command


def _examples(name: str) -> str:
    lines = "\n".join(f"  matching-spark {name} {words}".rstrip() for words in EXAMPLES[name])
    return f"\b\nFor example:\n{lines}"


class LazyGroup(TyperGroup):
    """A group whose commands' modules are imported when a command of theirs is asked for."""

    def __init__(self, **attributes: Any) -> None:
        super().__init__(**attributes)
        self.commands = cast(Any, _Commands())  # which nobody adds to

    def list_commands(self, ctx: Any) -> list[str]:
        return list(COMMANDS)

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """The names and first sentences by group, for which no module is needed."""
        for group, names in GROUPS.items():
            with formatter.section(group):
                formatter.write_dl([(name, COMMANDS[name][1]) for name in names], col_max=12)


app = typer.Typer(
    name="matching-spark",
    help="Find lost things: photos and words against what was found, by CLIP on Spark.",
    cls=LazyGroup,
    no_args_is_help=True,
    **PLAIN | {"add_completion": True},
)


def named(words: Sequence[str]) -> tuple[list[str], Any]:
    """The command that these words of a command line begin with: its names, and click's own."""
    names: list[str] = []
    command: Any = get_command(app)
    for word in words:
        if word not in getattr(command, "commands", ()):
            break
        names.append(word)
        command = command.commands[word]
    return names, command


def flags_of(words: Sequence[str]) -> set[str]:
    """The flags of that command, and the names of its words that have none."""
    _, command = named(words)
    return {option for each in command.params for option in each.opts}


def _version(asked: bool) -> None:
    if asked:
        from matching_spark import __version__  # 0.07 s for every command

        print(f"matching-spark {__version__}")
        raise typer.Exit


@app.callback()
def common(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Say which it is.")
    ] = False,
) -> None:
    """Without a callback typer would want a command here, and imported."""
