"""A dialog with a phone, seen from the server: who is who in it, and requests that belong to it (RFC 3261 §12)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from bot.sandbox.wire.connection import Connection
from bot.sip.messages import Request, Response, make_headers

__all__ = ["TRANSACTION", "Dialog", "Numbers"]

TRANSACTION = 5.0
"""Seconds that a phone has to answer a request other than INVITE."""


class Numbers:
    """CSeq numbers, branches and Call-Ids of the server.

    The vendor's client matches replies by the CSeq number alone, so the server's numbers start above all of the
    client's and are never used twice.
    """

    def __init__(self, host: str, random_bits: Callable[[int], int]) -> None:
        self._host = host
        self._bits = random_bits
        self._cseq = 1_000_001 + random_bits(28)

    def next_cseq(self) -> int:
        self._cseq += 1
        return self._cseq

    def via(self) -> str:
        return f"SIP/2.0/WSS {self._host};branch=z9hG4bK-{self._bits(64):016x}"

    def call_id(self) -> str:
        return f"{self._bits(96):024x}"

    def tag(self) -> str:
        return f"{self._bits(64):016x}"


@dataclass(slots=True)
class Dialog:
    """`local` and `remote` are the From and To values of the server's requests, tags included."""

    connection: Connection
    numbers: Numbers
    call_id: str
    local: str
    remote: str
    target: str
    """The request URI: the phone's Contact."""

    def request(
        self,
        method: str,
        headers: Mapping[str, str] | None = None,
        body: str = "",
        *,
        cseq: int = 0,
        via: str = "",
    ) -> Request:
        made = Request(method, self.target, body=body)
        made.headers = make_headers(
            {
                "Via": via or self.numbers.via(),
                "From": self.local,
                "To": self.remote,
                "Call-Id": self.call_id,
                "CSeq": f"{cseq or self.numbers.next_cseq()} {method}",
                "Max-Forwards": "70",
                **(headers or {}),
            }
        )
        return made

    async def transact(
        self, method: str, headers: Mapping[str, str] | None = None, body: str = ""
    ) -> Response | None:
        """Send a request in the dialog and wait for its final response; None when none came."""
        return await self.connection.transact(self.request(method, headers, body), TRANSACTION)

    def acknowledge(self, response: Response, body: str = "") -> None:
        """ACK a final response to an INVITE of ours; `body` is the answer to an offer in it."""
        headers = {"Content-Type": "application/sdp"} if body else None
        via = response.header("Via") if response.status >= 300 else ""
        self.connection.send(self.request("ACK", headers, body, cseq=response.cseq, via=via))
