"""A stranger's words on a terminal: shown as they are, obeyed never."""

import io
import json
import re
import sys
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.table import Table

from matching_spark.cli.console import Plain
from matching_spark.cli.lines import print_json
from matching_spark.config import load_settings
from matching_spark.embed.catalogue import KNOWN
from matching_spark.log import visible
from tests.cli.test_asking import talk

ODD = (
    "[bold]x[/bold] [/x] \\[/x]",
    "L:100:1 :smile:",
    "\x1b[31mred\x1b]52;c;eA==\x07",
    "a\u202eb\x9b",
)


def drawn(table: Table) -> str:
    out = io.StringIO()
    Plain(file=out, width=200, force_terminal=True, color_system=None).print(table)
    return out.getvalue()


def test_a_terminal_of_no_columns_is_told_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    """COLUMNS=0, as who knows no width passes on: a result was nothing, and the exit code 0."""
    monkeypatch.setenv("COLUMNS", "0")
    out = io.StringIO()
    Plain(file=out).print("a result")
    assert out.getvalue() == "a result\n"


@pytest.mark.parametrize("text", ODD)
def test_cells_titles_and_captions_are_as_written(text: str) -> None:
    table = Table("id", title=text, caption=text)
    table.add_row(text)
    shown = drawn(table)
    assert shown.count(visible(text)) == 3
    assert not {"\x1b", "\x07", "\u202e", "\x9b"} & set(shown)


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_nothing_that_a_terminal_obeys_is_left(text: str) -> None:
    left = {c for c in visible(text) if unicodedata.category(c) in ("Cc", "Cf")}
    assert left <= {"\n", "\u200c", "\u200d"}
    assert visible("지갑 👨‍👩‍👧 [x]\n") == "지갑 👨‍👩‍👧 [x]\n"


@pytest.mark.parametrize("encoding", ["ascii", "cp949", "latin-1", "utf-8"])
def test_a_result_is_json_in_every_encoding(encoding: str, monkeypatch: pytest.MonkeyPatch) -> None:
    raw = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(raw, encoding))
    value = {"title": "지갑 😀", "path": "\udcb0"}
    print_json(value)
    assert json.loads(raw.getvalue().decode(encoding)) == value


def test_names_of_settings_are_whole_and_values_as_they_are_set(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What a terminal shows of a list or a switch is what the environment takes."""
    monkeypatch.delenv("SPARK_CONF_DIR", raising=False)
    long = f"spark.hadoop.{'x' * 60}"
    styled = talk(["config", "--conf", f"{long}=2"], [])
    shown = re.sub(r"\x1b\[[0-9;]*m", "", styled).splitlines()
    assert {cell_len(line) for line in shown} == {80}
    rows = [[cell.strip() for cell in line.split("│")[1:4]] for line in shown if "│" in line]
    values: dict[str, str] = {}
    for name, value, _ in rows:
        if name:
            last = name
        values[last] = f"{values.get(last, '')} {value}".strip()
    _, origins = load_settings()
    assert {each.name for each in origins} - {"spark.conf"} <= values.keys()
    for each in origins:
        if isinstance(each.value, bool | tuple):
            want = json.dumps(each.value, ensure_ascii=False)
            assert values[each.name].replace(" ", "") == want.replace(" ", "")
    assert next(origin for name, _, origin in rows if "spark-defaults" in name) == "default"


def test_the_terms_of_every_model_are_whole_on_a_terminal() -> None:
    styled = talk(["models", "list"], [])
    shown = " ".join(re.sub(r"\x1b\[[0-9]*m", "", styled).split())
    for known in KNOWN:
        terms = f"{known.licence}, {known.limits}" if known.limits else known.licence
        assert f"{known.name} {terms} Korean" in shown


def test_json_says_the_same_and_is_obeyed_by_no_terminal(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """A title with C1, which a terminal obeys as ESC, and with what turns the direction."""
    value = {"title": "지갑 \x1b[31m \x9b31m \x7f \u202e\u2066 \ufeff \U000e0041", "joined": "👩‍👧"}
    print_json(value)
    said = capsys.readouterr().out
    assert json.loads(said) == value
    assert value["joined"] in said
    assert all(c in "\n\u200d" or c.isprintable() for c in said)
