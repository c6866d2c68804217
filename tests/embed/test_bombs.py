"""Photos of few bytes that ask for much are refused before a decoder runs, or within bounds."""

import pytest

from tests.support import page
from tests.support.bombs import BOMBS, MEMORY_MB, SECONDS, outcome

REFUSED = [name for name, (_, wanted) in BOMBS.items() if wanted != "taken"]


@pytest.mark.parametrize("name", REFUSED)
def test_refused_for_its_reason(name: str) -> None:
    make, wanted = BOMBS[name]
    assert outcome(make()) == wanted


def test_the_page_tells_what_was_measured() -> None:
    rows = [row.strip("| ").split(" | ") for row in page.told("bombs").splitlines()[2:]]
    assert {row[0]: row[2].strip("`") for row in rows} == {n: w for n, (_, w) in BOMBS.items()}
    assert max(float(row[3]) for row in rows) <= MEMORY_MB
    assert max(float(row[4]) for row in rows) <= SECONDS
