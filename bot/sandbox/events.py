"""What happened in the sandbox, for stories that people read and for tests."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Generic, TypeVar

__all__ = ["Listeners", "SandboxEvent"]

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class SandboxEvent:
    """One happening. `kind` is dotted, such as `call.placed`; `who` is the extension or number that it is about.

    Kinds: registered, unregistered, call.placed, call.ringing, call.answered, call.held, call.resumed, call.ended,
    call.refused, call.transferred, reply.sent, reply.heard, reply.closed, voicemail.kept, queue.entered,
    park.parked, park.retrieved, park.refused, supervision.joined, supervision.refused, takeover.done, digit,
    call.forwarded, recording.start, recording.stop, refused (a registration).
    """

    kind: str
    at: datetime
    who: str = ""
    session_id: str = ""
    details: Mapping[str, str] = field(default_factory=dict)


class Listeners(Generic[_T]):
    """Callbacks that are told of each value, in the order in which they were added."""

    def __init__(self) -> None:
        self._callbacks: list[Callable[[_T], None]] = []

    def add(self, callback: Callable[[_T], None]) -> Callable[[], None]:
        """Add a callback; call what is returned to remove it."""
        self._callbacks.append(callback)

        def remove() -> None:
            if callback in self._callbacks:
                self._callbacks.remove(callback)

        return remove

    def tell(self, value: _T) -> None:
        for callback in tuple(self._callbacks):
            callback(value)

    def __bool__(self) -> bool:
        return bool(self._callbacks)
