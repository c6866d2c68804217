"""What photos of few bytes cost, whether they are taken or refused."""

import pytest

from tests.support.bombs import BOMBS, MEMORY_MB, SECONDS, measured, ready

pytestmark = pytest.mark.fuzz


@pytest.mark.parametrize("name", BOMBS)
def test_within_memory_and_time(name: str) -> None:
    ready()
    make, wanted = BOMBS[name]
    got, mb, seconds = measured(make())
    assert got == wanted
    assert mb <= MEMORY_MB
    assert seconds <= SECONDS
