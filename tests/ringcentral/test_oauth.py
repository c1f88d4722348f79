"""Logging in: what is sent, when it is renewed, and what every refusal leads to."""

from __future__ import annotations

import asyncio
import base64
import ssl

import httpx
import pytest
import structlog

from bot.errors import CertificateNotTrusted, ConnectionFailed, NoReply, RestError
from bot.ringcentral.http import Endpoint, RestClient
from bot.ringcentral.limits import Group
from tests.ringcentral.scripted import CLIENT_SECRET, JWT, Platform, form, reply

TOKEN = "/restapi/oauth/token"
REVOKE = "/restapi/oauth/revoke"
THING = Endpoint("GET", "/restapi/v1.0/thing", Group.LIGHT)


@pytest.fixture(autouse=True)
def thing(platform: Platform) -> None:
    platform.script[THING.path] = [reply(200, {"a": 1})]


async def test_presents_the_jwt_with_the_apps_credentials(rest: RestClient, platform: Platform) -> None:
    await rest.call(THING)
    (request,) = platform.asked(TOKEN)
    assert (
        request.headers["Authorization"]
        == "Basic " + base64.b64encode(f"client-id:{CLIENT_SECRET}".encode()).decode()
    )
    assert form(request) == {"grant_type": "urn:ietf:params:oauth:grant-type:jwt-bearer", "assertion": JWT}
    assert platform.asked(THING.path)[0].headers["Authorization"] == "Bearer access-1"


async def test_one_login_serves_many_at_once(rest: RestClient, platform: Platform) -> None:
    await asyncio.gather(*(rest.call(THING) for _ in range(5)))
    assert platform.logins == 1


async def test_a_token_is_renewed_before_it_ends(rest: RestClient, platform: Platform) -> None:
    platform.token_life = 600
    await rest.call(THING)
    await asyncio.sleep(539)
    await rest.call(THING)
    assert platform.logins == 1
    await asyncio.sleep(2)
    await rest.call(THING)
    assert platform.logins == 2


async def test_a_short_lived_token_is_renewed_at_nine_tenths(rest: RestClient, platform: Platform) -> None:
    platform.token_life = 100
    await rest.call(THING)
    await asyncio.sleep(89)
    await rest.call(THING)
    assert platform.logins == 1
    await asyncio.sleep(2)
    await rest.call(THING)
    assert platform.logins == 2


async def test_a_renewal_that_fails_leaves_the_old_token_in_use_while_it_lives(
    rest: RestClient, platform: Platform
) -> None:
    platform.token_life = 600
    await rest.call(THING)
    platform.script[TOKEN] = [reply(500)]
    await asyncio.sleep(541)
    await rest.call(THING)
    assert platform.asked(THING.path)[-1].headers["Authorization"] == "Bearer access-1"
    await asyncio.sleep(60)
    with pytest.raises(RestError):
        await rest.call(THING)


async def test_refused_credentials_are_not_sent_again(rest: RestClient, platform: Platform) -> None:
    platform.script[TOKEN] = [reply(400, {"error": "invalid_grant", "error_description": "JWT is not valid"})]
    for _ in range(2):
        with pytest.raises(RestError, match="JWT is not valid") as caught:
            await rest.call(THING)
        assert caught.value.status == 400
        assert caught.value.code == "invalid_grant"
    assert len(platform.asked(TOKEN)) == 1


@pytest.mark.parametrize("status", [429, 503])
async def test_retry_after_is_kept_to_the_second(rest: RestClient, platform: Platform, status: int) -> None:
    platform.script[TOKEN] = [reply(status, Retry_After="42"), lambda _: platform.login()]
    await rest.call(THING)
    assert platform.times(TOKEN) == [0, 42]


async def test_without_retry_after_a_429_is_waited_out_for_thirty_seconds(
    rest: RestClient, platform: Platform
) -> None:
    platform.script[TOKEN] = [reply(429), lambda _: platform.login()]
    await rest.call(THING)
    assert platform.times(TOKEN) == [0, 30]


