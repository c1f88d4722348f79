from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.durations import LONGEST, format_duration, parse_duration


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        *(("90s", 90), ("3m", 180), ("1h30m", 5_400), ("500ms", 0.5), ("2d", 172_800), ("1.5s", 1.5)),
        *(("7", 7), (7, 7), (0.5, 0.5)),
    ],
)
def test_a_length_of_time_is_read(text: object, seconds: float) -> None:
    assert parse_duration(text) == seconds


@pytest.mark.parametrize(
    "text", ["", "soon", "3 minutes", "-3s", "3x", "m", "1h 30m", "30m1h", True, None, -1, [], "9" * 40]
)
def test_other_things_are_not_lengths_of_time(text: object) -> None:
    with pytest.raises(ValueError, match="is not a length of time"):
        parse_duration(text)


@given(st.floats(0, LONGEST).map(lambda seconds: round(seconds, 2)))
def test_what_is_written_is_read_back(seconds: float) -> None:
    assert parse_duration(format_duration(seconds)) == pytest.approx(seconds, abs=0.01)
