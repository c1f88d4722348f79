"""What a step may read and act on, given what comes before it in the file."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Literal

from bot.actions import ActionSpec
from bot.calls import Call
from bot.flows.shapes import Record, Shape, mistake_in
from bot.problems import did_you_mean

__all__ = ["CallState", "Scope"]

CallState = Literal["ringing", "answered", "there", "perhaps", "gone"]
"""What is known about the run's call: there is one (in which state, or in either), perhaps one, or none."""
_THERE = frozenset({"ringing", "answered", "there"})


@dataclass(slots=True)
class Scope:
    """Variables known so far, saved calls, and whether the run has a call of its own.

    `events` has one record for each trigger, and a variable must be known to all of them; `saved` are the names that
    steps keep.
    """

    events: tuple[Record, ...]
    call: CallState
    saved: dict[str, Shape] = field(default_factory=dict)
    saved_calls: set[str] = field(default_factory=set)
    gone_by: str = ""
    """Which step took the call away, when one did."""
    given: bool = True
    """Whether steps without a target can only mean the call that the run was started with."""
    needs_call: str = ""
    """The first step that cannot do without that call, whatever way the run takes."""
    branched: bool = False

    def mistake(self, parts: tuple[str, ...]) -> tuple[str, str] | None:
        """What is wrong with reading this variable here."""
        for record in self.events:
            found = mistake_in(Record({**record.fields, **self.saved}, record.what), parts)
            if found:
                return found
        return None

    def reserved(self) -> Iterator[str]:
        """Names that a step cannot save its result under."""
        for record in self.events:
            yield from record.fields

    def save(self, name: str, shape: Shape, *, is_call: bool = False) -> None:
        self.saved[name] = shape
        self.saved_calls.discard(name)
        if is_call:
            self.saved_calls.add(name)

    def target_mistake(self, name: str) -> tuple[str, str] | None:
        """What is wrong with naming this saved call as a target."""
        if name in self.saved_calls:
            return None
        if name in self.saved:
            return f'"{name}" is not a call', "a target is what dial, retrieve or supervise saved"
        return f'no step before this one saves "{name}"', did_you_mean(name, self.saved_calls)

    def act(self, spec: ActionSpec, target: str, *, uncertain: bool) -> tuple[str, str] | None:
        """Take note of what an action does to the run's call; what is wrong with doing it here.

        `uncertain`: it may be passed over, or fail and be made good.
        """
        mistake = None if target else self._call_mistake(spec, uncertain)
        if not target and spec.answers and self.call == "ringing":
            self.call = "there" if uncertain else "answered"
        if not target and spec.ends_call and self.call != "gone":
            self.call = "perhaps" if uncertain else "gone"
            self.gone_by = f'"{spec.name}"'
        if spec.result is not None and issubclass(spec.result, Call):
            self.given = self.given and uncertain
            if self.call not in _THERE:
                self.call = "perhaps" if uncertain else "answered"
        return mistake

    def blur(self) -> None:
        """A step could not be read: whatever it was meant to do to the call may have been done."""
        self.call = "there" if self.call in _THERE else "perhaps"

    def _call_mistake(self, spec: ActionSpec, uncertain: bool) -> tuple[str, str] | None:
        if spec.needs == "none":
            return None
        if self.call == "gone":
            why = f"{self.gone_by} has ended it for us" if self.gone_by else "there is none here"
            return f'"{spec.name}" needs a call, and {why}', ""
        if spec.needs == "answered_call" and self.call == "ringing":
            return f'"{spec.name}" is for an answered call, and this one still rings', "answer it first"
        if spec.needs == "ringing_call" and self.call == "answered":
            return f'"{spec.name}" is for a call that rings, and this one is answered', ""
        if self.given and not uncertain and not self.branched:
            self.needs_call = self.needs_call or spec.name
        return None

    @contextmanager
    def branch(self, **more: Shape) -> Iterator[Scope]:
        """A scope for steps that may or may not be run: what they save is known afterwards, all else is `perhaps`."""
        inner = Scope(
            self.events,
            self.call,
            {**self.saved, **more},
            set(self.saved_calls),
            self.gone_by,
            self.given,
            branched=True,
        )
        yield inner
        self.saved |= {name: shape for name, shape in inner.saved.items() if name not in more}
        self.saved_calls |= inner.saved_calls
        self.given = self.given and inner.given
        if inner.call != self.call:
            self.call = "there" if {inner.call, self.call} <= _THERE else "perhaps"
