"""The platform's resources that the bot reads and changes: extensions, presence, queues, telephony sessions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Query, Response
from pydantic import Field

from bot.sandbox.rest import shapes
from bot.sandbox.rest.errors import RestProblem
from bot.sandbox.rest.platform import Body, Json, Light, Medium, Platform, The
from bot.sandbox.switch.model import ParkLocation

__all__ = ["router"]


async def _account(account: str) -> None:
    if account not in ("~", shapes.ACCOUNT_ID):
        raise RestProblem(404, "CMN-102", "Resource for parameter [accountId] is not found", parameter="accountId")


router = APIRouter(prefix="/restapi/v1.0/account/{account}", dependencies=[Depends(_account)])

Kind = Literal["User", "Department", "ParkLocation"]
DndStatus = Literal["TakeAllCalls", "DoNotAcceptAnyCalls", "DoNotAcceptDepartmentCalls", "TakeDepartmentCallsOnly"]


class _Reference(Body):
    id: str


class _QueueChoice(Body):
    call_queue: _Reference = Field(alias="callQueue")
    accept_calls: bool = Field(alias="acceptCalls")


class _QueueChoices(Body):
    records: list[_QueueChoice]


class _MemberChoice(Body):
    member: _Reference
    accepts: bool = Field(alias="acceptCurrentQueueCalls")


class _MemberChoices(Body):
    records: list[_MemberChoice]


class _PresenceUpdate(Body):
    dnd_status: DndStatus | None = Field(None, alias="dndStatus")


def _page(records: Sequence[Json]) -> Json:
    """A list resource with everything on its first page."""
    count = len(records)
    paging = {"page": 1, "totalPages": 1, "perPage": 1000, "totalElements": count, "pageStart": 0}
    return {"records": list(records), "paging": {**paging, "pageEnd": max(0, count - 1)}, "navigation": {}}


@router.get("/extension")
async def extensions(
    platform: The, _login: Medium, kind: Annotated[list[Kind] | None, Query(alias="type")] = None
) -> Json:
    """Users, queues and park locations, or those of the given types."""
    switch = platform.switch
    records = [
        *map(shapes.extension_record, switch.extensions.values()),
        *map(shapes.queue_record, switch.queues.values()),
        *map(shapes.park_location_record, switch.park_locations.values()),
    ]
    return _page([record for record in records if kind is None or record["type"] in kind])


@router.get("/extension/{extension}")
async def extension(extension: str, platform: The, login: Light) -> Json:
    place = platform.place(extension, login)
    return shapes.park_location_record(place) if isinstance(place, ParkLocation) else shapes.extension_record(place)


@router.get("/extension/{extension}/phone-number")
async def phone_numbers(extension: str, platform: The, login: Light) -> Json:
    """The numbers that the extension may show."""
    own = platform.extension(extension, login)
    features = ["CallerId", "SmsSender"]
    return _page(
        [
            {"phoneNumber": own.direct_number, "usageType": "DirectNumber", "features": features},
            {
                "phoneNumber": platform.switch.options.main_number,
                "usageType": "MainCompanyNumber",
                "features": features,
            },
        ]
    )


@router.get("/extension/{extension}/presence")
async def presence(
    extension: str,
    platform: The,
    login: Light,
    detailed: Annotated[bool, Query(alias="detailedTelephonyState")] = False,
    sip_data: Annotated[bool, Query(alias="sipData")] = False,
) -> Json:
    return platform.presence(platform.place(extension, login), detailed=detailed, sip_data=sip_data)


@router.put("/extension/{extension}/presence")
async def update_presence(extension: str, body: _PresenceUpdate, platform: The, login: Medium) -> Json:
    """Change do-not-disturb; one's own only."""
    own = platform.extension(extension, login)
    if own.id != login.extension.id:
        raise RestProblem(403, "CMN-408", "In order to call this API endpoint, user needs to have [EditPresence]")
    if body.dnd_status is not None:
        own.dnd_status = body.dnd_status
    return platform.presence(own, detailed=False, sip_data=False)


@router.get("/call-queues")
async def queues(platform: The, _login: Medium) -> Json:
    return _page([shapes.queue_record(queue) for queue in platform.switch.queues.values()])


@router.get("/call-queues/{queue}/presence")
async def queue_presence(queue: str, platform: The, _login: Light) -> Json:
    """Who takes the queue's calls."""
    return shapes.queue_presence(platform.queue(queue), platform.switch.extensions)


@router.put("/call-queues/{queue}/presence")
async def update_queue_presence(queue: str, body: _MemberChoices, platform: The, login: Light) -> Json:
    found = platform.queue(queue)
    for record in body.records:
        member = platform.extension(record.member.id, login)
        if member.number not in found.accepting:
            raise RestProblem(400, "CMN-101", "Not a member of this queue", parameter="member.id")
        found.accepting[member.number] = record.accepts
    return shapes.queue_presence(found, platform.switch.extensions)


def _own_queues(platform: Platform, number: str) -> Json:
    return {
        "records": [
            {"callQueue": {"id": queue.id, "name": queue.name}, "acceptCalls": queue.accepting[number]}
            for queue in platform.switch.queues.values()
            if number in queue.accepting
        ]
    }


@router.get("/extension/{extension}/call-queue-presence")
async def own_queue_presence(extension: str, platform: The, login: Light) -> Json:
    """The queues whose calls an extension takes."""
    return _own_queues(platform, platform.extension(extension, login).number)


@router.put("/extension/{extension}/call-queue-presence")
async def update_own_queue_presence(extension: str, body: _QueueChoices, platform: The, login: Light) -> Json:
    number = platform.extension(extension, login).number
    for record in body.records:
        queue = platform.queue(record.call_queue.id)
        if number not in queue.accepting:
            raise RestProblem(400, "CMN-101", "Not a member of this queue", parameter="callQueue.id")
        queue.accepting[number] = record.accept_calls
    return _own_queues(platform, number)


@router.get("/telephony/sessions/{session}")
async def telephony_session(session: str, platform: The, _login: Light) -> Json:
    found = platform.session(session)
    return shapes.telephony_session(found, found.parties, platform.extension_ids(), platform.clock.now())


@router.delete("/telephony/sessions/{session}", status_code=204)
async def drop_session(session: str, platform: The, _login: Light) -> Response:
    """End a call."""
    found = platform.session(session)
    if found.drop is not None:
        found.drop()
    return Response(status_code=204)
