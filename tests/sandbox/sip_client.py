"""A phone by hand: SIP over a secure WebSocket, one message at a time, as the vendor's SDK sends and reads them."""

from __future__ import annotations

import asyncio
import re
import uuid
from collections.abc import Callable
from contextlib import asynccontextmanager
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol

from bot.sandbox.sandbox import Sandbox
from bot.sip.digest import Credentials, authorize, parse_challenge
from bot.sip.messages import Message, Request, Response, make_headers, parse, respond, with_tag
from bot.sip.rc import Command, RcMessage, parse_xml

FINGERPRINT = ":".join(["3A", "96"] * 16)
SDP = f"""v=0\r
o=- 4611731400430051336 2 IN IP4 127.0.0.1\r
s=-\r
t=0 0\r
a=group:BUNDLE 0\r
m=audio 9 UDP/TLS/RTP/SAVPF 0 101\r
c=IN IP4 0.0.0.0\r
a=rtcp:9 IN IP4 0.0.0.0\r
a=candidate:1 1 udp 2130706431 127.0.0.1 9 typ host\r
a=ice-ufrag:4ZcD\r
a=ice-pwd:2/1muCWoOi3uLifh0NuRHlCD\r
a=fingerprint:sha-256 {FINGERPRINT}\r
a=setup:actpass\r
a=mid:0\r
a=sendrecv\r
a=rtcp-mux\r
a=rtpmap:0 PCMU/8000\r
a=rtpmap:101 telephone-event/8000\r
"""
ANSWER_SDP = SDP.replace("setup:actpass", "setup:active")


