"""The registration's table, move by move."""

from __future__ import annotations

import random

import pytest

from bot.errors import IllegalTransition, RegistrationFailed, TooManyContacts
from bot.sip.digest import Credentials, challenge, verify
from bot.sip.identity import Identity
from bot.sip.messages import Request, Response, respond
from bot.sip.registration import (
    Granted,
    Refused,
    Register,
    Registration,
    RegistrationEffect,
    RegistrationState,
    Released,
)

ADA = Credentials("800001", "secret")


@pytest.fixture
def registration() -> Registration:
    identity = Identity("16505550100*101", "sip.ringcentral.com", rng=random.Random(1))
    return Registration(identity, ADA, "instance-1")


def sent(effect: RegistrationEffect) -> Request:
    assert isinstance(effect, Register)
    return effect.request


def refused(effect: RegistrationEffect) -> RegistrationFailed:
    assert isinstance(effect, Refused)
    return effect.error


def challenged(request: Request, nonce: str = "n1") -> Response:
    return respond(request, 401, headers={"Www-Authenticate": challenge("sip.ringcentral.com", nonce)})


def granted(request: Request, expires: int | str = 60) -> Response:
    contact = request.header("Contact").rsplit(";", 1)[0]
    return respond(request, 200, headers={"Contact": f"{contact};expires={expires}"})


def registered(registration: Registration, expires: int = 60) -> None:
    request = sent(registration.received(challenged(sent(registration.start())), 0.0))
    assert registration.received(granted(request, expires), 0.0) == Granted(expires)


def test_a_challenge_is_answered_once_and_the_grant_has_a_moment_of_refresh(registration: Registration) -> None:
    first = sent(registration.start())
    second = sent(registration.received(challenged(first), 1.0))
    assert verify(
        second.header("Authorization"), realm="sip.ringcentral.com", nonce="n1", method="REGISTER", credentials=ADA
    )
    assert second.call_id == first.call_id
    assert second.header("Contact") == first.header("Contact")
    assert registration.received(granted(second, 90), 2.0) == Granted(90)
    assert registration.state is RegistrationState.REGISTERED
    assert (registration.expires, registration.refresh_at) == (90, 89.0)


def test_a_registrar_may_do_without_a_challenge(registration: Registration) -> None:
    assert registration.received(granted(sent(registration.start())), 0.0) == Granted(60)


def test_a_very_short_grant_is_refreshed_at_half_time(registration: Registration) -> None:
    registered(registration, 4)
    assert registration.refresh_at == 2.0


def test_a_refresh_keeps_the_registration_until_it_is_decided(registration: Registration) -> None:
    registered(registration)
    request = sent(registration.refresh())
    assert registration.expires == 60
    assert request.header("Contact").endswith("expires=60")
    assert registration.received(granted(request, 30), 57.0) == Granted(30)


def test_our_contact_counts_among_several(registration: Registration) -> None:
    request = sent(registration.start())
    mine = request.header("Contact").rsplit(";", 1)[0]
    response = respond(request, 200, headers={"Contact": f'<sip:a@b>;expires=3600, {mine};expires="45", <sip:c@d>'})
    assert registration.received(response, 0.0) == Granted(45)


@pytest.mark.parametrize("contact", ["", "<sip:a@b>", "<sip:a@b>;expires=0", "<sip:a@b>;expires=soon"])
def test_a_200_without_an_expires_is_a_refusal(registration: Registration, contact: str) -> None:
    response = respond(sent(registration.start()), 200, headers={"Contact": contact} if contact else {})
    assert "no expires" in str(refused(registration.received(response, 0.0)))
    assert registration.state is RegistrationState.REFUSED


def test_a_603_means_too_many_contacts(registration: Registration) -> None:
    error = refused(registration.received(respond(sent(registration.start()), 603, "Too Many Contacts"), 0.0))
    assert isinstance(error, TooManyContacts)
    assert (error.status, error.reason) == (603, "Too Many Contacts")
    assert "stop one" in error.hint


@pytest.mark.parametrize("status", [403, 404, 500, 302])
def test_any_other_refusal_has_the_reason_of_the_status_line(registration: Registration, status: int) -> None:
    error = refused(registration.received(respond(sent(registration.start()), status, "Because"), 0.0))
    assert (error.status, error.reason) == (status, "Because")
    assert f"{status} Because" in str(error)


def test_a_second_challenge_is_a_refusal(registration: Registration) -> None:
    second = sent(registration.received(challenged(sent(registration.start())), 0.0))
    error = refused(registration.received(challenged(second, "n2"), 0.0))
    assert error.status == 401
    assert "password" in error.hint


def test_a_challenge_that_cannot_be_read_is_a_refusal(registration: Registration) -> None:
    request = sent(registration.start())
    error = refused(registration.received(respond(request, 401, headers={"WWW-Authenticate": "Basic x"}), 0.0))
    assert "not digest" in str(error)


def test_a_proxys_challenge_gets_a_proxys_answer(registration: Registration) -> None:
    request = sent(registration.start())
    asked = respond(request, 407, headers={"Proxy-Authenticate": challenge("r", "n")})
    assert sent(registration.received(asked, 0.0)).header("Proxy-Authorization")


def test_unregistering_asks_for_zero_seconds(registration: Registration) -> None:
    registered(registration)
    request = sent(registration.stop())
    assert request.header("Contact").endswith(";expires=0")
    request = sent(registration.received(challenged(request), 1.0))
    assert registration.received(respond(request, 200), 1.0) == Released()
    assert (registration.state, registration.expires) == (RegistrationState.UNREGISTERED, 0)
    registered(registration)


@pytest.mark.parametrize("status", [401, 403])
def test_being_refused_on_the_way_out_does_not_matter(registration: Registration, status: int) -> None:
    registered(registration)
    request = sent(registration.received(challenged(sent(registration.stop())), 1.0))
    assert registration.received(respond(request, status), 1.0) == Released()


def test_no_reply_means_that_the_connection_is_dead(registration: Registration) -> None:
    registered(registration)
    registration.refresh()
    registration.no_reply()
    assert (registration.state, registration.expires) == (RegistrationState.DEAD, 0)
    with pytest.raises(IllegalTransition):
        registration.start()


def test_a_refused_registration_can_be_tried_again(registration: Registration) -> None:
    registration.received(respond(sent(registration.start()), 603), 0.0)
    registered(registration)


def test_moves_that_the_table_lacks_are_our_fault(registration: Registration) -> None:
    for move in (registration.refresh, registration.stop, registration.no_reply):
        with pytest.raises(IllegalTransition):
            move()
