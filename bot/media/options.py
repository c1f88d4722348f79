"""How a phone system's or a bot's sessions find their way, and what they speak."""

from __future__ import annotations

from dataclasses import dataclass

from bot.media.codecs import codec_named

__all__ = ["MediaOptions"]


@dataclass(frozen=True, slots=True)
class MediaOptions:
    """The same for all sessions of an engine."""

    loopback: bool = False
    """Only candidates on 127.0.0.1: for one-machine use."""
    stun_servers: tuple[str, ...] = ()
    """As "host:port"; the first one is asked."""
    codecs: tuple[str, ...] = ("PCMU", "opus")
    """In order of preference: "PCMU", "PCMA", "opus"."""
    ice_timeout: float = 10.0
    """Seconds until a session without a path has failed."""

    def __post_init__(self) -> None:
        for name in self.codecs:
            codec_named(name)
