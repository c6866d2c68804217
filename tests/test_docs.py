"""README and site as a new user takes them: commands and examples run, links lead somewhere."""

import ast
import importlib
import importlib.metadata
import itertools
import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import duckdb
import duckdb_extension_avro
import duckdb_extension_iceberg
import pytest
from pyspark.sql import SparkSession
from typer.main import get_command

import matching_spark
from matching_spark import Filters, Settings, errors
from matching_spark.cli.app import COMMANDS, app
from matching_spark.embed.photos import REASONS
from matching_spark.main import INTERRUPTED
from matching_spark.operations import browse, posts
from matching_spark.sources import verdicts
from matching_spark.sources.headings import FIELDS, fields_of
from tests.support.commands import command

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text("utf-8")
PAGES = sorted((ROOT / "docs").glob("*.md"))
VOID = {"meta", "link", "br", "hr", "img", "input", "path"}  # elements that have no end
ENGINES = re.split(r"^## ", (ROOT / "docs" / "data.md").read_text("utf-8"), flags=re.M)[3]


def examples_of(text: str) -> list[str]:
    return re.findall(r"```python\n(.*?)```", text, re.S)


EXAMPLES = [
    pytest.param(example, id=f"{page.stem}-{i}")
    for page in PAGES
    for i, example in enumerate(examples_of(page.read_text("utf-8").replace(ENGINES, "")))
]