async def test_a_login_that_would_have_to_wait_too_long_fails_at_once(rest: RestClient, platform: Platform) -> None:
    platform.script[TOKEN] = [reply(429, Retry_After="3600")]
    began = asyncio.get_running_loop().time()
    with pytest.raises(RestError) as caught:
        await rest.call(THING)
    assert caught.value.status == 429
    assert asyncio.get_running_loop().time() == began


@pytest.mark.parametrize("answer", [reply(408), reply(500), reply(503), httpx.ReadTimeout("slow")])
async def test_passing_failures_are_tried_three_times_ten_seconds_apart(
    rest: RestClient, platform: Platform, answer: httpx.Response | Exception
) -> None:
    platform.script[TOKEN] = [answer]
    with pytest.raises((RestError, NoReply)):
        await rest.call(THING)
    assert platform.times(TOKEN) == [0, 10, 20]


async def test_the_third_try_may_work(rest: RestClient, platform: Platform) -> None:
    platform.script[TOKEN] = [reply(500), httpx.ConnectError("refused"), lambda _: platform.login()]
    assert await rest.call(THING) == {"a": 1}


async def test_a_server_that_never_answers_is_a_time_out(rest: RestClient, platform: Platform) -> None:
    platform.script[TOKEN] = [httpx.ConnectTimeout("")]
    with pytest.raises(NoReply):
        await rest.call(THING)


async def test_an_untrusted_certificate_is_not_tried_again(rest: RestClient, platform: Platform) -> None:
    error = httpx.ConnectError("TLS")
    error.__cause__ = ssl.SSLCertVerificationError("self-signed certificate")
    platform.script[TOKEN] = [error]
    with pytest.raises(CertificateNotTrusted):
        await rest.call(THING)
    assert len(platform.asked(TOKEN)) == 1


@pytest.mark.parametrize("body", [{}, {"access_token": "x"}, {"access_token": "", "expires_in": 60}, ["x"]])
async def test_a_reply_without_a_token_is_an_error(rest: RestClient, platform: Platform, body: object) -> None:
    platform.script[TOKEN] = [reply(200, body)]
    with pytest.raises(RestError, match="no token"):
        await rest.call(THING)


async def test_a_token_that_the_platform_dropped_is_replaced_once(rest: RestClient, platform: Platform) -> None:
    platform.script[THING.path] = [reply(401, {"errorCode": "OAU-213"}), reply(200, {"a": 2})]
    assert await rest.call(THING) == {"a": 2}
    assert platform.logins == 2
    platform.script[THING.path] = [reply(401, {"errorCode": "OAU-213"})]
    with pytest.raises(RestError):
        await rest.call(THING)
    assert platform.logins == 3


async def test_closing_revokes_the_token(rest: RestClient, platform: Platform) -> None:
    await rest.call(THING)
    await rest.close()
    (request,) = platform.asked(REVOKE)
    assert form(request) == {"token": "access-1"}


async def test_errors_of_revoking_do_not_matter(rest: RestClient, platform: Platform) -> None:
    await rest.call(THING)
    platform.script[REVOKE] = [httpx.ConnectError("gone")]
    await rest.close()


async def test_closing_without_a_login_asks_nothing(rest: RestClient, platform: Platform) -> None:
    await rest.close()
    assert platform.requests == []


async def test_nothing_secret_is_logged_or_told_by_errors(rest: RestClient, platform: Platform) -> None:
    platform.script[THING.path] = [reply(401, {"message": f"assertion={JWT}"})]
    with structlog.testing.capture_logs() as logs, pytest.raises(RestError) as caught:
        await rest.call(THING)
    await rest.close()
    told = f"{logs} {caught.value} {caught.value.reason} {rest.credentials!r} {rest!r}"
    for secret in (CLIENT_SECRET, JWT, "access-1", "access-2"):
        assert secret not in told


async def test_no_connection_is_told_as_such(rest: RestClient, platform: Platform) -> None:
    platform.script[TOKEN] = [httpx.ConnectError("refused")]
    with pytest.raises(ConnectionFailed, match="refused"):
        await rest.call(THING)
