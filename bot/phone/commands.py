"""What the phone system does with an answered call when it is asked to: record, flip, park, join two calls.

Recording, flip and park are JSON commands in INFO requests (ringcentral-sip.md §7); a warm transfer is a REFER that
names another call of ours (§8).
"""

from __future__ import annotations

import abc
import asyncio
import itertools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from bot.errors import MalformedMessage, NoReply, OperationRefused, UserError
from bot.log import get_logger
from bot.phone.lifetime import Lifetime, SessionEnd
from bot.phone.line import Line
from bot.phone.transfer import Transfer
from bot.sip.dialogs import Dialog
from bot.sip.messages import Request, number_of
from bot.sip.rc import JSON_CONTENT_TYPE, json_request, parse_json

if TYPE_CHECKING:
    from bot.media import MediaSession

__all__ = ["CallCommands", "Commands", "FlipResult"]

log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class FlipResult:
    """Where a flipped call rings: the number that the phone system dials, and what it was asked for."""

    number: str
    target: str


class Commands:
    """The JSON commands of one call. Each is answered twice: by a 200, and by an INFO with the result."""

    def __init__(self, line: Line, dialog: Dialog, life: Lifetime) -> None:
        self._line = line
        self._dialog = dialog
        self._life = life
        self._numbers = itertools.count(1)
        self._waiting: dict[tuple[int, str], asyncio.Future[Mapping[str, Any]]] = {}

    async def ask(self, command: str, what: str, **arguments: str) -> Mapping[str, Any]:
        """Have a command carried out; its result. `what` names it in errors.

        Raises:
            OperationRefused: the phone system turned it down, with its description.
            CallEnded: the call is not answered, or ended first.
            NoReply: no result came within the limit.
            ConnectionFailed, NotRegistered: there is no connection.
        """
        self._life.require_answered(f"{what} is possible")
        result = await self._life.while_alive(self._result_of(command, what, arguments))
        if result.get("code") != 0:
            description = str(result.get("description") or "no reason given")
            code = result.get("code")
            raise OperationRefused(
                f"{what} refused: {description}", status=code if isinstance(code, int) else 0, reason=description
            )
        return result

    def received(self, info: Request) -> None:
        """Take an INFO of the phone system's: the result of a command that waits for it, or nothing of ours."""
        try:
            response = parse_json(info.body).get("response")
        except MalformedMessage as error:
            log.debug("INFO not understood", call=self._dialog.call_id, error=str(error))
            return
        if not isinstance(response, dict) or not isinstance(response.get("result"), dict):
            return
        number, command = response.get("reqid"), response.get("command")
        if not isinstance(number, int) or not isinstance(command, str):
            return
        waiting = self._waiting.get((number, command))
        if waiting is not None and not waiting.done():
            waiting.set_result(response["result"])

    async def _result_of(self, command: str, what: str, arguments: Mapping[str, str]) -> Mapping[str, Any]:
        number, limit = next(self._numbers), self._line.limits.command
        waiting: asyncio.Future[Mapping[str, Any]] = asyncio.get_running_loop().create_future()
        self._waiting[number, command] = waiting
        try:
            await self._send(json_request(number, command, **arguments), what)
            async with asyncio.timeout(limit):
                return await waiting
        except TimeoutError as error:
            raise NoReply(f"the phone system did not say within {limit:g} s what became of {what}") from error
        finally:
            del self._waiting[number, command]

    async def _send(self, body: str, what: str) -> None:
        identity, domain = self._line.identity, self._line.sip_info.domain
        headers = {"Content-Type": JSON_CONTENT_TYPE}
        info = self._dialog.request(identity, "INFO", uri=f"sip:{domain}", headers=headers, body=body)
        response = await self._line.ask(info)
        if response.status >= 300:
            raise OperationRefused(
                f"{what} refused: {response.status} {response.reason}",
                status=response.status,
                reason=response.reason,
            )


class CallCommands(abc.ABC):
    """The part of `Session` that asks the phone system for services in an answered call.

    Unless they say more, its coroutines raise what `Commands.ask` raises.
    """

    media: MediaSession
    _line: Line
    _dialog: Dialog
    _life: Lifetime
    _transfer: Transfer
    _commands: Commands

    async def start_recording(self) -> None:
        """Have the phone system record the call, from now on."""
        await self._commands.ask("startcallrecord", "starting to record")

    async def stop_recording(self) -> None:
        """Have the phone system end its recording."""
        await self._commands.ask("stopcallrecord", "ending the recording")

    async def flip(self, target: str) -> FlipResult:
        """Have `target` rung, to which the call goes over when somebody answers there.

        The phone system does not tell when that is: this session lasts until whoever owns it hangs up.
        """
        result = await self._commands.ask("callflip", "a call flip", target=target)
        return FlipResult(str(result.get("number", "")), str(result.get("target", target)))

    async def park(self) -> str:
        """Park the call, which ends this session. The result is the orbit, like `813`: anyone who dials `*813` has
        the call.

        Raises what `Commands.ask` raises, and:
            MalformedMessage: it was parked, but the phone system did not say where. The session is left up.
        """
        return await self._life.see_through(self._park(), f"park {self._dialog.call_id}")

    @property
    def muted(self) -> bool:
        """Whether the other party hears silence instead of us."""
        return self.media.muted

    def mute(self) -> None:
        """Send silence from now on; what is played meanwhile goes by unheard.

        Raises:
            CallEnded: the call is not answered.
        """
        self._set_muted(True)

    def unmute(self) -> None:
        """Be heard again. Raises what `mute` raises."""
        self._set_muted(False)

    async def complete_transfer(self, second: CallCommands) -> None:
        """Join the other party of this call with that of `second`, which ends both sessions: a warm transfer.

        Hold this call first and talk to `second`. To call it off instead, hang `second` up and unhold this one.

        Raises:
            UserError: `second` is this call, or on another phone.
            CallEnded: one of the two is not answered, or this one ended first.
            OperationRefused: the phone system said no, or did not do it within the limit.
            NoReply: the phone system did not answer at all.
        """
        if second is self or second._line is not self._line:
            raise UserError("two calls of one phone can be joined, and no others")
        await self._life.see_through(self._join(second), f"warm transfer {self._dialog.call_id}")

    async def _park(self) -> str:
        result = await self._commands.ask("callpark", "parking")
        orbit = str(result.get("park extension", "")).removeprefix("*")
        if not orbit.isalnum():
            raise MalformedMessage("the call was parked, but the phone system did not say where")
        await self._bye(SessionEnd("us", "transferred"))
        return orbit

    @abc.abstractmethod
    async def _bye(self, end: SessionEnd) -> None:
        """End the session from our side."""

    def _set_muted(self, muted: bool) -> None:
        self._life.require_answered("it can be muted")
        self.media.muted = muted

    async def _join(self, second: CallCommands) -> None:
        for call in (self, second):
            call._life.require_answered("two calls can be joined")
        await self._transfer.to(_replacing(second._dialog, self._line.sip_info.domain), second=second._transfer)
        if second._life.end is None:
            await second._bye(SessionEnd("us", "transferred"))


def _replacing(dialog: Dialog, domain: str) -> str:
    """The Refer-To that puts its referee into the place that we have in `dialog` (RFC 3891, RFC 3515)."""
    address = f"{number_of(dialog.remote)}@{domain}"
    replaces = quote(f"{dialog.call_id};to-tag={dialog.remote_tag};from-tag={dialog.local_tag}", safe="")
    return f'"{address}" <sip:{address};transport=wss?Replaces={replaces}>'
