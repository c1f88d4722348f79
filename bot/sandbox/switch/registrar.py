"""Who is registered: at most five live instances an extension, the newest connection of an instance wins.

Sans-I/O: time comes in as an argument (RFC 3261 §10.3, RFC 5626 §4; the limit of five is the vendor's).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, TypeVar

__all__ = ["Binding", "Registrar"]

_C = TypeVar("_C")


@dataclass(frozen=True, slots=True)
class Binding(Generic[_C]):
    """One registered instance: calls to `extension` go to `contact` over `connection` until `expires_at`."""

    extension: str
    instance: str
    authorization_id: str
    contact: str
    connection: _C
    expires_at: float


class Registrar(Generic[_C]):
    """The bindings of all extensions."""

    def __init__(self, max_instances: int = 5) -> None:
        self._max_instances = max_instances
        self._bindings: dict[tuple[str, str], Binding[_C]] = {}

    def bind(self, binding: Binding[_C], now: float) -> bool:
        """Add or refresh; False when the extension has its full number of other live instances (603)."""
        key = (binding.extension, binding.instance)
        others = [found for found in self.bindings(binding.extension, now) if found.instance != binding.instance]
        if len(others) >= self._max_instances:
            return False
        self._bindings[key] = binding
        return True

    def unbind(self, extension: str, instance: str, connection: _C) -> bool:
        """Take a binding away; one that a newer connection has taken over stays."""
        found = self._bindings.get((extension, instance))
        if found is None or found.connection is not connection:
            return False
        del self._bindings[extension, instance]
        return True

    def bindings(self, extension: str, now: float) -> list[Binding[_C]]:
        """The live bindings of an extension, the oldest first. Expired ones are forgotten."""
        for key, binding in list(self._bindings.items()):
            if binding.expires_at <= now:
                del self._bindings[key]
        return [binding for binding in self._bindings.values() if binding.extension == extension]
