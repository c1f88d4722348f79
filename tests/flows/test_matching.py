"""Filters: texts and patterns, and the patterns that are refused because a caller could make them take for ever."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, ValidationError

from bot.flows.matching import LONGEST_MATCHED, Matches, fits
from tests.effort import little_work


class Filter(BaseModel):
    value: Matches


def read(written: object) -> Matches:
    return Filter.model_validate({"value": written}).value


@pytest.mark.parametrize(
    ("written", "value", "is_fit"),
    [
        ("Ada", "Ada", True),
        ("Ada", "ada", False),
        (["Bob", "Ada"], "Ada", True),
        ("/ada|bob/i", "Ada Lovelace", True),
        (r"/^\+1650\d{7}$/", "+16505550199", True),
        (r"/^\+1(650|415)?5550\d+$/", "+14155550199", True),
        ("/^(vip|gold) .*card$/", "gold blue card", True),
        (r"/a\.b[)(*]{1,2}$/", "a.b(*", True),
        ("/(?:ab){2}/", "abab", True),
        ("/(?P<name>x)y/", "xy", True),
        ("/^(?!x)y/", "y", True),
        ("/}{]/", "}{]", True),
    ],
)
def test_a_text_is_equal_and_a_pattern_is_found(written: object, value: str, is_fit: bool) -> None:
    assert fits(read(written), value) is is_fit


@pytest.mark.parametrize(
    ("pattern", "why"),
    [
        ("(a+)+$", "neither a repetition nor a choice"),
        ("(a|a)*$", "neither a repetition nor a choice"),
        ("((a*)b?){2}$", "neither a repetition nor a choice"),
        ("(a?){40}a{40}$", "neither a repetition nor a choice"),
        (".*.*.*x", "too many places"),
        ("a?" * 30 + "a" * 30, "too many places"),
        ("(a|a)" * 30 + "$", "too many places"),
        (r"(a*)\1$", "simple patterns only"),
        ("(?P<n>a*)(?P=n)$", "simple patterns only"),
        ("(?x)a #", "simple patterns only"),
        ("(a", "unterminated"),
    ],
)
def test_a_pattern_that_could_take_for_ever_is_refused(pattern: str, why: str) -> None:
    with pytest.raises(ValidationError, match=why):
        read(f"/{pattern}/")


@settings(max_examples=300, deadline=None)
@given(st.text(alphabet="ab.*+?|(){}2,[]\\^$:", max_size=24))
def test_what_is_accepted_is_matched_soon(pattern: str) -> None:
    try:
        matches = read(f"/{pattern}/")
    except ValidationError:
        return
    with little_work():
        fits(matches, "a" * LONGEST_MATCHED + "!")
