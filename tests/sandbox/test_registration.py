"""Registration, as ringcentral-sip.md §2 has it."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack

from bot.sandbox.sandbox import Sandbox
from bot.sip.digest import Credentials, authorize, parse_challenge
from tests.sandbox.sip_client import raw_phone


async def test_a_phone_registers_in_five_messages(sandbox: Sandbox) -> None:
    async with raw_phone(sandbox, "101") as phone:
        assert phone.log == ["100 REGISTER", "401 REGISTER", "100 REGISTER", "200 REGISTER"]
        challenge, answer = phone.messages[1], phone.messages[3]
        assert ', nonce="' in challenge.header("Www-Authenticate")
        assert answer.header("Contact").endswith(";expires=60")
        assert sandbox.switch.reachable("101")


async def test_a_wrong_password_is_refused(sandbox: Sandbox) -> None:
    async with raw_phone(sandbox, "101", register=False) as phone:
        phone.info["password"] = "wrong"
        assert (await phone.register()).status == 403
        assert not sandbox.switch.reachable("101")


async def test_the_sixth_instance_is_one_too_many(sandbox: Sandbox) -> None:
    async with AsyncExitStack() as stack:
        phones = [await stack.enter_async_context(raw_phone(sandbox, "101")) for _ in range(5)]
        sixth = await stack.enter_async_context(raw_phone(sandbox, "101", register=False))
        refused = await sixth.register()
        assert (refused.status, refused.reason) == (603, "Too Many Contacts")
        assert (await phones[0].register(expires=0)).status == 200
        assert (await sixth.register()).status == 200


async def test_a_slot_that_is_not_refreshed_dies(sandbox: Sandbox) -> None:
    async with raw_phone(sandbox, "101"):
        await asyncio.sleep(61)
        assert not sandbox.switch.reachable("101")


async def test_the_newer_connection_of_an_instance_gets_the_calls_and_the_older_can_still_place_them(
    sandbox: Sandbox,
) -> None:
    async with raw_phone(sandbox, "101", instance="one") as old, raw_phone(sandbox, "101", instance="one") as new:
        await old.send(old.invite("102"))
        assert await old.expect("407 INVITE")
        assert [each.connection.open for each in sandbox.server.core.bindings("101")] == [True]
        async with raw_phone(sandbox, "102") as caller:
            call = await caller.call("101")
            assert await new.expect("INVITE")
            assert "INVITE" not in old.log
            await call.hangup()


async def test_an_unregistered_phone_places_no_calls(sandbox: Sandbox) -> None:
    async with raw_phone(sandbox, "101") as phone:
        await phone.register(expires=0)
        await phone.send(phone.invite("102"))
        assert await phone.expect("403 INVITE")


async def test_the_digest_of_the_vendors_client_is_understood(sandbox: Sandbox) -> None:
    async with raw_phone(sandbox, "101", register=False) as phone:
        await phone.send(register := phone.request("REGISTER", f"sip:{phone.domain}", _headers(phone)))
        challenge = await phone.expect("401 REGISTER")
        again = phone.authorized(register, challenge)
        asked = parse_challenge(challenge.header("Www-Authenticate"))
        credentials = Credentials(phone.authorization_id, phone.info["password"])
        usual = authorize(asked, credentials, "REGISTER", f"sip:{phone.domain}")
        response = usual.partition('response="')[2].partition('"')[0]
        again.headers.set(
            "Authorization",
            f'Digest algorithm="MD5", username="{phone.authorization_id}", realm="{phone.domain}", '
            f'nonce="{asked.nonce}", uri="sip:{phone.domain}", response="{response}"',
        )
        await phone.send(again)
        assert await phone.expect("200 REGISTER")


def _headers(phone) -> dict[str, str]:  # type: ignore[no-untyped-def]
    address = f"<sip:{phone.username}@{phone.domain}>"
    return {
        "From": f"{address};tag=1",
        "To": address,
        "Call-Id": "registration",
        "Contact": '<sip:a@test.invalid;transport=wss>;+sip.instance="<urn:uuid:a>";expires=60',
    }
