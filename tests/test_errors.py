"""What is told of a library that an extra brings."""

import pytest

from matching_spark.errors import UsageError, extra


def test_a_library_that_is_not_there_is_named_with_its_extra() -> None:
    with (
        pytest.raises(UsageError, match=r"^this needs no_such: pip install 'matching-spark\[a\]'$"),
        extra("a", "this"),
    ):
        import no_such.module  # type: ignore[import-not-found]  # noqa: F401


def test_a_library_that_is_there_and_does_not_load_is_not_said_to_be_missing() -> None:
    """To install it again would change nothing: its own words say what it lacks."""
    with pytest.raises(ImportError, match=r"^libodd\.so: cannot open"), extra("a", "this"):
        raise ImportError("libodd.so: cannot open shared object file")
