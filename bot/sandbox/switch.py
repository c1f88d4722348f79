"""The switch: who can be called, which calls there are, and how a call finds its way."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping

from bot.clock import Clock
from bot.media import MediaEngine, Speech
from bot.sandbox.endpoints import Endpoint, Leg
from bot.sandbox.events import Listeners, SandboxEvent
from bot.sandbox.model import Change, Extension, ParkLocation, Queue, Session
from bot.sandbox.options import SandboxOptions

__all__ = ["Switch"]


class Switch:
    """`extensions`, `queues` and `park_locations` go by number, extension number and id; `sessions` are the live ones."""

    def __init__(self, options: SandboxOptions, media: MediaEngine, speech: Speech, clock: Clock) -> None:
        self.options = options
        self.clock = clock
        self.rng = random.Random(options.seed)
        self.extensions: dict[str, Extension] = {}
        self.queues: dict[str, Queue] = {}
        self.park_locations: dict[str, ParkLocation] = {}
        self.sessions: dict[str, Session] = {}
        self.changes: Listeners[Change] = Listeners()
        self.events: Listeners[SandboxEvent] = Listeners()

    def add_endpoint(self, endpoint: Endpoint) -> Callable[[], None]:
        """Make `endpoint.number` callable; returns what removes it again. An extension's number is allowed, too."""
        raise NotImplementedError

    def endpoint(self, number: str) -> Endpoint | None:
        raise NotImplementedError

    def provision(self, extension: str) -> tuple[str, str]:
        """Mint an authorizationId and a password for a new device of an extension."""
        raise NotImplementedError

    async def place_call(
        self,
        caller: Endpoint,
        callee: str,
        *,
        caller_id: str = "",
        name: str = "",
        headers: Mapping[str, str] | None = None,
    ) -> Leg:
        """Call `callee` for a person. Raises `CallFailed` (486) when the number cannot be called at all.

        `headers` go onto the INVITEs that the called phones get (`Alert-Info`, `Call-Info`).
        """
        raise NotImplementedError

    def on_change(self, callback: Callable[[Change], None]) -> Callable[[], None]:
        return self.changes.add(callback)

    def on_event(self, callback: Callable[[SandboxEvent], None]) -> Callable[[], None]:
        return self.events.add(callback)
