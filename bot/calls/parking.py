"""A park location and the calls that wait there: what retrieving one needs."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["ParkLocation", "ParkedCall"]


@dataclass(frozen=True, slots=True)
class ParkedCall:
    """A call that waits: its telephony session and the two tags that presence reports for it."""

    location: str
    session_id: str
    to_tag: str
    from_tag: str
    number: str = ""
    name: str = ""

    @property
    def replaces(self) -> str:
        """The Replaces value that retrieves it. The two tags are swapped: see the wire notes, §8."""
        return f"{self.session_id};to-tag={self.from_tag};from-tag={self.to_tag};early-only"


@dataclass(slots=True)
class ParkLocation:
    """A named place on the platform. `id` is its extension id there; on the wire it is `prk<id>`."""

    name: str
    id: str
    parked: tuple[ParkedCall, ...] = ()

    @property
    def target(self) -> str:
        return f"prk{self.id}"
