"""The SIP server: secure WebSocket connections, and what they share."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.typing import Subprotocol

from bot.errors import ConfigError
from bot.log import get_logger
from bot.sandbox.certificate import Certificate
from bot.sandbox.switch.calls import Call
from bot.sandbox.switch.legs import BaseLeg
from bot.sandbox.switch.model import Party
from bot.sandbox.switch.switch import Switch
from bot.sandbox.wire.branch import Branch
from bot.sandbox.wire.called import CalledLeg
from bot.sandbox.wire.calling import invite
from bot.sandbox.wire.connection import Connection
from bot.sandbox.wire.core import Core
from bot.sandbox.wire.phone_leg import PhoneLeg
from bot.sandbox.wire.registration import register
from bot.sandbox.wire.requests import receive
from bot.sip.messages import MAX_MESSAGE, Request, respond

__all__ = ["SipServer"]

log = get_logger(__name__)


class SipServer:
    """Listens, gives each request to whom it concerns, and implements `switch.Phones`."""

    def __init__(self, switch: Switch, *, sip_log: Callable[[str, str], None] | None = None) -> None:
        self.core = Core(switch)
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
        self.core.address = f"127.0.0.1:{next(iter(self._server.sockets)).getsockname()[1]}"

    @property
    def address(self) -> str:
        """`127.0.0.1:PORT`."""
        return self.core.address

    async def _attend(self, socket: ServerConnection) -> None:
        connection = Connection(socket, self._receive, self._sip_log)
        self._connections.add(connection)
        try:
            await connection.run()
        finally:
            self._connections.discard(connection)
            self._lost(connection)

    def _receive(self, connection: Connection, request: Request) -> None:
        user = self.core.dialogs.get(request.call_id)
        if request.method == "REGISTER":
            register(self.core, connection, request)
            self._moved(connection)
        elif isinstance(user, Branch):
            user.receive(connection, request)
        elif isinstance(user, PhoneLeg):
            receive(user, connection, request)
        elif request.method == "INVITE" and not request.to_tag:
            invite(self.core, connection, request)
        elif request.method == "OPTIONS":
            connection.send(respond(request, 200))
        elif request.method != "ACK":
            connection.send(respond(request, 481))

    # For the switch.

    def registered(self, extension: str) -> bool:
        return bool(self.core.bindings(extension))

    def leg(self, call: Call, party: Party, shown: Party) -> BaseLeg:
        return CalledLeg(self.core, call, party, shown)

    # Phones that come and go.

    def _moved(self, connection: Connection) -> None:
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

    def _legs(self) -> list[PhoneLeg]:
        return [user for user in self.core.dialogs.values() if isinstance(user, PhoneLeg)]

    def _lost(self, connection: Connection) -> None:
        for user in list(self.core.dialogs.values()):
            if isinstance(user, Branch) and user.dialog.connection is connection:
                user.lost()
        if any(leg.dialog is not None and leg.dialog.connection is connection for leg in self._legs()):
            self.core.tasks.start(self._await_return(connection), "lost phone")

    async def _await_return(self, connection: Connection) -> None:
        """Keep the calls of a lost connection for a while; those that nobody came back for are ended."""
        await asyncio.sleep(self.core.switch.options.lost_phone)
        for leg in self._legs():
            if leg.dialog is not None and leg.dialog.connection is connection:
                leg.hung_up()

    async def close(self) -> None:
        """Close the connections and the port. The calls have to be over before."""
        async with asyncio.TaskGroup() as group:
            for connection in list(self._connections):
                group.create_task(connection.close())
        if self._server is not None:
            self._server.close()
            await self._server.wait_closed()
        await self.core.tasks.close()
