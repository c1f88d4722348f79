"""The flow language and its engine: model, loader, expressions, runs, traces. It knows actions by name only."""

from bot.flows.engine import FlowEngine
from bot.flows.loader import FlowSet, check, read_folder, read_text
from bot.flows.model import Flow
from bot.flows.trace import Outcome, RunEnded, RunResult, RunStarted, StepDone, Trace, TraceRecord

__all__ = [
    "Flow",
    "FlowEngine",
    "FlowSet",
    "Outcome",
    "RunEnded",
    "RunResult",
    "RunStarted",
    "StepDone",
    "Trace",
    "TraceRecord",
    "check",
    "read_folder",
    "read_text",
]
