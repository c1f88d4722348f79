"""The table of a call's moves."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.calls.state import MOVES, CallState, move
from bot.errors import IllegalTransition


@given(st.sampled_from(CallState), st.sampled_from(CallState))
def test_a_move_is_in_the_table_or_raises(old: CallState, new: CallState) -> None:
    if new in MOVES[old]:
        assert move(old, new) is new
    else:
        with pytest.raises(IllegalTransition, match=f"from {old.value} to {new.value}"):
            move(old, new)


def test_an_ended_call_goes_nowhere() -> None:
    assert not MOVES[CallState.ENDED]
