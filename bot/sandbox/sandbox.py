"""The sandbox as one object: server, switch, people, REST and events, up and down together."""

from __future__ import annotations

import ssl
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bot.clock import Clock
from bot.media import Speech
from bot.sandbox.events import SandboxEvent
from bot.sandbox.options import SandboxOptions
from bot.sandbox.switch import Switch

__all__ = ["Sandbox"]


class Sandbox:
    """`async with Sandbox(options) as sandbox:` an embedded phone system on loopback."""

    switch: Switch
    certificate: Path

    def __init__(
        self, options: SandboxOptions | None = None, *, clock: Clock | None = None, speech: Speech | None = None
    ) -> None:
        self.options = options or SandboxOptions()

    @property
    def sip(self) -> str:
        """`127.0.0.1:PORT` of the SIP server."""
        raise NotImplementedError

    @property
    def domain(self) -> str:
        return self.options.domain

    def sip_info(self, extension: str) -> dict[str, Any]:
        """The vendor's JSON for one device of an extension; each call names the same device."""
        raise NotImplementedError

    def ssl_context(self) -> ssl.SSLContext:
        """A client context that trusts the sandbox's certificate."""
        raise NotImplementedError

    def on_event(self, callback: Callable[[SandboxEvent], None]) -> Callable[[], None]:
        return self.switch.on_event(callback)

    async def __aenter__(self) -> Sandbox:
        raise NotImplementedError

    async def __aexit__(self, *_: object) -> None:
        raise NotImplementedError
