"""A call from a phone: 100, 407, 100, 183, and 200 at once, before anybody has been rung (wire notes, §3)."""

from __future__ import annotations

from bot.errors import MalformedSdp, MediaFailed
from bot.sandbox.endpoints import LegEnd, LegState
from bot.sandbox.switch.switch import Caller, Opened
from bot.sandbox.wire.connection import Connection
from bot.sandbox.wire.core import Core
from bot.sandbox.wire.dialog import Dialog
from bot.sandbox.wire.phone_leg import PhoneLeg
from bot.sandbox.wire.registration import authenticate, challenged
from bot.sip.messages import Request, address_of, number_of, respond, with_tag

__all__ = ["CallingLeg", "invite"]


def invite(core: Core, connection: Connection, request: Request) -> None:
    """An INVITE outside any dialog."""
    extension = core.extension_of(number_of(request.header("From")))
    if extension is None or not core.may_call(connection, extension.number):
        connection.send(respond(request, 403))
        return
    connection.send(respond(request, 100))
    authorization_id = authenticate(core, connection, request, "Proxy-Authorization")
    if authorization_id is None:
        connection.send(respond(request, 403))
        return
    if not authorization_id:
        challenged(core, connection, request, 407, "Proxy-Authenticate")
        return
    number = number_of(request.uri)
    shown = number_of(request.header("P-Asserted-Identity")) or extension.number
    caller = Caller(shown, extension.name, extension.number)
    replaces = request.header("Replaces")
    opened = core.switch.open_call(caller, number, {"Replaces": replaces} if replaces else {})
    tagged = {"To": with_tag(request.header("To"), core.numbers.tag())}
    if opened is None:
        ids = core.switch.refused_ids()
        connection.send(respond(request, 183, headers=tagged | {"p-rc-api-ids": ids}))
        connection.send(respond(request, 486, headers=tagged))
        return
    leg = CallingLeg(core, opened, connection, request, tagged["To"])
    opened.call.add_leg(leg)
    connection.send(respond(request, 183, headers=tagged | {"p-rc-api-ids": leg.api_ids}))
    leg.work(leg.accept(), "accept")


class CallingLeg(PhoneLeg):
    """The phone that placed a call."""

    def __init__(self, core: Core, opened: Opened, connection: Connection, request: Request, to: str) -> None:
        callee = number_of(request.uri)
        super().__init__(core, opened.call, opened.party, LegState.CALLING, (callee, ""))
        self._opened = opened
        self._invite = request
        self._local = to
        self.establish(
            Dialog(
                connection=connection,
                numbers=core.numbers,
                call_id=request.call_id,
                local=to,
                remote=request.header("From"),
                target=address_of(request.header("Contact"))
                or f"sip:{number_of(request.header('From'))}@{core.domain}",
            )
        )

    async def accept(self) -> None:
        """The 200, as soon as there is an SDP answer; then the call finds its way."""
        try:
            answer = await self.media.create_answer(self._invite.body)
        except (MalformedSdp, MediaFailed):
            answer = ""
        if self.state is not LegState.CALLING:
            return
        if not answer:
            self._give_up(488, LegEnd.REFUSED, by_us=False)
            return
        self._final(200, answer)
        self._move(LegState.ANSWERED)
        self._opened.start(self)

    def _final(self, status: int, body: str = "") -> None:
        assert self.dialog is not None
        headers = {"To": self._local, "Contact": self.core.contact}
        if body:
            headers |= {"Content-Type": "application/sdp", "p-rc-api-ids": self.api_ids}
        self.dialog.connection.send(respond(self._invite, status, headers=headers, body=body))

    def cancelled(self) -> None:
        if self.state is LegState.CALLING:
            self._give_up(487, LegEnd.CANCELLED, by_us=True)

    def hung_up(self) -> None:
        if self.state is LegState.CALLING:
            self._give_up(487, LegEnd.CANCELLED, by_us=True)
        else:
            super().hung_up()

    def ring(self) -> None:
        """Never: this leg placed the call."""
        raise AssertionError("a calling leg does not ring")

    def drop(self, end: LegEnd = LegEnd.HANGUP) -> None:
        if self.state is LegState.ENDED:
            return
        if self.state is LegState.CALLING:
            self._give_up(480, end, by_us=False)
            return
        self.say_goodbye()
        self.finish(end, by_us=False)

    def _give_up(self, status: int, end: LegEnd, *, by_us: bool) -> None:
        """The call ends before its 200: it never came to be."""
        self._final(status)
        self.finish(end, by_us=by_us)
        self.core.switch.forget(self._opened)
