"""The vendor's commands as the server writes and reads them: P-rc of an INVITE, and MESSAGEs about a call."""

from __future__ import annotations

from dataclasses import dataclass

from bot.errors import MalformedMessage
from bot.sandbox.switch.legs import Forwarded, Rejected, ToVoicemail, Verdict
from bot.sandbox.switch.model import Extension, Party, Session
from bot.sip.rc import Command, RcMessage, Reply, ReplyOutcome

__all__ = ["Commands", "call_info", "command_verdict", "reply_of"]


@dataclass(frozen=True, slots=True)
class Commands:
    """What is the same in all commands of one ringing leg."""

    sid: str
    req: str
    server: str
    """`#123456789@sip.ringcentral.com:5060`"""
    client: str
    """`16505550100*101@sip.ringcentral.com:5060`"""

    def incoming(self, authorization_id: str, shown: Party, extension: Extension) -> RcMessage:
        """Command 6, for the P-rc header. No value holds `: `, at which the vendor's client would cut the header."""
        phone, name = shown.number, " ".join(shown.name.replace(":", " ").split())
        body = {"Cln": authorization_id, "Phn": phone, "ToPhn": extension.direct_number, "Nm": name}
        return self._message(Command.INCOMING_CALL, body)

    def to_client(self, command: Command, authorization_id: str, **body: str) -> RcMessage:
        return self._message(command, {"Cln": authorization_id, **body})

    def session_close(self, authorization_id: str, outcome: ReplyOutcome) -> RcMessage:
        """Command 9: what the caller did with a reply."""
        body = {"Sts": outcome.sts, "Phn": outcome.phone, "Nm": outcome.name, "ExtNfo": outcome.number}
        return self.to_client(Command.SESSION_CLOSE, authorization_id, **body, Resp=outcome.resp)

    def _message(self, command: Command, body: dict[str, str]) -> RcMessage:
        header = {"SID": self.sid, "Req": self.req, "From": self.server, "To": self.client, "Cmd": str(int(command))}
        return RcMessage(header, body)


def command_verdict(message: RcMessage) -> Verdict | None:
    """What commands 10, 11 and 12 decide; None for every other command."""
    match message.command:
        case Command.FORWARD:
            return Forwarded(message.body.get("Phn", ""))
        case Command.TO_VOICEMAIL:
            return ToVoicemail()
        case Command.REJECT:
            return Rejected()
        case _:
            return None


def reply_of(message: RcMessage) -> Reply | None:
    """The reply of command 14; None for another command, or a reply that cannot be read."""
    if message.command != Command.REPLY:
        return None
    try:
        return Reply.from_body(message.body)
    except MalformedMessage:
        return None


def call_info(session: Session, shown: Party) -> str:
    """`p-rc-api-call-info` of a queue call."""
    caller = shown.name or shown.number
    return (
        f"callAttributes=queue-call,reject;callerIdName={caller};displayInfo={session.to_name};"
        f"displayInfoSub={shown.number};queueName={session.to_name}"
    )
