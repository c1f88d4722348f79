"""A phone system on a script: a WebSocket server that registers phones by itself and leaves the rest to the test."""

from __future__ import annotations

import asyncio
import itertools
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType

from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol

from bot.sip.digest import Credentials, challenge, verify
from bot.sip.messages import Message, Request, Response, make_headers, parse, respond, with_tag
from bot.sip.rc import RcMessage

DOMAIN = "sip.example.com"
OFFER = "v=0\r\ns=their offer\r\n"
ANSWER = "v=0\r\ns=their answer\r\n"
CREDENTIALS = Credentials("800001", "secret")
RC = RcMessage(
    {"SID": "sid-1", "Req": "req-1", "From": "#996333008@sip.example.com:5060", "To": "16505550100*101", "Cmd": "6"},
    {"Cln": "", "Phn": "+16505550199", "ToPhn": "+16505550101", "Nm": "Ada Lovelace"},
)


@dataclass
class Peer:
    """One phone's connection, and what came over it (REGISTERs apart) in order."""

    socket: ServerConnection
    messages: asyncio.Queue[Request | Response]

    async def expect(self, start: str) -> Request | Response:
        """The next message, which must begin with `start`."""
        async with asyncio.timeout(20):
            message = await self.messages.get()
        assert message.start_line.startswith(start), f"expected {start!r}, but {message.start_line!r} came"
        return message

    async def request(self, method: str) -> Request:
        message = await self.expect(f"{method} ")
        assert isinstance(message, Request)
        return message

    async def response(self, status: int, method: str = "") -> Response:
        message = await self.expect(f"SIP/2.0 {status}")
        assert isinstance(message, Response)
        assert not method or message.cseq_method == method, message.header("CSeq")
        return message

    async def send(self, message: Message) -> None:
        await self.socket.send(str(message))

    async def reply(self, request: Request, status: int, **extra: object) -> None:
        await self.send(respond(request, status, to_tag="srv", **extra))  # type: ignore[arg-type]

    @property
    def quiet(self) -> bool:
        """Whether nothing is left that the test has not looked at."""
        return self.messages.empty()


class SipServer:
    """`registrations` are the REGISTERs that came; `refuse` answers one instead of the registrar when it can."""

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self.tls = tls
        self.expires = 60
        self.registrations: list[Request] = []
        self.refuse: Callable[[Request], Response | None] = lambda _request: None
        self.silent = False
        self.peers: asyncio.Queue[Peer] = asyncio.Queue()
        self.open_peers: list[Peer] = []
        self._cseq = itertools.count(5_000_000)
        self._calls = itertools.count(1)
        self._server: Server | None = None
        self.port = 0

    async def __aenter__(self) -> SipServer:
        await self.listen()
        return self

    async def listen(self) -> None:
        self._server = await serve(
            self._serve,
            "127.0.0.1",
            self.port,
            subprotocols=[Subprotocol("sip")],
            ssl=self.tls,
            ping_interval=None,
            close_timeout=1,
        )
        self.port = self._server.sockets[0].getsockname()[1]

    async def close(self) -> None:
        assert self._server is not None
        self._server.close()
        await self._server.wait_closed()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def peer(self) -> Peer:
        """The next phone that connects (or has connected)."""
        async with asyncio.timeout(60):
            return await self.peers.get()

    async def _serve(self, socket: ServerConnection) -> None:
        peer = Peer(socket, asyncio.Queue())
        self.peers.put_nowait(peer)
        self.open_peers.append(peer)
        try:
            async for frame in socket:
                message = parse(str(frame))
                if isinstance(message, Request) and message.method == "REGISTER":
                    await self._register(peer, message)
                else:
                    peer.messages.put_nowait(message)
        except ConnectionClosed:
            pass
        finally:
            self.open_peers.remove(peer)

    async def _register(self, peer: Peer, request: Request) -> None:
        self.registrations.append(request)
        if self.silent:
            return
        await peer.send(respond(request, 100))
        refusal = self.refuse(request)
        if refusal is not None:
            await peer.send(refusal)
        elif self.proves(request, "Authorization"):
            expires = 0 if request.header("Contact").endswith("expires=0") else self.expires
            contact = request.header("Contact").rsplit(";", 1)[0]
            await peer.send(respond(request, 200, headers={"Contact": f"{contact};expires={expires}"}, to_tag="reg"))
        else:
            await peer.send(respond(request, 401, headers={"Www-Authenticate": challenge(DOMAIN, "nonce-1")}))

    def proves(self, request: Request, header: str) -> bool:
        """Whether a request carries our credentials, computed for its method."""
        value = request.header(header)
        return bool(value) and verify(
            value, realm=DOMAIN, nonce="nonce-1", method=request.method, credentials=CREDENTIALS
        )

    # Requests of the server's.

    def request(
        self, method: str, call_id: str, *, from_: str, to: str, body: str = "", headers: dict[str, str] | None = None
    ) -> Request:
        number = next(self._cseq)
        values = {
            "Via": f"SIP/2.0/WSS server.example.com;branch=z9hG4bKsrv{number}",
            "From": from_,
            "To": to,
            "Call-Id": call_id,
            "CSeq": f"{number} {method}",
            **(headers or {}),
        }
        return Request(method, "sip:16505550100*101@client.invalid", headers=make_headers(values), body=body)

    def invite(
        self, *, body: str = OFFER, rc: RcMessage | None = RC, headers: dict[str, str] | None = None
    ) -> Request:
        """A call for extension 101 from +16505550199."""
        extra = {"Contact": "<sip:srv@server.example.com>", "p-rc-api-ids": "party-id=p-1fz-2;session-id=s-1fz"}
        if rc is not None:
            extra["P-rc"] = str(rc)
        return self.request(
            "INVITE",
            f"call-{next(self._calls)}",
            from_='"WIRELESS CALLER" <sip:+16505550199@sip.example.com>;tag=caller',
            to="<sip:16505550100*101@sip.example.com>",
            headers={**extra, **(headers or {})},
            body=body,
        )

    def inside(
        self, invite: Request, method: str, *, tag: str, body: str = "", headers: dict[str, str] | None = None
    ) -> Request:
        """A request in the dialog that the server's `invite` began; `tag` is the phone's."""
        return self.request(
            method,
            invite.call_id,
            from_=invite.header("From"),
            to=with_tag(invite.header("To"), tag),
            body=body,
            headers=headers,
        )

    def back(self, invite: Request, method: str, *, body: str = "", headers: dict[str, str] | None = None) -> Request:
        """A request in the dialog that the phone's `invite` began."""
        return self.request(
            method,
            invite.call_id,
            from_=with_tag(invite.header("To"), "srv"),
            to=invite.header("From"),
            body=body,
            headers=headers,
        )


def cancel_of(invite: Request, headers: dict[str, str] | None = None) -> Request:
    values = {
        "Via": invite.header("Via"),
        "From": invite.header("From"),
        "To": invite.header("To"),
        "Call-Id": invite.call_id,
        "CSeq": f"{invite.cseq} CANCEL",
        **(headers or {}),
    }
    return Request("CANCEL", invite.uri, headers=make_headers(values))


def ack_of(invite: Request, response: Response, body: str = "") -> Request:
    values = {
        "Via": invite.header("Via"),
        "From": invite.header("From"),
        "To": response.header("To"),
        "Call-Id": invite.call_id,
        "CSeq": f"{invite.cseq} ACK",
    }
    return Request("ACK", invite.uri, headers=make_headers(values), body=body)
