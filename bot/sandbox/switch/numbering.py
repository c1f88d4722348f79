"""The numbering plan: what a dialled number means."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from bot.sandbox.endpoints import Endpoint
from bot.sandbox.switch.calls import Exchange
from bot.sandbox.switch.model import Extension, ParkLocation, Queue

__all__ = ["SUPERVISION_CODES", "Destination", "Outside", "Supervision", "resolve"]

SupervisionCode = Literal["*80", "*81", "*82", "*83"]
SUPERVISION_CODES: dict[str, SupervisionCode] = {"*80": "*80", "*81": "*81", "*82": "*82", "*83": "*83"}


@dataclass(frozen=True, slots=True)
class Supervision:
    """Monitor, whisper, barge in, take over."""

    code: SupervisionCode


@dataclass(frozen=True, slots=True)
class Outside:
    """A person at an outside number."""

    endpoint: Endpoint


Destination = Extension | Queue | ParkLocation | Supervision | Outside


def resolve(switch: Exchange, number: str) -> Destination | None:
    """The destination behind a number as dialled; None when it cannot be called."""
    if number in SUPERVISION_CODES:
        return Supervision(SUPERVISION_CODES[number])
    if number.startswith("prk"):
        return switch.park_locations.get(number.removeprefix("prk"))
    if number in switch.queues:
        return switch.queues[number]
    for extension in switch.extensions.values():
        if number.removeprefix("+") in (extension.number, extension.direct_number.removeprefix("+")):
            return extension
    endpoint = switch.endpoint(number) or switch.endpoint(f"+{number}")
    return Outside(endpoint) if endpoint is not None else None
