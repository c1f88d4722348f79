"""Numbers as lists have them, and the one form in which they are dialled."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.campaigns.numbers import normalise, special_service


@pytest.mark.parametrize(
    ("text", "country"),
    [
        ("+16505550191", "GB"),
        ("(650) 555-0191", "US"),
        ("1 650.555.0191", "US"),
        ("'+1 650 555 0191", "US"),
        ("\u00a0650\u2011555\u20110191 ", "US"),
    ],
)
def test_one_number_written_in_many_ways(text: str, country: str) -> None:
    assert normalise(text, country) == "+16505550191"


def test_a_national_number_is_one_of_the_lists_country() -> None:
    assert normalise("020 7946 0123", "GB") == "+442079460123"


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "no number"),
        ("n/a", "not a phone number"),
        ("650-555-0191 ext. 4", "not a phone number"),
        ("1.6505550191E+10", "spreadsheet"),
        ("911", "emergency"),
        ("1-911", "plan does not have"),
        ("411", "special-service"),
        ("900 555 1234", "premium-rate"),
        ("123", "plan does not have"),
        ("+0123456789", "not a phone number"),
    ],
)
def test_what_is_not_dialled_says_why(text: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        normalise(text)


@given(st.text(max_size=25) | st.from_regex(r"[+0-9 ().-]{1,25}", fullmatch=True))
def test_any_text_is_a_number_or_explained(text: str) -> None:
    with contextlib.suppress(ValueError):
        number = normalise(text)
        assert normalise(number) == number
        assert special_service(number) == ""
