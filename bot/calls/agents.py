"""The people and queues that the bot watches: who talks to whom, and how many agents of a queue are free."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from bot.calls.events import Event, Listener
from bot.calls.state import Party
from bot.clock import Clock

__all__ = ["AgentState", "Agents", "QueueState"]


@dataclass(slots=True)
class AgentState:
    """One watched extension, as presence last told it."""

    extension: str
    accepts_calls: bool = True
    busy: bool = False
    in_our_call: bool = False
    """One of our own phones is this extension, and in a call: known at once, before presence tells it."""
    talking_to: Party | None = None
    since: datetime | None = None

    @property
    def free(self) -> bool:
        """Ready for a call: none at the moment, and not set to do-not-disturb."""
        return self.accepts_calls and not self.engaged

    @property
    def engaged(self) -> bool:
        return self.busy or self.in_our_call


@dataclass(slots=True)
class QueueState:
    """One call queue: its members' extensions, of whom `accepting` take its calls."""

    name: str
    members: tuple[AgentState, ...] = ()
    accepting: frozenset[str] = field(default_factory=frozenset)

    @property
    def free_agents(self) -> int:
        """Members who take the queue's calls and are free now."""
        return sum(agent.free for agent in self.members if agent.extension in self.accepting)

    @property
    def busy_agents(self) -> int:
        return sum(agent.engaged for agent in self.members)


class Agents:
    """The watched extensions and queues, fed with what presence says."""

    def __init__(self, clock: Clock, publish: Listener) -> None:
        self._clock = clock
        self._publish = publish
        self._agents: dict[str, AgentState] = {}
        self._queues: dict[str, QueueState] = {}

    @property
    def agents(self) -> Mapping[str, AgentState]:
        """By extension number."""
        return self._agents

    @property
    def queues(self) -> Mapping[str, QueueState]:
        """By name."""
        return self._queues

    def watch(self, extension: str) -> AgentState:
        return self._agents.setdefault(extension, AgentState(extension))

    def set_queue(self, name: str, members: Mapping[str, bool]) -> None:
        """A queue's members by extension, and whether each takes the queue's calls."""
        states = tuple(self.watch(extension) for extension in members)
        accepting = frozenset(extension for extension, accepts in members.items() if accepts)
        self._queues[name] = QueueState(name, states, accepting)

    def in_our_call(self, extension: str, engaged: bool) -> None:
        """Take in what a phone of ours is doing itself."""
        if extension:
            self.watch(extension).in_our_call = engaged

    def update(self, extension: str, *, busy: bool, accepts_calls: bool, talking_to: Party | None) -> None:
        """Take in one presence of an extension. `talking_to` is set only while a call is connected."""
        agent = self.watch(extension)
        agent.busy, agent.accepts_calls = busy, accepts_calls
        if talking_to == agent.talking_to:
            return
        if agent.talking_to is not None:
            self._ended(agent)
        if talking_to is not None:
            agent.talking_to, agent.since = talking_to, self._clock.now()
            data = {"agent": extension, "number": talking_to.number, "name": talking_to.name}
            self._publish(Event("agent.call.started", agent.since, None, data))

    def _ended(self, agent: AgentState) -> None:
        now = self._clock.now()
        seconds = (now - agent.since).total_seconds() if agent.since else 0.0
        party = agent.talking_to or Party("")
        agent.talking_to = agent.since = None
        data = {"agent": agent.extension, "number": party.number, "name": party.name, "seconds": seconds}
        self._publish(Event("agent.call.ended", now, None, data))
