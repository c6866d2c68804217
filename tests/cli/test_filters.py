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