class RawPhone:
    """Answers nothing by itself, except MESSAGE, BYE, CANCEL, INFO and NOTIFY (200), as the SDK does.

    `log` holds what came, as short texts: `100 INVITE` for a response, `INVITE` for a request.
    """

    def __init__(self, socket: ClientConnection, info: dict[str, Any], instance: str) -> None:
        self._socket = socket
        self.info = info
        self.instance = instance
        self.username, self.domain = info["username"], info["domain"]
        self.authorization_id = info["authorizationId"]
        self.log: list[str] = []
        self.messages: list[Request | Response] = []
        self._news = asyncio.Event()
        self._cseq = 100
        self._read = 0
        self.auto_reply = True
        self._reader = asyncio.ensure_future(self._run())

    async def _run(self) -> None:
        try:
            async for text in self._socket:
                assert isinstance(text, str)
                message = parse(text)
                self.messages.append(message)
                self.log.append(_short(message))
                self._news.set()
                if self.auto_reply and isinstance(message, Request) and self._replies(message):
                    await self.send(respond(message, 200))
        except ConnectionClosed:
            pass

    def _replies(self, message: Request) -> bool:
        if message.method == "MESSAGE":
            # The SDK ignores commands that name another instance.
            return parse_xml(message.body).body.get("Cln") in (None, self.authorization_id)
        return message.method in ("BYE", "CANCEL", "INFO", "NOTIFY", "UPDATE")

    async def close(self) -> None:
        await self._socket.close()
        await self._reader

    async def send(self, message: Message) -> None:
        await self._socket.send(str(message))

    async def expect(self, short: str, timeout: float = 30.0) -> Any:
        """The next message that reads so; those before it are skipped."""
        async with asyncio.timeout(timeout):
            while True:
                while self._read < len(self.messages):
                    message = self.messages[self._read]
                    self._read += 1
                    if _short(message) == short:
                        return message
                self._news.clear()
                await self._news.wait()

    def came(self, since: int = 0) -> list[str]:
        return self.log[since:]

    # Requests.

    def next_cseq(self) -> int:
        self._cseq += 1
        return self._cseq

    def request(self, method: str, uri: str, headers: dict[str, str], body: str = "", cseq: int = 0) -> Request:
        made = Request(method, uri, body=body)
        made.headers = make_headers(
            {
                "Via": f"SIP/2.0/WSS test.invalid;branch=z9hG4bK-{uuid.uuid4().hex}",
                "CSeq": f"{cseq or self.next_cseq()} {method}",
                "Max-Forwards": "70",
                **headers,
            }
        )
        return made

    def authorized(self, request: Request, challenge: Response) -> Request:
        """The same request again, with credentials."""
        name = {401: "Authorization", 407: "Proxy-Authorization"}[challenge.status]
        asked = parse_challenge(challenge.header("Www-Authenticate") or challenge.header("Proxy-Authenticate"))
        credentials = Credentials(self.authorization_id, self.info["password"])
        made = Request(request.method, request.uri, body=request.body)
        pairs = [(key, request.header(key)) for key in request.headers.keys()]  # noqa: SIM118
        made.headers = make_headers([pair for pair in pairs if pair[0] not in ("CSeq", "Content-Length")])
        made.headers.set("CSeq", f"{self.next_cseq()} {request.method}")
        made.headers.set(name, authorize(asked, credentials, request.method, f"sip:{self.domain}"))
        return made

    async def register(self, expires: int = 60) -> Response:
        """The final response."""
        address = f"<sip:{self.username}@{self.domain}>"
        request = self.request(
            "REGISTER",
            f"sip:{self.domain}",
            {
                "From": f"{address};tag={uuid.uuid4().hex}",
                "To": address,
                "Call-Id": uuid.uuid4().hex,
                "Contact": f"<sip:{self.instance}@test.invalid;transport=wss>"
                f';+sip.instance="<urn:uuid:{self.instance}>";expires={expires}',
            },
        )
        await self.send(request)
        await self.expect("100 REGISTER")
        await self.send(self.authorized(request, await self.expect("401 REGISTER")))
        await self.expect("100 REGISTER")
        return await self.next_response("REGISTER")

    async def next_response(self, method: str) -> Response:
        async with asyncio.timeout(30):
            while True:
                while self._read < len(self.messages):
                    message = self.messages[self._read]
                    self._read += 1
                    if isinstance(message, Response) and message.cseq_method == method:
                        return message
                self._news.clear()
                await self._news.wait()

    def invite(self, callee: str, headers: dict[str, str] | None = None) -> Request:
        return self.request(
            "INVITE",
            f"sip:{callee}@{self.domain}",
            {
                "From": f"<sip:{self.username}@{self.domain}>;tag={uuid.uuid4().hex}",
                "To": f"<sip:{callee}@{self.domain}>",
                "Call-Id": uuid.uuid4().hex,
                "Contact": f"<sip:{self.instance}@test.invalid;transport=wss>",
                "Content-Type": "application/sdp",
                **(headers or {}),
            },
            SDP,
        )

    async def call(self, callee: str, headers: dict[str, str] | None = None) -> OutgoingCall:
        """Up to the ACK."""
        request = self.invite(callee, headers)
        await self.send(request)
        request = self.authorized(request, await self.expect("407 INVITE"))
        await self.send(request)
        progress = await self.expect("183 INVITE")
        answer = await self.expect("200 INVITE")
        call = OutgoingCall(self, request, progress, answer)
        await self.send(call.make("ACK", cseq=answer.cseq))
        return call

    async def ringing(self) -> IncomingCall:
        """The next call that comes in, up to the receive confirm."""
        call = IncomingCall(self, await self.expect("INVITE"))
        await call.confirm()
        return call


class InCall:
    """What a raw phone does inside a dialog."""

    def __init__(self, phone: RawPhone, local: str, remote: str, call_id: str) -> None:
        self.phone, self.local, self.remote, self.call_id = phone, local, remote, call_id

    def make(self, method: str, headers: dict[str, str] | None = None, body: str = "", cseq: int = 0) -> Request:
        base = {"From": self.local, "To": self.remote, "Call-Id": self.call_id}
        uri = re.search(r"<(sip:.+?)>", self.remote)
        assert uri
        return self.phone.request(method, uri.group(1), {**base, **(headers or {})}, body, cseq)

    async def hangup(self) -> None:
        await self.phone.send(self.make("BYE"))
        await self.phone.expect("200 BYE")

    async def reinvite(self, direction: str = "sendrecv") -> Response:
        sdp = SDP.replace("a=sendrecv", f"a={direction}").replace(" 2 IN IP4", " 3 IN IP4")
        await self.phone.send(self.make("INVITE", {"Content-Type": "application/sdp"}, sdp))
        answer = await self.phone.expect("200 INVITE")
        await self.phone.send(self.make("ACK", cseq=answer.cseq))
        return answer

    async def refer(self, target: str) -> None:
        uri = target if target.startswith(("sip:", '"')) else f"sip:{target}@sip.ringcentral.com"
        await self.phone.send(self.make("REFER", {"Refer-To": uri, "Referred-By": "<sip:a@b>"}))


