"""Calling hours by the called party's clock, also on the days when the clocks change."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.campaigns.window import Window, next_midnight, zones_of

ZONES = [
    "America/Los_Angeles",
    "America/New_York",
    "America/Havana",  # the clocks change at midnight
    "Africa/Cairo",
    "Africa/Casablanca",
    "Asia/Kathmandu",
    "Australia/Lord_Howe",  # by half an hour
    "Pacific/Kiritimati",
    "Pacific/Chatham",
    "UTC",
]
MINUTE = timedelta(minutes=1)

zones = st.sampled_from(ZONES).map(ZoneInfo)
moments = st.datetimes(datetime(2025, 1, 1), datetime(2027, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001


@st.composite
def moments_near_clock_changes(draw: st.DrawFn) -> datetime:
    """Hours around the weekends on which most clocks change."""
    weekend = draw(
        st.sampled_from(["2026-03-08", "2026-03-29", "2026-04-05", "2026-04-24", "2026-10-25", "2026-11-01"])
    )
    return datetime.fromisoformat(weekend).replace(tzinfo=UTC) + timedelta(minutes=draw(st.integers(-1500, 1500)))


@st.composite
def windows(draw: st.DrawFn) -> Window:
    first = draw(st.integers(0, 1439))
    last = draw(st.integers(first + 1, 1440))
    return Window(first, last, frozenset(draw(st.sets(st.integers(0, 6), min_size=1))))


@given(windows(), moments | moments_near_clock_changes(), st.lists(zones, min_size=1, max_size=3))
@settings(max_examples=150, deadline=None)
def test_when_it_opens_it_is_open_everywhere_and_was_not_before(
    window: Window, moment: datetime, places: list[ZoneInfo]
) -> None:
    opens = window.opens(moment, places)
    if opens is None:
        return
    assert opens >= moment
    assert all(window.is_open(opens, place) for place in places)
    if opens > moment:
        step = max((opens - moment) / 500, MINUTE)
        before = [opens - timedelta(seconds=1), *(moment + number * step for number in range(500))]
        assert not any(
            all(window.is_open(earlier, place) for place in places) for earlier in before if earlier < opens
        )


def test_the_short_day_on_which_clocks_go_forward_is_not_passed_over() -> None:
    late_on_saturday = datetime(2026, 3, 8, 4, 38, tzinfo=UTC)
    opens = Window(0, 1, frozenset({0, 6})).opens(late_on_saturday, [ZoneInfo("America/New_York")])
    assert opens == datetime(2026, 3, 8, 5, 0, tzinfo=UTC)


@given(windows(), moments_near_clock_changes(), zones)
@settings(max_examples=100, deadline=None)
def test_a_window_opens_within_nine_days_in_any_one_zone(window: Window, moment: datetime, place: ZoneInfo) -> None:
    opens = window.opens(moment, [place])
    if opens is None:  # a window of minutes that a change of the clock can skip, on its only day
        assert window.last - window.first <= 60
        return
    assert opens - moment <= timedelta(days=14, hours=1)


@pytest.mark.parametrize(
    ("now", "opens"),
    [
        ("2026-03-07 20:00", "2026-03-08 09:00"),  # a night of 12 hours, and
        ("2026-10-31 20:00", "2026-11-01 09:00"),  # one of 14, are both from 20:00 to 09:00
        ("2026-03-07 12:00", "2026-03-07 12:00"),
    ],
)
def test_nine_is_nine_by_the_clock_whatever_the_night_was(now: str, opens: str) -> None:
    place = ZoneInfo("America/New_York")
    moment = datetime.fromisoformat(now).replace(tzinfo=place)
    found = Window().opens(moment, [place])
    assert found is not None
    assert found.astimezone(place) == datetime.fromisoformat(opens).replace(tzinfo=place)


def test_an_opening_that_the_clocks_skip_is_the_moment_after_it() -> None:
    place = ZoneInfo("America/New_York")
    window = Window(2 * 60 + 30, 5 * 60)
    opens = window.opens(datetime(2026, 3, 8, 5, 0, tzinfo=UTC), [place])
    assert opens == datetime(2026, 3, 8, 7, 0, tzinfo=UTC)
    assert opens.astimezone(place).strftime("%H:%M") == "03:00"


def test_a_window_that_is_open_twice_in_the_long_night_opens_twice() -> None:
    place = ZoneInfo("America/New_York")
    window = Window(60, 90)
    first = window.opens(datetime(2026, 11, 1, 4, 0, tzinfo=UTC), [place])
    assert first == datetime(2026, 11, 1, 5, 0, tzinfo=UTC)
    assert window.opens(first + timedelta(minutes=40), [place]) == first + timedelta(hours=1)


def test_zones_that_share_no_hour_never_open() -> None:
    assert (
        Window(9 * 60, 12 * 60).opens(
            datetime(2026, 3, 3, tzinfo=UTC), [ZoneInfo("Asia/Tokyo"), ZoneInfo("America/New_York")]
        )
        is None
    )


@given(moments | moments_near_clock_changes(), zones)
@settings(deadline=None)
def test_midnight_is_the_first_moment_of_the_next_day(moment: datetime, place: ZoneInfo) -> None:
    midnight = next_midnight(moment, place)
    today = moment.astimezone(place).date()
    assert midnight > moment
    assert midnight.astimezone(place).date() > today
    assert (midnight - timedelta(seconds=1)).astimezone(place).date() == today


@pytest.mark.parametrize(
    ("number", "own", "expected"),
    [
        ("+16505550191", "", {"America/Los_Angeles"}),
        ("+16505550191", "America/Los_Angeles", {"America/Los_Angeles"}),
        ("+16505550191", "America/New_York", {"America/New_York", "America/Los_Angeles"}),
        ("+870773111632", "", set()),
        ("+870773111632", "Europe/Oslo", {"Europe/Oslo"}),
    ],
)
def test_the_zones_that_come_into_question(number: str, own: str, expected: set[str]) -> None:
    assert {place.key for place in zones_of(number, own)} == expected


def test_a_number_that_may_be_anywhere_in_its_country_is_in_all_of_its_zones() -> None:
    places = {place.key for place in zones_of("+61412345678")}
    assert {"Australia/Perth", "Australia/Sydney"} <= places
    assert {place.key for place in zones_of("+61412345678", "Australia/Perth")} == {"Australia/Perth"}
