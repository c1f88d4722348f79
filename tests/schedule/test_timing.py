"""`cron`, `at` and `every`: the next time, across months, weekdays and clock changes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from bot.schedule import When

SATURDAY = datetime(2026, 3, 7, 12, 0, tzinfo=UTC)


def times(when: When, count: int, moment: datetime = SATURDAY) -> list[str]:
    found = []
    for _ in range(count):
        after = when.next_after(moment, start=SATURDAY)
        if after is None:
            break
        assert after > moment
        moment = after
        found.append(moment.strftime("%a %d %H:%M"))
    return found


@pytest.mark.parametrize(
    ("when", "expected"),
    [
        (When(cron="0 9 * * mon-fri"), ["Mon 09 09:00", "Tue 10 09:00"]),
        (When(cron="0 9 * * 1"), ["Mon 09 09:00", "Mon 16 09:00"]),
        (When(cron="0 9 * * 7"), ["Sun 08 09:00", "Sun 15 09:00"]),
        (When(cron="0 9 * * sat-mon"), ["Sun 08 09:00", "Mon 09 09:00", "Sat 14 09:00"]),
        (When(cron="0 9 * * */3"), ["Sun 08 09:00", "Wed 11 09:00", "Sat 14 09:00", "Sun 15 09:00"]),
        (When(cron="0 9 15 * fri"), ["Fri 13 09:00", "Sun 15 09:00", "Fri 20 09:00"]),
        (When(cron="*/20 12 * * *"), ["Sat 07 12:20", "Sat 07 12:40", "Sun 08 12:00"]),
        (When(cron="@hourly"), ["Sat 07 13:00", "Sat 07 14:00"]),
        (When(cron="0 0 31 2 *"), []),
        (When(at="09:00"), ["Sun 08 09:00", "Mon 09 09:00"]),
        (When(at="2026-03-08 09:00"), ["Sun 08 09:00"]),
        (When(at="2026-03-08 09:00+02:00"), ["Sun 08 07:00"]),
        (When(at="2026-03-07 12:00"), []),
        (When(every=2700), ["Sat 07 12:45", "Sat 07 13:30"]),
    ],
    ids=str,
)
def test_the_next_times(when: When, expected: list[str]) -> None:
    assert times(when, len(expected) or 1) == expected


def test_nine_in_new_york_stays_nine_when_the_clocks_change() -> None:
    when = When(cron="0 9 * * *", time_zone="America/New_York")
    assert times(when, 2) == ["Sat 07 14:00", "Sun 08 13:00"]


def test_the_zone_of_the_place_holds_when_the_schedule_names_none() -> None:
    tokyo = ZoneInfo("Asia/Tokyo")
    assert When(at="09:00").next_after(SATURDAY, default_zone=tokyo) == datetime(2026, 3, 8, tzinfo=UTC)
    own = When(at="09:00", time_zone="UTC").next_after(SATURDAY, default_zone=tokyo)
    assert own == datetime(2026, 3, 8, 9, tzinfo=UTC)


@pytest.mark.parametrize(
    "written",
    [
        {},
        {"cron": "0 9 * * *", "at": "09:00"},
        {"cron": "0 9 * *"},
        {"cron": "61 9 * * *"},
        {"cron": "0 9 * * 8"},
        {"cron": "0 9 * * mon/0"},
        {"cron": "0 9 * * funday"},
        {"at": "25:00"},
        {"at": "tomorrow"},
        {"every": "0s"},
        {"every": "soon"},
        {"every": "1h", "time_zone": "Mars/Olympus"},
    ],
    ids=str,
)
def test_what_is_no_schedule_is_refused(written: dict[str, str]) -> None:
    with pytest.raises(ValidationError):
        When.model_validate(written)


@given(
    st.sampled_from(["*", "0", "30", "*/7"]),
    st.sampled_from(["*", "0", "2", "1-3"]),
    st.sampled_from(["*", "1", "29"]),
    st.sampled_from(["*", "0", "5-7", "tue"]),
    st.sampled_from(["UTC", "America/New_York", "Africa/Cairo", "Australia/Lord_Howe", "Pacific/Apia"]),
    st.datetimes(datetime(2024, 1, 1), datetime(2027, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001
)
def test_the_next_time_is_always_later(
    minute: str, hour: str, day: str, week_day: str, place: str, now: datetime
) -> None:
    found = When(cron=f"{minute} {hour} {day} * {week_day}", time_zone=place).next_after(now)
    assert found is not None
    assert now < found < now + timedelta(days=62)


@given(st.integers(1, 86_400), st.integers(0, 10**8), st.datetimes(datetime(2024, 1, 1), timezones=st.just(UTC)))  # noqa: DTZ001
def test_what_recurs_keeps_its_distance(seconds: int, later: int, start: datetime) -> None:
    if start.year > 2100:
        start = start.replace(year=2100, day=1)
    when = When(every=seconds)
    moment = start + timedelta(seconds=later)
    found = when.next_after(moment, start=start)
    assert found is not None
    assert timedelta(0) < found - moment <= timedelta(seconds=seconds + 0.001)
