"""Registration (RFC 3261 §10, RFC 5626 §4.1, ringcentral-sip.md §2) as a state machine without I/O.

Requests come out, responses and moments go in. The owner sends `Register` effects, each of which is answered by
`received` or `no_reply`, and calls `refresh` when `refresh_at` has come.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Mapping
from dataclasses import dataclass

from bot.errors import IllegalTransition, MalformedMessage, RegistrationFailed, TooManyContacts
from bot.sip.digest import Credentials, authorize, parse_challenge
from bot.sip.identity import Identity
from bot.sip.messages import Request, Response

__all__ = [
    "TABLE",
    "Granted",
    "Refused",
    "Register",
    "Registration",
    "RegistrationEffect",
    "RegistrationState",
    "Released",
]

ASKED_EXPIRES = 60
"""Seconds that we ask for; the registrar decides."""

REFRESH_BEFORE = 3.0
"""Seconds before the granted time is over."""


class RegistrationState(enum.Enum):
    UNREGISTERED = "unregistered"
    REGISTERING = "registering"
    PROVING = "answering the challenge"
    REGISTERED = "registered"
    LEAVING = "unregistering"
    LEAVING_PROVING = "unregistering, answering the challenge"
    REFUSED = "refused"
    DEAD = "connection dead"


class RegistrationEvent(enum.Enum):
    START = "start"
    CHALLENGED = "401 or 407"
    ACCEPTED = "2xx"
    REFUSED = "refusal"
    REFRESH = "refresh is due"
    STOP = "stop"
    NO_REPLY = "no reply"


_S, _E = RegistrationState, RegistrationEvent
TABLE: Mapping[tuple[RegistrationState, RegistrationEvent], RegistrationState] = {
    (_S.UNREGISTERED, _E.START): _S.REGISTERING,
    (_S.REFUSED, _E.START): _S.REGISTERING,
    (_S.REGISTERING, _E.CHALLENGED): _S.PROVING,
    (_S.REGISTERING, _E.ACCEPTED): _S.REGISTERED,
    (_S.REGISTERING, _E.REFUSED): _S.REFUSED,
    (_S.REGISTERING, _E.NO_REPLY): _S.DEAD,
    (_S.PROVING, _E.CHALLENGED): _S.REFUSED,
    (_S.PROVING, _E.ACCEPTED): _S.REGISTERED,
    (_S.PROVING, _E.REFUSED): _S.REFUSED,
    (_S.PROVING, _E.NO_REPLY): _S.DEAD,
    (_S.REGISTERED, _E.REFRESH): _S.REGISTERING,
    (_S.REGISTERED, _E.STOP): _S.LEAVING,
    (_S.REGISTERING, _E.STOP): _S.LEAVING,
    (_S.PROVING, _E.STOP): _S.LEAVING,
    (_S.LEAVING, _E.CHALLENGED): _S.LEAVING_PROVING,
    (_S.LEAVING, _E.ACCEPTED): _S.UNREGISTERED,
    (_S.LEAVING, _E.REFUSED): _S.UNREGISTERED,
    (_S.LEAVING, _E.NO_REPLY): _S.DEAD,
    (_S.LEAVING_PROVING, _E.CHALLENGED): _S.UNREGISTERED,
    (_S.LEAVING_PROVING, _E.ACCEPTED): _S.UNREGISTERED,
    (_S.LEAVING_PROVING, _E.REFUSED): _S.UNREGISTERED,
    (_S.LEAVING_PROVING, _E.NO_REPLY): _S.DEAD,
}


@dataclass(frozen=True, slots=True)
class Register:
    """Send this REGISTER."""

    request: Request


@dataclass(frozen=True, slots=True)
class Granted:
    """Registered for `expires` seconds."""

    expires: int


@dataclass(frozen=True, slots=True)
class Refused:
    """The registrar turned us down."""

    error: RegistrationFailed


@dataclass(frozen=True, slots=True)
class Released:
    """Unregistered, as far as we can know."""


RegistrationEffect = Register | Granted | Refused | Released


class Registration:
    """The binding of one instance on one connection. `now` is seconds on any clock that does not run backwards."""

    def __init__(self, identity: Identity, credentials: Credentials, instance_id: str) -> None:
        self._identity = identity
        self._credentials = credentials
        self._instance_id = instance_id
        self._call_id = identity.new_call_id()
        self._sent: Request | None = None
        self.state = RegistrationState.UNREGISTERED
        self.expires = 0
        self.refresh_at = 0.0

    def start(self) -> RegistrationEffect:
        """Begin to register."""
        self._move(RegistrationEvent.START)
        return self._register(ASKED_EXPIRES)

    def refresh(self) -> RegistrationEffect:
        """Register again; due at `refresh_at`."""
        self._move(RegistrationEvent.REFRESH)
        return self._register(ASKED_EXPIRES)

    def stop(self) -> RegistrationEffect:
        """Give the binding up, which frees the place at once."""
        self._move(RegistrationEvent.STOP)
        return self._register(0)

    def no_reply(self) -> None:
        """The last REGISTER got no answer: the connection is dead."""
        self._move(RegistrationEvent.NO_REPLY)
        self.expires = 0

    def received(self, response: Response, now: float) -> RegistrationEffect:
        """The final response to the last REGISTER."""
        if response.status in (401, 407):
            return self._challenged(response)
        if not 200 <= response.status < 300:
            return self._refused(response, f"{response.status} {response.reason}")
        leaving = self.state in (RegistrationState.LEAVING, RegistrationState.LEAVING_PROVING)
        expires = self._granted(response)
        if not leaving and expires is None:
            return self._refused(response, f"{response.status} {response.reason}, but no expires in its Contact")
        self._move(RegistrationEvent.ACCEPTED)
        if leaving or expires is None:
            self.expires = 0
            return Released()
        self.expires = expires
        self.refresh_at = now + max(expires - REFRESH_BEFORE, expires / 2)
        return Granted(expires)

    def _challenged(self, response: Response) -> RegistrationEffect:
        if self._sent is None:
            raise IllegalTransition("a challenge, but no REGISTER was sent")
        field = "WWW-Authenticate" if response.status == 401 else "Proxy-Authenticate"
        proving = self.state in (RegistrationState.PROVING, RegistrationState.LEAVING_PROVING)
        if proving:
            reason = f"{response.status} {response.reason}, again after we proved who we are"
            return self._refused(response, reason, RegistrationEvent.CHALLENGED)
        try:
            asked = parse_challenge(response.header(field))
        except MalformedMessage as error:
            return self._refused(response, f"{response.status} {response.reason}: {error}")
        proof = authorize(
            asked,
            self._credentials,
            "REGISTER",
            f"sip:{self._identity.domain}",
            cnonce=self._identity.new_tag(),
        )
        self._move(RegistrationEvent.CHALLENGED)
        name = "Authorization" if response.status == 401 else "Proxy-Authorization"
        self._sent = self._identity.again(self._sent, {name: proof})
        return Register(self._sent)

    def _refused(
        self, response: Response, reason: str, event: RegistrationEvent = RegistrationEvent.REFUSED
    ) -> RegistrationEffect:
        self._move(event)
        self.expires = 0
        if self.state is RegistrationState.UNREGISTERED:
            return Released()
        if response.status == 603:
            return Refused(
                TooManyContacts(
                    f"registration refused: {reason}",
                    status=603,
                    reason=response.reason,
                    hint="five phones of this extension are registered: stop one, or wait two minutes and try again",
                )
            )
        hint = "check the password in the sip info" if response.status in (401, 403, 407) else ""
        return Refused(
            RegistrationFailed(
                f"registration refused: {reason}", status=response.status, reason=response.reason, hint=hint
            )
        )

    def _register(self, expires: int) -> Register:
        identity = self._identity
        contact = f'{identity.contact};+sip.instance="<urn:uuid:{self._instance_id}>";expires={expires}'
        self._sent = identity.request(
            "REGISTER",
            f"sip:{identity.domain}",
            call_id=self._call_id,
            from_=f"{identity.address};tag={identity.new_tag()}",
            to=identity.address,
            headers={"Contact": contact},
        )
        return Register(self._sent)

    def _granted(self, response: Response) -> int | None:
        """The expires of our Contact: of ours by its URI or instance, else of the only one that there is."""
        contacts = re.split(r",\s*(?=<)", ", ".join(response.headers.getlist("Contact")))
        ours = [text for text in contacts if self._instance_id in text or self._identity.contact[1:-1] in text]
        found = re.search(r";\s*expires\s*=\s*\"?(\d{1,9})", (ours or contacts)[0], re.I | re.ASCII)
        return int(found.group(1)) if found and int(found.group(1)) > 0 else None

    def _move(self, event: RegistrationEvent) -> None:
        if (self.state, event) not in TABLE:
            raise IllegalTransition(f"registration: {event.value} in {self.state.value}")
        self.state = TABLE[self.state, event]
