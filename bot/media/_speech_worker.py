"""The process that speaks: pyttsx3 over the packaged eSpeak NG, one utterance at a time.

Run as a file of its own, so that it loads nothing else of the bot, with a folder for its files. It reads one JSON
object a line (`{"text", "voice", "rate"}`) and answers each with a line of JSON (`{"size"}` or `{"error"}`) and,
after a size, as many octets of a WAV file. Anything that a library prints goes to stderr.

What is known about pyttsx3 2.99 here: the library's data path must be set before the first import and the library be
loaded with its symbols visible; a property that was set may miss the next utterance and a file may stay empty, unless
the engine is synchronised before; only the last of several queued utterances is made.
"""

from __future__ import annotations

import ctypes
import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import espeakng_loader

os.environ["ESPEAK_DATA_PATH"] = str(espeakng_loader.get_data_path())
ctypes.CDLL(str(espeakng_loader.get_library_path()), mode=ctypes.RTLD_GLOBAL)

import pyttsx3  # noqa: E402 - only after the library is there
from pyttsx3.drivers import _espeak  # noqa: E402

if TYPE_CHECKING:
    from typing import BinaryIO

_WAV_HEADER = 44
_ATTEMPTS = 3


class Speaker:
    """The one engine of this process."""

    def __init__(self, folder: Path) -> None:
        self._engine = pyttsx3.init("espeak")
        self._path = folder / "utterance.wav"
        self._voice = self._engine.getProperty("voice")
        self._rate = self._engine.getProperty("rate")

    def speak(self, text: str, voice: str, rate: int) -> bytes:
        """A WAV file. Raises ValueError for an unknown voice, RuntimeError when nothing comes out."""
        for _attempt in range(_ATTEMPTS):
            self._path.unlink(missing_ok=True)
            self._engine.setProperty("voice", self._known(voice) if voice else self._voice)
            self._engine.setProperty("rate", rate or self._rate)
            _espeak.Synchronize()
            self._engine.save_to_file(text, str(self._path))
            self._engine.runAndWait()
            data = self._path.read_bytes() if self._path.exists() else b""
            if len(data) > _WAV_HEADER:
                return data
        raise RuntimeError("the speech engine made no sound")

    def _known(self, wanted: str) -> str:
        """The identifier of a voice given by identifier, name or language."""
        lower = wanted.lower()
        for voice in self._engine.getProperty("voices"):
            names = [voice.id, voice.id.rsplit("/", 1)[-1], voice.name, *voice.languages]
            if lower in (str(name).lower() for name in names):
                return str(voice.id)
        raise ValueError(f"there is no voice {wanted!r}")


def serve(speaker: Speaker, requests: BinaryIO, replies: BinaryIO) -> None:
    """Answers until `requests` ends."""
    for line in requests:
        request = json.loads(line)
        head: dict[str, int | str]
        try:
            sound = speaker.speak(request["text"], request["voice"], request["rate"])
            head = {"size": len(sound)}
        except (ValueError, RuntimeError, OSError) as error:
            sound, head = b"", {"error": str(error)}
        replies.write(json.dumps(head).encode() + b"\n" + sound)
        replies.flush()


def main() -> None:
    replies = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    serve(Speaker(Path(sys.argv[1])), sys.stdin.buffer, replies)


if __name__ == "__main__":
    main()
