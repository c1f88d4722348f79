"""The sandbox as one object: server, switch, people, REST and events, up and down together."""

from __future__ import annotations

import ssl
import tempfile
from collections.abc import Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

from bot.clock import Clock
from bot.media import MediaEngine, Speech
from bot.sandbox.certificate import Certificate
from bot.sandbox.describe import describe
from bot.sandbox.events import SandboxEvent
from bot.sandbox.options import SandboxOptions
from bot.sandbox.people.company import People
from bot.sandbox.people.model import read_people
from bot.sandbox.rest.server import RestServer
from bot.sandbox.switch.switch import Switch
from bot.sandbox.wire.server import SipServer

__all__ = ["Sandbox"]


class Sandbox:
    """`async with Sandbox(options) as sandbox:` an embedded phone system on loopback.

    `speech` and `clock` are the caller's when given, else its own. `sip_log` gets each message ("in" or "out", text).
    """

    switch: Switch
    server: SipServer
    people: People
    rest_server: RestServer

    def __init__(
        self,
        options: SandboxOptions | None = None,
        *,
        clock: Clock | None = None,
        speech: Speech | None = None,
        sip_log: Callable[[str, str], None] | None = None,
    ) -> None:
        self.options = options or SandboxOptions()
        self._clock = clock or Clock()
        self._speech = speech
        self._sip_log = sip_log
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Sandbox:
        async with AsyncExitStack() as stack:
            directory = self.options.directory or Path(
                stack.enter_context(tempfile.TemporaryDirectory(prefix="bot-sandbox-"))
            )
            self._certificate = Certificate.make(directory, self._clock.now())
            speech = self._speech or Speech()
            if self._speech is None:
                stack.push_async_callback(speech.close)
            media = await stack.enter_async_context(MediaEngine(self.options.media))
            self.switch = Switch(self.options, media, speech, self._clock)
            self.server = SipServer(self.switch, sip_log=self._sip_log)
            self.switch.phones = self.server
            stack.push_async_callback(self.server.close)
            stack.push_async_callback(self.switch.close)
            await self.server.start(self._certificate, self.options.sip_port)
            self.people = People(read_people(*self.options.people), self.switch, speech)
            self.people.start()
            stack.push_async_callback(self.people.close)
            self.rest_server = RestServer(
                self.switch, self.people, sip_info=self.sip_info, describe=self.describe, port=self.options.rest_port
            )
            await stack.enter_async_context(self.rest_server)
            self._stack = stack.pop_all()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    @property
    def sip(self) -> str:
        """`127.0.0.1:PORT` of the SIP server."""
        return self.server.address

    @property
    def rest(self) -> str:
        """`http://127.0.0.1:PORT` of the REST interface."""
        return self.rest_server.url

    @property
    def domain(self) -> str:
        return self.options.domain

    @property
    def certificate(self) -> Path:
        """The PEM file to trust."""
        return self._certificate.certificate

    def ssl_context(self) -> ssl.SSLContext:
        """A client context that trusts the sandbox's certificate and no other."""
        return self._certificate.client_context()

    def sip_info(self, extension: str, authorization_id: str = "") -> dict[str, Any]:
        """The vendor's JSON for one device of an extension, the first one when none is named. Raises KeyError."""
        found = self.switch.extensions[extension]
        device = authorization_id or next(iter(found.credentials))
        return {
            "transport": "WSS",
            "username": found.username,
            "password": found.credentials[device],
            "authorizationTypes": ["SipDigest"],
            "authorizationId": device,
            "domain": self.domain,
            "outboundProxy": self.sip,
            "outboundProxyBackup": self.sip,
            "stunServers": list(self.options.media.stun_servers),
        }

    def describe(self) -> dict[str, Any]:
        """Everything that a client needs to use the sandbox, as JSON; holds its credentials."""
        addresses = {
            "sip": self.sip,
            "rest": self.rest,
            "certificate": str(self.certificate),
            "domain": self.domain,
        }
        return addresses | describe(self.switch, self.people.list(), self.rest_server.auth, self.sip_info)

    def on_event(self, callback: Callable[[SandboxEvent], None]) -> Callable[[], None]:
        return self.switch.on_event(callback)
