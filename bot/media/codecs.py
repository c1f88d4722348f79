"""The codecs: G.711 (PCMU, PCMA; RFC 3551) and Opus (RFC 7587) between RTP payloads and 8 kHz PCM."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import av
import numpy as np
from numpy.typing import NDArray

from bot.media.audio import Pcm

__all__ = ["CODECS", "Codec", "Decoder", "Encoder", "codec_named"]


class Encoder(Protocol):
    def encode(self, frame: Pcm) -> bytes:
        """The payload of one frame."""
        ...


class Decoder(Protocol):
    def decode(self, payload: bytes) -> Pcm:
        """The samples of one payload, at 8 kHz; empty when it is damaged."""
        ...


@dataclass(frozen=True, slots=True)
class Codec:
    """How a codec is named in SDP and in RTP."""

    name: str
    payload_type: int
    """The one that we offer; the static one of RFC 3551 where there is one."""
    clock_rate: int
    """Of the RTP timestamp, in Hz."""
    channels: int
    fmtp: str
    encoder: Callable[[], Encoder]
    decoder: Callable[[], Decoder]

    @property
    def frame_ticks(self) -> int:
        """How far the RTP timestamp moves in one frame."""
        return self.clock_rate // 50


def _mu_law(samples: NDArray[np.int64]) -> NDArray[np.int64]:
    """ITU-T G.711 mu-law octets of 16-bit samples."""
    sign = np.where(samples < 0, 0x80, 0)
    magnitude = np.minimum(np.abs(samples), 32635) + 132
    exponent = np.floor(np.log2(magnitude)).astype(np.int64) - 7
    mantissa = (magnitude >> (exponent + 3)) & 0x0F
    octets: NDArray[np.int64] = ~(sign | (exponent << 4) | mantissa) & 0xFF
    return octets


def _mu_law_samples(octets: NDArray[np.int64]) -> NDArray[np.int64]:
    bits = ~octets & 0xFF
    magnitude = ((((bits & 0x0F) << 3) + 132) << ((bits >> 4) & 7)) - 132
    return np.where(bits & 0x80, -magnitude, magnitude)


def _a_law(samples: NDArray[np.int64]) -> NDArray[np.int64]:
    """ITU-T G.711 A-law octets of 16-bit samples."""
    sign = np.where(samples >= 0, 0x80, 0)
    magnitude = np.where(samples >= 0, samples, -samples - 1)
    exponent = np.maximum(np.floor(np.log2(np.maximum(magnitude, 1))).astype(np.int64) - 7, 0)
    mantissa = np.where(exponent > 0, magnitude >> (exponent + 3), magnitude >> 4) & 0x0F
    octets: NDArray[np.int64] = (sign | (exponent << 4) | mantissa) ^ 0x55
    return octets


def _a_law_samples(octets: NDArray[np.int64]) -> NDArray[np.int64]:
    bits = octets ^ 0x55
    exponent = (bits >> 4) & 7
    mantissa = ((bits & 0x0F) << 4) + 8
    magnitude = np.where(exponent > 0, (mantissa + 0x100) << np.maximum(exponent - 1, 0), mantissa)
    return np.where(bits & 0x80, magnitude, -magnitude)


class _Companding:
    """G.711 by table: one look-up a sample in either direction."""

    def __init__(
        self,
        compress: Callable[[NDArray[np.int64]], NDArray[np.int64]],
        expand: Callable[[NDArray[np.int64]], NDArray[np.int64]],
    ) -> None:
        every_sample = np.arange(65536, dtype=np.uint16).view(np.int16).astype(np.int64)
        self._octets = compress(every_sample).astype(np.uint8)
        self._samples = expand(np.arange(256, dtype=np.int64)).astype(np.int16)

    def encode(self, frame: Pcm) -> bytes:
        return self._octets[frame.view(np.uint16)].tobytes()

    def decode(self, payload: bytes) -> Pcm:
        return self._samples[np.frombuffer(payload, dtype=np.uint8)]


class _OpusEncoder:
    """libopus at 8 kHz mono, tuned for voice, with forward error correction."""

    def __init__(self) -> None:
        self._codec = av.CodecContext.create("libopus", "w")
        assert isinstance(self._codec, av.AudioCodecContext)
        self._codec.sample_rate = 8000
        self._codec.format = av.AudioFormat("s16")
        self._codec.layout = "mono"
        self._codec.bit_rate = 24000
        self._codec.options = {
            "application": "voip",
            "frame_duration": "20",
            "fec": "1",
            "packet_loss": "5",
            "compression_level": "3",
        }

    def encode(self, frame: Pcm) -> bytes:
        audio = av.AudioFrame.from_ndarray(np.ascontiguousarray(frame).reshape(1, -1), "s16", "mono")
        audio.sample_rate = 8000
        return b"".join(bytes(packet) for packet in self._codec.encode(audio))


class _OpusDecoder:
    """libopus, which always gives 48 kHz here, then a low-pass filter and every sixth sample."""

    _RATIO = 6
    _TAPS = 72

    def __init__(self) -> None:
        self._codec = av.CodecContext.create("libopus", "r")
        assert isinstance(self._codec, av.AudioCodecContext)
        self._codec.format = av.AudioFormat("s16")
        self._codec.layout = "mono"
        self._codec.sample_rate = 48000
        self._history = np.zeros(self._TAPS, dtype=np.float32)
        at = np.arange(self._TAPS) - (self._TAPS - 1) / 2
        # A cut-off at 3.7 kHz: below the new Nyquist frequency, above the telephone's band.
        taps = np.sinc(2 * 3700 / 48000 * at) * np.hamming(self._TAPS)
        self._filter = (taps / taps.sum()).astype(np.float32)

    def decode(self, payload: bytes) -> Pcm:
        try:
            frames = self._codec.decode(av.Packet(payload))
        except av.FFmpegError:
            return np.zeros(0, dtype=np.int16)
        wide = [frame.to_ndarray().reshape(-1) for frame in frames]
        return self._narrow(np.concatenate(wide)) if wide else np.zeros(0, dtype=np.int16)

    def _narrow(self, wide: Pcm) -> Pcm:
        count = len(wide) // self._RATIO
        stream = np.concatenate([self._history, wide[: count * self._RATIO].astype(np.float32)])
        self._history = stream[-self._TAPS :]
        windows = np.lib.stride_tricks.sliding_window_view(stream, self._TAPS)
        narrow = windows[self._RATIO : self._RATIO * count + 1 : self._RATIO] @ self._filter
        samples: Pcm = np.clip(np.rint(narrow), -32768, 32767).astype(np.int16)
        return samples


_MU_LAW = _Companding(_mu_law, _mu_law_samples)
_A_LAW = _Companding(_a_law, _a_law_samples)

CODECS: dict[str, Codec] = {
    "pcmu": Codec("PCMU", 0, 8000, 1, "", lambda: _MU_LAW, lambda: _MU_LAW),
    "pcma": Codec("PCMA", 8, 8000, 1, "", lambda: _A_LAW, lambda: _A_LAW),
    "opus": Codec("opus", 111, 48000, 2, "minptime=10;useinbandfec=1", _OpusEncoder, _OpusDecoder),
}
"""By name in lower case: codec names in SDP do not depend on case (RFC 8866 6.6)."""


def codec_named(name: str) -> Codec:
    """Raises ValueError for a codec that we do not have."""
    try:
        return CODECS[name.lower()]
    except KeyError:
        raise ValueError(f"no codec {name!r}: choose from PCMU, PCMA, opus") from None
