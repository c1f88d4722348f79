"""What a run leaves behind: that it began, each step with its arguments and result, and how it ended."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, TypeAlias

__all__ = ["Outcome", "RunEnded", "RunResult", "RunStarted", "StepDone", "StepOutcome", "Trace", "TraceRecord"]

Outcome = Literal["done", "stopped", "cancelled", "failed", "skipped"]
"""done: to the end; stopped: by a `stop`; cancelled: the call ended or another run has it, the flow was restarted, or
the bot stops; failed: an error that nothing in the flow dealt with; skipped: its mode did not let it run."""

StepOutcome = Literal["done", "skipped", "timeout", "error", "cancelled"]


@dataclass(frozen=True, slots=True)
class RunStarted:
    run_id: str
    flow: str
    at: datetime
    event: str = ""
    """The event that started it; empty when it was run by name."""
    call_id: str = ""
    inputs: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class StepDone:
    """One step, after it. `arguments` are rendered; they and `result` are plain values, not masked."""

    run_id: str
    flow: str
    number: int
    place: str
    """File, line and column."""
    action: str
    name: str
    arguments: Mapping[str, object]
    result: object
    outcome: StepOutcome
    error: str
    at: datetime
    """When it began."""
    seconds: float


@dataclass(frozen=True, slots=True)
class RunEnded:
    run_id: str
    flow: str
    at: datetime
    outcome: Outcome
    reason: str
    steps: int
    seconds: float
    call_id: str = ""


TraceRecord: TypeAlias = RunStarted | StepDone | RunEnded
Trace = Callable[[TraceRecord], None]


@dataclass(frozen=True, slots=True)
class RunResult:
    """What came of a run. `values` are those that its steps saved; calls are left out."""

    run_id: str
    outcome: Outcome
    reason: str = ""
    values: Mapping[str, object] = field(default_factory=dict)
