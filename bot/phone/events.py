"""What a phone tells its owner, as values; `phone` is its name."""

from __future__ import annotations

from dataclasses import dataclass

from bot.errors import BotError
from bot.phone.inbound import InboundSession
from bot.phone.lifetime import SessionState
from bot.phone.session import Session

__all__ = ["IncomingCall", "PhoneEvent", "Registered", "RegistrationLost", "SessionChanged", "Unregistered"]


@dataclass(frozen=True, slots=True)
class Registered:
    """The phone is registered (again); `expires` is what the registrar granted, in seconds."""

    phone: str
    expires: int


@dataclass(frozen=True, slots=True)
class RegistrationLost:
    """The connection or the registration is gone; the phone is trying to get it back."""

    phone: str
    error: BotError


@dataclass(frozen=True, slots=True)
class Unregistered:
    """The phone was stopped."""

    phone: str


@dataclass(frozen=True, slots=True)
class IncomingCall:
    """A call rings here; 100, 180 and the receive confirm are on their way."""

    session: InboundSession


@dataclass(frozen=True, slots=True)
class SessionChanged:
    """A call session moved from one state to another."""

    session: Session
    old: SessionState
    new: SessionState


PhoneEvent = Registered | RegistrationLost | Unregistered | IncomingCall | SessionChanged
