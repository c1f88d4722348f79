"""The sandbox's REST interface: shapes, limits and errors as the platform documents them."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from bot.clock import Clock
from bot.errors import ConfigError
from bot.media import MediaEngine, MediaOptions, Speech
from bot.sandbox.options import SandboxOptions
from bot.sandbox.people.company import People
from bot.sandbox.rest.auth import CLIENT_ID, JWT_GRANT
from bot.sandbox.rest.devices import SipInfo
from bot.sandbox.rest.server import RestServer
from bot.sandbox.switch.model import Party, PartyStatus, Session, SipData
from bot.sandbox.switch.switch import Switch

ACCOUNT = "/restapi/v1.0/account/~"


def sip_info_of(switch: Switch) -> SipInfo:
    def sip_info(extension: str, device: str) -> dict[str, Any]:
        found = switch.extensions[extension]
        return {"username": found.username, "authorizationId": device, "password": found.credentials[device]}

    return sip_info


class Fixture:
    """A server, a client of it, and the switch behind it."""

    def __init__(self, server: RestServer, switch: Switch, http: httpx.AsyncClient) -> None:
        self.server = server
        self.switch = switch
        self.http = http

    def basic(self, secret: str = "") -> dict[str, str]:
        pair = f"{CLIENT_ID}:{secret or self.server.auth.client_secret}"
        return {"Authorization": "Basic " + base64.b64encode(pair.encode()).decode()}

    async def token(self, extension: str = "101") -> dict[str, Any]:
        jwt = self.server.auth.jwt(self.switch.extensions[extension])
        form = {"grant_type": JWT_GRANT, "assertion": jwt}
        reply = await self.http.post("/restapi/oauth/token", data=form, headers=self.basic())
        assert reply.status_code == 200, reply.text
        body: dict[str, Any] = reply.json()
        return body

    async def log_in(self, extension: str = "101") -> None:
        body = await self.token(extension)
        self.http.headers["Authorization"] = f"Bearer {body['access_token']}"

    async def get(self, path: str, **params: str) -> Any:
        reply = await self.http.get(path, params=params)
        assert reply.status_code == 200, reply.text
        return reply.json()

    def talk(self, extension: str, status: PartyStatus = PartyStatus.ANSWERED) -> Session:
        """A call from outside to an extension, as the switch would show it."""
        caller = Party("p-1-1", "Outbound", "+16505550199", "Ada", status=status)
        session = Session("s-1", "77", self.switch.clock.now(), caller, extension, parties=[caller], sequence=3)
        called = Party("p-1-2", "Inbound", extension, "Olivia", extension, status)
        called.sip_data = SipData("call-id", "from-tag", "to-tag")
        session.parties.append(called)
        self.switch.sessions[session.id] = session
        return session


@pytest.fixture
async def rest() -> AsyncIterator[Fixture]:
    speech = Speech()
    switch = Switch(SandboxOptions(), MediaEngine(MediaOptions(loopback=True)), speech, Clock())
    server = RestServer(switch, People([], switch, speech), sip_info=sip_info_of(switch), describe=dict)
    async with server, httpx.AsyncClient(trust_env=False) as http:
        http.base_url = httpx.URL(server.url)
        yield Fixture(server, switch, http)
    await speech.close()


def error_of(reply: httpx.Response) -> tuple[int, str]:
    """Status and code; both levels of the documented body say the same."""
    body = reply.json()
    assert body["errorCode"] == body["errors"][0]["errorCode"]
    assert body["message"] == body["errors"][0]["message"]
    return reply.status_code, body["errorCode"]


async def test_a_jwt_is_exchanged_for_a_token_of_its_user(rest: Fixture) -> None:
    body = await rest.token("102")
    assert body["token_type"] == "bearer"
    assert body["expires_in"] == 3600
    assert body["owner_id"] == rest.switch.extensions["102"].id


@pytest.mark.parametrize(
    ("change", "oauth_error"),
    [
        ({"assertion": "no.such.jwt"}, "invalid_grant"),
        ({"assertion": ""}, "invalid_grant"),
        ({"grant_type": "password"}, "unsupported_grant_type"),
    ],
)
async def test_a_bad_login_is_refused_with_400_and_an_oauth_code(
    rest: Fixture, change: dict[str, str], oauth_error: str
) -> None:
    form = {"grant_type": JWT_GRANT, "assertion": rest.server.auth.jwt(rest.switch.extensions["101"])} | change
    reply = await rest.http.post("/restapi/oauth/token", data=form, headers=rest.basic())
    status, code = error_of(reply)
    assert (status, code[:4]) == (400, "OAU-")
    assert reply.json()["error"] == oauth_error


async def test_a_jwt_that_was_changed_is_refused(rest: Fixture) -> None:
    head, claims, signature = rest.server.auth.jwt(rest.switch.extensions["101"]).split(".")
    _, other, _ = rest.server.auth.jwt(rest.switch.extensions["102"]).split(".")
    form = {"grant_type": JWT_GRANT, "assertion": f"{head}.{other}.{signature}"}
    reply = await rest.http.post("/restapi/oauth/token", data=form, headers=rest.basic())
    assert claims != other
    assert reply.status_code == 400


async def test_a_wrong_client_secret_is_refused(rest: Fixture) -> None:
    form = {"grant_type": JWT_GRANT, "assertion": rest.server.auth.jwt(rest.switch.extensions["101"])}
    reply = await rest.http.post("/restapi/oauth/token", data=form, headers=rest.basic("wrong"))
    assert error_of(reply) == (400, "OAU-123")


async def test_a_revoked_token_is_a_401(rest: Fixture) -> None:
    token = (await rest.token())["access_token"]
    reply = await rest.http.post("/restapi/oauth/revoke", data={"token": token}, headers=rest.basic())
    assert reply.status_code == 200
    reply = await rest.http.get(f"{ACCOUNT}/extension", headers={"Authorization": f"Bearer {token}"})
    assert error_of(reply) == (401, "OAU-213")


async def test_a_sixth_session_of_a_user_ends_the_first(rest: Fixture) -> None:
    auth, extension = rest.server.auth, rest.switch.extensions["101"]
    logins = [auth.grant(rest.basic()["Authorization"], JWT_GRANT, auth.jwt(extension)) for _ in range(6)]
    replies = [
        await rest.http.get(f"{ACCOUNT}/extension/~", headers={"Authorization": f"Bearer {login.token}"})
        for login in logins[:2]
    ]
    assert [reply.status_code for reply in replies] == [401, 200]


async def test_provisioning_gives_what_a_web_phone_registers_with(rest: Fixture) -> None:
    await rest.log_in("103")
    reply = await rest.http.post("/restapi/v1.0/client-info/sip-provision", json={"sipInfo": [{"transport": "WSS"}]})
    body = reply.json()
    info = body["sipInfo"][0]
    assert info["username"] == "16505550100*103"
    assert rest.switch.extensions["103"].credentials[info["authorizationId"]] == info["password"]
    assert body["device"]["extension"]["extensionNumber"] == "103"
    assert body["sipErrorCodes"]


async def test_a_known_device_keeps_its_credentials_and_a_new_one_gets_its_own(rest: Fixture) -> None:
    await rest.log_in()
    path = "/restapi/v1.0/client-info/sip-provision"
    first = (await rest.http.post(path, json={"sipInfo": [{"transport": "WSS"}]})).json()
    again = {"sipInfo": [{"transport": "WSS"}], "device": {"id": first["device"]["id"]}}
    second = (await rest.http.post(path, json=again)).json()
    third = (await rest.http.post(path, json={"sipInfo": [{"transport": "WSS"}]})).json()
    assert second["sipInfo"] == first["sipInfo"]
    assert third["sipInfo"][0]["authorizationId"] != first["sipInfo"][0]["authorizationId"]


async def test_another_transport_is_a_provisioning_error(rest: Fixture) -> None:
    await rest.log_in()
    reply = await rest.http.post("/restapi/v1.0/client-info/sip-provision", json={"sipInfo": [{"transport": "UDP"}]})
    assert reply.status_code == 400
    assert error_of(reply)[1].startswith("SPR-")


async def test_a_missing_field_is_named(rest: Fixture) -> None:
    await rest.log_in()
    reply = await rest.http.post("/restapi/v1.0/client-info/sip-provision", json={})
    assert error_of(reply) == (400, "CMN-101")
    assert reply.json()["errors"][0]["parameterName"] == "sipInfo"


async def test_presence_shows_calls_and_tags_only_when_asked(rest: Fixture) -> None:
    await rest.log_in("102")
    rest.talk("102")
    plain = await rest.get(f"{ACCOUNT}/extension/~/presence")
    assert plain["telephonyStatus"] == "CallConnected"
    assert "activeCalls" not in plain
    full = await rest.get(f"{ACCOUNT}/extension/~/presence", detailedTelephonyState="true", sipData="true")
    (call,) = full["activeCalls"]
    assert (call["direction"], call["from"], call["telephonySessionId"], call["partyId"]) == (
        "Inbound",
        "+16505550199",
        "s-1",
        "p-1-2",
    )
    assert call["sipData"]["fromTag"] == "from-tag"
    assert full["sequence"] > plain["sequence"]


async def test_a_free_extension_has_no_call(rest: Fixture) -> None:
    await rest.log_in()
    body = await rest.get(f"{ACCOUNT}/extension/{rest.switch.extensions['104'].id}/presence")
    assert (body["telephonyStatus"], body["presenceStatus"]) == ("NoCall", "Available")


async def test_the_presence_of_a_park_location_shows_who_waits(rest: Fixture) -> None:
    await rest.log_in()
    session = rest.talk("102", PartyStatus.PARKED)
    location = rest.switch.park_locations["101"]
    location.session, location.party = session, session.caller
    session.caller.sip_data = SipData("c", "f", "t")
    body = await rest.get(f"{ACCOUNT}/extension/101/presence", detailedTelephonyState="true", sipData="true")
    assert body["telephonyStatus"] == "ParkedCall"
    assert body["activeCalls"][0]["sipData"]["toTag"] == "t"


async def test_do_not_disturb_is_changed_for_oneself_only(rest: Fixture) -> None:
    await rest.log_in("101")
    other = rest.switch.extensions["102"].id
    change = {"dndStatus": "DoNotAcceptAnyCalls"}
    reply = await rest.http.put(f"{ACCOUNT}/extension/~/presence", json=change)
    assert reply.json()["dndStatus"] == "DoNotAcceptAnyCalls"
    reply = await rest.http.put(f"{ACCOUNT}/extension/{other}/presence", json=change)
    assert error_of(reply) == (403, "CMN-408")


async def test_queue_presence_is_read_and_changed(rest: Fixture) -> None:
    await rest.log_in("103")
    queue = rest.switch.queues["300"]
    body = {"records": [{"callQueue": {"id": queue.id}, "acceptCalls": False}]}
    reply = await rest.http.put(f"{ACCOUNT}/extension/~/call-queue-presence", json=body)
    assert reply.json()["records"] == [{"callQueue": {"id": queue.id, "name": "Sales"}, "acceptCalls": False}]
    members = (await rest.get(f"{ACCOUNT}/call-queues/{queue.id}/presence"))["records"]
    accepting = {record["member"]["extensionNumber"]: record["acceptCurrentQueueCalls"] for record in members}
    assert accepting == {"103": False, "104": True}
    agent = rest.switch.extensions["103"].id
    change = {"records": [{"member": {"id": agent}, "acceptCurrentQueueCalls": True}]}
    reply = await rest.http.put(f"{ACCOUNT}/call-queues/{queue.id}/presence", json=change)
    assert reply.status_code == 200
    assert queue.accepting == {"103": True, "104": True}


async def test_park_locations_are_extensions_of_their_own_type(rest: Fixture) -> None:
    await rest.log_in()
    body = await rest.get(f"{ACCOUNT}/extension", type="ParkLocation")
    assert [(record["id"], record["type"]) for record in body["records"]] == [
        (location.id, "ParkLocation") for location in rest.switch.park_locations.values()
    ]
    everything = await rest.get(f"{ACCOUNT}/extension")
    assert {record["type"] for record in everything["records"]} == {"User", "Department", "ParkLocation"}


async def test_a_telephony_session_has_its_parties(rest: Fixture) -> None:
    await rest.log_in()
    rest.talk("102")
    body = await rest.get(f"{ACCOUNT}/telephony/sessions/s-1")
    assert (body["telephonySessionId"], body["sequence"]) == ("s-1", 3)
    caller, called = body["parties"]
    assert caller["status"]["code"] == "Answered"
    assert "extensionId" not in caller
    assert called["extensionId"] == rest.switch.extensions["102"].id
    assert called["from"] == {"phoneNumber": "+16505550199", "name": "Ada"}
    assert called["to"]["extensionNumber"] == "102"
    assert called["sipData"] == {"callId": "call-id", "toTag": "to-tag", "fromTag": "from-tag"}


async def test_dropping_a_session_ends_the_call(rest: Fixture) -> None:
    await rest.log_in()
    dropped: list[str] = []
    rest.talk("102").drop = lambda: dropped.append("s-1")
    reply = await rest.http.delete(f"{ACCOUNT}/telephony/sessions/s-1")
    assert (reply.status_code, dropped) == (204, ["s-1"])


@pytest.mark.parametrize(
    "path",
    [
        f"{ACCOUNT}/extension/999/presence",
        f"{ACCOUNT}/call-queues/999/presence",
        f"{ACCOUNT}/telephony/sessions/s-none",
        "/restapi/v1.0/account/12345/extension",
        "/restapi/v1.0/no/such/thing",
    ],
)
async def test_what_is_not_there_is_a_404_with_a_code(rest: Fixture, path: str) -> None:
    await rest.log_in()
    status, code = error_of(await rest.http.get(path))
    assert (status, code.partition("-")[2]) == (404, "102")


async def test_a_request_without_a_token_is_a_401(rest: Fixture) -> None:
    assert error_of(await rest.http.get(f"{ACCOUNT}/extension"))[0] == 401


async def test_the_limit_counts_down_and_going_over_costs_a_penalty(rest: Fixture) -> None:
    await rest.log_in()
    path = "/restapi/v1.0/client-info/sip-provision"
    body = {"sipInfo": [{"transport": "WSS"}]}
    replies = [await rest.http.post(path, json=body) for _ in range(11)]
    assert [reply.headers["X-Rate-Limit-Remaining"] for reply in replies[:3]] == ["9", "8", "7"]
    assert replies[0].headers["X-Rate-Limit-Group"] == "heavy"
    assert replies[0].headers["X-Rate-Limit-Limit"] == "10"
    assert error_of(replies[-1]) == (429, "CMN-301")
    assert replies[-1].headers["Retry-After"] == "60"
    clock = rest.switch.clock
    await clock.sleep(50)
    assert (await rest.http.post(path, json=body)).status_code == 429, "the penalty starts anew"
    await clock.sleep(50)
    assert (await rest.http.post(path, json=body)).status_code == 429
    await clock.sleep(61)
    assert (await rest.http.post(path, json=body)).status_code == 200


async def test_a_page_from_elsewhere_cannot_reach_it_by_a_name_of_its_own(rest: Fixture) -> None:
    reply = await rest.http.get("/sandbox/people", headers={"Host": "evil.example"})
    assert reply.status_code == 400


async def test_a_taken_port_is_a_clear_error(rest: Fixture) -> None:
    port = int(rest.server.url.rpartition(":")[2])
    people = People([], rest.switch, Speech())
    with pytest.raises(ConfigError, match=str(port)):
        await RestServer(rest.switch, people, sip_info=sip_info_of(rest.switch), describe=dict, port=port).start()


async def test_an_unknown_script_is_a_404(rest: Fixture) -> None:
    assert error_of(await rest.http.post("/sandbox/scripts/none")) == (404, "CMN-102")
