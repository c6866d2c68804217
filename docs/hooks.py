"""The reference pages, made from the code whenever the site is built, so that none goes stale."""

import inspect
import json
import os
import re
import sys
from pathlib import Path
from typing import Any, get_type_hints

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page
from pydantic import BaseModel

ROOT = Path(__file__).parents[1]
CARD = "src/matching_spark/models/small-clip"
# Pages that lie where GitHub's readers look for them, and are pages of the site too.
OUTSIDE = {
    "BENCHMARKS.md": "reference/benchmarks.md",
    f"{CARD}/README.md": "reference/small-clip.md",
    "training/README.md": "reference/training.md",
}
sys.path.insert(0, str(ROOT / "src"))


def on_files(files: Files, config: MkDocsConfig) -> Files:
    pages = {
        "commands": commands(),
        "settings": settings(),
        "json": results(),
        "python": python(),
    }
    for name, text in pages.items():
        files.append(File.generated(config, f"reference/{name}.md", content=text))
    for place, page in OUTSIDE.items():
        text = _links((ROOT / place).read_text("utf-8"), place, "reference/")
        files.append(File.generated(config, page, content=text))
    for picture in (ROOT / CARD).glob("*.png"):
        files.append(
            File.generated(config, f"reference/{picture.name}", content=picture.read_bytes())
        )
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    return _links(markdown, f"docs/{page.file.src_uri}", "")


def _links(text: str, place: str, below: str) -> str:
    """The text of `place`, its links to OUTSIDE and into docs/ leading to pages of the site."""

    def moved(found: re.Match[str]) -> str:
        target, anchor = found[1], found[2] or ""
        whole = os.path.normpath(os.path.join(os.path.dirname(place), target))
        if whole in OUTSIDE:
            whole = OUTSIDE[whole]
        elif below and whole.startswith("docs/"):
            whole = whole.removeprefix("docs/")
        else:
            return found[0]
        return f"]({os.path.relpath(whole, below or '.')}{anchor})"

    return re.sub(r"\]\(([^)#:\s]+)(#[^)\s]*)?\)", moved, text)


def commands() -> str:
    """What every command takes, as `--help` says it."""
    from typer import Context
    from typer.cli import get_docs_for_click
    from typer.main import get_command

    from matching_spark.cli.app import app

    command = get_command(app)
    context = Context(command, info_name="matching-spark")
    with context:
        text = get_docs_for_click(obj=command, ctx=context, name="matching-spark")
    text = text.replace("# `matching-spark`", "# Commands", 1)
    exits = (
        "## Exit codes\n\n"
        "0 done (also when nothing reached the threshold), 1 a fault of the program, 2 wrong "
        "usage, 3 bad input, 4 storage or cluster unreachable, 5 another model or none, 130 "
        "stopped by Ctrl-C.\n"
    )
    return f"{text}\n{exits}"


def settings() -> str:
    """Every setting with its default and its description."""
    from matching_spark import config

    lines = [
        "# Settings",
        "",
        "From `matching.toml` in the working folder (or `--settings F.toml`), then the environment "
        "(`MATCHING_TABLE`, `MATCHING_SPARK__MASTER`, ...), then flags. `matching-spark config` "
        "prints what is in force and where each value came from. In the environment a list is "
        """JSON: `MATCHING_CACHE__PRELOAD='["지갑", "가방"]'`. Spark's own settings are in """
        "`conf/spark-defaults.conf`, each with its reason.",
        "",
    ]
    hints = get_type_hints(config.Settings)
    groups = {
        name: kind
        for name, kind in hints.items()
        if inspect.isclass(kind) and issubclass(kind, BaseModel)
    }
    single = [name for name in config.Settings.model_fields if name not in groups]
    lines += ["| setting | default | what it is |", "|---|---|---|"]
    lines += [_setting(config.Settings, name, name) for name in single]
    for group, kind in groups.items():
        lines += ["", f"## {group}", "", inspect.cleandoc(vars(kind).get("__doc__") or ""), ""]
        lines += ["| setting | default | what it is |", "|---|---|---|"]
        lines += [_setting(kind, name, f"{group}.{name}") for name in kind.model_fields]
    return "\n".join(lines) + "\n"


def _setting(kind: type[BaseModel], name: str, whole: str) -> str:
    value = kind.model_fields[name].get_default(call_default_factory=True)
    text = json.dumps(value, ensure_ascii=False, default=str) if value is not None else ""
    if str(Path.home()) in text:
        text = text.replace(str(Path.home()), "~")
    if len(text) > 60:
        text = f"{text[:57]}..."
    reason = (kind.model_fields[name].description or "").replace("|", "\\|")
    return f"| `{whole}` | {f'`{text}`' if text else 'none'} | {reason} |"


def _comment(source: str, name: str) -> str:
    """The comment behind a field, or the lines of comment above it."""
    lines = source.splitlines()
    at = next((i for i, line in enumerate(lines) if re.match(rf"\s+{name}\s*:", line)), None)
    if at is None:
        return ""
    behind = re.search(r"\s{2}# (.*)", lines[at])
    above: list[str] = []
    while at and (found := re.match(r"\s+# (.*)", lines[at - 1])):
        above.insert(0, found[1])
        at -= 1
    return " ".join([*above, *([behind[1]] if behind else [])]).replace("|", "\\|")


def results() -> str:
    """The keys of the JSON of a search, from the dataclasses that write it."""
    from matching_spark.domain.results import Match, SearchResult

    def table(kind: type, skip: tuple[str, ...] = ()) -> list[str]:
        hints = {n: h for n, h in get_type_hints(kind).items() if n not in skip}
        source = inspect.getsource(kind)
        rows = [f"| `{n}` | {_type(h)} | {_comment(source, n)} |" for n, h in hints.items()]
        return ["| key | type | what it is |", "|---|---|---|", *rows]

    return "\n".join(
        [
            "# JSON",
            "",
            "What `search` prints when stdout is no terminal, or with `--json`; scores are not "
            "rounded, dates are ISO.",
            "",
            "## A search",
            "",
            *table(SearchResult, skip=("matches",)),
            "| `results` | list | the matches, best first |",
            "",
            "## A match",
            "",
            *table(Match),
            "",
        ]
    )


def _type(hint: Any) -> str:
    text = getattr(hint, "__name__", None) if inspect.isclass(hint) else None
    text = text or str(hint).replace("typing.", "").replace("datetime.", "")
    return f"`{text}`".replace("|", "or")


def python() -> str:
    """The public names, from their docstrings."""
    import matching_spark

    lines = ["# Python", "", "`from matching_spark import ...`:", ""]
    for name, home in sorted(matching_spark.HOME_OF.items()):
        lines += [f"::: matching_spark.{home}.{name}", ""]
    return "\n".join(lines)
