"""What a phone may send inside a dialog: ACK, BYE, CANCEL, re-INVITE, REFER, INFO (wire notes, §7, §8)."""

from __future__ import annotations

from bot.errors import MalformedMessage, MalformedSdp, MediaFailed
from bot.sandbox.endpoints import LegState
from bot.sandbox.wire.connection import Connection
from bot.sandbox.wire.info import carry_out
from bot.sandbox.wire.phone_leg import PhoneLeg
from bot.sandbox.wire.refer import refer
from bot.sip.messages import Request, respond
from bot.sip.rc import JSON_CONTENT_TYPE, parse_json

__all__ = ["receive"]


def receive(leg: PhoneLeg, connection: Connection, request: Request) -> None:
    """Answer one request of the phone's, and do what it says. It may come over a newer connection than the last."""
    assert leg.dialog is not None
    leg.dialog.connection = connection
    match request.method:
        case "ACK":
            return
        case "BYE":
            connection.send(respond(request, 200))
            leg.hung_up()
        case "INVITE":
            connection.send(respond(request, 100))
            leg.work(_reinvite(leg, connection, request), "re-INVITE")
        case "REFER":
            connection.send(respond(request, 202))
            leg.work(refer(leg, request), "REFER")
        case "INFO":
            connection.send(respond(request, 200))
            leg.work(_info(leg, request), "INFO")
        case "MESSAGE":
            connection.send(respond(request, 100))
            connection.send(respond(request, 200))
        case "CANCEL":
            connection.send(respond(request, 200))
            leg.cancelled()
        case "UPDATE" | "NOTIFY" | "OPTIONS":
            connection.send(respond(request, 200))
        case _:
            connection.send(respond(request, 405))


async def _reinvite(leg: PhoneLeg, connection: Connection, request: Request) -> None:
    """A new offer: hold and resume by its direction, a restarted path after a network change."""
    if leg.state is not LegState.ANSWERED:
        connection.send(respond(request, 491))
        return
    try:
        answer = await leg.media.create_answer(request.body)
    except (MalformedSdp, MediaFailed):
        connection.send(respond(request, 488))
        return
    headers = {"Content-Type": "application/sdp", "Contact": leg.core.contact}
    connection.send(respond(request, 200, headers=headers, body=answer))
    leg.call.hold(leg, leg.media.remote_direction in ("sendonly", "inactive"))


async def _info(leg: PhoneLeg, request: Request) -> None:
    """A JSON command: 200 has gone out, the result follows in an INFO of the server's."""
    try:
        asked = parse_json(request.body).get("request")
    except MalformedMessage:
        return
    if asked is None or leg.dialog is None:
        return
    body = carry_out(leg, asked)
    await leg.dialog.transact("INFO", {"Content-Type": JSON_CONTENT_TYPE}, body)
