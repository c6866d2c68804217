"""A day on which no thing can have been lost is refused wherever it is given, but as a bound."""

import pytest
from pydantic import ValidationError

from matching_spark.service.guards.fields import WrongField, day_of, lost_on_of
from matching_spark.service.people.finding import Form
from matching_spark.service.routes.api_models import Asked, Change, New, OfficeAsked
from tests.support.commands import command


@pytest.mark.parametrize("no_day", ["0001-01-01", "1900-01-01", "9999-12-31"])
def test_a_day_of_no_loss(no_day: str) -> None:
    for body in (Asked, OfficeAsked, New, Change):
        with pytest.raises(ValidationError, match="no day of a loss"):
            body.model_validate({"happened_on": no_day})
    with pytest.raises(WrongField, match="day: day"):
        lost_on_of("day", no_day)
    with pytest.raises(WrongField, match="day: day"):
        Form("지갑", day=no_day).told()
    for words in (("edit", "a", "--on", no_day), ("search", "--text", "x", "--lost-on", no_day)):
        done = command(*words, "--table", "none")
        assert (done.returncode, "leave it empty" in done.stderr) == (2, True), done.stderr
    assert OfficeAsked.model_validate({"since": no_day}).since == day_of("since", no_day)
