"""The offer/answer rules (RFC 3264) as functions: what both sides agree on, and what our description then says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bot.errors import MalformedSdp
from bot.media.codecs import CODECS, Codec, codec_named
from bot.media.sdp import Format, RemoteAudio, reverse_direction

__all__ = [
    "Agreement",
    "agree",
    "answer_direction",
    "answer_formats",
    "dtls_role",
    "offer_formats",
    "setup_for_answer",
]

_EVENT_PAYLOAD_TYPES = {8000: 101, 48000: 110}
_EVENTS = "0-15"


@dataclass(frozen=True, slots=True)
class Agreement:
    """What the audio looks like from now on. Payload types are the ones to send, and the ones to expect."""

    codec: Codec
    payload_type: int
    event_payload_type: int | None
    receive_codecs: Mapping[int, Codec]
    receive_events: Mapping[int, int]
    """Payload type of telephone events and their clock rate."""


def offer_formats(names: Sequence[str]) -> tuple[Format, ...]:
    """What we offer, the most wanted first, with telephone events at every clock rate in use."""
    codecs = [codec_named(name) for name in names]
    formats = [Format(each.payload_type, each.name, each.clock_rate, each.channels, each.fmtp) for each in codecs]
    clocks = dict.fromkeys(each.clock_rate for each in codecs)
    formats += [Format(_EVENT_PAYLOAD_TYPES[clock], "telephone-event", clock, 1, _EVENTS) for clock in clocks]
    return tuple(formats)


def agree(remote: RemoteAudio, names: Sequence[str], *, answering: bool) -> Agreement:
    """What is common. We choose by our order when we answer; the peer has chosen when it answers.

    Raises MalformedSdp when there is no common codec.
    """
    allowed = {codec_named(name).name.lower(): rank for rank, name in enumerate(names)}
    usable = [
        (each.payload_type, CODECS[each.name.lower()])
        for each in remote.formats
        if each.name.lower() in allowed and CODECS[each.name.lower()].clock_rate == each.clock_rate
    ]
    if not usable:
        raise MalformedSdp(
            f"no codec in common: the peer has {', '.join(each.name for each in remote.formats) or 'none'}",
            hint=f"we are set to {', '.join(names)}",
        )
    if answering:
        usable.sort(key=lambda pair: allowed[pair[1].name.lower()])
    payload_type, codec = usable[0]
    events = {each.payload_type: each.clock_rate for each in remote.formats if each.name.lower() == "telephone-event"}
    event = next((number for number, clock in events.items() if clock == codec.clock_rate), None)
    receive_codecs = dict(usable)
    if not answering:
        # A peer may number its formats differently from our offer, but sends what we numbered (RFC 3264 5.1).
        ours = {CODECS[name.lower()].payload_type: CODECS[name.lower()] for name in names}
        accepted = {each for _number, each in usable}
        receive_codecs |= {number: each for number, each in ours.items() if each in accepted}
        if events:
            events |= {
                number: clock for clock, number in _EVENT_PAYLOAD_TYPES.items() if number not in receive_codecs
            }
    return Agreement(codec, payload_type, event, receive_codecs, events)


def answer_formats(agreement: Agreement) -> tuple[Format, ...]:
    """The one codec that we chose and, if offered for its clock rate, telephone events."""
    codec = agreement.codec
    formats = [Format(agreement.payload_type, codec.name, codec.clock_rate, codec.channels, codec.fmtp)]
    if agreement.event_payload_type is not None:
        formats.append(Format(agreement.event_payload_type, "telephone-event", codec.clock_rate, 1, _EVENTS))
    return tuple(formats)


def answer_direction(wanted: str, offered: str) -> str:
    """The most of what we want that the offer allows (RFC 3264 6.1)."""
    allowed = reverse_direction(offered)
    sends = wanted in ("sendrecv", "sendonly") and allowed in ("sendrecv", "sendonly")
    receives = wanted in ("sendrecv", "recvonly") and allowed in ("sendrecv", "recvonly")
    return {(True, True): "sendrecv", (True, False): "sendonly", (False, True): "recvonly"}.get(
        (sends, receives), "inactive"
    )


def setup_for_answer(offered: str, current_role: str) -> str:
    """Our `a=setup` in an answer: what the offer leaves us, and no change of a role that is in use (RFC 8842 5.3)."""
    if offered == "active":
        return "passive"
    if offered == "passive":
        return "active"
    return "passive" if current_role == "server" else "active"


def dtls_role(our_setup: str, their_setup: str) -> str:
    """ "client" or "server". A peer that answers without `a=setup` is taken for active, as Chromium does."""
    if our_setup == "actpass":
        return "client" if their_setup == "passive" else "server"
    return "client" if our_setup == "active" else "server"
