"""What every endpoint needs: the switch behind it, who is asking, and whether they ask too often."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Annotated, Any, cast

from fastapi import Depends, Header, Request, Response
from pydantic import BaseModel, ConfigDict
from starlette.requests import HTTPConnection

from bot.clock import Clock
from bot.sandbox.rest import shapes
from bot.sandbox.rest.auth import Auth, Login
from bot.sandbox.rest.errors import RestProblem
from bot.sandbox.rest.limits import Group, Limits
from bot.sandbox.switch.model import Extension, ParkLocation, Queue, Session
from bot.sandbox.switch.switch import Switch

__all__ = ["Auths", "Body", "Heavy", "Json", "Light", "Medium", "Platform", "The"]

Json = dict[str, Any]


class Body(BaseModel):
    """What clients send; the platform ignores fields that it does not know, and so do we."""

    model_config = ConfigDict(extra="ignore", coerce_numbers_to_str=True)


@dataclass(slots=True)
class Platform:
    """The parts behind the endpoints; `url` is the server's own, known once it listens."""

    switch: Switch
    auth: Auth
    limits: Limits
    clock: Clock
    device: Callable[[Extension, str], Json]
    """The `sip-provision` reply for a device of an extension; an unknown device id makes a new device."""
    url: str = ""
    _sequence: int = 0

    def presence(self, place: Extension | ParkLocation, *, detailed: bool, sip_data: bool) -> Json:
        """The presence of a user or a park location now; each has a higher sequence than all before."""
        self._sequence += 1
        if isinstance(place, ParkLocation):
            return shapes.park_location_presence(place, self._sequence, detailed=detailed, sip_data=sip_data)
        sessions = self.switch.sessions.values()
        return shapes.presence(place, sessions, self._sequence, detailed=detailed, sip_data=sip_data)

    def extension(self, ref: str, login: Login) -> Extension:
        """`~` is who is logged in. Raises `RestProblem` (404)."""
        found = self._user(ref, login)
        if found is None:
            raise _not_found("extensionId")
        return found

    def place(self, ref: str, login: Login) -> Extension | ParkLocation:
        """A user or a park location: the id of either stands in a path of presence. Raises `RestProblem` (404)."""
        found = self._user(ref, login) or self.switch.park_locations.get(ref)
        if found is None:
            raise _not_found("extensionId")
        return found

    def queue(self, ref: str) -> Queue:
        """Raises `RestProblem` (404)."""
        for queue in self.switch.queues.values():
            if queue.id == ref:
                return queue
        raise _not_found("groupId")

    def session(self, ref: str) -> Session:
        """A live session. Raises `RestProblem` (404)."""
        session = self.switch.sessions.get(ref)
        if session is None or session.over:
            raise RestProblem(404, "TAS-102", f"Session {ref} is not found", parameter="telephonySessionId")
        return session

    def extension_ids(self) -> dict[str, str]:
        """Extension number to id."""
        return {extension.number: extension.id for extension in self.switch.extensions.values()}

    def _user(self, ref: str, login: Login) -> Extension | None:
        if ref == "~":
            return login.extension
        return next((one for one in self.switch.extensions.values() if one.id == ref), None)


def _not_found(parameter: str) -> RestProblem:
    return RestProblem(404, "CMN-102", f"Resource for parameter [{parameter}] is not found", parameter=parameter)


async def _platform(connection: HTTPConnection) -> Platform:
    return cast(Platform, connection.app.state.platform)


The = Annotated[Platform, Depends(_platform)]
"""The platform, as a parameter of an endpoint."""


def _counted(group: Group) -> Callable[..., Awaitable[Login]]:
    async def dependency(
        request: Request, response: Response, platform: The, authorization: Annotated[str | None, Header()] = None
    ) -> Login:
        login = platform.auth.login(authorization)
        headers = platform.limits.count(login.extension.id, group)
        request.state.limit_headers = headers
        response.headers.update(headers)
        return login

    return dependency


Light = Annotated[Login, Depends(_counted(Group.LIGHT))]
"""Who asks, as a parameter of an endpoint that counts as light; `Medium`, `Heavy` and `Auths` likewise."""
Medium = Annotated[Login, Depends(_counted(Group.MEDIUM))]
Heavy = Annotated[Login, Depends(_counted(Group.HEAVY))]
Auths = Annotated[Login, Depends(_counted(Group.AUTH))]
