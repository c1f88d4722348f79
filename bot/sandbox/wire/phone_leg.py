"""The leg of a web phone: a SIP dialog and a media session behind the switch's interface."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

from bot.errors import CallEnded, MalformedSdp, MediaFailed
from bot.log import get_logger
from bot.media import MediaSession, Pcm, Source
from bot.sandbox.endpoints import LegEnd, LegState, Remover
from bot.sandbox.switch.calls import Call
from bot.sandbox.switch.legs import BaseLeg
from bot.sandbox.switch.model import Party, SipData
from bot.sandbox.wire.core import Core
from bot.sandbox.wire.dialog import Dialog
from bot.sip.messages import tag_of
from bot.sip.rc import AGENT_CONTENT_TYPE, RcMessage

__all__ = ["PhoneLeg"]

log = get_logger(__name__)


class PhoneLeg(BaseLeg):
    """What inbound and outbound legs of a phone share: the established dialog and the audio.

    `dialog` is None until there is one. Work that takes time is run by `work`, one thing after the other as far as
    the wire's order matters, and ends with the leg.
    """

    call: Call

    def __init__(self, core: Core, call: Call, party: Party, state: LegState, shown: tuple[str, str]) -> None:
        super().__init__(call, party, state, *shown)
        self.core = core
        self.media: MediaSession = core.switch.media.session(party.id)
        self.dialog: Dialog | None = None
        self._remove_digits = self.media.on_digit(self.pressed)

    def establish(self, dialog: Dialog) -> None:
        """The dialog is there: requests on its Call-Id come here from now on."""
        self.dialog = dialog
        self.core.dialogs[dialog.call_id] = self
        inbound = self.party.direction == "Inbound"
        server_tag, phone_tag = tag_of(dialog.local), tag_of(dialog.remote)
        self.party.sip_data = (
            SipData(dialog.call_id, server_tag, phone_tag)
            if inbound
            else SipData(dialog.call_id, phone_tag, server_tag)
        )

    def work(self, work: Coroutine[Any, Any, None], name: str) -> None:
        """Run in the background until the leg is gone."""
        self.core.run_while(work, self.gone, f"{name} {self.party.id}")

    @property
    def api_ids(self) -> str:
        """The value of `p-rc-api-ids`, in the order that the vendor's client expects."""
        return f"party-id={self.party.id};session-id={self.call.session_id}"

    async def renegotiate(self, session_id: str, party_id: str) -> bool:
        """A re-INVITE with a new offer, which tells the phone its new session."""
        if self.dialog is None or self.state is not LegState.ANSWERED:
            return False
        headers = {
            "p-rc-api-ids": f"party-id={party_id};session-id={session_id}",
            "Content-Type": "application/sdp",
        }
        try:
            response = await self.dialog.transact("INVITE", headers, await self.media.create_offer())
            if response is None:
                return False
            self.dialog.acknowledge(response)
            if response.status >= 300:
                return False
            await self.media.apply_answer(response.body)
        except (MalformedSdp, MediaFailed) as error:
            log.warning("re-INVITE failed", error=str(error))
            return False
        return self.state is LegState.ANSWERED

    def send_message(self, dialog: Dialog, message: RcMessage) -> None:
        """One command of ours. Its reply is not waited for: a phone ignores one that names another instance."""
        dialog.connection.send(dialog.request("MESSAGE", {"Content-Type": AGENT_CONTENT_TYPE}, str(message)))

    def cancelled(self) -> None:
        """The phone sent CANCEL. Once its call has its 200, that comes too late (RFC 3261 §9.2)."""

    def hung_up(self) -> None:
        """The phone sent BYE."""
        self.finish(LegEnd.HANGUP, by_us=True)

    def say_goodbye(self) -> None:
        """Send BYE, in the background."""
        if self.dialog is not None:
            self.core.tasks.start(self._goodbye(self.dialog), f"BYE {self.party.id}")

    async def _goodbye(self, dialog: Dialog) -> None:
        await dialog.transact("BYE")

    def connected(self) -> None:
        """Nothing to signal: the caller got his 200 at once (wire notes, §3)."""

    def _release(self) -> None:
        self._remove_digits()
        self.core.forget(self)
        self.core.tasks.start(self.media.close(), f"close media {self.party.id}")

    # Audio.

    def set_background(self, source: Source | None) -> None:
        if self.state is not LegState.ENDED:
            self.media.source = source

    async def play(self, source: Source) -> None:
        try:
            await self.media.connected()
            await self.media.play(source)
        except MediaFailed as error:
            raise CallEnded("the call is over") from error

    def on_voice(self, callback: Callable[[Pcm], None]) -> Remover:
        return self.media.on_audio(callback)

    def send_key(self, digit: str) -> None:
        self.work(self._send_key(digit), "key")

    async def _send_key(self, digit: str) -> None:
        try:
            await self.media.send_digits(digit)
        except MediaFailed as error:
            log.debug("key was not sent", error=str(error))
