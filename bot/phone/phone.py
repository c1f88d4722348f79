"""One registered phone."""

from __future__ import annotations

import random
import ssl
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from bot.clock import Clock
from bot.phone.events import PhoneEvent
from bot.phone.limits import PhoneLimits
from bot.phone.outbound import OutboundSession
from bot.phone.session import Session
from bot.phone.sip_info import SipInfo

if TYPE_CHECKING:
    from bot.media import MediaEngine

__all__ = ["Phone"]


class Phone:
    registered: bool
    name: str
    sip_info: SipInfo
    sessions: Mapping[str, Session]

    def __init__(
        self,
        sip_info: SipInfo,
        media: MediaEngine,
        *,
        name: str = "",
        instance_id: str = "",
        ssl_context: ssl.SSLContext | None = None,
        clock: Clock,
        limits: PhoneLimits | None = None,
        on_event: Callable[[PhoneEvent], None],
        rng: random.Random | None = None,
        sip_log: Callable[[str, str], None] | None = None,
    ) -> None:
        raise NotImplementedError

    async def start(self) -> None:
        raise NotImplementedError

    async def stop(self) -> None:
        raise NotImplementedError

    async def call(
        self, callee: str, *, caller_id: str = "", headers: Mapping[str, str] | None = None
    ) -> OutboundSession:
        raise NotImplementedError
