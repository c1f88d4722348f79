"""The sandbox's own endpoints, which the platform does not have: who its people are, and playing their scripts.

Without a login: they answer on loopback only, to requests that name this machine as their host.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict

from fastapi import APIRouter

from bot.errors import ConfigError
from bot.sandbox.people.company import People
from bot.sandbox.rest.errors import RestProblem
from bot.sandbox.rest.platform import Json

__all__ = ["control_router"]


def control_router(people: People, describe: Callable[[], Json]) -> APIRouter:
    """The endpoints under `/sandbox`; `describe` makes what the first of them returns."""
    router = APIRouter(prefix="/sandbox")

    @router.get("")
    async def description() -> Json:
        """What `bot sandbox --json` prints."""
        return describe()

    @router.get("/people")
    async def everybody() -> Json:
        """Everybody, and how the calls to them went so far."""
        return {
            "people": [asdict(person) for person in people.list()],
            "answered": [asdict(result) for result in people.answered],
        }

    @router.post("/scripts/{script}")
    async def play(script: str) -> Json:
        """Play a script to its end."""
        try:
            return asdict(await people.play(script))
        except ConfigError as error:
            raise RestProblem(404, "CMN-102", str(error), parameter="script") from None

    return router
