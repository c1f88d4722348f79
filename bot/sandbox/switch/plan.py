"""The account: extensions with their devices, queues and park locations, all following from options and seed."""

from __future__ import annotations

import hashlib

from bot.sandbox.options import SandboxOptions
from bot.sandbox.switch.model import Extension, ParkLocation, Queue

__all__ = ["make_extensions", "make_park_locations", "make_queues", "password_of"]

_NAMES = ("Olivia", "Liam", "Emma", "Noah", "Sophia", "James", "Mia", "Lucas", "Amelia", "Leo")


def password_of(seed: int, authorization_id: str) -> str:
    """The password of a device."""
    return hashlib.sha256(f"{seed}:{authorization_id}".encode()).hexdigest()[:16]


def make_extensions(options: SandboxOptions) -> dict[str, Extension]:
    """By number. The direct number is the main number with the extension's last digits; one device each."""
    made: dict[str, Extension] = {}
    for index, number in enumerate(options.extensions):
        authorization_id = f"8000{number}"
        made[number] = Extension(
            number=number,
            id=f"4000{number}",
            direct_number=f"{options.main_number[: -len(number)]}{number}",
            name=_NAMES[index % len(_NAMES)],
            username=f"{options.main_number.removeprefix('+')}*{number}",
            credentials={authorization_id: password_of(options.seed, authorization_id)},
        )
    return made


def make_queues(options: SandboxOptions) -> dict[str, Queue]:
    """By extension number."""
    return {
        queue.extension: Queue(
            f"5000{queue.extension}", queue.name, queue.extension, dict.fromkeys(queue.agents, True)
        )
        for queue in options.queues
    }


def make_park_locations(options: SandboxOptions) -> dict[str, ParkLocation]:
    """By id, as in `prk<id>`."""
    return {
        location: ParkLocation(location, f"Park {index}", str(600 + index))
        for index, location in enumerate(options.park_locations, 1)
    }
