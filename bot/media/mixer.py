"""Mixing: each participant of a call hears those that it may hear, and never itself."""

from __future__ import annotations

import numpy as np

from bot.media.audio import SILENCE, Pcm, as_frame

__all__ = ["Mixer", "MixerPort"]


class MixerPort:
    """One participant's place: a sink for what it says, and a source of what it hears.

    `push` belongs into the first phase of a tick (it fits `MediaSession.on_audio`), `read` into the second (a
    port is a `Source`). A frame is heard once by each listener; who pushed nothing since is silent.
    """

    def __init__(self, mixer: Mixer, name: str) -> None:
        self.name = name
        self._mixer = mixer
        self._frame: Pcm = SILENCE
        self._pushed = 0
        self._heard: dict[str, int] = {}

    def push(self, frame: Pcm) -> None:
        """What the participant says at this tick."""
        self._frame = as_frame(frame)
        self._pushed += 1

    def read(self) -> Pcm | None:
        """What the participant hears at this tick; None (ended) once it has left."""
        if not self._mixer.has(self):
            return None
        frames = []
        for speaker in self._mixer.speakers_for(self):
            if self._heard.get(speaker.name) != speaker._pushed and speaker._frame is not SILENCE:
                frames.append(speaker._frame)
            self._heard[speaker.name] = speaker._pushed
        return _add(frames)

    def forget(self, name: str) -> None:
        """A participant has left: one that comes later under its name starts anew."""
        self._heard.pop(name, None)

    def joined(self, speaker: MixerPort) -> None:
        """A participant has come: it is heard from its next frame on."""
        self._heard[speaker.name] = speaker._pushed


def _add(frames: list[Pcm]) -> Pcm:
    """The saturating sum."""
    if not frames:
        return SILENCE
    if len(frames) == 1:
        return frames[0]
    total = np.zeros(len(frames[0]), dtype=np.int32)
    for frame in frames:
        total += frame
    return np.clip(total, -32768, 32767).astype(np.int16)


class Mixer:
    """The participants of a call, by name, and who hears whom: at first, everybody everybody else."""

    def __init__(self) -> None:
        self._ports: dict[str, MixerPort] = {}
        self._deaf: set[tuple[str, str]] = set()

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self._ports)

    def join(self, name: str) -> MixerPort:
        """Raises ValueError when the name is taken."""
        if name in self._ports:
            raise ValueError(f"{name!r} is in the call already")
        port = MixerPort(self, name)
        for other in self._ports.values():
            other.joined(port)
            port.joined(other)
        self._ports[name] = port
        return port

    def leave(self, name: str) -> None:
        """Takes a participant out, and what was set about its hearing; unknown names are ignored."""
        if self._ports.pop(name, None) is None:
            return
        self._deaf = {pair for pair in self._deaf if name not in pair}
        for port in self._ports.values():
            port.forget(name)

    def set_hears(self, listener: str, speaker: str, hears: bool) -> None:
        """Whether `listener` hears `speaker`; may be set before either has joined."""
        if hears:
            self._deaf.discard((listener, speaker))
        else:
            self._deaf.add((listener, speaker))

    def hears(self, listener: str, speaker: str) -> bool:
        return listener != speaker and (listener, speaker) not in self._deaf

    def has(self, port: MixerPort) -> bool:
        return self._ports.get(port.name) is port

    def speakers_for(self, listener: MixerPort) -> list[MixerPort]:
        """Those whom `listener` hears."""
        return [port for name, port in self._ports.items() if self.hears(listener.name, name)]
