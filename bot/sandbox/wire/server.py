"""The SIP server: secure WebSocket connections, and what they share."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any, Protocol

from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.typing import Subprotocol

from bot.errors import ConfigError
from bot.log import get_logger
from bot.media import MediaEngine
from bot.sandbox.calls import Call
from bot.sandbox.certificate import Certificate
from bot.sandbox.legs import BaseLeg
from bot.sandbox.model import Extension, Party
from bot.sandbox.registrar import Binding, Registrar
from bot.sandbox.switch import Switch
from bot.sandbox.tasks import Tasks, first_of
from bot.sandbox.wire.branch import Branch
from bot.sandbox.wire.called import CalledLeg
from bot.sandbox.wire.calling import invite
from bot.sandbox.wire.connection import Connection
from bot.sandbox.wire.dialog import Numbers
from bot.sandbox.wire.phone_leg import PhoneLeg
from bot.sandbox.wire.registration import register
from bot.sip.messages import MAX_MESSAGE, Request, respond

__all__ = ["DialogUser", "Limits", "SipServer"]

log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Limits:
    """Waits on phones, in seconds."""

    transaction: float = 5.0
    after_cancel: float = 2.0
    """The 487 that follows a cancelled INVITE; the vendor's client sends none."""


class DialogUser(Protocol):
    """Who takes the requests on a Call-Id."""

    def receive(self, connection: Connection, request: Request) -> None: ...


class SipServer:
    """Implements `switch.Phones`. `dialogs` go by Call-Id, whatever connection a request comes over."""

    def __init__(
        self, switch: Switch, media: MediaEngine, *, sip_log: Callable[[str, str], None] | None = None
    ) -> None:
        self.switch = switch
        self.media = media
        self.limits = Limits()
        self.domain = switch.options.domain
        self.expires = switch.options.expires
        self.registrar: Registrar[Connection] = Registrar(switch.options.max_instances)
        self.dialogs: dict[str, DialogUser] = {}
        self.tasks = Tasks()
        self.numbers = Numbers("127.0.0.1", switch.rng.getrandbits)
        self.random_bits = switch.rng.getrandbits
        self._sip_log = sip_log
        self._server: Server | None = None
        self._connections: set[Connection] = set()

    async def start(self, certificate: Certificate, port: int) -> None:
        """Listen on 127.0.0.1; a port of 0 is chosen by the system.

        Raises:
            ConfigError: the port cannot be had.
        """
        try:
            self._server = await serve(
                self._attend,
                "127.0.0.1",
                port,
                ssl=certificate.server_context(),
                subprotocols=[Subprotocol("sip")],
                max_size=MAX_MESSAGE,
                ping_interval=None,
                compression=None,
            )
        except OSError as error:
            raise ConfigError(
                f"the SIP port {port} cannot be used: {error.strerror}", hint="choose another port, or 0"
            ) from error

    @property
    def address(self) -> str:
        """`127.0.0.1:PORT`."""
        assert self._server is not None
        return f"127.0.0.1:{next(iter(self._server.sockets)).getsockname()[1]}"

    @property
    def contact(self) -> str:
        return f"<sip:{self.address};transport=wss>"

    async def _attend(self, socket: ServerConnection) -> None:
        connection = Connection(socket, self._receive, self._sip_log)
        self._connections.add(connection)
        try:
            await connection.run()
        finally:
            self._connections.discard(connection)
            self._lost(connection)

    def _receive(self, connection: Connection, request: Request) -> None:
        user = self.dialogs.get(request.call_id)
        if request.method == "REGISTER":
            register(self, connection, request)
        elif user is not None:
            user.receive(connection, request)
        elif request.method == "INVITE" and not request.to_tag:
            invite(self, connection, request)
        elif request.method == "OPTIONS":
            connection.send(respond(request, 200))
        elif request.method != "ACK":
            connection.send(respond(request, 481))

    # Who is where.

    def now(self) -> float:
        return asyncio.get_running_loop().time()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)

    def extension_of(self, user: str) -> Extension | None:
        """The extension whose phones use this SIP user name."""
        number = user.rpartition("*")[2]
        found = self.switch.extensions.get(number)
        return found if found is not None and found.username == user else None

    def may_call(self, connection: Connection, extension: str) -> bool:
        """Whether this connection registered for the extension, and is not expired. A newer connection of the same
        instance does not matter: the older one can still place calls (wire notes, §2)."""
        held = connection.registration
        return held is not None and held.extension == extension and held.expires_at > self.now()

    def bindings(self, extension: str) -> list[Binding[Connection]]:
        """Those whose connection is up."""
        return [each for each in self.registrar.bindings(extension, self.now()) if each.connection.open]

    def connection_of(self, binding: Binding[Connection]) -> Connection | None:
        """Where an instance can be reached now."""
        for each in self.bindings(binding.extension):
            if each.instance == binding.instance:
                return each.connection
        return None

    def registered(self, extension: str) -> bool:
        return bool(self.bindings(extension))

    def leg(self, call: Call, party: Party, shown: Party) -> BaseLeg:
        return CalledLeg(self, call, party, shown)

    def moved(self, connection: Connection) -> None:
        """An instance registered over a new connection: the dialogs of its lost one go on there."""
        new = connection.registration
        for leg in self._legs():
            dialog = leg.dialog
            assert dialog is not None
            old = dialog.connection.registration
            if new is None or old is None or dialog.connection.open:
                continue
            if (old.extension, old.instance) == (new.extension, new.instance):
                dialog.connection = connection

    def leg_of(self, call_id: str) -> PhoneLeg | None:
        """The leg with an established dialog on this Call-Id."""
        user = self.dialogs.get(call_id)
        return user if isinstance(user, PhoneLeg) else None

    def _legs(self) -> list[PhoneLeg]:
        return [user for user in self.dialogs.values() if isinstance(user, PhoneLeg)]

    def _lost(self, connection: Connection) -> None:
        for user in list(self.dialogs.values()):
            if isinstance(user, Branch) and user.dialog.connection is connection:
                user.lost()
        if any(leg.dialog is not None and leg.dialog.connection is connection for leg in self._legs()):
            self.tasks.start(self._await_return(connection), "lost phone")

    async def _await_return(self, connection: Connection) -> None:
        """Keep the calls of a lost connection for a while; those that nobody came back for are ended."""
        await asyncio.sleep(self.switch.options.lost_phone)
        for leg in self._legs():
            if leg.dialog is not None and leg.dialog.connection is connection:
                leg.hung_up()

    # Tasks.

    def run_while(self, work: Coroutine[Any, Any, None], stop: asyncio.Future[Any], name: str) -> None:
        """Run `work` in the background; it is cancelled when `stop` is done."""
        self.tasks.start(first_of(work, stop), name)

    async def close(self) -> None:
        """Close the connections and the port. The calls have to be over before."""
        async with asyncio.TaskGroup() as group:
            for connection in list(self._connections):
                group.create_task(connection.close())
        if self._server is not None:
            self._server.close()
            await self._server.wait_closed()
        await self.tasks.close()
