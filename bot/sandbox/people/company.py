"""The scripted people of the sandbox: who they are, what they do when called, and the scripts that they can play."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from bot.errors import ConfigError
from bot.log import get_logger
from bot.media import Speech
from bot.problems import did_you_mean, one_of
from bot.sandbox.endpoints import Leg
from bot.sandbox.people.model import Answering, Person
from bot.sandbox.people.play import Performance, PersonResult
from bot.sandbox.switch.switch import Switch
from bot.sandbox.switch.tasks import Tasks

__all__ = ["People", "PersonInfo", "PersonResult"]

log = get_logger(__name__)

_BUSY = 486
_REFUSALS = {Answering.BUSY: _BUSY, Answering.INVALID: 404}


@dataclass(frozen=True, slots=True)
class PersonInfo:
    """One person, for those who choose whom to call and what to play. `scripts` is name to description."""

    person: str
    number: str
    extension: str
    about: str
    when_called: str
    scripts: dict[str, str]


class People:
    """All people, plugged into the switch. `answered` keeps how the calls to them went, newest last."""

    def __init__(self, people: Sequence[Person], switch: Switch, speech: Speech) -> None:
        self._switch = switch
        self._speech = speech
        self._people = {person.address: _Line(self, person) for person in people}
        self._scripts = {name: line for line in self._people.values() for name in line.person.scripts}
        self._removers: list[Callable[[], None]] = []
        self.tasks = Tasks()
        self.answered: list[PersonResult] = []
        self.performances: dict[str, Performance] = {}
        """The newest performance of each script (or `PERSON called`), with all that was heard in it."""

    def start(self) -> None:
        """Make everybody reachable."""
        self._removers = [self._switch.add_endpoint(line) for line in self._people.values()]

    async def close(self) -> None:
        """Nobody is reachable any more, and whoever talks hangs up."""
        for remove in self._removers:
            remove()
        self._removers.clear()
        await self.tasks.close()

    def list(self) -> tuple[PersonInfo, ...]:
        """Everybody."""
        return tuple(line.info() for line in self._people.values())

    async def play(self, script: str) -> PersonResult:
        """Run a script to its end, and hang up what is still up.

        Raises:
            ConfigError: there is no script of that name.
        """
        line = self._scripts.get(script)
        if line is None:
            hint = did_you_mean(script, self._scripts) or one_of(self._scripts)
            raise ConfigError(f'there is no script "{script}"', hint=hint)
        return await line.play(script)

    async def perform(self, line: _Line, script: str, leg: Leg | None) -> PersonResult:
        person = line.person
        performance = Performance(self._switch, self._speech, line, leg)
        self.performances[script] = performance
        steps = person.then if leg is not None else person.scripts[script].do
        try:
            result = await performance.run(script, steps)
        except asyncio.CancelledError:
            await performance.hang_up()
            raise
        if leg is None or not result.ok:
            await performance.hang_up()
        log.info("person", result=str(result))
        return result


class _Line:
    """A person as an endpoint of the switch, who takes one call at a time."""

    def __init__(self, people: People, person: Person) -> None:
        self._people = people
        self._engaged = False
        self.person = person
        self.number = person.address
        self.name = person.person

    def info(self) -> PersonInfo:
        person = self.person
        scripts = {name: script.about for name, script in person.scripts.items()}
        answer = person.when_called
        when_called = answer.answering.value + (f" after {answer.after:g}s" if answer.after else "")
        return PersonInfo(person.person, person.number, person.extension, person.about, when_called, scripts)

    async def ring(self, leg: Leg) -> None:
        """Do what the person file says about being called."""
        answer = self.person.when_called
        if answer.answering is Answering.RINGS_OUT:
            return
        if self._engaged or answer.answering in _REFUSALS:
            await leg.reject(_REFUSALS.get(answer.answering, _BUSY))
            return
        await asyncio.sleep(answer.after)
        if self._engaged:
            await leg.reject(_BUSY)
            return
        await leg.answer()
        # A task of its own: what the person makes of the end of the call comes after that end.
        self._people.tasks.start(self._talk(leg), f"{self.name} called")

    async def _talk(self, leg: Leg) -> None:
        self._engaged = True
        try:
            self._people.answered.append(await self._people.perform(self, f"{self.name} called", leg))
            await leg.ended()
        finally:
            self._engaged = False

    async def play(self, script: str) -> PersonResult:
        engaged, self._engaged = self._engaged, True
        try:
            return await self._people.perform(self, script, None)
        finally:
            self._engaged = engaged
