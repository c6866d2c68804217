"""How much is done, as a count that is the same on every machine."""

import sys
from collections.abc import Callable


def calls(of: Callable[[], object]) -> int:
    """Functions called."""
    called = 0

    def count(frame: object, event: str, arg: object) -> None:
        nonlocal called
        called += event.endswith("call")

    sys.setprofile(count)
    try:
        of()
    finally:
        sys.setprofile(None)
    return called
