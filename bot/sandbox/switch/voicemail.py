"""Voicemail: greeting, beep, and what the caller says until he hangs up, presses `#` or the time is up."""

from __future__ import annotations

import asyncio

import numpy as np

from bot.media import SAMPLE_RATE, Pcm
from bot.sandbox.switch.announcements import beep
from bot.sandbox.switch.calls import Call
from bot.sandbox.switch.legs import BaseLeg
from bot.sandbox.switch.model import Message, Party, PartyStatus

__all__ = ["take_message"]

SHORTEST = 0.5
"""Seconds; what is shorter is not kept."""


async def take_message(call: Call, caller: BaseLeg, owner: Party) -> None:
    """Greet `caller` for `owner`, record, keep. When the caller hangs up (this is cancelled), it is kept as well."""
    switch = call.switch
    call.move(owner, PartyStatus.VOICEMAIL)
    caller.connected()
    call.move(caller.party, PartyStatus.ANSWERED)
    name = owner.name or owner.number
    await switch.announcer.say(caller, f"{name} is not available. Please leave a message after the tone.")
    await caller.play(beep())
    frames: list[Pcm] = []
    remove = caller.on_voice(frames.append)
    try:
        with caller.keys() as keys:
            async with asyncio.timeout(switch.options.voicemail_limit):
                while await keys.next(None) != "#":
                    pass
    except TimeoutError:
        pass
    finally:
        remove()
        _keep(call, caller, owner, frames)
    await switch.announcer.say(caller, "Thank you. Goodbye.")


def _keep(call: Call, caller: BaseLeg, owner: Party, frames: list[Pcm]) -> None:
    pcm = np.concatenate(frames) if frames else np.zeros(0, np.int16)
    if len(pcm) < SHORTEST * SAMPLE_RATE:
        return
    message = Message(
        owner.extension, caller.party.number, caller.party.name, call.session_id, call.switch.clock.now(), pcm
    )
    call.switch.voicemails.append(message)
    call.note("voicemail.kept", owner.extension, seconds=f"{message.duration:.1f}")
