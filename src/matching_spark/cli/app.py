"""Every command by its name and what it does; a command's module is imported when it is asked for.

stdout carries the result (JSON unless it is a terminal), stderr progress and log.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Annotated, Any, cast

import typer
from typer.core import TyperGroup
from typer.main import get_command

# As the help groups and orders them: each command, and the module of this package that has it.
GROUPS = {
    "Find": {
        **{"demo": "demo", "search": "search", "match": "match", "duplicates": "posts"},
        **{"show": "browse", "list": "browse", "status": "status"},
    },
    "Bring in and change": {
        **dict.fromkeys(("ingest", "edit", "decide", "close", "withdraw", "erase"), "posts"),
        "export": "browse",
    },
    "Keep the table": {
        **{"compact": "table", "history": "table", "undo": "table", "merge": "merge"},
        **dict.fromkeys(("index", "warm", "reembed", "adopt"), "table"),
    },
    "Serve people": {"serve": "serve"},
    "Judge the scores": dict.fromkeys(("evaluate", "calibrate"), "evaluate"),
    "Set up": {each: each for each in ("config", "account", "rekey", "models", "cluster")},
}
COMMANDS = {name: module for group in GROUPS.values() for name, module in group.items()}
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
    module = import_module(f"matching_spark.cli.{COMMANDS[name]}")
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


def _first_sentence(name: str) -> str:
    """Of a command's help, by the text of its module, which is not imported for it."""
    text = Path(__file__).with_name(f"{COMMANDS[name]}.py").read_text("utf-8")
    of_one = re.search(rf'^def {name}_?\(.*?"""(.+?)(?:"""|\n\n)', text, re.DOTALL | re.MULTILINE)
    found = of_one or re.search(r'help="(.+?)"', text)  # of a group of commands
    assert found is not None
    return " ".join(found[1].split())


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
                formatter.write_dl([(name, _first_sentence(name)) for name in names], col_max=12)


app = typer.Typer(
    name="matching-spark",
    help="Find lost things: photos and words against what was found, by CLIP on Spark.",
    cls=LazyGroup,
    no_args_is_help=True,
    **PLAIN | {"add_completion": True},
)


def flags_of(words: Sequence[str]) -> set[str]:
    """The flags, and the names of the words without one, of the command that these words of a
    command line begin with."""
    command: Any = get_command(app)
    for word in words:
        if word not in getattr(command, "commands", ()):
            break
        command = command.commands[word]
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
