"""What a party may become."""

from __future__ import annotations

import pytest

from bot.errors import IllegalTransition
from bot.sandbox.options import SandboxOptions
from bot.sandbox.switch.model import MOVES, Party, PartyStatus
from bot.sandbox.switch.plan import make_extensions, password_of


@pytest.mark.parametrize("old", PartyStatus)
@pytest.mark.parametrize("new", PartyStatus)
def test_a_party_moves_only_along_the_table(old: PartyStatus, new: PartyStatus) -> None:
    party = Party("p-1-1", "Inbound", "101", status=old)
    if new is old:
        assert not party.move(new)
    elif new in MOVES[old]:
        assert party.move(new, "why")
        assert (party.status, party.reason) == (new, "why")
    else:
        with pytest.raises(IllegalTransition):
            party.move(new)


def test_extensions_follow_from_the_options() -> None:
    extensions = make_extensions(SandboxOptions())
    assert list(extensions) == [str(number) for number in range(101, 111)]
    assert extensions["107"].direct_number == "+16505550107"
    assert extensions["107"].username == "16505550100*107"
    assert password_of(0, "8000101") == password_of(0, "8000101") != password_of(1, "8000101")
