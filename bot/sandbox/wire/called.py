"""A call to a phone: INVITEs to all instances of the extension, one of which may answer (wire notes, §4 to §6)."""

from __future__ import annotations

from bot.errors import MalformedSdp, MediaFailed
from bot.log import get_logger
from bot.sandbox.endpoints import LegEnd, LegState
from bot.sandbox.switch.calls import Call
from bot.sandbox.switch.legs import Accepted, Refused, Replied
from bot.sandbox.switch.model import Party, PartyStatus
from bot.sandbox.switch.registrar import Binding
from bot.sandbox.wire.branch import Branch, BranchState
from bot.sandbox.wire.commands import Commands, call_info, command_verdict, reply_of
from bot.sandbox.wire.connection import Connection
from bot.sandbox.wire.core import Core
from bot.sandbox.wire.dialog import Dialog
from bot.sandbox.wire.phone_leg import PhoneLeg
from bot.sip.messages import Response
from bot.sip.rc import Command, RcMessage, ReplyOutcome

__all__ = ["CalledLeg"]

log = get_logger(__name__)


class CalledLeg(PhoneLeg):
    """`shown` is the caller as the phone sees him."""

    def __init__(self, core: Core, call: Call, party: Party, shown: Party) -> None:
        super().__init__(core, call, party, LegState.RINGING, (shown.number, shown.name))
        extension = core.switch.extensions[party.extension]
        self._shown = shown
        self._extension = extension
        self._branches: list[Branch] = []
        self._chosen: Branch | None = None
        self._unacknowledged: Response | None = None
        self._confirmed: set[Branch] = set()
        random = core.switch.rng
        self._commands = Commands(
            sid=f"{random.getrandbits(47)}",
            req=f"{{{random.getrandbits(128):032X}}}",
            server=f"#{random.randrange(10**8, 10**9)}@{core.domain}:5060",
            client=f"{extension.username}@{core.domain}:5060",
        )

    def ring(self) -> None:
        self.work(self._ring(), "ring")

    async def _ring(self) -> None:
        try:
            offer = "" if self.call.switch.options.offerless else await self.media.create_offer()
        except MediaFailed as error:
            log.warning("no offer for a phone", error=str(error))
            self.decide(Refused(480))
            return
        if self.state is not LegState.RINGING:
            return
        for binding in self.core.bindings(self.party.extension):
            branch = Branch(self.core, self, binding, self._dialog(binding))
            self._branches.append(branch)
            branch.invite(self._headers(binding), offer)
        if not self._branches:
            self.decide(Refused(480))

    def _dialog(self, binding: Binding[Connection]) -> Dialog:
        name = (
            f'"{self._shown.name.translate(str.maketrans("", "", chr(34) + chr(92) + ":"))}" '
            if self._shown.name
            else ""
        )
        numbers, domain = self.core.numbers, self.core.domain
        return Dialog(
            connection=binding.connection,
            numbers=numbers,
            call_id=numbers.call_id(),
            local=f"{name}<sip:{self._shown.number}@{domain}>;tag={numbers.tag()}",
            remote=f"<sip:{self._extension.username}@{domain}>",
            target=binding.contact,
        )

    def _headers(self, binding: Binding[Connection]) -> dict[str, str]:
        options = self.call.switch.options
        headers = {
            "Contact": f"<sip:{self._shown.number}@{self.core.address};transport=wss>",
            "P-rc": str(self._commands.incoming(binding.authorization_id, self._shown, self._extension)),
            "p-rc-api-ids": self.api_ids,
        }
        if self.party.queue_call:
            headers["p-rc-api-call-info"] = call_info(self.call.session, self._shown)
        if options.auto_answer:
            headers["Alert-Info"] = "Auto Answer"
            headers["Call-Info"] = f"<{self.core.address}>;purpose=info;Answer-After={options.answer_after}"
        return headers | self.call.headers

    # What the branches tell.

    def branch_rings(self, branch: Branch) -> None:
        if self.party.status is PartyStatus.SETUP:
            self.call.move(self.party, PartyStatus.PROCEEDING)

    def branch_refused(self, branch: Branch, response: Response) -> None:
        self._one_less(response.status)

    def branch_lost(self, branch: Branch) -> None:
        self._one_less(480)

    def _one_less(self, status: int) -> None:
        """The last instance that turns the call down decides."""
        over = (BranchState.OVER, BranchState.CANCELLED)
        if all(each.state in over for each in self._branches):
            self.decide(Refused(status))

    def branch_answered(self, branch: Branch, response: Response) -> None:
        self._chosen = branch
        for other in self._branches:
            other.cancel(elsewhere=True)
        self._move(LegState.ANSWERED)
        self.establish(branch.dialog)
        self._unacknowledged = response
        self.work(self._accept(branch, response), "accept")

    async def _accept(self, branch: Branch, response: Response) -> None:
        """Answer and offer meet, ACK goes out, and each instance's command 7."""
        try:
            if self.call.switch.options.offerless:
                self._acknowledge(await self.media.create_answer(response.body))
            else:
                self._acknowledge()
                await self.media.apply_answer(response.body)
        except (MalformedSdp, MediaFailed) as error:
            log.warning("unusable SDP in a 200", error=str(error))
            self.drop()
            return
        for each in self._branches:
            processed = self._commands.to_client(Command.ALREADY_PROCESSED, each.binding.authorization_id)
            self.send_message(branch.dialog, processed)
        self.decide(Accepted())

    def _acknowledge(self, answer: str = "") -> None:
        """The ACK, if it has not gone out yet."""
        response, self._unacknowledged = self._unacknowledged, None
        if response is not None and self.dialog is not None:
            self.dialog.acknowledge(response, answer)

    def branch_command(self, branch: Branch, message: RcMessage) -> None:
        """Commands 10 to 14 and 17. Without a receive confirm, to-voicemail does nothing."""
        if message.command == Command.RECEIVE_CONFIRM:
            self._confirmed.add(branch)
        elif message.command == Command.START_REPLY:
            self.reply_started.set()
        elif message.command == Command.TO_VOICEMAIL and branch not in self._confirmed:
            log.info("to-voicemail without a receive confirm is ignored", extension=self.party.number)
        elif (verdict := command_verdict(message)) is not None:
            self.decide(verdict)
        elif (reply := reply_of(message)) is not None:
            self.decide(Replied(reply, lambda outcome: self._close_reply(branch, outcome)))

    def _close_reply(self, branch: Branch, outcome: ReplyOutcome) -> None:
        binding = branch.binding
        dialog = branch.dialog
        dialog.connection = self.core.connection_of(binding) or dialog.connection
        self.send_message(dialog, self._commands.session_close(binding.authorization_id, outcome))

    # The end.

    def drop(self, end: LegEnd = LegEnd.HANGUP) -> None:
        if self.state is LegState.ENDED:
            return
        if self.state is LegState.ANSWERED:
            self._acknowledge()
            self.say_goodbye()
        for branch in self._branches:
            branch.cancel()
        self.finish(end, by_us=False)

    async def _goodbye(self, dialog: Dialog) -> None:
        """BYE, and command 2 after it (or before it)."""
        assert self._chosen is not None
        free = self._commands.to_client(Command.FREE_RESOURCES, self._chosen.binding.authorization_id)
        if self.call.switch.options.free_resources_first:
            self.send_message(dialog, free)
            await dialog.transact("BYE")
        else:
            await dialog.transact("BYE")
            self.send_message(dialog, free)
