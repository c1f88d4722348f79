"""Transactions: each move of the tables, and each timer that gives up."""

from __future__ import annotations

import random

import pytest

from bot.errors import IllegalTransition
from bot.sip.identity import Identity
from bot.sip.messages import Request, Response, make_headers, respond
from bot.sip.transactions import (
    INVITE_CLIENT,
    INVITE_SERVER,
    LATE_2XX,
    OTHER_CLIENT,
    OTHER_SERVER,
    AckMissing,
    Acknowledged,
    ClientState,
    Received,
    Responded,
    Send,
    ServerState,
    TimedOut,
    Transactions,
    Unmatched,
    cancel,
)


@pytest.fixture
def identity() -> Identity:
    return Identity("101", "example.com", rng=random.Random(1))


def ours(identity: Identity, method: str) -> Request:
    return identity.request(method, "sip:102@example.com", call_id="c", from_="<sip:a@b>;tag=1", to="<sip:c@d>")


def theirs(method: str, cseq: int = 1, branch: str = "z9hG4bKs1") -> Request:
    headers = {"Via": f"SIP/2.0/WSS s;branch={branch}", "From": "<sip:a@b>;tag=1", "To": "<sip:c@d>"}
    return Request(method, "sip:x", headers=make_headers({**headers, "Call-ID": "c", "CSeq": f"{cseq} {method}"}))


@pytest.mark.parametrize("table", [INVITE_CLIENT, OTHER_CLIENT])
def test_nothing_leaves_the_end_of_a_client_transaction(table: dict[tuple[ClientState, object], ClientState]) -> None:
    assert not [state for state, _ in table if state is ClientState.TERMINATED]
    assert ClientState.TERMINATED in table.values()


@pytest.mark.parametrize("table", [INVITE_SERVER, OTHER_SERVER])
def test_nothing_leaves_the_end_of_a_server_transaction(table: dict[tuple[ServerState, object], ServerState]) -> None:
    assert not [state for state, _ in table if state is ServerState.TERMINATED]
    assert ServerState.TERMINATED in table.values()


def test_a_request_gets_its_responses_and_is_forgotten(identity: Identity) -> None:
    layer, request = Transactions(), ours(identity, "MESSAGE")
    assert layer.request(request, 0.0, limit=5) == [Send(request)]
    assert layer.deadline == 5.0
    trying, done = respond(request, 100), respond(request, 200)
    assert layer.receive(trying, 1.0) == [Responded(request, trying)]
    assert layer.deadline == 5.0
    assert layer.receive(done, 2.0) == [Responded(request, done)]
    assert layer.deadline is None
    assert layer.receive(done, 3.0) == [Unmatched(done)]


def test_a_request_without_a_final_response_times_out(identity: Identity) -> None:
    layer, request = Transactions(), ours(identity, "REGISTER")
    layer.request(request, 0.0, limit=5)
    layer.receive(respond(request, 100), 1.0)
    assert layer.expire(4.9) == []
    assert layer.expire(5.0) == [TimedOut(request)]
    assert layer.deadline is None


@pytest.mark.parametrize("change", ["branch", "cseq"])
def test_a_response_to_something_else_is_not_matched(identity: Identity, change: str) -> None:
    layer, request = Transactions(), ours(identity, "INFO")
    layer.request(request, 0.0, limit=5)
    response = respond(request, 200)
    if change == "branch":
        response.headers.set("Via", "SIP/2.0/WSS x;branch=z9hG4bKother")
    else:
        response.headers.set("CSeq", f"{request.cseq + 1} INFO")
    assert layer.receive(response, 1.0) == [Unmatched(response)]
    assert layer.deadline == 5.0


def test_an_invite_that_is_refused_is_acknowledged_within_its_own_transaction(identity: Identity) -> None:
    layer, invite = Transactions(), ours(identity, "INVITE")
    layer.request(invite, 0.0, limit=5)
    busy = respond(invite, 486, to_tag="t")
    sent, told = layer.receive(busy, 1.0)
    assert told == Responded(invite, busy)
    assert isinstance(sent, Send)
    ack = sent.message
    assert isinstance(ack, Request)
    assert (ack.method, ack.branch, ack.cseq, ack.to_tag) == ("ACK", invite.branch, invite.cseq, "t")
    assert layer.deadline is None


def test_an_invite_waits_anew_after_each_provisional_response(identity: Identity) -> None:
    layer, invite = Transactions(), ours(identity, "INVITE")
    layer.request(invite, 0.0, limit=5, final_limit=300)
    layer.receive(respond(invite, 100), 1.0)
    assert layer.deadline == 301.0
    layer.receive(respond(invite, 183), 2.0)
    assert layer.expire(302.0) == [TimedOut(invite)]


