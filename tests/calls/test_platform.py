"""What the platform's events tell: read at the start, updated as they come, in whatever order that is."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from structlog.testing import capture_logs

from bot.calls import Call, CallState, PlatformWatch, Watched
from bot.errors import ConfigError
from bot.phone import SessionState
from bot.ringcentral import RestClient
from bot.ringcentral.frames import Notification
from bot.ringcentral.http import Endpoint
from tests.calls.seam import ADA, Board, Outbound

ACCOUNT = "/restapi/v1.0/account/~"


class FakeRest:
    """The account: extensions 101 (id 1001), 102, 103; the queue Sales (300, id 9300); the park location 5001."""

    def __init__(self) -> None:
        self.presences: dict[str, dict[str, Any]] = {}
        self.members: list[dict[str, Any]] = []
        self.meanwhile: Callable[[str], None] = lambda _id: None

    async def every(self, endpoint: Endpoint, *, params: Mapping[str, str] | None = None) -> list[dict[str, Any]]:
        if endpoint.path.endswith("/call-queues"):
            return [{"id": 9300, "extensionNumber": "300", "name": "Sales"}]
        return [{"id": 1000 + number, "extensionNumber": str(100 + number)} for number in (1, 2, 3)]

    async def call(self, endpoint: Endpoint, **ids: Any) -> dict[str, Any]:
        if "queue_id" in ids:
            return {"records": self.members}
        found = self.presences.get(ids["extension_id"], presence(ids["extension_id"]))
        self.meanwhile(ids["extension_id"])
        return found


class FakeGateway:
    """Delivers what the test says."""

    def __init__(
        self,
        _rest: RestClient,
        filters: Sequence[str],
        on_notification: Callable[[Notification], None],
        *,
        on_resync: Callable[[], Awaitable[None]],
        **_: object,
    ) -> None:
        self.filters = filters
        self.on_notification = on_notification
        self.resync = on_resync
        self.up = asyncio.Event()

    async def ready(self) -> None:
        await self.up.wait()

    async def run(self) -> None:
        await self.resync()
        self.up.set()
        await asyncio.Event().wait()

    def tells(self, path: str, body: dict[str, Any]) -> None:
        self.on_notification(Notification(ACCOUNT + path, body))


def presence(extension_id: str, *, dnd: str = "TakeAllCalls", sequence: int = 0, **call: Any) -> dict[str, Any]:
    status = call.get("telephonyStatus", "NoCall")
    calls = [{"id": "1", "direction": "Inbound", "from": ADA, "fromName": "Ada", **call}] if call else []
    return {
        "extensionId": extension_id,
        "telephonyStatus": status,
        "dndStatus": dnd,
        "activeCalls": calls,
        "sequence": sequence,
    }


TALKS = {"telephonyStatus": "CallConnected", "telephonySessionId": "s-9"}
PARKED = {
    "telephonyStatus": "ParkedCall",
    "telephonySessionId": "s-9",
    "sipData": {"toTag": "gK06", "fromTag": "10.14-fd22"},
}


class Watch:
    def __init__(self, board: Board, rest: FakeRest, gateway: FakeGateway) -> None:
        self.board, self.calls, self.rest, self.gateway = board, board.calls, rest, gateway

    def presence(self, extension_id: str, **details: Any) -> None:
        path = f"/extension/{extension_id}/presence?detailedTelephonyState=true&sipData=true"
        self.gateway.tells(path, presence(extension_id, **details))

    def party(self, session: str, party: str, code: str, *, sequence: int, reason: str = "") -> None:
        status = {"code": code, "reason": reason}
        body = {"telephonySessionId": session, "sequence": sequence, "parties": [{"id": party, "status": status}]}
        self.gateway.tells("/extension/1001/telephony/sessions", body)


@asynccontextmanager
async def watching(rest: FakeRest | None = None) -> AsyncIterator[Watch]:
    board, chosen = Board(locations={"sales": "5001"}), rest or FakeRest()
    made: list[FakeGateway] = []

    def make(*arguments: Any, **named: Any) -> FakeGateway:
        made.append(FakeGateway(*arguments, **named))
        return made[0]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("bot.calls.platform.Gateway", make)
        watch = PlatformWatch(
            board.calls,
            cast(RestClient, chosen),
            Watched(phones=("101",), agents=("102",), queues={"Sales": "300"}, park_locations={"sales": "5001"}),
            clock=board.clock,
        )
        await watch.prepare()
    async with board.calls:
        running = asyncio.create_task(watch.run())
        await watch.ready()
        yield Watch(board, chosen, made[0])
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def test_what_is_not_in_the_account_is_told_all_at_once() -> None:
    watch = PlatformWatch(
        Board().calls,
        cast(RestClient, FakeRest()),
        Watched(phones=("101", "999"), agents=("998",), queues={"Support": "301"}),
        clock=Board().clock,
    )
    with pytest.raises(ConfigError, match=r"no 998, 999, queue Support \(301\)"):
        await watch.prepare()


async def test_it_listens_to_phones_agents_queues_and_park_locations() -> None:
    async with watching() as watch:
        filters = "\n".join(watch.gateway.filters)
    for part in (
        "/extension/1001/telephony/sessions",
        "/extension/1002/presence",
        "/extension/5001/presence",
        "/call-queues/9300/presence",
    ):
        assert part in filters


def member(accepts: bool) -> dict[str, Any]:
    """103 as a member of the queue."""
    who = {"id": "1003", "extensionNumber": "103"}
    return {"member": who, "acceptQueueCalls": True, "acceptCurrentQueueCalls": accepts}


async def test_the_calls_of_queue_members_are_followed() -> None:
    rest = FakeRest()
    rest.members = [member(True)]
    async with watching(rest) as watch:
        assert any("/extension/1003/presence" in path for path in watch.gateway.filters)
        watch.presence("1003", **TALKS, sequence=2)
        assert watch.calls.queues["Sales"].free_agents == 0


async def test_the_state_is_read_at_the_start() -> None:
    rest = FakeRest()
    rest.presences = {"1002": presence("1002", **TALKS), "5001": presence("5001", **PARKED)}
    rest.members = [member(True)]
    async with watching(rest) as watch:
        agent = watch.calls.agents["102"]
        assert agent.talking_to is not None
        assert agent.talking_to.number == ADA
        assert watch.calls.queues["Sales"].free_agents == 1
        assert [call.session_id for call in watch.calls.park_locations["sales"].parked] == ["s-9"]
        assert set(watch.board.names()) == {"agent.call.started", "park.parked"}


async def test_an_event_that_comes_while_the_state_is_read_stands() -> None:
    rest = FakeRest()
    async with watching(rest) as watch:
        rest.presences = {"1002": presence("1002", **TALKS)}
        rest.meanwhile = lambda id_: watch.presence("1002", sequence=5) if id_ == "1002" else None
        await watch.gateway.resync()
        assert watch.calls.agents["102"].free


async def test_a_queue_members_calls_and_choices_are_followed() -> None:
    rest = FakeRest()
    rest.members = [member(True)]
    async with watching(rest) as watch:
        queue = "Sales"
        watch.presence("1003", sequence=1, **TALKS)
        assert watch.calls.queues[queue].free_agents == 0
        watch.presence("1003", sequence=2)
        assert watch.calls.queues[queue].free_agents == 1
        watch.gateway.tells(
            "/call-queues/9300/presence", {"records": [{"member": {"id": "1003"}, "acceptCurrentQueueCalls": False}]}
        )
        assert watch.calls.queues[queue].free_agents == 0
        watch.presence("1003", sequence=3, dnd="DoNotAcceptAnyCalls")
        watch.gateway.tells(
            "/call-queues/9300/presence", {"records": [{"member": {"id": "1003"}, "acceptCurrentQueueCalls": True}]}
        )
        assert watch.calls.queues[queue].free_agents == 0
        watch.presence("1003", sequence=4)
        assert watch.calls.queues[queue].free_agents == 1


async def test_a_presence_that_was_overtaken_is_dropped() -> None:
    async with watching() as watch:
        watch.presence("1002", sequence=7, **TALKS)
        watch.presence("1002", sequence=6)
        assert watch.calls.agents["102"].talking_to is not None
        watch.presence("1002", sequence=8)
        watch.presence("1002", sequence=7, **TALKS)
        assert watch.calls.agents["102"].free
        assert watch.board.names() == ["agent.call.started", "agent.call.ended"]


async def test_a_new_subscription_may_count_anew() -> None:
    async with watching() as watch:
        watch.presence("1002", sequence=700, **TALKS)
        await watch.gateway.resync()
        assert watch.calls.agents["102"].free
        watch.presence("1002", sequence=1, **TALKS)
        assert not watch.calls.agents["102"].free


async def test_who_waits_at_a_park_location_is_followed_with_what_retrieving_needs() -> None:
    async with watching() as watch:
        watch.presence("5001", sequence=1, **PARKED)
        (call,) = watch.calls.park_locations["sales"].parked
        assert call.replaces == "s-9;to-tag=10.14-fd22;from-tag=gK06;early-only"
        assert (call.number, call.name) == (ADA, "Ada")
        watch.presence("5001", sequence=2)
        assert watch.board.names() == ["park.parked", "park.retrieved"]


async def ringing(watch: Watch) -> tuple[Call, Outbound]:
    call = await watch.calls.dial(ADA)
    session = cast(Outbound, call.session)
    session.become(SessionState.RINGING)
    return call, session


async def test_our_party_that_is_answered_means_that_the_other_side_did() -> None:
    async with watching() as watch:
        call, session = await ringing(watch)
        watch.party(session.session_id, "p-1-2", "Answered", sequence=2)
        assert call.state is CallState.RINGING, "the party of somebody else"
        watch.party("s-other", "p-1-1", "Answered", sequence=2)
        assert call.state is CallState.RINGING, "the session of somebody else"
        watch.party(session.session_id, "p-1-1", "Answered", sequence=3)
        assert call.state is CallState.ANSWERED


async def test_an_event_that_comes_before_the_183_is_not_lost() -> None:
    async with watching() as watch:
        call = await watch.calls.dial(ADA)
        session = cast(Outbound, call.session)
        known, session.session_id = session.session_id, ""
        watch.party(known, "p-1-1", "Answered", sequence=4)
        assert call.state is CallState.DIALLING
        session.session_id = known
        session.become(SessionState.RINGING)
        assert call.state is CallState.ANSWERED


async def test_an_overtaken_setup_does_not_undo_an_answer_nor_a_refusal() -> None:
    async with watching() as watch:
        call, session = await ringing(watch)
        watch.party(session.session_id, "p-1-1", "Disconnected", sequence=5, reason="TargetBusy")
        watch.party(session.session_id, "p-1-1", "Proceeding", sequence=4)
        session.finish("peer", "hangup")
        assert call.end is not None
        assert call.end.disposition == "busy"


STEPS = [("Setup", ""), ("Proceeding", ""), ("Answered", ""), ("Disconnected", "")]


@settings(max_examples=30, deadline=None)
@given(st.permutations(list(enumerate(STEPS, 1))))
def test_in_whatever_order_the_events_come_an_answer_is_told_once(order: list[tuple[int, tuple[str, str]]]) -> None:
    async def play() -> None:
        async with watching() as watch:
            call, session = await ringing(watch)
            for sequence, (code, reason) in order:
                watch.party(session.session_id, "p-1-1", code, sequence=sequence, reason=reason)
            names = watch.board.names()
            assert names.count("call.answered") <= 1
            told_in_time = [code for _, (code, _) in order].index("Answered") < min(
                index for index, (_, (code, _)) in enumerate(order) if code == "Disconnected"
            )
            if told_in_time:
                assert call.state is CallState.ANSWERED

    asyncio.run(play())


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/extension/1001/telephony/sessions", {}),
        ("/extension/1001/telephony/sessions", {"telephonySessionId": "s-1", "parties": "none"}),
        ("/extension/1002/presence", {}),
        ("/extension/1002/presence", {"activeCalls": [None, 7, {}], "sequence": "x"}),
        ("/extension/7777/presence", {"telephonyStatus": "CallConnected"}),
        ("/call-queues/9300/presence", {"records": [{}, None]}),
        ("/call-queues/1/presence", {}),
        ("/something/else", {}),
    ],
)
async def test_an_event_that_says_nothing_changes_nothing(path: str, body: dict[str, Any]) -> None:
    async with watching() as watch:
        with capture_logs() as logs, watch.board.nothing_told():
            watch.gateway.tells(path, body)
        assert [line["log_level"] for line in logs] in ([], ["warning"])
        if path == "/extension/1002/presence" and not body:
            assert watch.calls.agents["102"].free, "an empty presence is no call"
        watch.presence("1002", sequence=1, **TALKS)
        assert watch.board.names() == ["agent.call.started"]


async def test_a_storm_of_shuffled_presence_ends_with_the_newest() -> None:
    rng = random.Random(5)
    async with watching() as watch:
        events = [(sequence, sequence % 2 == 0) for sequence in range(1, 200)]
        rng.shuffle(events)
        for sequence, talks in events:
            watch.presence("1002", sequence=sequence, **(TALKS if talks else {}))
        assert watch.calls.agents["102"].free
        names = watch.board.names()
        assert names.count("agent.call.started") == names.count("agent.call.ended")
