"""Who is in a running sandbox and how to log in: most of the one JSON line of `bot sandbox --json`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from bot.sandbox.people.company import PersonInfo
from bot.sandbox.rest.auth import CLIENT_ID, Auth
from bot.sandbox.rest.devices import SipInfo
from bot.sandbox.switch.switch import Switch

__all__ = ["describe"]


def describe(switch: Switch, people: Sequence[PersonInfo], auth: Auth, sip_info: SipInfo) -> dict[str, Any]:
    """Credentials, and who can be called; made anew each time."""
    return {
        "client_id": CLIENT_ID,
        "client_secret": auth.client_secret,
        "extensions": [
            {
                "extension": extension.number,
                "id": extension.id,
                "number": extension.direct_number,
                "name": extension.name,
                "jwt": auth.jwt(extension),
                "sip_info": sip_info(extension.number, ""),
            }
            for extension in switch.extensions.values()
        ],
        "queues": [
            {"extension": queue.extension, "id": queue.id, "name": queue.name, "agents": list(queue.accepting)}
            for queue in switch.queues.values()
        ],
        "park_locations": [
            {"id": location.id, "name": location.name, "extension": location.extension}
            for location in switch.park_locations.values()
        ],
        "outside": [{"number": person.number} | _person(person) for person in people if person.number],
        "desk_phones": [{"extension": person.extension} | _person(person) for person in people if person.extension],
    }


def _person(person: PersonInfo) -> dict[str, Any]:
    return {
        "person": person.person,
        "about": person.about,
        "when_called": person.when_called,
        "scripts": person.scripts,
    }
