"""One person doing their steps in a call: what is done, what is expected, and how it went."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from bot.errors import BotError, CallEnded, CallFailed
from bot.media import PcmSource, Speech, ToneSource
from bot.sandbox.endpoints import Endpoint, Leg, LegEnd, LegState
from bot.sandbox.people.hearing import Ear, PhraseEar, SilenceEar, SpeechEar, Spotter, ToneEar
from bot.sandbox.people.steps import (
    Action,
    Call,
    ExpectEnd,
    HangUp,
    Hear,
    HearArgs,
    Listen,
    Play,
    Press,
    Repeat,
    Retrieve,
    Say,
    Wait,
    WaitFor,
)
from bot.sandbox.switch.model import ParkLocation, PartyStatus
from bot.sandbox.switch.switch import Switch

__all__ = ["Performance", "PersonResult"]

SILENCE_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class PersonResult:
    """How it went. `step` counts from 1, with a dot for steps inside `repeat`; it is empty when all went well."""

    person: str
    script: str
    ok: bool
    seconds: float
    step: str = ""
    action: str = ""
    expected: str = ""
    heard: str = ""

    def __str__(self) -> str:
        head = f"{self.person}, {self.script}: "
        if self.ok:
            return f"{head}all went well, in {self.seconds:.1f} s"
        return f"{head}step {self.step} ({self.action}): expected {self.expected}, but {self.heard}"


class _StepFailed(Exception):
    """What was expected, and what there was instead."""

    def __init__(self, expected: str, heard: str) -> None:
        super().__init__(expected, heard)
        self.expected = expected
        self.heard = heard


class Performance:
    """Runs the steps of one script; `leg` is the call it begins in, when the person was called."""

    def __init__(self, switch: Switch, speech: Speech, endpoint: Endpoint, leg: Leg | None = None) -> None:
        self._switch = switch
        self._speech = speech
        self._endpoint = endpoint
        self._ears: list[Ear] = []
        self._leg: Leg | None = None
        self._refused = ""
        self._place = ""
        self._action = ""
        if leg is not None:
            self._take(leg)

    @property
    def ears(self) -> Sequence[Ear]:
        """What was heard, an ear for each call, in order."""
        return self._ears

    async def run(self, script: str, steps: Sequence[Action]) -> PersonResult:
        """Do the steps until one fails."""
        begin = self._switch.clock.monotonic()
        failure: _StepFailed | None = None
        try:
            await self._do_all(steps, "")
        except _StepFailed as failed:
            failure = failed
        except (CallEnded, CallFailed) as error:
            failure = _StepFailed("the call to be up", error.message)
        except BotError as error:
            failure = _StepFailed("this to work", str(error))
        finally:
            for ear in self._ears:
                ear.close()
        seconds = self._switch.clock.monotonic() - begin
        if failure is None:
            return PersonResult(self._endpoint.name, script, True, seconds)
        return PersonResult(
            self._endpoint.name, script, False, seconds, self._place, self._action, failure.expected, failure.heard
        )

    async def hang_up(self) -> None:
        """End the call that is still up."""
        if self._leg is not None:
            await self._leg.hangup()

    async def _do_all(self, steps: Sequence[Action], prefix: str) -> None:
        for number, step in enumerate(steps, 1):
            place = f"{prefix}{number}"
            if isinstance(step, Repeat):
                await self._repeat(step, f"{place}.")
                continue
            self._place, self._action = place, step.name or step.action
            await self._do(step)

    async def _repeat(self, step: Repeat, prefix: str) -> None:
        if step.repeat != "until_end":
            for _ in range(step.repeat):
                await self._do_all(step.do, prefix)
            return
        while self._up().state is not LegState.ENDED:
            try:
                await self._do_all(step.do, prefix)
            except (CallEnded, _StepFailed):
                if self._up().state is not LegState.ENDED:
                    raise

    async def _do(self, step: Action) -> None:
        match step:
            case Call():
                await self._call(step)
            case Retrieve():
                await self._retrieve(step)
            case Wait(wait=seconds) | Listen(listen=seconds):
                await self._switch.clock.sleep(seconds)
            case WaitFor():
                await self._wait_for(step)
            case Say(say=text):
                await self._up().speak(PcmSource(await self._speech.say(text)))
            case Play(play=tone):
                await self._up().speak(ToneSource(tone.frequencies, seconds=tone.seconds))
            case Press(press=digits):
                await self._up().press(digits)
            case Hear():
                await self._hear(step)
            case HangUp():
                await self._up().hangup()
            case ExpectEnd():
                await self._expect_end(step)

    def _take(self, leg: Leg) -> None:
        self._leg = leg
        self._ears.append(Ear(leg))

    def _up(self) -> Leg:
        """The call that the steps act in."""
        if self._leg is None:
            raise _StepFailed("a call", self._refused or "there is none: `call` comes first")
        return self._leg

    async def _call(self, step: Call) -> None:
        args = step.call
        headers = dict(args.headers)
        if args.auto_answer:
            headers["Alert-Info"] = "Auto Answer"
        if args.answer_after is not None:
            domain = self._switch.options.domain
            headers["Call-Info"] = f"<sip:sandbox@{domain}>;purpose=info;Answer-After={args.answer_after:g}"
        await self._place_call(args.to, args.caller_id, args.caller_name, headers)

    async def _place_call(self, to: str, caller_id: str, name: str, headers: dict[str, str]) -> None:
        self._leg = None
        try:
            leg = await self._switch.place_call(self._endpoint, to, caller_id=caller_id, name=name, headers=headers)
        except CallFailed as error:
            self._refused = f"the call to {to} was refused with {error.status}"
        else:
            self._take(leg)

    async def _retrieve(self, step: Retrieve) -> None:
        location = self._park_location(step.retrieve.location)
        expected = f"a call at {location.name} within {step.within:g} s"
        await self._until(lambda: location.party is not None, step.within, expected, "nobody was parked there")
        assert location.session is not None
        assert location.party is not None
        headers = {}
        if (data := location.party.sip_data) is not None:
            # The two tags are those of the parked party's dialog, swapped: ringcentral-sip §8.
            tags = f"to-tag={data.from_tag};from-tag={data.to_tag}"
            headers["Replaces"] = f"{location.session.id};{tags};early-only"
        await self._place_call(f"prk{location.id}", "", "", headers)

    def _park_location(self, word: str) -> ParkLocation:
        for location in self._switch.park_locations.values():
            if word in (location.id, location.name, location.extension):
                return location
        names = ", ".join(location.name for location in self._switch.park_locations.values())
        raise _StepFailed(f"a park location {word}", f"there are only {names}")

    async def _wait_for(self, step: WaitFor) -> None:
        leg = self._up()
        expected = f"the call to be {step.wait_for} within {step.within:g} s"
        if step.wait_for == "ringing":
            await self._until(lambda: self._rings(leg), step.within, expected, "it did not ring")
            return
        try:
            async with asyncio.timeout(step.within):
                await (leg.answered() if step.wait_for == "answered" else leg.ended())
        except TimeoutError:
            raise _StepFailed(expected, f"it was {leg.state.value}") from None

    def _rings(self, leg: Leg) -> bool:
        session = self._switch.sessions.get(leg.call.session_id)
        parties = session.parties if session else ()
        return any(party.id != leg.party_id and party.status is not PartyStatus.SETUP for party in parties)

    async def _expect_end(self, step: ExpectEnd) -> None:
        expected = {"any": "the call to end", "hung_up": "the other side to hang up", "refused": "a refusal"}
        wanted = f"{expected[step.expect_end]} within {step.within:g} s"
        if self._leg is None and self._refused:
            if step.expect_end == "hung_up":
                raise _StepFailed(wanted, self._refused)
            return
        leg = self._up()
        try:
            async with asyncio.timeout(step.within):
                end = await leg.ended()
        except TimeoutError:
            raise _StepFailed(wanted, f"it was {leg.state.value}") from None
        right = {"any": True, "hung_up": end is LegEnd.HANGUP, "refused": end is LegEnd.REFUSED}[step.expect_end]
        if leg.ended_by_us or not right:
            raise _StepFailed(wanted, f"it ended: {end.value}" + (" by the person" if leg.ended_by_us else ""))

    async def _hear(self, step: Hear) -> None:
        self._up()
        ear, args = self._ears[-1], step.hear
        spotter = await self._spotter(args)
        expected = f"to hear {_words(args)} within {step.within:g} s"
        try:
            async with asyncio.timeout(step.within):
                if args.digits is not None:
                    heard = await ear.digits_pressed(args.digits)
                else:
                    assert spotter is not None
                    heard = await ear.spot(spotter)
        except TimeoutError:
            heard = False
        if not heard:
            raise _StepFailed(expected, _instead(ear, args, spotter, self._up()))

    async def _spotter(self, args: HearArgs) -> Spotter | None:
        if args.says is not None:
            return PhraseEar(await self._speech.say(args.says))
        if args.tone is not None:
            return ToneEar(args.tone)
        if args.silence is not None:
            return SilenceEar(SILENCE_SECONDS if args.silence is True else args.silence)
        return SpeechEar() if args.speech else None

    async def _until(self, there: Callable[[], bool], within: float, expected: str, otherwise: str) -> None:
        """Wait until something is so in the switch, which says when anything has changed."""
        changed = asyncio.Event()
        remove = self._switch.on_change(lambda _change: changed.set())
        try:
            async with asyncio.timeout(within):
                while not there():
                    changed.clear()
                    await changed.wait()
        except TimeoutError:
            raise _StepFailed(expected, otherwise) from None
        finally:
            remove()


def _words(args: HearArgs) -> str:
    if args.says is not None:
        return f'"{args.says}"'
    if args.tone is not None:
        return f"a tone of {args.tone} Hz"
    if args.digits is not None:
        return f"the digits {args.digits}"
    return "speech" if args.speech else "silence"


def _instead(ear: Ear, args: HearArgs, spotter: Spotter | None, leg: Leg) -> str:
    if args.digits is not None:
        text = f"the digits were {ear.unheard_digits() or 'none'}"
    else:
        report = spotter.report() if spotter is not None else ""
        text = f"there was {ear.describe()}" + (f"; {report}" if report else "")
    return f"{text}; the call has ended" if leg.state is LegState.ENDED else text