def test_the_site_builds_and_its_links_lead_somewhere(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", tmp_path],
        cwd=ROOT,
        env=os.environ | {"NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    commands = (tmp_path / "reference" / "commands.html").read_text("utf-8")
    settings = (tmp_path / "reference" / "settings.html").read_text("utf-8")
    python = (tmp_path / "reference" / "python.html").read_text("utf-8")
    json_ = (tmp_path / "reference" / "json.html").read_text("utf-8")
    assert "matching-spark search" in commands
    assert "similarity.top_k" in settings
    assert "SearchOptions" in python
    for page in tmp_path.rglob("*.html"):
        text = page.read_text("utf-8")
        fetched = re.findall(
            r"""<(?:script|link|img|iframe)[^>]*(?:src|href)=["']?https?:[^>]*>""", text
        )
        assert not fetched, "the site must be readable without a network"
        opened, closed = (
            set(re.findall(rf"<{slash}([a-z][a-z0-9]*)[ >]", text)) for slash in ("", "/")
        )
        assert opened - closed <= VOID, f"{page.name}: markdown took what stands in <> for HTML"
    for reference in (settings, json_):
        assert "<td></td>" not in reference, "every setting and key has its description"
    index = json.loads((tmp_path / "search" / "search_index.json").read_text("utf-8"))
    words = re.compile(index["config"]["separator"])
    told = {d["location"] for d in index["docs"] if "webhook" in words.split(d["text"].lower())}
    assert {"alerts.html", "reference/settings.html#alerts"} <= {*told}


@pytest.mark.parametrize("example", EXAMPLES)
def test_examples_of_the_site_run(
    example: str, toured: Path, spark: SparkSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(toured)
    exec(example, {})


def test_other_engines_see_what_the_table_holds(
    own: str,
    settings: Settings,
    spark: SparkSession,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Also where a delete file says that a row counts no more, which raw Parquet does not show."""
    mine = settings.model_copy(update={"table": own})
    found = Filters(kind="found")
    before = browse.list_posts(mine, found).posts
    posts.close(mine, [before[0]["post_id"]], "claimed", spark=spark)
    want = browse.list_posts(mine, found).total
    assert want == len(before) - 1
    for extension in (duckdb_extension_avro, duckdb_extension_iceberg):  # where INSTALL puts them
        (file,) = Path(extension.__path__[0]).rglob("*.duckdb_extension")
        (platform,) = duckdb.sql("PRAGMA platform").fetchall()[0]
        installed = tmp_path / file.parent.name / platform / file.name
        installed.parent.mkdir(parents=True, exist_ok=True)
        installed.symlink_to(file)
    duckdb.execute(f"SET extension_directory = '{tmp_path}'")
    examples = examples_of(ENGINES)
    assert len(examples) == 4
    for example in examples:
        capsys.readouterr()
        exec(example.replace("demo-out/table", own), {})
        assert capsys.readouterr().out.split()[0] == str(want), example
    conf = (ROOT / "conf" / "spark-defaults.conf").read_text("utf-8")
    assert re.findall(r"org\.apache\.iceberg:\S+", conf) == re.findall(
        r'"(org\.apache\.iceberg:\S+)"', ENGINES
    )


def commands_of(text: str) -> list[str]:
    blocks = "\n".join(re.findall(r"```(?:sh|bash)?\n(.*?)```", text, re.S)).replace("\\\n", " ")
    inline = re.findall(r"`((?:\.venv/bin/)?matching-spark [^`]+)`", text.replace("\n", " "))
    lines = (line.strip().removeprefix(".venv/bin/") for line in (*blocks.splitlines(), *inline))
    return [line for line in lines if re.match(r"matching-spark( |$)", line)]


@pytest.mark.parametrize("page", [*PAGES, *ROOT.glob("README*.md")], ids=lambda page: page.name)
def test_commands_of_a_page_exist_with_the_options_they_name(page: Path) -> None:
    root = get_command(app)
    for line in commands_of(page.read_text("utf-8")):
        words = shlex.split(line, comments=True)
        ends = [i for i, word in enumerate(words) if word in ("&&", "|", ";")]
        for start, end in itertools.pairwise([-1, *ends, len(words)]):
            part = words[start + 1 : end]
            if part[:1] != ["matching-spark"] or "..." in part:
                continue
            named: Any = root
            rest = part[1:]
            while hasattr(named, "commands") and rest:
                assert rest[0] in named.commands, f"{page.name}: {line}"
                named, rest = named.commands[rest[0]], rest[1:]
            known = {option for p in named.params for option in (*p.opts, *p.secondary_opts)}
            given = {word.partition("=")[0] for word in rest if re.match(r"--?[a-z]", word)}
            assert given <= known | {"--help"}, f"{page.name}: {line}"


def rows_of(page: str, heading: str) -> list[list[str]]:
    """The cells of a section's tables, the names of the columns left out."""
    (section,) = re.findall(rf"^## {heading}\n(.*?)(?=^## |\Z)", page, re.S | re.M)
    rows = [line.strip("|").split("|") for line in section.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in row] for row in rows if not set(row[0]) <= set("- ")][1:]


def test_the_korean_page_for_operators_says_what_is_so() -> None:
    page = (ROOT / "docs" / "ko-operator.md").read_text("utf-8")
    columns = rows_of(page, "열")
    assert [name.strip("`") for name, *_ in columns] == [*FIELDS]
    for name, others, _ in columns:
        for other in others.split(", "):
            assert fields_of([other], "the page") == {other: name.strip("`")}

    known = Settings.model_construct().model_dump(mode="json")
    for name, default, _ in rows_of(page, "설정"):
        value: Any = known
        for key in name.strip("`").split("."):
            value = value[key]
        assert default == ("없음" if value is None else f"`{json.dumps(value)}`"), name

    assert {int(code) for code, *_ in rows_of(page, "종료 코드")} == exit_codes()

    english = (ROOT / "docs" / "operator.md").read_text("utf-8")
    reasons = {reason for reason, _ in rows_of(page, "등록할 수 없는 항목")}
    assert reasons == {reason for reason, _ in rows_of(english, "Take posts in")}
    assert set(re.findall("`([a-z-]+)`", " ".join(reasons))) >= reasons_of_the_code()


def exit_codes() -> set[int]:
    kinds: list[type[errors.MatchingError]] = [
        errors.MatchingError,
        *errors.MatchingError.__subclasses__(),
    ]
    return {0, INTERRUPTED, *(kind.exit_code for kind in kinds)}


def reasons_of_the_code() -> set[str]:
    """Why a post or a photo is refused: with a hyphen, where posts and photos are read."""
    others = {"model-snapshot", "small-clip"}  # a property and a model
    files = [
        file
        for part in ("ingest", "sources", "embed")
        for file in (ROOT / "src" / "matching_spark" / part).glob("*.py")
        if file != Path(verdicts.__file__)  # of sheets of verdicts, which no ingest reads
    ]
    said = (re.findall('"([a-z]+(?:-[a-z]+)+)"', file.read_text("utf-8")) for file in files)
    return {*REASONS, *itertools.chain.from_iterable(said)} - others


def test_the_tour_finds_the_lost_thing(toured: Path) -> None:
    out = toured / "demo-out"
    lines = (out / "world" / "truth.jsonl").read_text("utf-8").splitlines()
    same = {t["lost_id"]: t["found_id"] for t in map(json.loads, lines) if t["same"]}
    result = json.loads((out / "matches.json").read_text("utf-8"))
    results = result["results"]
    assert results[0]["post_id"] == same[result["query"]["post_id"]]
    assert results[0]["probability"] > 0.5 > results[1]["probability"]
    assert results[0]["why"]
    page = (out / "matches.html").read_text("utf-8")
    assert page.count("<img") == sum(match["photo"] is not None for match in results) + 1
    assert "://" not in re.sub(r"data:[^']*", "", page)


def test_commands_of_the_readme_run(
    toured: Path, spark: SparkSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MATCHING_TABLE", "demo-out/table")
    block = re.search(r"export MATCHING_TABLE=demo-out/table\n(.*?)```", README, re.S)
    assert block
    lines = [line for line in block[1].splitlines() if line]
    assert len(lines) == 3
    for line in lines:
        program, *arguments = shlex.split(line)
        assert program == "matching-spark"
        done = command(*arguments, cwd=toured, spark=spark)
        assert done.returncode == 0, done.stderr
        assert json.loads(done.stdout)
    assert (toured / "found.html").is_file()


def test_examples_of_the_readme_run(
    toured: Path,
    spark: SparkSession,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(toured)
    examples = examples_of(README)
    assert len(examples) == 2
    for example in examples:
        exec(example, {})
    assert "F2026" in capsys.readouterr().out


@pytest.mark.long  # mypy, which may begin without its cache
def test_examples_are_typed(tmp_path: Path) -> None:
    """Else who checks a script that began as one of them is told of a fault of ours."""
    examples = [*examples_of(README), *(str(each.values[0]) for each in EXAMPLES)]
    files = [tmp_path / f"example_{i}.py" for i in range(len(examples))]
    for file, example in zip(files, examples, strict=True):
        file.write_text(example, "utf-8")
    env = os.environ | {"MYPYPATH": str(ROOT / "src")}
    done = subprocess.run(
        [sys.executable, "-m", "mypy", *files], cwd=ROOT, env=env, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout


def test_no_room_is_too_large() -> None:
    package = Path(matching_spark.__file__).parent
    lines = {file: len(file.read_text("utf-8").splitlines()) for file in package.rglob("*.py")}
    assert {file.name: count for file, count in lines.items() if count > 400} == {}
    assert len([file for file in lines if file.parent == package]) <= 14 + 1  # and __init__


def test_late_imports_say_why() -> None:
    """Beside it; or it is an extra, whose absence is an error that says what to install."""
    silent = []
    for file in Path(matching_spark.__file__).parent.rglob("*.py"):
        lines = file.read_text("utf-8").splitlines()
        for function in ast.walk(ast.parse("\n".join(lines))):
            if not isinstance(function, ast.FunctionDef):
                continue
            tried = [n for n in ast.walk(function) if isinstance(n, ast.With | ast.Try)]
            extras = {
                inside.lineno
                for node in tried
                if re.search(r"^with extra\(|^except ImportError", ast.unparse(node), re.MULTILINE)
                for inside in node.body
            }
            late = [n for n in ast.walk(function) if isinstance(n, ast.Import | ast.ImportFrom)]
            told = [n.lineno for n in late if "#" in "".join(lines[n.lineno - 2 : n.lineno])]
            first = [n.lineno for n in late if n.lineno not in extras]
            if first and min(first) not in told:
                silent.append(f"{file.name}: {lines[min(first) - 1].strip()}")
    assert silent == []


def test_the_house_is_shown_as_it_is() -> None:
    """`make house` prints what docs/developer.md shows, and every stop of its ways exists."""
    printed = subprocess.run(
        [sys.executable, ROOT / "scripts" / "house.py"], capture_output=True, text=True, check=True
    ).stdout
    page = (ROOT / "docs" / "developer.md").read_text("utf-8")
    assert f"```text\n{printed}```" in page
    ways = page[page.index("Five ways through it") : page.index("Rules that keep it so")]
    stops = re.findall(r"`([a-z_.]+\.[A-Za-z_.]+)`", ways)
    assert len(stops) > 15
    for stop in stops:
        found: Any = matching_spark
        for name in stop.split("."):
            if hasattr(found, "__path__"):
                importlib.import_module(f"{found.__name__}.{name}")
            found = vars(found)[name]
        assert callable(found), stop


def test_the_notebook_imports_what_there_is() -> None:
    """It runs by a target of its own: functions that it alone calls were taken for unused."""
    cells = json.loads((ROOT / "similarity_test.ipynb").read_text("utf-8"))["cells"]
    code = "\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "code")
    tree = ast.parse("\n".join(line for line in code.splitlines() if not line.startswith("%")))
    imports = [ast.unparse(node) for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    ours = [each for each in imports if each.startswith("from matching_spark")]
    assert ours
    for each in ours:
        exec(each, {})


def test_public_names() -> None:
    """What types see, what is imported when it is asked for, and what there is, are the same."""
    assert {*matching_spark.__all__} == {*matching_spark.HOME_OF, "__version__"}
    source = ast.parse(Path(matching_spark.__file__).read_text("utf-8"))
    imports = [node for node in ast.walk(source) if isinstance(node, ast.ImportFrom)]
    typed = {each.asname: node.module for node in imports for each in node.names if each.asname}
    assert typed == {n: f"matching_spark.{home}" for n, home in matching_spark.HOME_OF.items()}
    for name in matching_spark.HOME_OF:
        assert getattr(matching_spark, name).__name__ == name
    assert matching_spark.__version__ == importlib.metadata.version("matching-spark")
    assert (Path(matching_spark.__file__).parent / "py.typed").is_file()
    with pytest.raises(AttributeError):
        _ = matching_spark.nothing


@pytest.mark.parametrize("page", sorted(ROOT.glob("*.md")), ids=lambda page: page.name)
def test_links_of_pages_beside_the_site_lead_somewhere(page: Path) -> None:
    """Whose own links the site's build follows; these are read where the code lies. A page of the
    site is called there what the site calls it."""
    called = re.findall(r"^ +- (.+): (\S+\.md)$", (ROOT / "mkdocs.yml").read_text("utf-8"), re.M)
    titles = {f"docs/{file}": name.lower() for name, file in called}
    text = re.sub(r"```.*?```", "", page.read_text("utf-8"), flags=re.S)
    for name, place in re.findall(r"\[([^]]*)\]\((?!https?:)([^)\s]+)\)", text):
        file, _, anchor = place.partition("#")
        target = ROOT / file if file else page
        assert target.exists(), f"{page.name}: {place}"
        if anchor:
            heads = re.findall(r"^#+ (.*)$", target.read_text("utf-8"), re.M)
            ids = {re.sub(r"[^\w\- ]", "", head).lower().replace(" ", "-") for head in heads}
            assert anchor in ids, f"{page.name}: {place}"
        if name[:1].isupper():  # as a title, not as words of a sentence
            assert name.lower() == titles.get(file, name.lower()), f"{page.name}: {name} is {file}"


@pytest.mark.parametrize("start", ["index.md", "ko.md"])
def test_a_first_page_leads_to_every_other(start: str) -> None:
    text = (ROOT / "docs" / start).read_text("utf-8")
    there = {page.name for page in PAGES} - {"index.md", "ko.md"}
    assert there <= {link.partition("#")[0] for link in re.findall(r"\]\(([^)]+)\)", text)}


def test_every_list_of_exit_codes_has_all_of_them() -> None:
    for page in ("README.md", "docs/operator.md", "docs/hooks.py"):
        text = (ROOT / page).read_text("utf-8")
        (said,) = re.findall(r"0 done (.*?Ctrl-C)", text, re.S)
        assert {*map(int, re.findall(r"\b\d+\b", said))} | {0} == exit_codes(), page


def test_the_readme_names_every_column() -> None:
    (said,) = re.findall(r"^Columns: (.*?), or as desks", README, re.S | re.M)
    assert set(re.findall(r"`([a-z_]+)`", said)) == {*FIELDS}


def test_commands_of_the_readme_exist() -> None:
    listed = set(re.findall(r"^\| `(\w+)", README, re.M))
    assert set(COMMANDS) == listed
