"""SIP as it went over the wire, read without the code under test: frames, and their short names."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

__all__ = ["Frame", "dialog", "labels"]


@dataclass(frozen=True, slots=True)
class Frame:
    """One SIP message in one WebSocket frame."""

    direction: Literal["in", "out"]
    text: str

    @property
    def start_line(self) -> str:
        return self.text.split("\r\n", 1)[0]

    @property
    def body(self) -> str:
        return self.text.partition("\r\n\r\n")[2]

    def header(self, name: str) -> str:
        """The value of the first header of that name, whatever its case; "" when it is not there."""
        head = self.text.partition("\r\n\r\n")[0]
        found = re.search(rf"^{re.escape(name)}\s*:\s*(.*?)\r?$", head, re.IGNORECASE | re.MULTILINE)
        return found.group(1) if found else ""

    @property
    def label(self) -> str:
        """`out INVITE`, `in 183 INVITE`, `out MESSAGE 17` (its Cmd), `in INFO callpark` (its command)."""
        words = self.start_line.split(" ")
        if words[0].startswith("SIP/"):
            return f"{self.direction} {words[1]} {self.header('CSeq').split()[-1]}"
        return " ".join(filter(None, (self.direction, words[0], self._command(words[0]))))

    def _command(self, method: str) -> str:
        if method == "MESSAGE":
            found = re.search(r'\bCmd="(\d+)"', self.body)
            return found.group(1) if found else "?"
        if method == "INFO" and self.body.strip():
            content = json.loads(self.body)
            return str((content.get("request") or content["response"])["command"])
        return ""


def dialog(frames: Sequence[Frame], call_id: str) -> list[Frame]:
    """The frames of one Call-Id."""
    return [frame for frame in frames if frame.header("Call-ID") == call_id]


def labels(frames: Sequence[Frame]) -> list[str]:
    return [frame.label for frame in frames]
