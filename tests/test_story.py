"""The story: one line an event: its time, whom it concerns and what happened, whatever callers call themselves."""

from __future__ import annotations

import io
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from bot.calls import Call, CallEnd, Event, Evidence, Party
from bot.campaigns import Progress
from bot.campaigns.compliance import Verdict
from bot.clock import Clock
from bot.flows import RunEnded, RunStarted, StepDone
from bot.store import Attempt, Contact, Disposition
from bot.story import Story

AT = datetime(2026, 3, 2, 17, 0, 9, tzinfo=UTC)
TIME = rf"{AT.astimezone():%H:%M:%S}  "


def teller() -> tuple[Story, io.StringIO]:
    out = io.StringIO()
    return Story(Console(file=out, width=60, highlight=False), Clock()), out


def a_call(name: str = "Ada", **details: Any) -> Call:
    fields: dict[str, Any] = {
        "id": "c-1",
        "direction": "inbound",
        "caller": Party("+16505550199", name),
        "callee": Party("101"),
        "phone": "front-desk",
        "queue": "",
        "headers": {},
        "evidence": [],
        "answered_at": None,
        "end": None,
    }
    return cast(Call, SimpleNamespace(**{**fields, **details}))


def line_of(event: str, call: Call | None = None, data: Mapping[str, Any] | None = None) -> str:
    story, out = teller()
    story.event(Event(event, AT, call, data or {}))
    assert out.getvalue().count("\n") == 1
    assert re.match(TIME, out.getvalue())
    return out.getvalue().removeprefix(TIME.replace("\\", "")).rstrip("\n")


OUTBOUND = {"direction": "outbound", "caller": Party("108"), "callee": Party("+16505550191")}
ELSEWHERE = CallEnd("us", "answered_elsewhere", "cancelled")
URGENT = {"choice": "urgent", "ext_nfo": "1"}
HEARD = Evidence(AT, "audio", "speech")


@pytest.mark.parametrize(
    ("name", "call", "data", "line"),
    [
        ("call.ringing", a_call(), {}, "c-1         Ada +16505550199 calls front-desk"),
        (
            "call.ringing",
            a_call(queue="Sales", headers={"Alert-Info": "Auto Answer"}),
            {},
            "c-1         Ada +16505550199 calls front-desk through the queue Sales and asks to be answered",
        ),
        ("call.dialling", a_call(**OUTBOUND), {}, "c-1         front-desk dials +16505550191"),
        ("call.alerting", a_call(), {}, "c-1         it rings"),
        ("call.answered", a_call(), {}, "c-1         answered"),
        ("call.answered", a_call(evidence=[HEARD], **OUTBOUND), {}, "c-1         answered (audio: speech)"),
        ("call.digit", a_call(), {"digit": "#"}, "c-1         pressed #"),
        ("call.ended", a_call(end=ELSEWHERE), {}, "c-1         ended: answered elsewhere"),
        ("reply.closed", a_call(), URGENT, "c-1         the caller's answer to the text: urgent, call back at 1"),
        ("park.parked", None, {"location": "sales", "number": "+1", "name": "Ada"}, "sales       Ada +1 waits here"),
        ("agent.call.started", None, {"agent": "102", "number": "+1", "name": ""}, "agent 102   talks with +1"),
        ("agent.call.ended", None, {"agent": "102", "seconds": 61.4}, "agent 102   is free after 61 s"),
        ("phone.lost", None, {"phone": "sales", "reason": "no reply"}, "sales       cannot be called: no reply"),
    ],
)  # fmt: skip
def test_an_event_is_one_line(name: str, call: Call | None, data: dict[str, Any], line: str) -> None:
    assert line_of(name, call, data) == line


def test_the_end_of_an_answered_call_says_how_long_it_was() -> None:
    call = a_call(answered_at=AT.replace(second=2), end=CallEnd("peer", "hangup", "answered"))
    assert line_of("call.ended", call) == "c-1         ended after 7 s: hangup"


def test_what_is_no_news_is_not_told() -> None:
    story, out = teller()
    for name in ("phone.registered", "schedule.due", "something.else"):
        story.event(Event(name, AT, None, {}))
    assert out.getvalue() == ""


@given(
    st.text(max_size=60)
    | st.sampled_from(["[/bold]", "[red]", "a\nb", "\x1b[2J", "x\\", "\x9b31m", "\r12:00:00", ":smile:"])
)
def test_a_caller_can_call_himself_what_he_likes(name: str) -> None:
    line = line_of("call.ringing", a_call(name))
    assert line.isprintable()
    assert line.endswith("calls front-desk")
    printable = "".join(letter if letter.isprintable() else " " for letter in name)
    assert printable.strip() in line


def step(
    action: str, arguments: dict[str, object], result: object = None, outcome: Any = "done", error: str = ""
) -> StepDone:
    return StepDone("r-1", "busy-reply", 1, "f.yaml:1:1", action, "", arguments, result, outcome, error, AT, 0)


YES = {"choice": "yes", "ext_nfo": ""}


@pytest.mark.parametrize(
    ("record", "line"),
    [
        (step("say", {"text": "Hello.", "voice": "", "rate": 0}), "c-1         busy-reply · say “Hello.”"),
        (step("reply", {"text": "Later?"}, YES), "c-1         busy-reply · reply “Later?” → choice yes"),
        (step("dial", {"number": "9"}, None, "error", "no"), "c-1         busy-reply · dial “9” (error: no)"),
        (step("hang_up", {}, None, "skipped"), ""),
    ],
)  # fmt: skip
def test_a_step_is_one_line_beside_its_call(record: StepDone, line: str) -> None:
    story, out = teller()
    story.trace(RunStarted("r-1", "busy-reply", AT, "call.ringing", "c-1"))
    before = len(out.getvalue())
    story.trace(record)
    told = out.getvalue()[before:]
    assert told == (f"{AT.astimezone():%H:%M:%S}  {line}\n" if line else "")


@pytest.mark.parametrize("outcome", ["done", "stopped", "cancelled", "failed", "skipped"])
def test_a_run_is_told_from_its_start_to_its_end(outcome: Any) -> None:
    story, out = teller()
    story.trace(RunStarted("r-1", "call-back", AT))
    story.trace(RunEnded("r-1", "call-back", AT, outcome, "why", 3, 1.5))
    lines = [line[10:] for line in out.getvalue().splitlines()]
    assert lines == ["flow        flow call-back starts", f"flow        flow call-back {outcome}: why"]


CONTACT = Contact(1, "spring", "+16505550191", "Ines")
UNANSWERED = Attempt(1, CONTACT.number, AT, disposition=Disposition.NO_ANSWER)


@pytest.mark.parametrize(
    ("progress", "line"),
    [
        (Progress("spring", CONTACT, verdict=Verdict(False, None, "no consent")), "Ines is not called: no consent"),
        (Progress("spring", CONTACT, Attempt(1, CONTACT.number, AT)), "calls Ines +16505550191"),
        (Progress("spring", CONTACT, UNANSWERED), "Ines: no answer"),
    ],
)  # fmt: skip
def test_a_campaign_is_told_contact_by_contact(progress: Progress, line: str) -> None:
    story, out = teller()
    story.progress(progress)
    assert re.fullmatch(rf"\d\d:\d\d:\d\d  campaign    {re.escape(line)}\n", out.getvalue())
