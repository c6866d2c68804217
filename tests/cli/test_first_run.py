"""When the demo ends with its page."""

import sys

import pytest

from matching_spark.cli import first_run
from matching_spark.cli.app import app
from matching_spark.errors import UsageError


class Stream:
    def __init__(self, terminal: bool) -> None:
        self._terminal = terminal

    def isatty(self) -> bool:
        return self._terminal


@pytest.mark.parametrize(
    ("stdin", "stdout", "ci", "extra", "serve", "wanted"),
    [
        (True, True, "", True, None, True),
        (False, True, "", True, None, False),
        (True, False, "", True, None, False),
        (True, True, "true", True, None, False),
        (True, True, "", False, None, False),
        (False, False, "true", True, True, True),
        (True, True, "", True, False, False),
        (True, True, "", False, False, False),
    ],
)
def test_it_does_where_somebody_sits(
    stdin: bool,
    stdout: bool,
    ci: str,
    extra: bool,
    serve: bool | None,
    wanted: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("sys.stdin", Stream(stdin))
    monkeypatch.setattr("sys.stdout", Stream(stdout))
    monkeypatch.setenv("CI", ci)
    monkeypatch.setattr(first_run, "NEEDED", "fastapi" if extra else "nothing_of_this_name")
    assert first_run.wanted(serve) is wanted


def test_a_page_without_the_extra_is_refused_before_anything_is_drawn(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(first_run, "NEEDED", "nothing_of_this_name")
    with pytest.raises(UsageError, match=r"pip install 'matching-spark\[service\]'"):
        first_run.wanted(True)


def test_a_service_names_what_its_extra_lacks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also a library beside fastapi, as where the extra was put together by hand."""
    monkeypatch.delattr("matching_spark.service.server", raising=False)  # as never imported
    monkeypatch.delitem(sys.modules, "matching_spark.service.server", raising=False)
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    with pytest.raises(UsageError, match=r"the service needs uvicorn: pip install 'match.*service"):
        app(["serve", "--demo"], standalone_mode=False)
