"""What expressions see when a run goes on: plain values made from the live calls, agents and queues."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Mapping

from pydantic import BaseModel

from bot.calls import AgentState, Call, Calls, Event, Party, QueueState

__all__ = ["Variables", "call_values", "plain"]


def plain(value: object) -> object:
    """A result as values that expressions, traces and JSON can hold. A call becomes its id."""
    if isinstance(value, str | int | float) or value is None:
        return value
    if isinstance(value, Call):
        return value.id
    if isinstance(value, BaseModel):
        return value.model_dump()
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {str(name): plain(item) for name, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(item) for item in value]
    return str(value)


def party_values(party: Party | None) -> dict[str, object]:
    return {"number": party.number, "name": party.name} if party else {"number": "", "name": ""}


def call_values(call: Call) -> dict[str, object]:
    """`call.…`: see `bot.flows.shapes.CALL`."""
    return {
        "id": call.id,
        "direction": call.direction,
        "state": call.state.value,
        "number": call.number,
        "name": call.name,
        "queue": call.queue,
        "phone": call.phone,
        "answer_after": call.answer_after,
        "session_id": call.session_id,
        "headers": call.headers,
        "caller": party_values(call.caller),
        "callee": party_values(call.callee),
        "cause": call.end.cause if call.end else "",
        "disposition": call.end.disposition if call.end else "",
    }


def agent_values(agent: AgentState) -> dict[str, object]:
    return {
        "extension": agent.extension,
        "busy": agent.busy,
        "free": agent.free,
        "accepts_calls": agent.accepts_calls,
        "talking_to": party_values(agent.talking_to),
    }


def queue_values(queue: QueueState) -> dict[str, object]:
    return {
        "free_agents": queue.free_agents,
        "busy_agents": queue.busy_agents,
        "members": [agent.extension for agent in queue.members],
    }


class Variables(Mapping[str, object]):
    """The variables of one run. Each is made when an expression asks for it, from what is so at that moment."""

    def __init__(
        self,
        calls: Calls,
        configured: Mapping[str, object],
        run: Mapping[str, object],
        *,
        event: Event | None,
        call: Call | None,
        inputs: Mapping[str, object],
    ) -> None:
        self.call = call
        """The call that the run was started with, or has taken since."""
        self.saved: dict[str, object] = {}
        self.saved_calls: dict[str, Call] = {}
        self._calls = calls
        self._started_with = call
        self._event = event
        self._roots: dict[str, Callable[[], object]] = {
            "vars": lambda: configured,
            "inputs": lambda: inputs,
            "run": lambda: run,
            "event": self._event_values,
            "line": self._line,
            "queue": lambda: {name: queue_values(queue) for name, queue in calls.queues.items()},
            "agents": lambda: {name: agent_values(agent) for name, agent in calls.agents.items()},
        }
        self._add_parties()

    def save(self, name: str, value: object) -> None:
        """Keep a step's result under a name."""
        self.saved.pop(name, None)
        self.saved_calls.pop(name, None)
        if isinstance(value, Call):
            self.saved_calls[name] = value
        else:
            self.saved[name] = plain(value)

    def __getitem__(self, name: str) -> object:
        if name in self.saved:
            return self.saved[name]
        if name in self.saved_calls:
            return call_values(self.saved_calls[name])
        return self._roots[name]()

    def __iter__(self) -> Iterator[str]:
        return iter({**self._roots, **self.saved, **self.saved_calls})

    def __len__(self) -> int:
        return sum(1 for _name in self)

    def _add_parties(self) -> None:
        """`call`, `caller`, `callee` and `agent`, as far as there are any."""
        first, event = self._started_with, self._event
        if first is not None:
            self._roots["call"] = lambda: call_values(self.call or first)
            self._roots["caller"] = lambda: party_values(first.caller)
            self._roots["callee"] = lambda: party_values(first.callee)
        elif event is not None and "number" in event.data:
            caller = {"number": event.data["number"], "name": event.data.get("name", "")}
            self._roots["caller"] = lambda: caller
        if event is not None and "agent" in event.data:
            extension = str(event.data["agent"])
            self._roots["agent"] = lambda: agent_values(self._calls.agents.get(extension) or AgentState(extension))

    def _event_values(self) -> dict[str, object]:
        return {"kind": self._event.name, **self._event.data} if self._event else {"kind": ""}

    def _line(self) -> dict[str, object]:
        """Whether the phone of the run's call is in another call."""
        first = self._started_with
        return {"busy": self._calls.line_busy(first.phone if first else "", besides=first)}
