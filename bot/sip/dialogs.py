"""Dialogs: who talks with whom under which tags (RFC 3261 §12), without I/O.

Two dialects are spoken. The vendor's server wants in-dialog requests at the address of the peer, and the ACK
with the INVITE's own Via. A server that puts itself into the path with Record-Route is a standard one: then the
rules of RFC 3261 §12.2.1.1 and §13.2.2.4 hold (Contact as target, Route headers, an ACK with a Via of its own).
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field

from bot.errors import IllegalTransition
from bot.sip.identity import Identity
from bot.sip.messages import Message, Request, Response, address_of, tag_of, with_tag

__all__ = ["TABLE", "Dialog", "DialogEvent", "DialogState", "notified_status"]


class DialogState(enum.Enum):
    EARLY = "early"
    CONFIRMED = "confirmed"
    TERMINATED = "terminated"


class DialogEvent(enum.Enum):
    PROGRESS = "1xx"
    CONFIRM = "2xx or ACK"
    END = "BYE, CANCEL or refusal"


TABLE: Mapping[tuple[DialogState, DialogEvent], DialogState] = {
    (DialogState.EARLY, DialogEvent.PROGRESS): DialogState.EARLY,
    (DialogState.EARLY, DialogEvent.CONFIRM): DialogState.CONFIRMED,
    (DialogState.EARLY, DialogEvent.END): DialogState.TERMINATED,
    (DialogState.CONFIRMED, DialogEvent.CONFIRM): DialogState.CONFIRMED,
    (DialogState.CONFIRMED, DialogEvent.END): DialogState.TERMINATED,
    (DialogState.TERMINATED, DialogEvent.END): DialogState.TERMINATED,
}


@dataclass(slots=True)
class Dialog:
    """One dialog. `local` and `remote` are From and To values, with the tags as far as they are known."""

    call_id: str
    local: str
    remote: str
    target: str
    routes: tuple[str, ...] = ()
    state: DialogState = field(default=DialogState.EARLY)

    @classmethod
    def incoming(cls, invite: Request, local_tag: str) -> Dialog:
        """The dialog that an INVITE from the peer begins; `local_tag` is what we add to its To."""
        return cls(
            invite.call_id,
            local=with_tag(invite.header("To"), local_tag),
            remote=invite.header("From"),
            target=address_of(invite.header("Contact")),
            routes=tuple(_record_route(invite)),
        )

    @classmethod
    def outgoing(cls, invite: Request) -> Dialog:
        """The dialog that an INVITE of ours is to begin: the peer's tag comes with `progress` or `confirm`."""
        return cls(invite.call_id, local=invite.header("From"), remote=invite.header("To"), target="")

    @property
    def local_tag(self) -> str:
        return tag_of(self.local)

    @property
    def remote_tag(self) -> str:
        return tag_of(self.remote)

    def move(self, event: DialogEvent) -> None:
        """Change state.

        Raises:
            IllegalTransition: the table has no such move.
        """
        if (self.state, event) not in TABLE:
            raise IllegalTransition(f"dialog: {event.value} in {self.state.value}")
        self.state = TABLE[self.state, event]

    def progress(self, response: Response) -> None:
        """A provisional response with a To tag: the early dialog is known (RFC 3261 §12.1.2)."""
        self.move(DialogEvent.PROGRESS)
        self._learn(response)

    def confirm(self, response: Response | None = None) -> None:
        """The 2xx to our INVITE, or (without a response) the ACK for our 2xx."""
        self.move(DialogEvent.CONFIRM)
        if response is not None:
            self._learn(response)

    def end(self) -> None:
        self.move(DialogEvent.END)

    def _learn(self, response: Response) -> None:
        if response.to_tag:
            self.remote = response.header("To")
        self.target = address_of(response.header("Contact")) or self.target
        self.routes = tuple(reversed(_record_route(response))) or self.routes

    def request(
        self,
        identity: Identity,
        method: str,
        *,
        uri: str = "",
        headers: Mapping[str, str] | None = None,
        body: str = "",
    ) -> Request:
        """A request inside the dialog. `uri` is the vendor's choice; the peer's address when empty."""
        made = identity.request(
            method,
            self._target(uri),
            call_id=self.call_id,
            from_=self.local,
            to=self.remote,
            headers=headers,
            body=body,
        )
        if self.routes:
            made.headers.setlist("Route", list(self.routes))
        return made

    def ack(self, identity: Identity, invite: Request) -> Request:
        """The ACK for a 2xx to `invite`: its CSeq number, and in the vendor's dialect its Via."""
        made = self.request(identity, "ACK")
        made.headers.set("CSeq", f"{invite.cseq} ACK")
        if not self.routes:
            made.headers.set("Via", invite.header("Via"))
        return made

    def _target(self, uri: str) -> str:
        if self.routes and self.target:
            return self.target
        return uri or address_of(self.remote)


def _record_route(message: Message) -> list[str]:
    values = ", ".join(message.headers.getlist("Record-Route"))
    return [route.strip() for route in values.split(",") if route.strip()]


def notified_status(notify: Request) -> tuple[int, str]:
    """The status line in the body of a NOTIFY about a REFER (RFC 3515 §2.4.5), or (0, "")."""
    parts = notify.body.strip().split("\r\n", 1)[0].split("\n", 1)[0].split(" ", 2)
    if len(parts) < 2 or parts[0] != "SIP/2.0" or not (parts[1].isascii() and parts[1].isdigit()):
        return 0, ""
    return int(parts[1][:3]), parts[2].strip() if len(parts) == 3 else ""
