"""Park locations: what presence says becomes events, and a retrieval names the call that waits."""

from __future__ import annotations

import pytest

from bot.calls import Event, ParkedCall, ParkLocations
from bot.clock import Clock
from bot.errors import CallEnded, UserError

ADA = ParkedCall("sales", "s-1", to_tag="gK06", from_tag="10.14-fd22", number="+16505550199", name="Ada")


def locations() -> tuple[ParkLocations, list[Event]]:
    events: list[Event] = []
    return ParkLocations({"sales": "5001"}, Clock(), events.append), events


def test_the_target_of_a_location_is_prk_and_its_id() -> None:
    assert locations()[0]["sales"].target == "prk5001"


def test_retrieving_swaps_the_tags_that_presence_reports() -> None:
    assert ADA.replaces == "s-1;to-tag=10.14-fd22;from-tag=gK06;early-only"


def test_a_call_that_appears_is_parked_and_one_that_goes_is_retrieved() -> None:
    park, events = locations()
    park.update("sales", (ADA,))
    park.update("sales", (ADA,))
    park.update("sales", ())
    assert [(event.name, event.data["session_id"]) for event in events] == [
        ("park.parked", "s-1"),
        ("park.retrieved", "s-1"),
    ]


def test_the_first_to_come_is_the_first_to_be_retrieved() -> None:
    park, _ = locations()
    park.update("sales", (ADA, ParkedCall("sales", "s-2", "c", "d")))
    assert park.waiting("sales")[0] is ADA


def test_who_came_first_stays_first_in_whatever_order_presence_tells_them() -> None:
    park, events = locations()
    second, third = ParkedCall("sales", "s-2", "c", "d"), ParkedCall("sales", "s-3", "e", "f")
    park.update("sales", (ADA,))
    park.update("sales", (third, second, ADA))
    assert park.waiting("sales") == (ADA, third, second)
    assert [event.data["session_id"] for event in events] == ["s-1", "s-3", "s-2"]


def test_nobody_waits_at_an_empty_location() -> None:
    with pytest.raises(CallEnded, match="nobody waits"):
        locations()[0].waiting("sales")


def test_an_unknown_location_says_which_there_are() -> None:
    with pytest.raises(UserError, match=r'no park location "sale" .*park_locations has: sales'):
        locations()[0]["sale"]
