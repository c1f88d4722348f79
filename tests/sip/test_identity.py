"""Who we are on the wire."""

from __future__ import annotations

import random
import re

import pytest

from bot.errors import MalformedMessage
from bot.sip.identity import Identity
from bot.sip.messages import parse


@pytest.fixture
def identity() -> Identity:
    return Identity("16505550100*101", "sip.ringcentral.com", rng=random.Random(1))


def test_addresses_have_the_vendors_form(identity: Identity) -> None:
    assert identity.address == "<sip:16505550100*101@sip.ringcentral.com>"
    assert re.fullmatch(r"<sip:\w+@(\w+\.invalid);transport=wss>", identity.contact)
    assert re.fullmatch(r"SIP/2.0/WSS \w+\.invalid;branch=z9hG4bK\w+", identity.new_via())


def test_numbers_do_not_repeat(identity: Identity) -> None:
    made = [identity.request("INFO", "sip:x", call_id="c", from_="<sip:a>", to="<sip:b>") for _ in range(50)]
    assert len({request.branch for request in made}) == 50
    assert [request.cseq for request in made] == list(range(made[0].cseq, made[0].cseq + 50))
    assert len({identity.new_tag() for _ in range(50)}) == 50
    assert len({identity.new_call_id() for _ in range(50)}) == 50


def test_two_identities_from_one_source_differ() -> None:
    rng = random.Random(1)
    assert Identity("a", "b", rng=rng).contact != Identity("a", "b", rng=rng).contact


def test_a_request_is_complete_and_readable(identity: Identity) -> None:
    headers = {"X-Own": "y"}
    request = identity.request("INFO", "sip:x", call_id="c", from_="<sip:a>", to="<sip:b>", headers=headers, body="z")
    assert str(parse(str(request))) == str(request)
    assert request.header("Max-Forwards") == "70"
    assert request.header("X-Own") == "y"


def test_a_request_made_again_has_a_via_and_a_number_of_its_own(identity: Identity) -> None:
    request = identity.request("INVITE", "sip:x", call_id="c", from_="<sip:a>;tag=1", to="<sip:b>", body="sdp")
    again = identity.again(request, {"Proxy-Authorization": "proof"})
    assert (again.cseq, again.body, again.from_tag) == (request.cseq + 1, "sdp", "1")
    assert again.branch != request.branch
    assert again.header("Proxy-Authorization") == "proof"
    assert not request.header("Proxy-Authorization")


def test_a_value_with_a_line_break_makes_no_request(identity: Identity) -> None:
    with pytest.raises(MalformedMessage):
        identity.request("INFO", "sip:x", call_id="c", from_="<sip:a>", to="<sip:b>\r\nX: y")
    for uri in ("", "sip:x y", "sip:x\r\nX: y"):
        with pytest.raises(MalformedMessage):
            identity.request("INFO", uri, call_id="c", from_="<sip:a>", to="<sip:b>")
