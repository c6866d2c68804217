"""The command line answers at once: what a command needs is imported when it is asked for."""

import datetime as dt
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command

import matching_spark
from matching_spark import Settings, UsageError, operations
from matching_spark.cli.app import COMMANDS, EXAMPLES, GROUPS, app
from tests.support.commands import command

HEAVY = (
    "numpy",
    "onnxruntime",
    "pyarrow",
    "pyiceberg",
    "pyspark",
    "sqlalchemy",
    "alembic",
    "cryptography",
    "fastapi",
    "argon2",
)
LOOK = """
import sys
from matching_spark import main
sys.argv = ["matching-spark", *{arguments!r}]
try:
    main.run()
except SystemExit as ended:
    code = ended.code
own = {{name.rpartition(".")[2] for name in sys.modules if name.startswith("matching_spark.cli.")}}
print(sorted(own - {{"app", "console", "lines", "options", "views"}}), code, file=sys.stderr)
print([name for name in {heavy!r} if name in sys.modules], file=sys.stderr)
"""


def look(*arguments: str) -> tuple[str, str, str]:
    """What a command said on stdout, which modules of commands it took, and which heavy ones."""
    program = LOOK.format(arguments=list(arguments), heavy=HEAVY)
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    *_, own, heavy = done.stderr.splitlines()
    return done.stdout, own, heavy


@pytest.mark.parametrize(
    ("arguments", "own"),
    [
        (["--help"], "[] 0"),
        (["search", "--help"], "['search'] 0"),
        (["search"], "['search'] 2"),
        (["close", "a", "--as", "gone"], "['posts'] 2"),
        (["compact", "--nothing"], "['table'] 2"),
        (["cluster", "up", "--datanodes", "0"], "['cluster'] 2"),
        (["models", "list"], "['models'] 0"),
        (["account", "add"], "['account'] 2"),
        (["evaluate"], "['evaluate'] 2"),
        (["serch"], "[] 2"),
    ],
)
def test_nothing_is_imported_that_is_not_asked_for(arguments: list[str], own: str) -> None:
    _, taken, heavy = look(*arguments)
    assert taken == own
    if arguments[0] != "close":  # STATUSES are the domain's; sources bring pyarrow
        assert heavy == "[]"


def test_help_lists_every_command_with_its_own_first_sentence() -> None:
    said, _, _ = look("--help")
    group: Any = get_command(app)
    assert set(group.commands) == set(COMMANDS)
    for name, (_, first) in COMMANDS.items():
        command = group.commands[name]
        assert command.name == name
        assert " ".join((command.help or "").split()) == first
        assert f"  {name} " in said
    assert "nothing" not in group.commands


def test_the_help_has_each_command_in_one_group_and_examples_that_parse() -> None:
    assert sorted(name for names in GROUPS.values() for name in names) == sorted(COMMANDS)
    group: Any = get_command(app)
    for name, examples in EXAMPLES.items():
        first, *rest = name.split()
        command = group.commands[first]
        for sub in rest:
            command = command.commands[sub]
        for words in examples:
            command.make_context(name, shlex.split(words))
        assert "For example:" in command.epilog


