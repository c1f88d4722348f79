"""Provisions: kept for each extension, asked for anew when the registrar refused one, and secret."""

from __future__ import annotations

import asyncio
import json
import os
import stat
from pathlib import Path
from typing import Any

import httpx
import pytest
from pydantic import SecretStr

from bot.clock import Clock
from bot.errors import RestError
from bot.ringcentral import Provisioner, RestClient
from bot.ringcentral.provision import SIP_PROVISION
from tests.ringcentral.scripted import SERVER, Platform, reply


def answer(authorization_id: str = "800101", **more: Any) -> dict[str, Any]:
    return {
        "sipInfo": [
            {"transport": "TLS", "username": "other"},
            {
                "transport": "WSS",
                "username": "16505550100*101",
                "password": "sip-password",
                "authorizationId": authorization_id,
                "domain": "sip.example",
                "outboundProxy": "proxy.example:8083",
            },
        ],
        "device": {"id": "d-1", "type": "WebPhone", "extension": {"id": 7101, "extensionNumber": "101"}},
        "sipFlags": {"voipFeatureEnabled": True, "outboundCallsEnabled": True},
        "sipErrorCodes": ["408", "503", "junk"],
        **more,
    }


def mint(platform: Platform) -> None:
    """As the platform does: every answer has another authorization id."""
    count = iter(range(1, 100))
    platform.script[SIP_PROVISION.path] = [lambda _request: reply(200, answer(f"8001{next(count):02}"))]


async def test_reads_what_a_web_phone_needs(rest: RestClient, platform: Platform, tmp_path: Path) -> None:
    mint(platform)
    provision = await Provisioner(rest, tmp_path, computer_name="desk").provision("101")
    assert provision.sip_info["username"] == "16505550100*101"
    assert provision.sip_info["transport"] == "WSS"
    assert (provision.device_id, provision.extension_id, provision.extension_number) == ("d-1", "7101", "101")
    assert provision.retry_codes == (408, 503)
    (request,) = platform.asked(SIP_PROVISION.path)
    assert json.loads(request.content) == {"sipInfo": [{"transport": "WSS"}], "device": {"computerName": "desk"}}


async def test_an_answer_is_kept_over_restarts(rest: RestClient, platform: Platform, tmp_path: Path) -> None:
    mint(platform)
    first = await Provisioner(rest, tmp_path / "state").provision("101")
    assert await Provisioner(rest, tmp_path / "state").provision("101") == first
    assert len(platform.asked(SIP_PROVISION.path)) == 1


async def test_phones_are_kept_apart(rest: RestClient, platform: Platform, tmp_path: Path) -> None:
    mint(platform)
    provisioner = Provisioner(rest, tmp_path)
    assert await provisioner.provision("101") != await provisioner.provision("../102")
    assert set(os.listdir(tmp_path)) == {"sip-101.json", "sip-___102.json"}


async def test_the_file_is_for_its_owner_only(rest: RestClient, platform: Platform, tmp_path: Path) -> None:
    mint(platform)
    folder = tmp_path / "state"
    await Provisioner(rest, folder).provision("101")
    assert stat.S_IMODE((folder / "sip-101.json").stat().st_mode) == 0o600
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert "jwt-payload" not in (folder / "sip-101.json").read_text()


async def test_a_refused_provision_is_replaced_and_keeps_its_device(
    rest: RestClient, platform: Platform, tmp_path: Path
) -> None:
    mint(platform)
    provisioner = Provisioner(rest, tmp_path)
    old = await provisioner.provision("101")
    new = await provisioner.provision("101", refused=old)
    assert new.sip_info["authorizationId"] != old.sip_info["authorizationId"]
    assert json.loads(platform.asked(SIP_PROVISION.path)[1].content)["device"]["id"] == "d-1"
    assert await Provisioner(rest, tmp_path).provision("101") == new


async def test_two_who_were_refused_the_same_share_one_fresh_provision(
    rest: RestClient, platform: Platform, tmp_path: Path
) -> None:
    mint(platform)
    provisioner = Provisioner(rest, tmp_path)
    old = await provisioner.provision("101")
    first, second = await asyncio.gather(*(provisioner.provision("101", refused=old) for _ in range(2)))
    assert first == second
    assert len(platform.asked(SIP_PROVISION.path)) == 2


async def test_a_device_that_is_gone_is_given_up(rest: RestClient, platform: Platform, tmp_path: Path) -> None:
    def respond(request: httpx.Request) -> httpx.Response:
        if "id" in json.loads(request.content)["device"]:
            return reply(404, {"errorCode": "CMN-102", "message": "Resource for parameter [deviceId] is not found"})
        return reply(200, answer())

    platform.script[SIP_PROVISION.path] = [respond]
    provisioner = Provisioner(rest, tmp_path)
    old = await provisioner.provision("101")
    assert (await provisioner.provision("101", refused=old)).device_id == "d-1"


@pytest.mark.parametrize("content", ["", "{", "[]", '{"owner": 1}', '{"sipInfo": {"a": 1}}', "[" * 50_000])
async def test_a_damaged_file_is_replaced(rest: RestClient, platform: Platform, tmp_path: Path, content: str) -> None:
    mint(platform)
    (tmp_path / "sip-101.json").write_text(content)
    provision = await Provisioner(rest, tmp_path).provision("101")
    assert provision.device_id == "d-1"
    assert await Provisioner(rest, tmp_path).provision("101") == provision


async def test_another_login_does_not_get_it(rest: RestClient, platform: Platform, tmp_path: Path) -> None:
    mint(platform)
    await Provisioner(rest, tmp_path).provision("101")
    async with (
        httpx.AsyncClient(transport=httpx.MockTransport(platform.answer)) as http,
        RestClient(SERVER, "client-id", SecretStr("x"), SecretStr("other.jwt"), http=http, clock=Clock()) as other,
    ):
        await Provisioner(other, tmp_path).provision("101")
    assert len(platform.asked(SIP_PROVISION.path)) == 2


async def test_a_folder_that_cannot_be_written_costs_only_the_keeping(
    rest: RestClient, platform: Platform, tmp_path: Path
) -> None:
    mint(platform)
    (tmp_path / "file").write_text("")
    assert (await Provisioner(rest, tmp_path / "file" / "state").provision("101")).device_id == "d-1"


@pytest.mark.parametrize(
    ("body", "hint"),
    [
        (answer(sipFlags={"voipFeatureEnabled": False}), "VoIP"),
        ({"sipInfo": [{"transport": "UDP"}]}, "VoIP Calling"),
        ({}, "VoIP Calling"),
    ],
)
async def test_an_answer_that_no_web_phone_can_use_is_an_error(
    rest: RestClient, platform: Platform, tmp_path: Path, body: dict[str, Any], hint: str
) -> None:
    platform.script[SIP_PROVISION.path] = [reply(200, body)]
    with pytest.raises(RestError, match=hint):
        await Provisioner(rest, tmp_path).provision("101")


async def test_the_password_is_not_in_its_text(rest: RestClient, platform: Platform, tmp_path: Path) -> None:
    mint(platform)
    assert "sip-password" not in repr(await Provisioner(rest, tmp_path).provision("101"))