def test_a_2xx_that_is_repeated_is_acknowledged_again_until_timer_m(identity: Identity) -> None:
    layer, invite = Transactions(), ours(identity, "INVITE")
    layer.request(invite, 0.0, limit=5)
    ok = respond(invite, 200, to_tag="t")
    assert layer.receive(ok, 1.0) == [Responded(invite, ok)]
    assert layer.receive(ok, 1.5) == []
    ack = ours(identity, "ACK")
    assert layer.acknowledge(invite, ack) == [Send(ack)]
    assert layer.receive(ok, 2.0) == [Send(ack)]
    assert layer.receive(respond(invite, 180), 2.0) == []
    assert layer.receive(respond(invite, 486), 2.0) == []
    assert layer.expire(1.0 + LATE_2XX) == []
    assert layer.deadline is None


def test_a_cancel_is_a_transaction_of_its_own_under_the_same_branch(identity: Identity) -> None:
    layer, invite = Transactions(), ours(identity, "INVITE")
    layer.request(invite, 0.0, limit=5)
    request = cancel(invite)
    assert (request.branch, request.cseq, request.to_tag, request.uri) == (invite.branch, invite.cseq, "", invite.uri)
    layer.request(request, 1.0, limit=2)
    done, terminated = respond(request, 200), respond(invite, 487)
    assert layer.receive(done, 1.0) == [Responded(request, done)]
    assert Responded(invite, terminated) in layer.receive(terminated, 1.0)


@pytest.mark.parametrize("method", ["MESSAGE", "BYE", "CANCEL"])
def test_a_request_of_theirs_is_answered_once(method: str) -> None:
    layer, request = Transactions(), theirs(method)
    assert layer.receive(request, 0.0) == [Received(request)]
    assert layer.pending(request)
    response = respond(request, 200)
    assert layer.respond(request, response, 1.0) == [Send(response)]
    assert not layer.pending(request)
    assert layer.deadline is None
    with pytest.raises(IllegalTransition):
        layer.respond(request, response, 1.0)


def test_a_request_that_comes_again_gets_the_last_response_again() -> None:
    layer, invite = Transactions(), theirs("INVITE")
    layer.receive(invite, 0.0)
    assert layer.receive(theirs("INVITE"), 0.0) == []
    ringing = respond(invite, 180)
    layer.respond(invite, ringing, 0.0)
    assert layer.receive(theirs("INVITE"), 0.0) == [Send(ringing)]


def test_an_ignored_request_is_forgotten() -> None:
    layer, request = Transactions(), theirs("MESSAGE")
    layer.receive(request, 0.0)
    layer.ignore(request)
    assert not layer.pending(request)


def test_our_2xx_is_acknowledged_whatever_the_branch_of_the_ack() -> None:
    layer, invite = Transactions(), theirs("INVITE", 7)
    layer.receive(invite, 0.0)
    layer.respond(invite, respond(invite, 200), 1.0)
    ack = theirs("ACK", 7, "z9hG4bKanother")
    assert layer.receive(ack, 2.0) == [Acknowledged(invite, ack)]
    assert layer.receive(ack, 2.0) == [Unmatched(ack)]
    assert layer.deadline is None


def test_our_2xx_without_an_ack_is_told() -> None:
    layer, invite = Transactions(ack_limit=10), theirs("INVITE")
    layer.receive(invite, 0.0)
    layer.respond(invite, respond(invite, 200), 1.0)
    assert layer.expire(11.0) == [AckMissing(invite)]


def test_the_ack_for_a_refusal_is_of_no_interest_and_neither_is_its_absence() -> None:
    layer, first, second = Transactions(ack_limit=10), theirs("INVITE", 1), theirs("INVITE", 2, "z9hG4bKs2")
    for invite in (first, second):
        layer.receive(invite, 0.0)
        layer.respond(invite, respond(invite, 487), 1.0)
    assert layer.receive(theirs("ACK", 1), 2.0) == []
    assert layer.expire(11.0) == []
    assert layer.deadline is None


def test_an_ack_before_our_final_response_does_nothing() -> None:
    layer, invite = Transactions(), theirs("INVITE")
    layer.receive(invite, 0.0)
    assert layer.receive(theirs("ACK"), 0.0) == []
    assert layer.pending(invite)


@pytest.mark.parametrize("final", [200, 487])
def test_only_one_final_response_can_be_sent_to_an_invite(final: int) -> None:
    layer, invite = Transactions(), theirs("INVITE")
    layer.receive(invite, 0.0)
    layer.respond(invite, respond(invite, final), 0.0)
    for status in (180, 200, 487):
        with pytest.raises(IllegalTransition):
            layer.respond(invite, Response(status), 0.0)


def test_an_answer_to_a_request_that_never_came_is_our_fault() -> None:
    with pytest.raises(IllegalTransition):
        Transactions().respond(theirs("BYE"), Response(200), 0.0)
