"""Supervision codes: *80 monitor, *81 whisper, *82 barge in, *83 take over (wire notes, §10).

Prompts and refusals are spoken, never signalled.
"""

from __future__ import annotations

from bot.sandbox.switch.calls import Call
from bot.sandbox.switch.legs import Accepted, BaseLeg
from bot.sandbox.switch.model import Party
from bot.sandbox.switch.numbering import SupervisionCode
from bot.sandbox.switch.ringing import ring
from bot.sandbox.switch.tasks import any_of, first_of

__all__ = ["supervise"]

PROMPT = "Please enter the extension, and then press the pound key."
TAKE_OVER_RING = 30.0
"""Seconds for which the second call of a take-over rings."""


async def supervise(call: Call, supervisor: BaseLeg, code: SupervisionCode) -> None:
    """Ask for an agent and join his call; returns when that is over, or after a spoken refusal."""
    supervisor.connected()
    with supervisor.keys() as keys:
        agent = await call.switch.announcer.collect(supervisor, keys, PROMPT)
    found = call.switch.talking(agent)
    if refusal := _refusal(call, supervisor.party, agent) or ("" if found else "This extension is not in a call."):
        call.note("supervision.refused", supervisor.party.number, agent=agent, reason=refusal)
        await call.switch.announcer.say(supervisor, f"{refusal} Goodbye.")
        return
    assert found is not None
    target, leg = found
    call.note("supervision.joined", supervisor.party.number, agent=agent, code=code)
    match code:
        case "*80":
            await _listen(target, leg, supervisor, heard_by=())
        case "*81":
            await _listen(target, leg, supervisor, heard_by=(leg,))
        case "*82":
            await _listen(target, leg, supervisor, heard_by=None)
        case "*83":
            await _take_over(call, target, leg, supervisor)


def _refusal(call: Call, supervisor: Party, agent: str) -> str:
    options = call.switch.options
    if not agent:
        return "No extension was entered."
    if agent not in call.switch.extensions or agent == supervisor.extension:
        return "This extension is not valid."
    allowed = options.supervisors is None or supervisor.extension in options.supervisors
    if not supervisor.extension or not allowed or (options.monitored is not None and agent not in options.monitored):
        return "You are not allowed to monitor this extension."
    return ""


async def _listen(target: Call, agent: BaseLeg, supervisor: BaseLeg, *, heard_by: tuple[BaseLeg, ...] | None) -> None:
    """Stay in the agent's call until the agent leaves it."""
    target.bridge.join(supervisor, heard_by=heard_by, keys=False)
    try:
        await any_of(agent.gone)
    finally:
        target.bridge.leave(supervisor)


async def _take_over(call: Call, target: Call, agent: BaseLeg, supervisor: BaseLeg) -> None:
    """The supervisor takes the agent's place, in one of the two documented forms."""
    target.bridge.join(supervisor, heard_by=())
    try:
        taken = await (_by_reinvite if call.switch.options.take_over == "re-invite" else _by_new_call)(
            target, agent, supervisor
        )
        if taken is None:
            call.note("supervision.refused", supervisor.party.number, reason="take-over was not answered")
    finally:
        target.bridge.leave(supervisor)
    if taken is None:
        await call.switch.announcer.say(supervisor, "The call was not taken over. Goodbye.")
        return
    call.note("takeover.done", taken.party.number, agent=agent.party.number)
    if taken is supervisor:
        return
    # Both calls of the supervisor have to stay up: hanging up either one drops the customer. Once he has handed the
    # customer on (a transfer, a park location), his part is over.
    try:
        await any_of(taken.gone, target.over)
    finally:
        if not taken.gone.done():
            target.end()


async def _by_new_call(target: Call, agent: BaseLeg, supervisor: BaseLeg) -> BaseLeg | None:
    """A call of its own from `*83`, which becomes a party of the customer's session."""
    own = supervisor.party
    party = target.add_party(own.number, own.name, "Inbound", extension=own.extension)
    leg = target.switch.make_leg(target, party, Party("", "Outbound", "*83", "Take over"))
    decided = await first_of(ring(target, [leg], TAKE_OVER_RING), agent.gone)
    if decided is None or not isinstance(decided[1], Accepted):
        return None
    return leg if target.replace(agent, leg) else None


async def _by_reinvite(target: Call, agent: BaseLeg, supervisor: BaseLeg) -> BaseLeg | None:
    """A re-INVITE on the supervisor's first call, which moves into the customer's session."""
    own = supervisor.party
    party = target.add_party(own.number, own.name, "Inbound", extension=own.extension)
    if not await supervisor.renegotiate(target.session_id, party.id):
        return None
    target.bridge.leave(supervisor)
    target.adopt(supervisor, party)
    return supervisor if target.replace(agent, supervisor) else None
