"""One registered phone: its connection, its registration, its calls."""

from __future__ import annotations

import asyncio
import random
import ssl
from collections.abc import Callable, Coroutine, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING

from bot.clock import Clock
from bot.errors import BotError, CertificateNotTrusted, ConnectionFailed, MalformedMessage, NoReply, NotRegistered
from bot.log import get_logger
from bot.phone.connection import Connection
from bot.phone.events import (
    IncomingCall,
    PhoneEvent,
    Registered,
    RegistrationLost,
    SessionChanged,
    Unregistered,
)
from bot.phone.inbound import InboundSession
from bot.phone.lifetime import SessionState
from bot.phone.limits import PhoneLimits
from bot.phone.line import Line
from bot.phone.outbound import OutboundSession
from bot.phone.replies import Replies
from bot.phone.session import Session
from bot.phone.sip_info import SipInfo
from bot.phone.transport import Transport
from bot.sip.messages import Request
from bot.sip.rc import Command, parse_xml
from bot.sip.registration import Granted, Refused, Register, Registration, RegistrationEffect, RegistrationState

if TYPE_CHECKING:
    from bot.media import MediaEngine

__all__ = ["Phone"]

log = get_logger(__name__)

_ANSWERED_OK = frozenset({"BYE", "CANCEL", "INFO", "MESSAGE", "NOTIFY", "OPTIONS", "UPDATE"})


