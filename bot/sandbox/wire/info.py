"""The JSON commands of an answered call: recording, call park, call flip (wire notes, §7)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bot.sandbox.switch.calls import Park
from bot.sandbox.switch.legs import Accepted, BaseLeg
from bot.sandbox.switch.model import Extension
from bot.sandbox.switch.numbering import Outside, resolve
from bot.sandbox.switch.outcomes import ringing_leg
from bot.sandbox.switch.ringing import ring
from bot.sandbox.wire.phone_leg import PhoneLeg
from bot.sip.rc import json_response

__all__ = ["carry_out"]

_SUCCEEDED = {"code": 0, "description": "Succeeded"}
_REFUSED = {"code": 415, "description": "Operation is not possible in this state"}
_UNKNOWN = {"code": 400, "description": "Command is not supported"}


def carry_out(leg: PhoneLeg, asked: Mapping[str, Any]) -> str:
    """Do what a JSON request says; the body of the reply to it."""
    reqid, command = asked.get("reqid"), str(asked.get("command", ""))
    number = reqid if isinstance(reqid, int) else 0
    return json_response(number, command, _result(leg, command, asked))


def _result(leg: PhoneLeg, command: str, asked: Mapping[str, Any]) -> dict[str, Any]:
    switch = leg.core.switch
    match command:
        case "startcallrecord" | "stopcallrecord":
            switch.note(f"recording.{command[:-10]}", leg.party.number, leg.call.session_id)
            return _SUCCEEDED
        case "callpark":
            orbit = switch.free_orbit()
            if orbit is None or not leg.call.order(Park(leg, orbit, leaves=False)):
                return _REFUSED
            return _SUCCEEDED | {"park extension": orbit.extension.removeprefix("*")}
        case "callflip":
            return _flip(leg, str(asked.get("target", "")))
        case _:
            return _UNKNOWN


def _flip(leg: PhoneLeg, target: str) -> dict[str, Any]:
    """The call goes on at `target` once somebody answers there. The phone stays until it hangs up."""
    destination = resolve(leg.call.switch, target)
    other = leg.call.other(leg)
    if other is None or not isinstance(destination, Extension | Outside):
        return _REFUSED
    number = destination.endpoint.number if isinstance(destination, Outside) else destination.direct_number
    leg.work(_ring_elsewhere(leg, other, destination), "flip")
    return _SUCCEEDED | {"number": number, "target": target}


async def _ring_elsewhere(leg: PhoneLeg, other: BaseLeg, destination: Extension | Outside) -> None:
    call = leg.call
    if isinstance(destination, Extension) and not call.switch.reachable(destination.number):
        return
    new = ringing_leg(call, other.party, destination)
    decided = await ring(call, [new], call.switch.options.outside_ring_time)
    if decided is not None and isinstance(decided[1], Accepted):
        call.replace(leg, new, leaves=False)
