"""Call queues: the caller waits with music while the free agents are rung, round after round."""

from __future__ import annotations

import asyncio

from bot.media import hold_music
from bot.sandbox.switch.calls import Call, Exchange
from bot.sandbox.switch.legs import BaseLeg, Refused, Rejected, Verdict
from bot.sandbox.switch.model import Queue
from bot.sandbox.switch.outcomes import Connected, follow, to_voicemail
from bot.sandbox.switch.ringing import ring

__all__ = ["connect_queue", "free_agents"]

PAUSE = 1.0
"""Seconds between two looks for a free agent."""
REST = 5.0
"""Seconds for which an agent who turned a queue call down is not rung with it again."""


def free_agents(switch: Exchange, queue: Queue) -> list[str]:
    """Extensions of the agents who take calls of this queue, are reachable and in no call."""
    return [
        agent
        for agent, accepting in queue.accepting.items()
        if accepting
        and switch.extensions[agent].dnd_status in ("TakeAllCalls", "TakeDepartmentCallsOnly")
        and switch.reachable(agent)
        and not switch.in_call(agent)
    ]


async def connect_queue(call: Call, caller: BaseLeg, queue: Queue) -> Connected:
    """Wait until an agent answers, or decides otherwise; voicemail of the queue when the time is up."""
    session = call.session
    session.queue, session.to_name = queue.extension, queue.name
    queue.waiting.append(session)
    call.note("queue.entered", queue.extension, queue=queue.name)
    caller.set_background(hold_music())
    try:
        decided = await _find_agent(call, caller, queue)
    finally:
        queue.waiting.remove(session)
        caller.set_background(None)
    if decided is None:
        await to_voicemail(call, caller, queue.extension, queue.name)
        return None
    return await follow(call, caller, *decided)


async def _find_agent(call: Call, caller: BaseLeg, queue: Queue) -> tuple[BaseLeg, Verdict] | None:
    options, loop = call.switch.options, asyncio.get_running_loop()
    deadline = loop.time() + options.queue_ring_time
    resting: dict[str, float] = {}
    while (left := deadline - loop.time()) > 0:
        agents = [agent for agent in free_agents(call.switch, queue) if resting.get(agent, 0.0) <= loop.time()]
        legs = [_agent_leg(call, caller, agent) for agent in agents]
        if not legs:
            await asyncio.sleep(min(PAUSE, left))
            continue
        call.note("call.ringing", ",".join(leg.party.number for leg in legs), queue=queue.name)
        decided = await ring(call, legs, min(left, options.ring_time), refusals=(Refused, Rejected))
        if decided is not None and not isinstance(decided[1], Refused | Rejected):
            return decided
        for leg in legs:
            if not leg.verdict.cancelled():
                resting[leg.party.number] = loop.time() + REST
    return None


def _agent_leg(call: Call, caller: BaseLeg, agent: str) -> BaseLeg:
    party = call.add_party(agent, call.switch.extensions[agent].name, "Inbound", extension=agent)
    party.queue_call = True
    return call.switch.make_leg(call, party, caller.party)
