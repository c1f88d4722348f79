"""The JSON commands of an answered call: recording and call park (wire notes, §7)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from bot.sandbox.calls import Park
from bot.sip.rc import json_response

if TYPE_CHECKING:
    from bot.sandbox.wire.phone_leg import PhoneLeg

__all__ = ["carry_out"]

_SUCCEEDED = {"code": 0, "description": "Succeeded"}
_REFUSED = {"code": 415, "description": "Operation is not possible in this state"}
_UNKNOWN = {"code": 400, "description": "Command is not supported"}


def carry_out(leg: PhoneLeg, asked: Mapping[str, Any]) -> str:
    """Do what a JSON request says; the body of the reply to it."""
    number, command = int(asked.get("reqid", 0)), str(asked.get("command", ""))
    return json_response(number, command, _result(leg, command))


def _result(leg: PhoneLeg, command: str) -> dict[str, Any]:
    switch = leg.call.switch
    match command:
        case "startcallrecord" | "stopcallrecord":
            switch.note(f"recording.{command[:-10]}", leg.party.number, leg.call.session_id)
            return _SUCCEEDED
        case "callpark":
            orbit = switch.free_orbit()
            if orbit is None or not leg.call.order(Park(leg, orbit, leaves=False)):
                return _REFUSED
            return _SUCCEEDED | {"park extension": orbit.extension.removeprefix("*")}
        case _:
            return _UNKNOWN