@pytest.mark.parametrize("name", EXAMPLES)
def test_a_help_says_all_that_is_written_for_it(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """As it stands, in 80 columns: of a group's commands, and what has brackets, too."""
    app([*name.split(), "--help"], standalone_mode=False, terminal_width=80)
    said = capsys.readouterr().out
    group: Any = get_command(app)
    command = group.commands[name.split()[0]]
    for sub in name.split()[1:]:
        command = command.commands[sub]
    words = " ".join(said.split())
    for each in command.params:
        if getattr(each, "hidden", False):
            continue
        help_ = " ".join((getattr(each, "help", None) or "").split())
        assert help_ in words
        assert not help_[:1].isdigit(), f"{each.name}: an example, and not what it is for"
    assert not re.search(r"^  -.*list\[", said, re.MULTILINE)  # a type of Python
    assert "...}..." not in said  # once is enough
    lines = [line.strip() for line in said.splitlines()]
    for example in EXAMPLES[name]:
        assert f"matching-spark {name} {example}".strip() in lines
    assert "completion" not in said  # of the whole program, in its own help


def test_a_group_lists_its_commands_with_their_first_sentences_whole() -> None:
    for name in ("account", "models", "cluster"):
        said = command(name, "--help").stdout
        assert "..." not in said.replace("[ARGS]...", ""), said


def every_command() -> Iterator[tuple[str, Any]]:
    """Each by all of its names, those of groups too."""
    group: Any = get_command(app)
    for name in EXAMPLES:
        command = group.commands[name.split()[0]]
        for sub in name.split()[1:]:
            command = command.commands[sub]
        yield name, command


def test_an_option_is_the_same_in_every_command() -> None:
    """Its choices stand in every help; `--no-` is there where leaving it out is a third way."""
    said: dict[str, set[str | None]] = {}
    for name, one in every_command():
        for each in one.params:
            if each.param_type_name == "option":
                said.setdefault(each.opts[0], set()).add(each.metavar)
                assert not each.secondary_opts or each.default is None, f"{name} {each.opts[0]}"
    assert {option: each for option, each in said.items() if len(each) > 1} == {}


def test_a_help_explains_what_may_be_given_and_which_setting_it_stands_for() -> None:
    known = Settings.model_construct().model_dump()
    settings = {f"{group}.{name}" for group in known if "_" not in group for name in known[group]}
    for name, one in every_command():
        for each in one.params:
            told = getattr(each, "help", None) or ""
            assert told or getattr(each, "hidden", False), f"{name} {each.name}"
            stands = {f"{g}.{each.name}" for g in ("similarity", "service")} & settings
            if (stands or each.name == "model") and not each.required and each.default is None:
                named = set(re.findall(r"efault: ([a-z_.]+[a-z])", told))
                assert named & settings, f"{name} --{each.name}"


def test_wrong_usage_says_which_help_says_how() -> None:
    for words, said in (
        (
            ("search", "검정 지갑"),
            "unexpected extra argument(s) (검정 지갑) (`matching-spark search --h",
        ),
        (("show",), "Missing argument 'ID' (`matching-spark show --help`)"),
        (("serch",), "'serve'? (`matching-spark --help`)"),
        (("account", "token"), "(`matching-spark account token --help`)"),
    ):
        done = command(*words)
        assert (done.returncode, done.stderr.count("\n")) == (2, 1)
        assert said in done.stderr


def test_an_error_names_a_flag_that_there_is_else_the_variable() -> None:
    """As of a setting that is missing, which no command has a flag for."""
    for words in (("merge",), ("rekey",), ("account", "list"), ("serve",)):
        done = command(*words)
        assert done.returncode == 2
        assert "service.journal is not set" in done.stderr
        assert done.stderr.endswith(" (MATCHING_SERVICE__JOURNAL)\n")
    done = command("export", "posts.txt")  # which has its output without a flag
    assert done.stderr.endswith("must end in one of .csv, .jsonl\n")
    done = command("search", "--text", "a", "--output", "posts.txt")
    assert done.stderr.endswith(".html (--output)\n")


def test_the_shell_completes_commands_and_flags(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("_MATCHING_SPARK_COMPLETE", "complete_bash")
    for words, found in (
        ("matching-spark sea", "search"),
        ("matching-spark search --im", "--image"),
    ):
        monkeypatch.setenv("COMP_WORDS", words)
        monkeypatch.setenv("COMP_CWORD", str(len(words.split()) - 1))
        assert look()[0].split() == [found]


def test_a_mistyped_command_is_told_its_like() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "matching_spark.main", "serch"], capture_output=True, text=True
    )
    assert done.returncode == 2
    assert "'search'" in done.stderr


def test_which_version_it_is_and_short_help() -> None:
    said, own, heavy = look("--version")
    assert said == f"matching-spark {matching_spark.__version__}\n"
    assert (own, heavy) == ("[] 0", "[]")
    assert look("search", "-h")[0] == look("search", "--help")[0]


def test_api_is_the_portals_where_nothing_has_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    settings = Settings(table=str(tmp_path / "table"))
    settings.lost112.service_key = None
    for format in (None, "lost112"):
        with pytest.raises(UsageError, match="service_key"):
            operations.ingest.ingest(settings, operations.ingest.Source("api", format=format))
    (tmp_path / "api").mkdir()
    with pytest.raises(UsageError, match="days are asked"):
        operations.ingest.ingest(
            settings, operations.ingest.Source("api", since=dt.date(2026, 11, 1))
        )
