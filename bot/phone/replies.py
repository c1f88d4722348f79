"""Callers' answers to text replies: they come after the call is over, tied to it by the SID alone."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, field

from bot.sip.rc import RcMessage, ReplyOutcome, reply_outcome

__all__ = ["ExpectedReply", "Replies"]


@dataclass(slots=True)
class ExpectedReply:
    """One answer that may come."""

    _outcome: asyncio.Future[ReplyOutcome] = field(default_factory=lambda: asyncio.get_running_loop().create_future())

    async def within(self, timeout: float) -> ReplyOutcome:
        """The caller's choice, `none` after `timeout` seconds or when the phone stops."""
        await asyncio.wait({self._outcome}, timeout=timeout)
        return self._outcome.result() if self._outcome.done() else ReplyOutcome("none")

    def settle(self, outcome: ReplyOutcome) -> None:
        if not self._outcome.done():
            self._outcome.set_result(outcome)


class Replies:
    """The answers that a phone waits for, by SID."""

    def __init__(self) -> None:
        self._expected: dict[str, ExpectedReply] = {}

    @contextlib.contextmanager
    def expect(self, sid: str) -> Iterator[ExpectedReply]:
        """Wait for the session close with this SID inside the block: it can overtake the CANCEL."""
        expected = self._expected[sid] = ExpectedReply()
        try:
            yield expected
        finally:
            if self._expected.get(sid) is expected:
                del self._expected[sid]

    def close_received(self, message: RcMessage) -> bool:
        """Take a session close (command 9); whether somebody waited for it."""
        expected = self._expected.get(message.sid)
        if expected is None:
            return False
        expected.settle(reply_outcome(message))
        return True

    def stop(self) -> None:
        """Nothing can come any more."""
        for expected in self._expected.values():
            expected.settle(ReplyOutcome("none"))
