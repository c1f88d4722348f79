"""Who and what has a number in the account: extensions, call queues, park locations."""

from __future__ import annotations

from dataclasses import dataclass

from bot.ringcentral.fields import Json, text
from bot.ringcentral.http import Endpoint, RestClient
from bot.ringcentral.limits import Group

__all__ = ["Extension", "list_extensions", "list_park_locations", "list_queues"]

_EXTENSIONS = Endpoint("GET", "/restapi/v1.0/account/~/extension", Group.MEDIUM)
_QUEUES = Endpoint("GET", "/restapi/v1.0/account/~/call-queues", Group.MEDIUM)


@dataclass(frozen=True, slots=True)
class Extension:
    """An extension of any kind; `type` is the platform's word (`User`, `Department`, `ParkLocation`, …)."""

    id: str
    number: str
    name: str = ""
    type: str = ""
    status: str = ""

    @classmethod
    def read(cls, body: Json) -> Extension:
        return cls(
            text(body, "id"),
            text(body, "extensionNumber"),
            text(body, "name"),
            text(body, "type"),
            text(body, "status"),
        )


async def list_extensions(rest: RestClient, kind: str = "") -> list[Extension]:
    """All extensions, or those of one type. Raises as `RestClient.call` does."""
    params = {"type": kind} if kind else None
    return [Extension.read(item) for item in await rest.every(_EXTENSIONS, params=params)]


async def list_park_locations(rest: RestClient) -> list[Extension]:
    """All park locations; a call is parked at `prk<id>`. Raises as `RestClient.call` does."""
    return await list_extensions(rest, "ParkLocation")


async def list_queues(rest: RestClient) -> list[Extension]:
    """All call queues. Raises as `RestClient.call` does."""
    return [Extension.read(item) for item in await rest.every(_QUEUES)]
