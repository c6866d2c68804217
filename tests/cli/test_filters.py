"""What a search, a list and an export are filtered by."""

from pathlib import Path

import pytest

from tests.support.commands import command

FILTERS = ("--category", "--colour", "--region", "--since", "--until")


@pytest.mark.parametrize(
    ("typed", "flag"),
    [
        *((("search", "--text", "지갑"), flag) for flag in (*FILTERS, "--snapshot")),
        *((said, flag) for said in (("list",), ("export", "a.csv")) for flag in FILTERS),
        (("duplicates",), "--since"),
    ],
)
def test_a_filter_that_says_nothing_is_refused(
    tmp_path: Path, typed: tuple[str, ...], flag: str
) -> None:
    """As of "$SINCE" where nobody has set it: all days were searched, the present snapshot, and of
    categories the posts that have none."""
    for nothing in ("", " "):
        done = command(*typed, flag, nothing, "--table", tmp_path, cwd=tmp_path)
        said = f"matching-spark: {flag} is empty: leave it out, or say it\n"
        assert (done.returncode, done.stdout, done.stderr) == (2, "", said)


@pytest.mark.parametrize(
    "typed", [("search", "--text", "지갑"), ("list",), ("export", "a.csv"), ("duplicates",)]
)
def test_a_first_day_after_the_last_is_refused(tmp_path: Path, typed: tuple[str, ...]) -> None:
    """Of duplicates it was answered that there are none."""
    days = ("--since", "2026-11-02", "--until", "2026-11-01")
    done = command(*typed, *days, "--table", tmp_path, cwd=tmp_path)
    said = "matching-spark: --since 2026-11-02 is after the last day, 2026-11-01\n"
    assert (done.returncode, done.stdout, done.stderr) == (2, "", said)
