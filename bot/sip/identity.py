"""Who we are on the wire, and the numbers that must not repeat: tags, branches, Call-IDs, CSeq."""

from __future__ import annotations

import random
import re
import string
from collections.abc import Mapping

from bot.errors import MalformedMessage
from bot.sip.messages import Request, make_headers

__all__ = ["USER_AGENT", "Identity"]

USER_AGENT = "callbot"
_LETTERS = string.ascii_lowercase + string.digits


class Identity:
    """One user agent instance (RFC 5626 §4.1) on one transport.

    The CSeq numbers are one sequence for all requests, as the vendor's server and SDK expect: they match
    responses by that number. `rng` is where everything random comes from.
    """

    def __init__(self, username: str, domain: str, *, transport: str = "WSS", rng: random.Random) -> None:
        self.domain = domain
        self.address = f"<sip:{username}@{domain}>"
        self._rng = rng
        self._transport = transport.upper()
        self._host = f"{self._random(12)}.invalid"
        self.contact = f"<sip:{self._random(10)}@{self._host};transport={transport.lower()}>"
        self._cseq = rng.randrange(1, 10_000)

    def new_tag(self) -> str:
        return self._random(10)

    def new_call_id(self) -> str:
        return self._random(22)

    def next_cseq(self) -> int:
        self._cseq += 1
        return self._cseq

    def new_via(self) -> str:
        """A Via with a branch of its own (RFC 3261 §8.1.1.7), at a host that cannot be reached (RFC 7118 §5.2)."""
        return f"SIP/2.0/{self._transport} {self._host};branch=z9hG4bK{self._random(14)}"

    def request(
        self,
        method: str,
        uri: str,
        *,
        call_id: str,
        from_: str,
        to: str,
        headers: Mapping[str, str] | None = None,
        body: str = "",
    ) -> Request:
        """A new request with a Via and CSeq of its own.

        Raises:
            MalformedMessage: one of the values would break the message.
        """
        if not re.fullmatch(r"[^\s\x00-\x1f]+", uri):
            raise MalformedMessage(f"not a request URI: {uri[:40]!r}")
        return Request(
            method,
            uri,
            headers=make_headers(
                {
                    "Via": self.new_via(),
                    "Max-Forwards": "70",
                    "From": from_,
                    "To": to,
                    "Call-ID": call_id,
                    "CSeq": f"{self.next_cseq()} {method}",
                    "User-Agent": USER_AGENT,
                    **(headers or {}),
                }
            ),
            body=body,
        )

    def again(self, request: Request, headers: Mapping[str, str]) -> Request:
        """The same request once more, with these headers added and a Via and CSeq of its own (RFC 3261 §22.2)."""
        copy = Request(request.method, request.uri, body=request.body)
        for name in request.headers.keys():  # noqa: SIM118 - Headers is not a mapping
            copy.headers.setlist(name, list(request.headers.getlist(name)))
        copy.headers.set("Via", self.new_via())
        copy.headers.set("CSeq", f"{self.next_cseq()} {request.method}")
        for name, value in headers.items():
            copy.headers.set(name, value)
        return copy

    def _random(self, length: int) -> str:
        return "".join(self._rng.choices(_LETTERS, k=length))
