"""A client of a scripted platform."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx
import pytest
from pydantic import SecretStr

from bot.clock import Clock
from bot.ringcentral.http import RestClient
from tests.ringcentral.scripted import CLIENT_SECRET, JWT, SERVER, Platform


@pytest.fixture
def platform() -> Platform:
    return Platform()


@pytest.fixture
async def rest(platform: Platform) -> AsyncIterator[RestClient]:
    async with (
        httpx.AsyncClient(transport=httpx.MockTransport(platform.answer)) as http,
        RestClient(SERVER, "client-id", SecretStr(CLIENT_SECRET), SecretStr(JWT), http=http, clock=Clock()) as client,
    ):
        yield client
