"""What can go wrong when the bot starts or dials: each has a clear error, and leaves nothing behind."""

from __future__ import annotations

import asyncio
import dataclasses
import io
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr
from rich.console import Console
from structlog.testing import capture_logs

from bot.app import Platform, open_bot, sandboxed
from bot.clock import VirtualClock
from bot.config import Config, RegistrationSettings, load_config
from bot.demo import Stage, demo_config
from bot.errors import (
    BotError,
    CallFailed,
    CertificateNotTrusted,
    ConfigError,
    ConnectionFailed,
    OperationRefused,
    RegistrationFailed,
    RestError,
    TooManyContacts,
)
from bot.media import MediaEngine, MediaOptions, Speech
from bot.phone import Phone, SipInfo
from bot.sandbox import Sandbox
from bot.story import Story
from tests.scenarios.conftest import CONFIG, quiet


@pytest.fixture
async def sandbox(clock: VirtualClock) -> AsyncIterator[Sandbox]:
    async with Sandbox(clock=clock) as opened:
        yield opened


@pytest.fixture
def config(tmp_path: Path) -> Config:
    return demo_config(CONFIG, tmp_path)


async def start(config: Config, platform: Platform, clock: VirtualClock) -> None:
    async with Speech() as speech, open_bot(config, platform, clock=clock, speech=speech):
        pass


async def fails(config: Config, platform: Platform, clock: VirtualClock, error: type[BotError]) -> str:
    """Start the bot, which must fail with this error; its text."""
    before = len(asyncio.all_tasks())
    with pytest.raises(error) as raised:
        await start(config, platform, clock)
    await asyncio.sleep(1)
    assert len(asyncio.all_tasks()) == before, "a task is left"
    return str(raised.value)


async def test_a_wrong_jwt_is_told(sandbox: Sandbox, config: Config, clock: VirtualClock) -> None:
    good = sandboxed(config, sandbox)
    bad = dataclasses.replace(good, jwts=dict.fromkeys(good.jwts, SecretStr("not.a.jwt")))
    text = await fails(config, bad, clock, RestError)
    assert "OAU-" in text or "JWT" in text


async def test_no_rest_server_is_told(config: Config, sandbox: Sandbox, clock: VirtualClock) -> None:
    gone = dataclasses.replace(sandboxed(config, sandbox), server="http://127.0.0.1:1")
    assert "127.0.0.1:1" in await fails(config, gone, clock, ConnectionFailed)


async def test_a_certificate_that_is_not_trusted_is_told_with_what_to_do(
    sandbox: Sandbox, config: Config, clock: VirtualClock
) -> None:
    text = await fails(
        config, dataclasses.replace(sandboxed(config, sandbox), ssl_context=None), clock, CertificateNotTrusted
    )
    assert "certificate" in text


async def test_an_extension_that_the_sandbox_does_not_have_is_told(sandbox: Sandbox, config: Config) -> None:
    unknown = config.model_copy(update={"phones": (config.phones[0].model_copy(update={"extension": "999"}),)})
    with pytest.raises(ConfigError, match="no extension 999"):
        sandboxed(unknown, sandbox)


async def register(sandbox: Sandbox, clock: VirtualClock, media: MediaEngine, instance: str) -> Phone:
    phone = Phone(
        SipInfo.from_json(sandbox.sip_info("101")),
        media,
        name=instance,
        instance_id=instance,
        ssl_context=sandbox.ssl_context(),
        clock=clock,
        on_event=lambda _event: None,
    )
    await phone.start()
    return phone


class Forgetful(Sandbox):
    """A platform that hands out passwords which its own registrar does not take."""

    def sip_info(self, extension: str, authorization_id: str = "") -> dict[str, Any]:
        return {**super().sip_info(extension, authorization_id), "password": "wrong-secret"}


async def test_a_wrong_password_is_told_and_logged(config: Config, clock: VirtualClock) -> None:
    async with Forgetful(clock=clock) as forgetful:
        with capture_logs() as logs:
            text = await fails(config, sandboxed(config, forgetful), clock, RegistrationFailed)
    assert "403" in text
    line = next(entry for entry in logs if entry["event"] == "phone not registered")
    assert (line["phone"], line["log_level"]) == ("front-desk", "error")
    assert "wrong-secret" not in str(logs)


