"""Was an outbound call really answered? What the audio tells, because the SIP 200 tells nothing.

The phone system answers every outbound INVITE at once. So the ringback, busy and special information tones that
come back are listened for, and then speech: `AnswerWatch` is fed frame by frame and says when it knows something.
"""

from __future__ import annotations

from bot.calls.state import Disposition
from bot.media import Pcm
from bot.media.progress import CallProgress, Progress

__all__ = ["RINGBACK_GAP", "AnswerWatch"]

RINGBACK_GAP = 5.0
"""Seconds. The longest silence inside a ringback cadence is 4 s: after more than that, it has stopped."""

_REFUSALS: dict[Progress, Disposition] = {
    Progress.BUSY: "busy",
    Progress.REORDER: "failed",
    Progress.SIT: "invalid",
}


class AnswerWatch:
    """Follows the audio of one outbound call until it is answered or refused."""

    __slots__ = ("_detector", "answered", "refused", "ringing")

    def __init__(self) -> None:
        self._detector = CallProgress()
        self.ringing = False
        self.answered = False
        self.refused: Disposition | None = None

    def feed(self, frame: Pcm) -> str | None:
        """Take one frame of 20 ms; a word when it tells something new: ringback, busy, speech, …"""
        if self.answered or self.refused:
            return None
        found = self._detector.feed(frame)
        kind = found.kind if found else None
        if kind is Progress.RINGBACK:
            self.ringing = True
            return "ringback"
        if kind is not None and kind in _REFUSALS:
            self.refused = _REFUSALS[kind]
            return str(kind.value)
        if kind is Progress.SPEECH_START:
            self.answered = True
            return "speech"
        if self.ringing and self._detector.since_tone > RINGBACK_GAP:
            self.answered = True
            return "ringback stopped"
        return None
