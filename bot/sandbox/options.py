"""Every setting of the sandbox, with what it is by default."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from bot.media import MediaOptions

__all__ = ["QueueOptions", "SandboxOptions"]


@dataclass(frozen=True, slots=True)
class QueueOptions:
    """A call queue: calls to its extension ring all its agents who are free."""

    name: str
    extension: str
    agents: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class SandboxOptions:
    """All times are seconds. Ports of 0 are chosen by the system."""

    sip_port: int = 0
    rest_port: int = 0
    directory: Path | None = None
    """Where the certificate is kept; a temporary directory when None."""
    media: MediaOptions = field(default_factory=lambda: MediaOptions(loopback=True))
    seed: int = 0
    """Passwords and ids follow from it, so that two runs with the same seed are alike."""
    domain: str = "sip.ringcentral.com"
    main_number: str = "+16505550100"
    extensions: tuple[str, ...] = tuple(str(number) for number in range(101, 111))
    queues: tuple[QueueOptions, ...] = (QueueOptions("Sales", "300", ("103", "104")),)
    park_locations: tuple[str, ...] = ("101", "102", "103")
    """The ids behind `prk<ID>`."""
    supervisors: tuple[str, ...] | None = None
    """Extensions that may use *80 to *83; None: all of them."""
    monitored: tuple[str, ...] | None = None
    """Extensions that may be supervised (the call monitoring group); None: all of them."""
    take_over: Literal["new-call", "re-invite"] = "new-call"
    """How the second call of *83 comes (both forms are documented): its own INVITE, or a re-INVITE of the first."""
    expires: int = 60
    """What the registrar grants."""
    max_instances: int = 5
    ring_time: float = 20.0
    """How long an extension rings before the caller is taken to voicemail."""
    reply_extra: float = 30.0
    """How much longer it rings once somebody started to write a reply."""
    outside_ring_time: float = 60.0
    """How long an outside number rings before the call is given up."""
    busy_time: float = 8.0
    """How long the caller of a busy outside number hears the tone before the switch hangs up."""
    reject_ringback: float = 5.0
    """Ringback between a rejection (command 12) and its announcement."""
    lost_phone: float = 30.0
    """How long the calls of a phone that lost its connection are kept for it."""
    queue_ring_time: float = 60.0
    voicemail_limit: float = 60.0
    menu_wait: float = 10.0
    """How long the reply menu and spoken prompts wait for a key before they are repeated."""
    menu_rounds: int = 3
    auto_answer: bool = False
    """Calls to extensions carry `Alert-Info: Auto Answer`."""
    answer_after: int = 0
    """`Answer-After` of such calls."""
    offerless: bool = False
    """INVITEs to extensions carry no SDP (as queue pick-ups do)."""
    free_resources_first: bool = False
    """Cmd 2 is sent before the BYE rather than after it."""
    people: tuple[Path, ...] = ()
    """Folders with the files of scripted people; `people_model.SHIPPED` is the folder of those that come along."""