class OutgoingCall(InCall):
    def __init__(self, phone: RawPhone, request: Request, progress: Response, answer: Response) -> None:
        super().__init__(phone, progress.header("From"), progress.header("To"), request.call_id)
        self.progress, self.answer = progress, answer
        match = re.search(r"session-id=(s-[0-9a-fz]+?)$", progress.header("p-rc-api-ids"))
        assert match
        self.session_id = match.group(1)


class IncomingCall(InCall):
    def __init__(self, phone: RawPhone, invite: Request) -> None:
        local = with_tag(invite.header("To"), uuid.uuid4().hex)
        super().__init__(phone, local, invite.header("From"), invite.call_id)
        self.invite = invite
        self.rc = parse_xml(invite.header("P-rc"))

    def _respond(self, status: int, body: str = "") -> Response:
        headers = {"To": self.local} | ({"Content-Type": "application/sdp"} if body else {})
        return respond(self.invite, status, headers=headers, body=body)

    async def confirm(self) -> None:
        await self.phone.send(self._respond(100))
        await self.phone.send(self._respond(180))
        await self.command(Command.RECEIVE_CONFIRM)

    async def command(self, command: Command, **body: str) -> None:
        message = self.rc.answer(command, self.phone.authorization_id, **body)
        to = message.header["To"]
        request = self.phone.request(
            "MESSAGE",
            f"sip:{to}",
            {
                "From": f"<sip:{self.phone.username}@{self.phone.domain}>;tag={uuid.uuid4().hex}",
                "To": f"<sip:{to}>",
                "Call-Id": self.call_id,
                "Content-Type": "x-rc/agent",
            },
            str(message),
        )
        await self.phone.send(request)
        await self.phone.expect("100 MESSAGE")
        await self.phone.expect("200 MESSAGE")

    async def answer(self, sdp: str = ANSWER_SDP) -> Request:
        """The ACK."""
        await self.phone.send(self._respond(200, sdp))
        found: Request = await self.phone.expect("ACK")
        return found

    async def refuse(self, status: int = 486) -> None:
        await self.phone.send(self._respond(status))
        await self.phone.expect("ACK")

    @property
    def session_id(self) -> str:
        match = re.search(r"session-id=(s-[0-9a-fz]+?)$", self.invite.header("p-rc-api-ids"))
        assert match
        return match.group(1)


def _short(message: Request | Response) -> str:
    if isinstance(message, Request):
        if message.method == "MESSAGE":
            return f"MESSAGE {parse_xml(message.body).command}"
        return message.method
    return f"{message.status} {message.cseq_method}"


def command_of(message: Request) -> RcMessage:
    return parse_xml(message.body)


Connector = Callable[..., Any]


@asynccontextmanager
async def raw_phone(sandbox: Sandbox, extension: str, *, instance: str = "", device: str = "", register: bool = True):  # type: ignore[no-untyped-def]
    """A connected, and mostly registered, phone."""
    info = sandbox.sip_info(extension, device)
    socket = await connect(
        f"wss://{info['outboundProxy']}", subprotocols=[Subprotocol("sip")], ssl=sandbox.ssl_context()
    )
    phone = RawPhone(socket, info, instance or uuid.uuid4().hex)
    try:
        if register:
            assert (await phone.register()).status == 200
        yield phone
    finally:
        await phone.close()
