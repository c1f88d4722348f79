"""A phone under a phone system that does anything at any time, and an owner who does too: it stays a phone."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Coroutine

from hypothesis import given, settings
from hypothesis import strategies as st

from bot.clock import VirtualTimeLoop
from bot.errors import BotError, InternalError
from bot.phone import InboundSession, Session, SessionState
from bot.sip.digest import challenge
from bot.sip.messages import Message, Request, Response, respond
from bot.sip.rc import RcMessage, Reply
from tests.phone.conftest import Rig, make_rig
from tests.phone.server import ANSWER, DOMAIN, OFFER, RC, Peer, SipServer, ack_of, cancel_of

OWNER: dict[str, Callable[[Session], Coroutine[object, object, object]]] = {
    "hangup": lambda session: session.hangup(),
    "hold": lambda session: session.hold(),
    "unhold": lambda session: session.unhold(),
    "transfer": lambda session: session.transfer("102"),
    "digits": lambda session: session.send_dtmf("1"),
    "answer": lambda session: _inbound(session, "answer"),
    "decline": lambda session: _inbound(session, "decline"),
    "voicemail": lambda session: _inbound(session, "to_voicemail"),
    "forward": lambda session: _inbound(session, "forward", "102"),
    "reply": lambda session: _inbound(session, "reply", Reply("later"), 5.0),
}
SERVER = (
    "invite", "offerless", "cancel", "bye", "info", "update", "notify", "re-invite", "bad re-invite", "processed",
    "close", "ack", "ok", "ringing", "challenge", "busy", "drop", "garbage", "wait", "long wait", "call",
)  # fmt: skip
STEPS = st.lists(st.tuples(st.sampled_from([*SERVER, *OWNER]), st.integers(0, 7)), max_size=25)


async def _inbound(session: Session, operation: str, *arguments: object) -> None:
    if isinstance(session, InboundSession):
        await getattr(session, operation)(*arguments)


class Chaos:
    """Plays steps; keeps what came over the wire, so that it can be answered well or badly, soon or late."""

    def __init__(self, rig: Rig) -> None:
        self.rig = rig
        self.invites: list[Request] = []
        self.came: list[Request | Response] = []
        self.sessions: list[Session] = []
        self.work: list[asyncio.Task[object]] = []

    async def step(self, action: str, index: int) -> None:
        self._collect()
        if action == "call":
            self._do(self.rig.phone.call("+16505550123"))
        elif action in OWNER:
            if self.sessions:
                self._do(OWNER[action](self.sessions[index % len(self.sessions)]))
        elif action in ("wait", "long wait"):
            await asyncio.sleep(0.5 if action == "wait" else 40)
        elif self.rig.server.open_peers:
            await self._server(self.rig.server.open_peers[-1], action, index)
        await asyncio.sleep(0.02)

    def _do(self, work: Coroutine[object, object, object]) -> None:
        self.work.append(asyncio.create_task(work))  # type: ignore[arg-type]

    def _collect(self) -> None:
        for peer in self.rig.server.open_peers:
            while not peer.messages.empty():
                self.came.append(peer.messages.get_nowait())
        self.sessions += [session for session in self.rig.phone.sessions.values() if session not in self.sessions]

    async def _server(self, peer: Peer, action: str, index: int) -> None:
        message = self._message(action, index)
        if action == "drop":
            await peer.socket.close()
        elif action == "garbage":
            await peer.socket.send("INVITE sip:x SIP/2.0\r\nVia: y\r\n\r\n"[: 5 * index])
        elif message is not None:
            with contextlib.suppress(Exception):
                await peer.send(message)

    def _message(self, action: str, index: int) -> Message | None:
        server, ours = self.rig.server, [each for each in self.came if isinstance(each, Request)]
        if action in ("invite", "offerless"):
            self.invites.append(server.invite(body=OFFER if action == "invite" else ""))
            return self.invites[-1]
        if action in ("ok", "ringing", "challenge", "busy"):
            status = {"ok": 200, "ringing": 183, "challenge": 407, "busy": 486}[action]
            headers = {"Proxy-Authenticate": challenge(DOMAIN, "nonce-1")} if status == 407 else {}
            if not ours:
                return None
            return respond(ours[-1 - index % len(ours)], status, to_tag="srv", headers=headers, body=ANSWER)
        if not self.invites:
            return None
        invite = self.invites[index % len(self.invites)]
        if action == "cancel":
            return cancel_of(invite)
        answers = [each for each in self.came if isinstance(each, Response) and each.call_id == invite.call_id]
        if action == "ack":
            return ack_of(invite, answers[-1], ANSWER) if answers else None
        if action in ("processed", "close"):
            rc = RcMessage({**RC.header, "Cmd": "7" if action == "processed" else "9"}, {"Sts": "0", "Resp": "1"})
            return server.inside(invite, "MESSAGE", tag="", body=str(rc))
        method = {"re-invite": "INVITE", "bad re-invite": "INVITE"}.get(action, action.upper())
        body = {"re-invite": OFFER, "bad re-invite": "nonsense", "notify": "SIP/2.0 486 Busy\r\n"}.get(action, "")
        return server.inside(invite, method, tag=answers[-1].to_tag if answers else "", body=body)


async def play(steps: list[tuple[str, int]], settle: bool) -> None:
    async with SipServer() as server:
        rig = make_rig(server)
        await rig.phone.start()
        chaos = Chaos(rig)
        for action, index in steps:
            await chaos.step(action, index)
        if settle:
            await asyncio.sleep(200)
            assert rig.phone.registered
        chaos._collect()
        await rig.phone.stop()
        for task in chaos.work:
            async with asyncio.timeout(1):
                (outcome,) = await asyncio.gather(task, return_exceptions=True)
            assert outcome is None or not isinstance(outcome, BaseException) or isinstance(outcome, BotError), outcome
            assert not isinstance(outcome, InternalError), outcome
        assert not rig.phone.sessions
        for session in chaos.sessions:
            assert session.state is SessionState.ENDED
            assert session.end is not None
        assert all(media.state.value == "closed" for media in rig.engine.sessions)
    await asyncio.sleep(5)
    assert asyncio.all_tasks() == {asyncio.current_task()}


@settings(max_examples=60, deadline=None)
@given(STEPS, st.booleans())
def test_a_phone_survives_whatever_happens(steps: list[tuple[str, int]], settle: bool) -> None:
    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        runner.run(play(steps, settle))