class Phone:
    """A phone of the vendor's kind. `start` registers it; from then on it keeps itself registered until `stop`.

    `on_event` is called in the event loop with every `PhoneEvent`. `instance_id` names this installation for the
    registrar and must be the same after a restart; the authorizationId when empty. `ssl_context` None means the
    system's trust store. `sip_log` gets `("sent" | "received", text)` of every message, secrets masked.
    """

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
        self.sip_info = sip_info
        self.name = name
        self._media = media
        self._instance_id = instance_id or sip_info.authorization_id
        self._ssl_context = ssl_context
        self._clock = clock
        self._limits = limits or PhoneLimits()
        self._on_event = on_event
        self._rng = rng or random.SystemRandom()
        self._sip_log = sip_log
        self._sessions: dict[str, Session] = {}
        self._replies = Replies()
        self._line = Line(sip_info, name=name, limits=self._limits, rng=self._rng)
        self._registration: Registration | None = None
        self._upkeep: asyncio.Task[None] | None = None
        self._stopping = False

    def __repr__(self) -> str:
        return f"<Phone {self.name or self.sip_info.username} {'up' if self.registered else 'down'}>"

    @property
    def registered(self) -> bool:
        """Whether calls can come and go at this moment."""
        return self._registration is not None and self._registration.expires > 0

    @property
    def sessions(self) -> Mapping[str, Session]:
        """The calls that are not over, by Call-ID."""
        return MappingProxyType(self._sessions)

    async def start(self) -> None:
        """Connect and register. On a phone that runs already: make a new connection and replace the old one.

        Raises:
            CertificateNotTrusted, ConnectionFailed: no connection, neither to the proxy nor to its backup.
            RegistrationFailed, TooManyContacts: the registrar refused.
            NoReply: the registrar said nothing.
        """
        self._stopping = False
        await self._end_upkeep()
        if self._line.connection is not None:
            await self._drop_connection(ConnectionFailed("the phone was started again"))
        await self._come_up_anywhere()
        self._recover_calls()
        self._upkeep = asyncio.create_task(self._keep_up(), name=f"upkeep of phone {self.name}")

    async def stop(self) -> None:
        """Hang up, unregister and close, within `limits.stop` seconds; nothing is left behind."""
        self._stopping = True
        await self._end_upkeep()
        quarter = self._limits.stop / 4
        try:
            await self._within(quarter, self._end_calls(), "calls were not ended in time")
            await self._within(quarter, self._unregister(), "unregistering took too long")
        finally:
            self._replies.stop()
            stopped = ConnectionFailed("the phone was stopped")
            await self._drop_connection(stopped, limit=quarter)
            for session in list(self._sessions.values()):
                session.abandon(stopped)
            await self._within(quarter, self._line.tasks.drain(), "background work was cut off")
            await self._line.tasks.close()
            if self._registration is not None:
                self._registration = None
                self._emit(Unregistered(self.name))

    async def call(
        self, callee: str, *, caller_id: str = "", headers: Mapping[str, str] | None = None
    ) -> OutboundSession:
        """Place a call; returns when the INVITE is out. `headers` go with it, `Replaces` for example.

        Raises:
            NotRegistered: the phone is down; nothing is queued.
            CallFailed: `callee` cannot be dialled.
            MediaFailed: no audio can be offered.
        """
        if not self.registered or self._stopping:
            raise NotRegistered(
                f"phone {self.name or self.sip_info.username} is not registered",
                hint="it tries by itself; place the call again when it is back",
            )
        session = OutboundSession(
            self._line, callee, self._media.session(f"call to {callee}"), caller_id=caller_id, headers=headers
        )
        self._keep(session)
        await session.dial()
        return session

    # What the connection tells.

    def request_received(self, request: Request) -> None:
        """Take a request of the phone system's."""
        session = self._sessions.get(request.call_id)
        if request.method == "MESSAGE":
            self._message_received(request, session)
        elif session is not None:
            session.handle(request)
        elif request.method == "INVITE":
            self._invite_received(request)
        else:
            status = 200 if request.method in _ANSWERED_OK else 501
            self._line.respond(request, status, to_tag=self._line.identity.new_tag())

    def ack_received(self, invite: Request, ack: Request | None) -> None:
        """Take the ACK for a 2xx of ours, or the news that there was none."""
        session = self._sessions.get(invite.call_id)
        if session is not None:
            session.ack_received(invite, ack)

    def _invite_received(self, invite: Request) -> None:
        if invite.to_tag:
            self._line.respond(invite, 481, to_tag="")
            return
        if self._stopping:
            self._line.respond(invite, 480, to_tag=self._line.identity.new_tag())
            return
        media = self._media.session(f"call {invite.call_id}")
        session = InboundSession(self._line, invite, media, self._replies)
        self._keep(session)
        log.info("call comes in", phone=self.name, call=session.call_id, caller=session.remote_number)
        session.ring()
        self._emit(IncomingCall(session))

    def _message_received(self, request: Request, session: Session | None) -> None:
        """The vendor's XML commands. One for another instance gets no reply (ringcentral-sip.md §4)."""
        try:
            message = parse_xml(request.body)
        except MalformedMessage as error:
            log.warning("command not understood", phone=self.name, error=str(error))
            message = None
        if message is not None:
            client = message.body.get("Cln", "")
            if client and client != self.sip_info.authorization_id:
                self._line.ignore(request)
                return
            if message.command == Command.ALREADY_PROCESSED and isinstance(session, InboundSession):
                session.processed()
            elif message.command == Command.SESSION_CLOSE and not self._replies.close_received(message):
                log.info("a reply was closed that nobody waits for", phone=self.name, sid=message.sid)
        if session is not None:
            session.handle(request)
        else:
            self._line.respond(request, 200, to_tag=self._line.identity.new_tag())

    # Coming up, staying up, going down.

    async def _come_up_anywhere(self) -> None:
        """Register at the proxy, or where that does not answer, at its backup. The first failure is told."""
        failures: list[BotError] = []
        for url in self.sip_info.urls:
            try:
                return await self._come_up(url)
            except CertificateNotTrusted:
                raise
            except (ConnectionFailed, NoReply) as error:
                log.warning("not registered", phone=self.name, url=url, error=str(error))
                failures.append(error)
        raise failures[0]

    async def _come_up(self, url: str) -> None:
        """Connect and register."""
        transport = await Transport.open(url, ssl_context=self._ssl_context, limit=self._limits.connect)
        connection = Connection(transport, self, name=self.name, limits=self._limits, sip_log=self._sip_log)
        self._line.connection = connection
        if self._stopping:
            await self._drop_connection(ConnectionFailed("the phone was stopped"))
            raise ConnectionFailed("the phone was stopped")
        registration = Registration(self._line.identity, self._line.credentials, self._instance_id)
        self._registration = registration
        try:
            await self._register(connection, registration, registration.start())
        except BaseException:
            await self._drop_connection(ConnectionFailed("registration failed"))
            raise
        log.info("registered", phone=self.name, expires=registration.expires)
        self._emit(Registered(self.name, registration.expires))

    async def _register(self, connection: Connection, registration: Registration, effect: RegistrationEffect) -> None:
        """Send REGISTERs until the registrar has decided.

        Raises:
            RegistrationFailed: it refused.
            NoReply, ConnectionFailed: it said nothing.
        """
        while isinstance(effect, Register):
            try:
                response = await connection.ask(effect.request, limit=self._limits.register)
            except (NoReply, ConnectionFailed):
                registration.no_reply()
                raise
            effect = registration.received(response, asyncio.get_running_loop().time())
        if isinstance(effect, Refused):
            raise effect.error
        if isinstance(effect, Granted):
            log.debug("registration granted", phone=self.name, expires=effect.expires)

    async def _keep_up(self) -> None:
        """Refresh the registration until it or the connection is lost, then get both back; for ever."""
        while True:
            error = await self._until_lost()
            log.warning("registration lost", phone=self.name, error=str(error))
            await self._drop_connection(error)
            self._emit(RegistrationLost(self.name, error))
            await self._come_back()
            self._recover_calls()

    async def _until_lost(self) -> BotError:
        connection, registration = self._line.connection, self._registration
        if connection is None or registration is None:
            return ConnectionFailed("the connection is gone")
        while True:
            pause = registration.refresh_at - asyncio.get_running_loop().time()
            await asyncio.wait({connection.lost}, timeout=max(pause, 0.0))
            if connection.lost.done():
                return connection.lost.result()
            try:
                await self._register(connection, registration, registration.refresh())
            except BotError as error:
                return error

    async def _come_back(self) -> None:
        """Connect and register again: with full jitter between 0 and 1, 2, 4 … `limits.backoff` seconds before each
        attempt, the proxy and its backup in turn."""
        down_since = self._clock.monotonic()
        attempt = 0
        while not self.registered:
            await self._clock.sleep(self._rng.uniform(0.0, min(self._limits.backoff, 2.0 ** min(attempt, 16))))
            urls = self.sip_info.urls
            try:
                await self._come_up(urls[attempt % len(urls)])
            except BotError as error:
                log.warning("still not registered", phone=self.name, attempt=attempt + 1, error=str(error))
                if self._clock.monotonic() - down_since > self._limits.outage:
                    for session in list(self._sessions.values()):
                        session.abandon(error)
            except Exception:
                log.exception("attempt to register failed in the bot", phone=self.name, attempt=attempt + 1)
            attempt += 1

    def _recover_calls(self) -> None:
        for session in list(self._sessions.values()):
            if session.state is SessionState.ANSWERED:
                self._line.tasks.spawn(session.recover(), f"recover {session.call_id}")

    async def _drop_connection(self, error: BotError, *, limit: float = 1.0) -> None:
        """Everything that lived on the connection is over: it (within `limit` seconds), the registration, and calls
        that are not answered."""
        connection, self._line.connection = self._line.connection, None
        if self._registration is not None:
            self._registration.expires = 0
        if connection is not None:
            await connection.close(limit=limit)
        for session in list(self._sessions.values()):
            session.connection_lost(error)

    async def _end_upkeep(self) -> None:
        if self._upkeep is not None:
            self._upkeep.cancel()
            await asyncio.wait({self._upkeep})
            self._upkeep = None

    async def _end_calls(self) -> None:
        await asyncio.gather(*(session.shut_down() for session in list(self._sessions.values())))
        await self._line.tasks.drain()

    async def _unregister(self) -> None:
        connection, registration = self._line.connection, self._registration
        if connection is None or registration is None or registration.state is not RegistrationState.REGISTERED:
            return
        try:
            await self._register(connection, registration, registration.stop())
        except BotError as error:
            log.info("could not unregister", phone=self.name, error=str(error))

    async def _within(self, limit: float, work: Coroutine[object, object, None], late: str) -> None:
        try:
            async with asyncio.timeout(limit):
                await work
        except TimeoutError:
            log.warning(late, phone=self.name)

    # Telling the owner.

    def _keep(self, session: Session) -> None:
        self._sessions[session.call_id] = session
        session.on_change(self._session_changed)

    def _session_changed(self, session: Session, old: SessionState, new: SessionState) -> None:
        if new is SessionState.ENDED:
            self._sessions.pop(session.call_id, None)
        self._emit(SessionChanged(session, old, new))

    def _emit(self, event: PhoneEvent) -> None:
        try:
            self._on_event(event)
        except Exception:
            log.exception("listener failed", phone=self.name, phone_event=type(event).__name__)
