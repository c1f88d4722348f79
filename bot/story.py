"""The story of each call for a person who watches: one line an event, as it happens."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta

from rich.console import Console
from rich.markup import escape

from bot.calls import Call, Event, Party
from bot.campaigns import Progress
from bot.clock import Clock
from bot.flows import RunEnded, RunStarted, StepDone, TraceRecord
from bot.phone import Phone

__all__ = ["Story"]


class Story:
    """Prints what happens. Numbers are shown in full: this is the operator's own screen, not a log."""

    def __init__(self, out: Console, clock: Clock) -> None:
        self._out = out
        self._clock = clock
        self._calls: dict[str, str] = {}
        """The call of each run that goes on."""

    def say(self, who: str, text: str, *, at: datetime | None = None, style: str = "") -> None:
        """One line: the time, whom it concerns, and what happened.

        Callers choose their names: what cannot be printed (line ends, what a terminal obeys) becomes a space.
        """
        moment = (at or self._clock.now()).astimezone()
        shown = escape("".join(letter if letter.isprintable() else " " for letter in text))
        body = f"[{style}]{shown}[/{style}]" if style else shown
        line = f"[dim]{moment:%H:%M:%S}[/dim]  [bold]{escape(who):<11}[/bold] {body}"
        self._out.print(line, soft_wrap=True, emoji=False)

    def started(self, phones: Iterable[Phone], plugins: Iterable[str]) -> None:
        names = ", ".join(f"{phone.name} ({phone.sip_info.username.rpartition('*')[2]})" for phone in phones)
        self.say("bot", f"registered: {names}", style="green")
        self.say("bot", f"plugins: {', '.join(plugins) or 'none'}")
        self.say("bot", "Ctrl-C ends")

    def event(self, event: Event) -> None:
        """Something happened to a call, an agent, a park location or a phone."""
        call, data = event.call, event.data
        who = call.id if call else str(data.get("agent") or data.get("phone") or data.get("location") or "bot")
        match event.name:
            case "call.ringing" if call:
                asks = (
                    " and asks to be answered" if "auto answer" in call.headers.get("Alert-Info", "").lower() else ""
                )
                queue = f" through the queue {call.queue}" if call.queue else ""
                text = f"{_party(call.caller)} calls {call.phone}{queue}{asks}"
                self.say(who, text, at=event.at, style="cyan")
            case "call.dialling" if call:
                self.say(who, f"{call.phone} dials {_party(call.callee)}", at=event.at, style="cyan")
            case "call.alerting":
                self.say(who, "it rings", at=event.at)
            case "call.answered" if call:
                self.say(who, f"answered{_evidence(call)}", at=event.at, style="green")
            case "call.digit":
                self.say(who, f"pressed {data['digit']}", at=event.at)
            case "call.ended" if call and call.end:
                length = f" after {(event.at - call.answered_at).total_seconds():.0f} s" if call.answered_at else ""
                self.say(who, f"ended{length}: {call.end.cause.replace('_', ' ')}", at=event.at, style="magenta")
            case "reply.closed":
                number = f", call back at {data['ext_nfo']}" if data.get("ext_nfo") else ""
                self.say(
                    who, f"the caller's answer to the text: {data['choice']}{number}", at=event.at, style="yellow"
                )
            case "park.parked":
                self.say(who, f"{_party(Party(data['number'], data['name']))} waits here", at=event.at)
            case "park.retrieved":
                self.say(who, "nobody waits here any more: the call was picked up or given up", at=event.at)
            case "agent.call.started":
                talks = _party(Party(data["number"], data["name"]))
                self.say(f"agent {who}", f"talks with {talks}", at=event.at)
            case "agent.call.ended":
                self.say(f"agent {who}", f"is free after {data['seconds']:.0f} s", at=event.at)
            case "phone.lost":
                self.say(who, f"cannot be called: {data['reason']}", at=event.at, style="red")

    def trace(self, record: TraceRecord) -> None:
        """A flow began, did a step, or ended."""
        if isinstance(record, RunStarted):
            self._calls[record.run_id] = record.call_id
        who = self._calls.get(record.run_id) or "flow"
        match record:
            case RunStarted():
                self.say(who, f"flow {record.flow} starts", at=record.at, style="blue")
            case StepDone(outcome="skipped" | "cancelled"):
                pass
            case StepDone():
                ended = record.at + timedelta(seconds=record.seconds)
                style = "" if record.outcome == "done" else "yellow"
                self.say(who, f"{record.flow} · {_step(record)}", at=ended, style=style)
            case RunEnded():
                del self._calls[record.run_id]
                why = f": {record.reason}" if record.reason else ""
                style = "red" if record.outcome == "failed" else "blue"
                self.say(who, f"flow {record.flow} {record.outcome}{why}", at=record.at, style=style)

    def progress(self, progress: Progress) -> None:
        """A campaign got on with a contact."""
        contact = progress.contact
        name = contact.name or contact.number
        if progress.verdict is not None:
            self.say("campaign", f"{name} is not called: {progress.verdict.text}", style="yellow")
        elif progress.attempt is not None and progress.attempt.disposition is None:
            self.say("campaign", f"calls {name} {contact.number}")
        elif progress.attempt is not None:
            self.say("campaign", f"{name}: {str(progress.attempt.disposition).replace('_', ' ')}", style="yellow")


def _party(party: Party) -> str:
    return f"{party.name} {party.number}" if party.name and party.name != party.number else party.number


def _evidence(call: Call) -> str:
    """How we know that a call of ours was answered."""
    if call.direction == "inbound" or not call.evidence:
        return ""
    last = call.evidence[-1]
    return f" ({last.source}: {last.says})"


def _step(step: StepDone) -> str:
    """`say “You are through to the order line.”`, `reply … → yes`."""
    shown = " ".join(_value(value) for value in step.arguments.values() if value not in ("", None, 0, False))
    result = f" → {_value(step.result)}" if step.result not in (None, {}, "") else ""
    failed = f" ({step.outcome}: {step.error})" if step.error else ""
    return f"{step.action} {shown}".rstrip() + result + failed


def _value(value: object) -> str:
    if isinstance(value, str):
        return f"“{value}”"
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {item}" for key, item in value.items() if item not in ("", None))
    return str(value)
