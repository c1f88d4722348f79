"""People in the sandbox's own switch: what they say, press and hear, and how a script ends."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from bot.errors import ConfigError
from bot.media import Speech
from bot.sandbox.options import SandboxOptions
from bot.sandbox.people.company import People, PersonResult
from bot.sandbox.people.model import SHIPPED, Person
from bot.sandbox.sandbox import Sandbox

ADA = "+16505550199"


@pytest.fixture
async def speech() -> AsyncIterator[Speech]:
    speech = Speech()
    yield speech
    await speech.close()


@pytest.fixture
async def sandbox(speech: Speech) -> AsyncIterator[Sandbox]:
    async with Sandbox(SandboxOptions(), speech=speech) as sandbox:
        yield sandbox


def caller(*steps: object, name: str = "Ada", number: str = ADA) -> Person:
    return Person.model_validate({"person": name, "number": number, "scripts": {"story": {"do": steps}}})


def callee(when_called: str, *then: object, extension: str = "", number: str = "") -> Person:
    place = {"extension": extension} if extension else {"number": number or "+16505550150"}
    return Person.model_validate({"person": "Bob", **place, "when_called": when_called, "then": then})


async def play(sandbox: Sandbox, speech: Speech, *people: Person) -> tuple[PersonResult, People]:
    company = People(people, sandbox.switch, speech)
    company.start()
    try:
        return await company.play("story"), company
    finally:
        await company.close()


async def test_two_people_talk_and_hear_each_other(sandbox: Sandbox, speech: Speech) -> None:
    ada = caller(
        {"call": "+16505550150"},
        {"wait_for": "answered"},
        {"hear": {"says": "Good morning, this is Bob."}},
        {"say": "I would like to order two boxes."},
        {"hear": {"tone": 700}},
        {"press": "102#"},
        {"expect_end": "hung_up"},
    )
    bob = callee(
        "answer after 3s",
        {"say": "Good morning, this is Bob."},
        {"hear": {"says": "two boxes"}},
        {"play": "tone 700 for 2s"},
        {"hear": {"digits": "102#"}},
        "hang_up",
    )
    result, company = await play(sandbox, speech, ada, bob)
    assert result.ok, result
    assert result.seconds == pytest.approx(8, abs=3)
    await asyncio.sleep(1)
    assert [str(one) for one in company.answered if not one.ok] == []


async def test_a_failed_expectation_says_what_was_expected_and_heard(sandbox: Sandbox, speech: Speech) -> None:
    ada = caller(
        {"call": "+16505550150"},
        {"wait_for": "answered"},
        {"repeat": 2, "do": [{"wait": "1s"}, {"hear": {"says": "You are through"}, "within": "5s"}]},
    )
    bob = callee("answer", {"say": "This is somebody else, who talks of other things."})
    result, _ = await play(sandbox, speech, ada, bob)
    assert (result.ok, result.step, result.action) == (False, "3.2", "hear")
    assert result.expected == 'to hear "You are through" within 5 s'
    assert result.heard.startswith("there was ")
    assert result.seconds == pytest.approx(6, abs=0.5)
    assert "step 3.2 (hear)" in str(result)


async def test_what_was_said_during_a_wait_is_still_heard_and_only_once(sandbox: Sandbox, speech: Speech) -> None:
    ada = caller(
        {"call": "+16505550150"},
        {"wait": "8s"},
        {"hear": {"says": "Good morning"}, "within": "1s"},
        {"hear": {"says": "Good morning"}, "within": "1s"},
    )
    result, _ = await play(sandbox, speech, ada, callee("answer", {"say": "Good morning"}))
    assert result.step == "4"


async def test_a_phone_that_rings_out_and_one_that_is_busy(sandbox: Sandbox, speech: Speech) -> None:
    rings = caller(
        {"call": "+16505550150"},
        {"wait_for": "ringing"},
        {"hear": {"tone": 440}, "within": "10s"},
        {"expect_end": None, "within": "90s"},
    )
    result, _ = await play(sandbox, speech, rings, callee("rings_out"))
    assert result.ok, result
    busy = caller({"call": "+16505550150"}, {"hear": {"tone": 620}, "within": "10s"}, {"expect_end": "any"})
    result, _ = await play(sandbox, speech, busy, callee("busy"))
    assert result.ok, result


async def test_a_number_that_is_not_in_service_says_so(sandbox: Sandbox, speech: Speech) -> None:
    ada = caller(
        {"call": "+16505550150"},
        {"hear": {"says": "The number you have dialled is not in service."}},
        {"expect_end": "any"},
    )
    result, _ = await play(sandbox, speech, ada, callee("invalid"))
    assert result.ok, result


async def test_a_person_who_talks_is_busy_for_others(sandbox: Sandbox, speech: Speech) -> None:
    bob = callee("answer", {"listen": "60s"})
    ada = caller({"call": bob.number}, {"wait_for": "answered"}, {"listen": "10s"})
    second = Person.model_validate(
        {
            "person": "Cleo",
            "number": "+16505550151",
            "scripts": {"second": {"do": [{"call": bob.number}, {"hear": {"tone": 480}, "within": "5s"}]}},
        }
    )
    company = People([bob, ada, second], sandbox.switch, speech)
    company.start()
    async with asyncio.TaskGroup() as group:
        first = group.create_task(company.play("story"))
        await asyncio.sleep(2)
        assert (await company.play("second")).ok
        assert (await first).ok
    await company.close()


async def test_a_number_that_nobody_has_is_refused(sandbox: Sandbox, speech: Speech) -> None:
    nobody = {"call": "+16505559999"}
    result, _ = await play(sandbox, speech, caller(nobody, {"expect_end": "refused"}))
    assert result.ok
    result, _ = await play(sandbox, speech, caller(nobody, {"say": "Hello?"}))
    assert (result.step, result.heard) == ("2", "the call to +16505559999 was refused with 486")


async def test_a_call_to_nobody_reaches_voicemail(sandbox: Sandbox, speech: Speech) -> None:
    ada = caller(
        {"call": "104"},
        {"hear": {"says": "Please leave a message after the tone."}, "within": "60s"},
        {"hear": {"tone": 1000}},
        {"say": "Please call me back."},
        {"press": "#"},
        {"hear": {"says": "Thank you. Goodbye."}},
        {"expect_end": "hung_up"},
    )
    result, _ = await play(sandbox, speech, ada)
    assert result.ok, result
    assert [message.extension for message in sandbox.switch.voicemails] == ["104"]


async def test_a_script_that_is_cancelled_hangs_up(sandbox: Sandbox, speech: Speech) -> None:
    ada = caller({"call": "+16505550150"}, {"wait_for": "answered"}, {"listen": "60s"})
    company = People([ada, callee("answer", {"listen": "60s"})], sandbox.switch, speech)
    company.start()
    playing = asyncio.create_task(company.play("story"))
    await asyncio.sleep(5)
    assert sandbox.switch.sessions
    playing.cancel()
    await asyncio.wait({playing})
    await asyncio.sleep(1)
    assert not sandbox.switch.sessions
    await company.close()


async def test_an_unknown_script_is_an_error_with_a_suggestion(sandbox: Sandbox, speech: Speech) -> None:
    company = People([caller({"wait": "1s"})], sandbox.switch, speech)
    with pytest.raises(ConfigError, match='did you mean "story"'):
        await company.play("storey")


async def test_the_people_who_come_along_are_all_reachable(speech: Speech) -> None:
    async with Sandbox(SandboxOptions(people=(SHIPPED,)), speech=speech) as sandbox:
        description = sandbox.describe()
        assert description["sip"].startswith("127.0.0.1:")
        assert description["rest"].startswith("http://127.0.0.1:")
        assert description["certificate"] == str(sandbox.certificate)
        numbers = [person["number"] for person in description["outside"]]
        assert ADA in numbers
        assert all(sandbox.switch.endpoint(number) for number in numbers)
        first = description["extensions"][0]
        assert (first["extension"], first["number"]) == ("101", "+16505550101")
        assert first["sip_info"]["outboundProxy"] == description["sip"]
        assert {person["extension"] for person in description["desk_phones"]} == {"102", "105", "106"}
