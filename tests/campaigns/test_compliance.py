"""The gate: yes, or no with the reason and with when to ask again."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from bot.campaigns import DialRules, Reason, may_dial
from bot.campaigns.window import Window, zones_of
from bot.store import Attempt, Disposition

ADA = "+16505550191"
NOON = datetime(2026, 3, 3, 20, 0, tzinfo=UTC)  # in Los Angeles
ALWAYS = DialRules(window=Window(0, 1440))
NUMBERS = [ADA, "+12125550123", "+442079460123", "+61412345678", "+81312345678", "+870773111632", "+18005550199"]
OWN_ZONES = ["", "America/New_York", "Europe/London", "Pacific/Kiritimati"]

dispositions = st.sampled_from(Disposition)


def attempt(number: str, at: datetime, disposition: Disposition | None = Disposition.BUSY) -> Attempt:
    return Attempt(id=1, number=number, started_at=at, disposition=disposition)


@pytest.mark.parametrize(
    "number", ["911", "+911", "+1911", "112", "+999", "+1411", "411", "anything", "", "+", "+12"]
)
def test_emergency_and_special_services_are_never_dialled(number: str) -> None:
    verdict = may_dial(number, NOON, rules=ALWAYS, consent=True)
    assert (verdict.allowed, verdict.reason, verdict.until) == (False, Reason.SPECIAL, None)


@pytest.mark.parametrize(
    ("number", "why"),
    [("+19005551234", "premium-rate"), ("+10005550100", "plan does not have"), ("+16505550", "plan does not have")],
)
def test_numbers_that_cost_or_do_not_exist_are_never_dialled(number: str, why: str) -> None:
    assert why in may_dial(number, NOON, rules=ALWAYS, consent=True).text


def test_consent_is_asked_for_unless_the_rules_do_without() -> None:
    assert may_dial(ADA, NOON, rules=ALWAYS).reason is Reason.NO_CONSENT
    assert may_dial(ADA, NOON, rules=replace(ALWAYS, needs_consent=False)).allowed


def test_whoever_does_not_want_to_be_called_is_not_called_consent_or_not() -> None:
    assert may_dial(ADA, NOON, rules=ALWAYS, consent=True, do_not_call={ADA}).reason is Reason.DO_NOT_CALL


def test_a_number_in_use_is_asked_about_again_soon() -> None:
    verdict = may_dial(ADA, NOON, rules=ALWAYS, consent=True, attempts=[attempt(ADA, NOON, None)])
    assert (verdict.reason, verdict.until) == (Reason.IN_USE, NOON + timedelta(minutes=1))


def test_where_nobody_knows_the_hour_nobody_is_called() -> None:
    verdict = may_dial("+870773111632", NOON, rules=DialRules(), consent=True)
    assert (verdict.reason, verdict.until) == (Reason.TIME_ZONE_UNKNOWN, None)
    assert (
        may_dial("+870773111632", NOON, rules=DialRules(), consent=True, time_zone="Europe/London").allowed is False
    )
    assert may_dial("+870773111632", NOON, rules=ALWAYS, consent=True).allowed


def test_a_number_that_may_be_in_honolulu_or_guam_has_no_hour_in_common() -> None:
    office_hours = DialRules(Window(9 * 60, 17 * 60))
    verdict = may_dial("+18005550199", NOON, rules=office_hours, consent=True)
    assert (verdict.reason, verdict.until) == (Reason.NEVER_OPEN, None)
    assert "time_zone" in verdict.text


def test_where_list_and_number_disagree_both_clocks_must_allow_it() -> None:
    nine_in_new_york = datetime(2026, 3, 3, 14, 0, tzinfo=UTC)
    verdict = may_dial(ADA, nine_in_new_york, rules=DialRules(), consent=True, time_zone="America/New_York")
    assert verdict.until == datetime(2026, 3, 3, 17, 0, tzinfo=UTC)  # nine in Los Angeles


def test_the_daily_cap_ends_with_the_called_partys_day() -> None:
    rules = replace(ALWAYS, per_day=2)
    before_midnight = datetime(2026, 3, 4, 7, 59, tzinfo=UTC)  # 23:59 in Los Angeles
    attempts = [attempt(ADA, before_midnight - timedelta(hours=hours)) for hours in (1, 2)]
    verdict = may_dial(ADA, before_midnight, rules=rules, consent=True, attempts=attempts)
    assert (verdict.reason, verdict.until) == (Reason.DAILY_CAP, datetime(2026, 3, 4, 8, 0, tzinfo=UTC))
    assert may_dial(ADA, before_midnight + timedelta(minutes=1), rules=rules, consent=True, attempts=attempts).allowed


def test_where_the_day_is_unknown_the_cap_is_for_any_24_hours() -> None:
    number = "+870773111632"
    rules = replace(ALWAYS, per_day=1)
    attempts = [attempt(number, NOON - timedelta(hours=23))]
    verdict = may_dial(number, NOON, rules=rules, consent=True, attempts=attempts)
    assert (verdict.reason, verdict.until) == (Reason.DAILY_CAP, NOON + timedelta(hours=1))
    assert may_dial(number, NOON + timedelta(hours=1), rules=rules, consent=True, attempts=attempts).allowed


@st.composite
def histories(draw: st.DrawFn, number: str) -> list[Attempt]:
    hours = draw(st.lists(st.integers(0, 47), max_size=8))
    return [attempt(number, NOON - timedelta(hours=hour), draw(dispositions)) for hour in sorted(hours, reverse=True)]


@given(
    st.data(),
    st.sampled_from(NUMBERS),
    st.sampled_from(OWN_ZONES),
    st.integers(0, 1380),
    st.integers(1, 4) | st.none(),
    st.sets(st.integers(0, 6), min_size=1),
)
@settings(max_examples=150, deadline=None)
def test_a_yes_keeps_every_rule_and_a_no_says_when_to_ask_again(
    data: st.DataObject, number: str, own: str, first: int, per_day: int | None, days: set[int]
) -> None:
    rules = DialRules(Window(first, data.draw(st.integers(first + 60, 1440)), frozenset(days)), per_day)
    now = NOON + timedelta(minutes=data.draw(st.integers(0, 2880)))
    attempts = data.draw(histories(number))
    verdict = may_dial(number, now, rules=rules, time_zone=own, consent=True, attempts=attempts)
    places = zones_of(number, own)
    if not verdict.allowed:
        assert verdict.reason is not None
        assert verdict.text
        assert verdict.until is None or verdict.until > now
        return
    assert verdict.until is None
    assert rules.window.always or (places and all(rules.window.is_open(now, place) for place in places))
    for place in places or (ZoneInfo("UTC"),):
        today = [
            one
            for one in attempts
            if one.counts and one.started_at.astimezone(place).date() == now.astimezone(place).date()
        ]
        assert per_day is None or not places or len(today) < per_day


@example("+2000")  # what is left of it begins with an international prefix
@example("+870123")
@given(st.text(max_size=20) | st.from_regex(r"\+?[0-9]{1,18}", fullmatch=True))
@settings(deadline=None, max_examples=300)
def test_any_text_is_judged_and_none_of_it_is_an_emergency(text: str) -> None:
    verdict = may_dial(text, NOON, rules=ALWAYS, consent=True)
    if verdict.allowed:
        assert text.startswith("+")
        assert text[2:] not in {"911", "112"}
