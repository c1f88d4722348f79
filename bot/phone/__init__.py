"""The phone core: one registered phone, its call sessions, its recovery."""

from bot.phone.commands import FlipResult
from bot.phone.events import IncomingCall, PhoneEvent, Registered, RegistrationLost, SessionChanged, Unregistered
from bot.phone.inbound import InboundSession
from bot.phone.lifetime import SessionEnd, SessionState
from bot.phone.limits import PhoneLimits
from bot.phone.outbound import OutboundSession
from bot.phone.phone import Phone
from bot.phone.session import Session
from bot.phone.sip_info import SipInfo

__all__ = [
    "FlipResult",
    "InboundSession",
    "IncomingCall",
    "OutboundSession",
    "Phone",
    "PhoneEvent",
    "PhoneLimits",
    "Registered",
    "RegistrationLost",
    "Session",
    "SessionChanged",
    "SessionEnd",
    "SessionState",
    "SipInfo",
    "Unregistered",
]
