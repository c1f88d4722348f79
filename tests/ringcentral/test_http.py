"""Requests: addresses, retries, limits, and the platform's refusals as errors with hints."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from bot.clock import Clock
from bot.errors import ConfigError, NoReply, RestError
from bot.ringcentral.errors import json_body, refusal, retry_after
from bot.ringcentral.http import Endpoint, RestClient
from bot.ringcentral.limits import Group
from bot.ringcentral.wire import check_server
from tests.ringcentral.scripted import Platform, reply

THING = Endpoint("GET", "/restapi/v1.0/thing", Group.LIGHT)
HEAVY = Endpoint("POST", "/restapi/v1.0/heavy", Group.HEAVY)
ITEM = Endpoint("GET", "/restapi/v1.0/account/~/item/{item_id}", Group.LIGHT)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=12), inner, max_size=3),
    max_leaves=8,
)


async def test_ids_are_quoted_into_the_path(rest: RestClient, platform: Platform) -> None:
    platform.script["/restapi/v1.0/account/~/item/a/../b"] = [reply(200, {"ok": True})]
    assert await rest.call(ITEM, item_id="a/../b") == {"ok": True}
    assert platform.requests[-1][1].url.raw_path == b"/restapi/v1.0/account/~/item/a%2F..%2Fb"


async def test_five_tries_with_doubling_pauses(rest: RestClient, platform: Platform) -> None:
    platform.script[THING.path] = [reply(502)]
    with pytest.raises(RestError) as caught:
        await rest.call(THING)
    assert caught.value.status == 502
    assert platform.times(THING.path) == [0, 2, 6, 14, 30]


async def test_a_lost_connection_is_tried_again(rest: RestClient, platform: Platform) -> None:
    platform.script[THING.path] = [httpx.ReadError("reset"), reply(200, {"a": 1})]
    assert await rest.call(THING) == {"a": 1}


async def test_a_503_says_when_to_come_back(rest: RestClient, platform: Platform) -> None:
    platform.script[THING.path] = [reply(503, Retry_After="7"), reply()]
    await rest.call(THING)
    assert platform.times(THING.path) == [0, 7]


async def test_a_refusal_is_not_repeated(rest: RestClient, platform: Platform) -> None:
    with pytest.raises(RestError) as caught:
        await rest.call(ITEM, item_id="9")
    assert (caught.value.status, caught.value.code) == (404, "CMN-102")
    assert len(platform.requests) == 2  # the login and the one request


async def test_the_limit_of_a_group_is_kept_before_the_platform_has_to_say_so(
    rest: RestClient, platform: Platform
) -> None:
    platform.script[HEAVY.path] = [reply()]
    await asyncio.gather(*(rest.call(HEAVY) for _ in range(12)))
    assert platform.times(HEAVY.path) == [0] * 10 + [60] * 2


async def test_groups_do_not_hold_each_other_up(rest: RestClient, platform: Platform) -> None:
    platform.script |= {HEAVY.path: [reply()], THING.path: [reply()]}
    heavy = asyncio.gather(*(rest.call(HEAVY) for _ in range(11)))
    await rest.call(THING)
    assert platform.requests[-1][0] - platform.requests[0][0] == 0
    await heavy


async def test_nothing_is_sent_during_a_penalty(rest: RestClient, platform: Platform) -> None:
    await rest.call(await _ready(platform))
    platform.script[THING.path] = [reply(429, Retry_After="25"), reply()]
    penalised = asyncio.create_task(rest.call(THING))
    await asyncio.sleep(5)
    later = asyncio.create_task(rest.call(THING))
    await asyncio.gather(penalised, later)
    assert platform.times(THING.path)[1:] == [0, 25, 25]


async def _ready(platform: Platform) -> Endpoint:
    platform.script[THING.path] = [reply()]
    return THING


async def test_a_penalty_without_retry_after_lasts_thirty_seconds(rest: RestClient, platform: Platform) -> None:
    platform.script[THING.path] = [reply(429), reply()]
    await rest.call(THING)
    assert platform.times(THING.path) == [0, 30]


async def test_an_endless_penalty_ends_the_call_within_its_patience(rest: RestClient, platform: Platform) -> None:
    platform.script[THING.path] = [reply(429, Retry_After="70")]
    began = asyncio.get_running_loop().time()
    with pytest.raises(RestError) as caught:
        await rest.call(THING)
    assert caught.value.status == 429
    assert asyncio.get_running_loop().time() - began <= 300


async def test_a_platform_that_hangs_ends_the_call_within_its_patience(rest: RestClient, platform: Platform) -> None:
    platform.script[THING.path] = [reply(503, Retry_After="290"), reply(503, Retry_After="290")]
    with pytest.raises(NoReply):
        await rest.call(THING)


async def test_the_replys_headers_correct_our_idea_of_the_limit(rest: RestClient, platform: Platform) -> None:
    headers = {"X_Rate_Limit_Limit": "3", "X_Rate_Limit_Remaining": "0", "X_Rate_Limit_Window": "20"}
    platform.script[THING.path] = [reply(200, None, **headers), reply()]
    for _ in range(5):
        await rest.call(THING)
    assert platform.times(THING.path) == [0, 20, 20, 20, 40]


async def test_all_pages_of_a_list_are_read(rest: RestClient, platform: Platform) -> None:
    def page(request: httpx.Request) -> httpx.Response:
        number, size = (int(request.url.params[name]) for name in ("page", "perPage"))
        everything = [{"id": str(item)} for item in range(600)]
        return reply(200, {"records": everything[(number - 1) * size : number * size]})

    platform.script[THING.path] = [page]
    assert [item["id"] for item in await rest.every(THING)] == [str(item) for item in range(600)]


async def test_a_platform_that_ignores_page_sizes_is_asked_for_as_many_pages_as_it_has(
    rest: RestClient, platform: Platform
) -> None:
    everything = {"records": [{"id": str(item)} for item in range(250)], "paging": {"page": 1, "totalPages": 1}}
    platform.script[THING.path] = [reply(200, everything)]
    assert len(await rest.every(THING)) == 250
    assert len(platform.asked(THING.path)) == 1


async def test_a_body_that_is_no_object_is_an_empty_one(rest: RestClient, platform: Platform) -> None:
    platform.script[THING.path] = [httpx.Response(204)]
    assert await rest.call(THING) == {}


async def test_cancelling_a_waiting_call_lets_the_next_one_through(rest: RestClient, platform: Platform) -> None:
    platform.script[THING.path] = [reply(429, Retry_After="100"), reply()]
    waiting = asyncio.create_task(rest.call(THING))
    await asyncio.sleep(1)
    next_one = asyncio.create_task(rest.call(THING))
    await asyncio.sleep(1)
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    await next_one
    assert platform.times(THING.path) == [0, 100]


@pytest.mark.parametrize(
    "server", ["http://platform.example", "platform.example", "ftp://x", "", "https://[", "https://"]
)
def test_credentials_never_leave_in_clear_text(server: str) -> None:
    with pytest.raises(ConfigError):
        check_server(server)


@pytest.mark.parametrize(
    "server", ["https://platform.ringcentral.com/", "http://127.0.0.1:8080", "http://[::1]:8080"]
)
def test_secure_servers_and_this_machine_are_taken(server: str) -> None:
    assert check_server(server) == server.rstrip("/")


async def test_a_client_of_its_own_is_closed() -> None:
    client = RestClient("http://127.0.0.1:1", "id", SecretStr("s"), SecretStr("j"), clock=Clock())
    await client.close()


@pytest.mark.parametrize(
    ("status", "body", "code", "hint"),
    [
        (404, {"errorCode": "CMN-102", "message": "not found"}, "CMN-102", "check the id"),
        (429, {"errorCode": "CMN-301"}, "CMN-301", "too many requests"),
        (403, {"errors": [{"errorCode": "CMN-401", "message": "permission"}]}, "CMN-401", "developer console"),
        (403, {"errorCode": "CMN-408"}, "CMN-408", "admin portal"),
        (400, {"error": "invalid_client"}, "invalid_client", ""),
        (401, {"errorCode": "OAU-151"}, "OAU-151", "client id"),
        (400, {"errorCode": "SPR-113"}, "SPR-113", "VoIP"),
        (503, [], "", "fault of its own"),
    ],
)
def test_a_refusal_carries_the_code_and_says_what_to_do(status: int, body: object, code: str, hint: str) -> None:
    error = refusal(status, body, "GET /x")
    assert (error.status, error.code) == (status, code)
    assert hint in error.hint
    assert f"GET /x was refused with {status}" in error.message


def test_a_refusal_names_the_parameter_and_masks_numbers() -> None:
    error = refusal(
        400, {"errors": [{"errorCode": "CMN-101", "message": "bad +16505550199", "parameterName": "to"}]}, "POST /x"
    )
    assert "[to]" in error.message
    assert "+16505550199" not in f"{error} {error.reason}"


@given(st.integers(300, 599), JSON)
def test_any_body_makes_an_error(status: int, body: object) -> None:
    assert refusal(status, body, "GET /x").status == status


@given(st.binary(max_size=200))
def test_any_bytes_make_a_body(content: bytes) -> None:
    assert isinstance(json_body(content), dict)


def test_retry_after_is_a_number_or_a_date() -> None:
    now = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)
    assert retry_after("17", now) == 17
    assert retry_after("Sun, 01 Mar 2026 12:00:40 GMT", now) == 40
    assert retry_after("Sun, 01 Mar 2026 11:00:00 GMT", now) == 0
    assert retry_after("soon", now) is None
    assert retry_after(None, now) is None


@given(st.text(max_size=60))
def test_any_retry_after_is_read_or_passed_over(value: str) -> None:
    wait = retry_after(value, datetime(2026, 3, 1, tzinfo=UTC))
    assert wait is None or wait >= 0
