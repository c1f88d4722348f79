"""Who hears whom in one call: the legs that talk, and supervisors who listen, whisper or talk with them."""

from __future__ import annotations

from bot.media import Mixer, MixerPort, Source, hold_music
from bot.sandbox.endpoints import Remover
from bot.sandbox.switch.legs import BaseLeg

__all__ = ["Bridge"]


class _Member:
    """A leg in the bridge: its port, and what takes its voice and keys out again."""

    def __init__(
        self, name: str, port: MixerPort, removers: list[Remover], heard_by: tuple[BaseLeg, ...] | None
    ) -> None:
        self.name = name
        self.heard_by = heard_by
        self.port = port
        self.removers = removers
        self.music: Source | None = None


class Bridge:
    """A mixer with legs around it. A leg that holds lets the others hear music instead of the call."""

    def __init__(self) -> None:
        self._mixer = Mixer()
        self._members: dict[BaseLeg, _Member] = {}

    def join(self, leg: BaseLeg, *, heard_by: tuple[BaseLeg, ...] | None = None, keys: bool = True) -> None:
        """Let `leg` hear everybody; it is heard by `heard_by`, or by all when None. `keys` sends its keys on."""
        if leg in self._members:
            return
        name = leg.party_id
        port = self._mixer.join(name)
        removers = [leg.on_voice(port.push)]
        if keys:
            removers.append(leg.on_pressed(lambda digit: self._relay(leg, digit)))
        for other, member in self._members.items():
            if heard_by is not None and other not in heard_by:
                self._mixer.set_hears(member.name, name, False)
            if member.heard_by is not None and leg not in member.heard_by:
                self._mixer.set_hears(name, member.name, False)
        self._members[leg] = _Member(name, port, removers, heard_by)
        self._refresh()

    def leave(self, leg: BaseLeg) -> None:
        """Take a leg out; nothing happens when it is not in."""
        member = self._members.pop(leg, None)
        if member is None:
            return
        for remove in member.removers:
            remove()
        self._mixer.leave(member.name)
        leg.set_background(None)
        self._refresh()

    def _relay(self, speaker: BaseLeg, digit: str) -> None:
        for leg in self._members:
            if leg is not speaker:
                leg.send_key(digit)

    def held(self) -> None:
        """A member went on or off hold."""
        self._refresh()

    def _refresh(self) -> None:
        """Give each leg its port, or music while another one holds."""
        for leg, member in self._members.items():
            if any(other.held for other in self._members if other is not leg):
                member.music = member.music or hold_music()
                leg.set_background(member.music)
            else:
                member.music = None
                leg.set_background(member.port)

    def close(self) -> None:
        for leg in list(self._members):
            self.leave(leg)
