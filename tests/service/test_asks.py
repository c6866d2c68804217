"""What was asked is found again, for an hour, and never takes more than its bytes."""

from concurrent.futures import Future

import numpy as np
import pytest

from matching_spark.errors import InputError
from matching_spark.service.pages.contexts import Told
from matching_spark.service.posts.asks import KEPT_S, Asked, Asks
from matching_spark.service.posts.seen import SeenPhoto


def test_an_ask_is_found_until_it_has_ended() -> None:
    now = [0.0]
    asks = Asks(lambda: now[0])
    name = asks.keep(Asked(None, Told("지갑")))
    assert asks.find(name).told.words == "지갑"
    assert asks.keep(Asked(None, Told("우산")), name) == name
    assert asks.find(name).told.words == "우산"
    now[0] = KEPT_S + 1
    for each in (name, "another"):
        with pytest.raises(InputError, match="search once more"):
            asks.find(each)
    later = asks.keep(Asked(None, Told("우산")), name)
    assert later != name  # nobody names what is kept but the service
    assert asks.find(later).told.words == "우산"


def test_the_oldest_go_first_and_the_bytes_are_bounded() -> None:
    encoded: Future[bytes] = Future()
    encoded.set_result(bytes(5000))
    photo = SeenPhoto("a" * 64, encoded, np.zeros(8, np.float32))
    one = Asked(photo, Told())
    asks = Asks(lambda: 0.0, most=10 * one.size)
    names = [asks.keep(one) for _ in range(25)]
    for name in names[:15]:
        with pytest.raises(InputError):
            asks.find(name)
    assert all(asks.find(name) is one for name in names[15:])