async def test_a_kept_sip_info_that_is_refused_is_asked_for_anew(
    sandbox: Sandbox, config: Config, clock: VirtualClock
) -> None:
    platform = sandboxed(config, sandbox)
    await start(config, platform, clock)
    kept = config.state / "sip-info" / "sip-front-desk.json"
    provision = json.loads(kept.read_text())
    provision["sipInfo"]["password"] = "stale"
    kept.write_text(json.dumps(provision))
    with capture_logs() as logs:
        await start(config, platform, clock)
    assert [entry["phone"] for entry in logs if entry["event"] == "sip info refused"] == ["front-desk"]


async def test_the_sixth_instance_is_told(sandbox: Sandbox, clock: VirtualClock) -> None:
    async with MediaEngine(MediaOptions(loopback=True)) as media:
        phones = [await register(sandbox, clock, media, f"phone-{number}") for number in range(5)]
        with pytest.raises(TooManyContacts, match="603"):
            await register(sandbox, clock, media, "phone-6")
        await phones[0].stop()
        phones[0] = await register(sandbox, clock, media, "phone-6")
        for phone in phones:
            await phone.stop()


@asynccontextmanager
async def all_places_taken(sandbox: Sandbox, clock: VirtualClock) -> AsyncIterator[list[Phone]]:
    """Five phones of the front desk's extension."""
    async with MediaEngine(MediaOptions(loopback=True)) as media:
        phones = [await register(sandbox, clock, media, f"phone-{number}") for number in range(5)]
        yield phones
        for phone in phones:
            await phone.stop()


async def test_a_bot_waits_for_a_free_place_says_so_and_takes_it(
    sandbox: Sandbox, config: Config, clock: VirtualClock
) -> None:
    out = io.StringIO()
    story = Story(Console(file=out, width=200), clock)
    async with all_places_taken(sandbox, clock) as phones, Speech() as speech:
        began = clock.monotonic()
        asyncio.get_running_loop().call_later(45, lambda: freed.append(asyncio.ensure_future(phones[2].stop())))
        freed: list[asyncio.Future[None]] = []
        with capture_logs() as logs:
            async with open_bot(
                config, sandboxed(config, sandbox), clock=clock, speech=speech, on_event=story.event
            ) as bot:
                assert 60 <= clock.monotonic() - began < 65
                assert bot.phones["front-desk"].registered
        await asyncio.gather(*freed)
    waits = [entry for entry in logs if entry["event"] == "five phones are registered already"]
    assert [(entry["phone"], entry["again_in"]) for entry in waits] == [("front-desk", 30)] * 2
    assert out.getvalue().count("trying again every 30 s, 180 s at most") == 1
    assert "front-desk" in out.getvalue()


@pytest.mark.parametrize(("wait", "attempts"), [(0.0, 1), (70.0, 4)])
async def test_a_bot_gives_up_when_no_place_becomes_free(
    sandbox: Sandbox, config: Config, clock: VirtualClock, wait: float, attempts: int
) -> None:
    patient = config.model_copy(update={"registration": RegistrationSettings(wait=wait)})
    async with all_places_taken(sandbox, clock):
        began = clock.monotonic()
        with capture_logs() as logs:
            assert "603" in await fails(patient, sandboxed(patient, sandbox), clock, TooManyContacts)
        assert wait <= clock.monotonic() - began < wait + 10
    waits = [entry for entry in logs if entry["event"] == "five phones are registered already"]
    assert len(waits) == attempts - 1


async def test_a_number_that_does_not_exist_is_told(stage: Stage) -> None:
    call = await stage.bot.calls.dial("+16505550194")
    with pytest.raises(CallFailed, match="invalid"):
        await call.answered()
    await quiet(stage)


@pytest.mark.parametrize("number", ["911", "+1911", "+15555550100000", "112"])
async def test_emergency_and_impossible_numbers_are_never_dialled(stage: Stage, number: str) -> None:
    with pytest.raises(OperationRefused, match="was not dialled"):
        await stage.bot.calls.dial(number)
    assert not stage.bot.calls.live


def test_a_configuration_that_is_not_there_says_what_to_do() -> None:
    with pytest.raises(ConfigError, match="--config"):
        load_config(Path("nowhere.yaml"))
