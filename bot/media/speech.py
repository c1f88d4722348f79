"""Speech: text to PCM, by eSpeak NG in a process of its own, which can crash or hang without harm to the bot."""

from __future__ import annotations

import asyncio
import json
import os
import select
import subprocess
import sys
import tempfile
from collections import OrderedDict
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import TracebackType

import numpy as np

from bot.errors import SpeechFailed
from bot.log import get_logger
from bot.media.audio import SAMPLE_RATE, Pcm
from bot.media.wav import decode_wav

__all__ = ["Speech"]

log = get_logger(__name__)

_WORKER = Path(__file__).with_name("_speech_worker.py")
_HINT = "check that espeakng-loader and pyttsx3 are installed"

_Key = tuple[str, str, int]


class _WorkerLost(Exception):
    """The worker process died, hung or talked nonsense."""


class _Worker:
    """The process, from the one thread that may use it. `stop` may come from any thread."""

    def __init__(self, limit: float, command: tuple[str, ...]) -> None:
        self._limit = limit
        self._command = command
        self._process: subprocess.Popen[bytes] | None = None
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self._stopped = False

    def speak(self, text: str, voice: str, rate: int) -> bytes:
        """A WAV file. Raises SpeechFailed for what the engine refuses, _WorkerLost when the process is at fault."""
        request = json.dumps({"text": text, "voice": voice, "rate": rate}).encode() + b"\n"
        process = self._running()
        assert process.stdin is not None
        try:
            process.stdin.write(request)
            process.stdin.flush()
            head = json.loads(self._read_line())
            if "error" in head:
                raise SpeechFailed(f"cannot speak: {head['error']}")
            return self._read(int(head["size"]))
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise _WorkerLost(str(error)) from error

    def _running(self) -> subprocess.Popen[bytes]:
        if self._stopped:
            raise SpeechFailed("speech is closed")
        if self._process is None:
            if self._folder is None:
                self._folder = tempfile.TemporaryDirectory(prefix="bot-speech-")
            self._process = subprocess.Popen(  # noqa: S603 - our own file
                [*self._command, self._folder.name],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                bufsize=0,
            )
        return self._process

    def _read_some(self, most: int) -> bytes:
        assert self._process is not None
        assert self._process.stdout is not None
        pipe = self._process.stdout.fileno()
        if not select.select([pipe], [], [], self._limit)[0]:
            raise OSError(f"no reply within {self._limit:g} s")
        chunk = os.read(pipe, most)
        if not chunk:
            raise OSError("the speech process ended")
        return chunk

    def _read_line(self) -> bytes:
        line = b""
        while not line.endswith(b"\n"):
            line += self._read_some(1)
        return line

    def _read(self, size: int) -> bytes:
        data = bytearray()
        while len(data) < size:
            data += self._read_some(min(65536, size - len(data)))
        return bytes(data)

    def kill(self) -> None:
        """Ends the process; the next `speak` starts another."""
        process, self._process = self._process, None
        if process is None:
            return
        process.kill()
        process.wait()
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                pipe.close()

    def interrupt(self) -> None:
        """Makes a `speak` that runs in the other thread fail soon, and later ones at once."""
        self._stopped = True
        if self._process is not None:
            self._process.kill()

    def clean(self) -> None:
        self.kill()
        if self._folder is not None:
            self._folder.cleanup()


class Speech:
    """Text to speech for the whole process; one instance is shared. Also an async context manager.

    `limit`: seconds that one utterance may take before the worker is replaced; `cache_seconds`: how much audio is
    kept; `command` starts the worker. `voice` and `rate` are what `say` takes when it is given none.
    """

    def __init__(
        self,
        *,
        voice: str = "",
        rate: int = 0,
        limit: float = 10.0,
        cache_seconds: float = 600.0,
        command: tuple[str, ...] = (sys.executable, "-P", str(_WORKER)),
    ) -> None:
        self._voice = voice
        self._rate = rate
        self._worker = _Worker(limit, command)
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="speech")
        self._made: OrderedDict[_Key, Pcm] = OrderedDict()
        self._making: dict[_Key, asyncio.Future[Pcm]] = {}
        self._room = round(cache_seconds * SAMPLE_RATE)
        self._closed = False

    async def __aenter__(self) -> Speech:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def say(self, text: str, *, voice: str = "", rate: int = 0) -> Pcm:
        """`text` spoken: 8 kHz, read-only. `voice` is a name or language that eSpeak knows, such as "en-us", "" the
        default; `rate` in words a minute, 0 the default.

        Raises SpeechFailed for an unknown voice, or when the engine fails twice.
        """
        if self._closed:
            raise SpeechFailed("speech is closed")
        key = (text.strip(), voice or self._voice, rate or self._rate)
        if not key[0]:
            return np.zeros(0, dtype=np.int16)
        if key in self._made:
            self._made.move_to_end(key)
            return self._made[key]
        making = self._making.get(key)
        if making is None:
            making = asyncio.get_running_loop().run_in_executor(self._thread, self._make, key)
            self._making[key] = making
            making.add_done_callback(lambda future: self._finished(key, future))
        # Who gives up does not stop it: another may wait for the same words, and they are kept for the next time.
        return await asyncio.shield(making)

    def _make(self, key: _Key) -> Pcm:
        try:
            return self._decoded(self._worker.speak(*key))
        except _WorkerLost as error:
            log.warning("speech_worker_lost", error=str(error))
            self._worker.kill()
        try:
            return self._decoded(self._worker.speak(*key))
        except _WorkerLost as error:
            self._worker.kill()
            raise SpeechFailed(f"the speech engine failed: {error}", hint=_HINT) from error

    def _decoded(self, wav: bytes) -> Pcm:
        try:
            pcm = decode_wav(wav)
        except ValueError as error:
            raise _WorkerLost(str(error)) from error
        pcm.flags.writeable = False
        return pcm

    def _finished(self, key: _Key, future: asyncio.Future[Pcm]) -> None:
        self._making.pop(key, None)
        if future.cancelled() or future.exception() is not None:
            return
        self._made[key] = future.result()
        while len(self._made) > 1 and sum(len(pcm) for pcm in self._made.values()) > self._room:
            self._made.popitem(last=False)

    async def close(self) -> None:
        """Ends the worker; who waits for words gets SpeechFailed."""
        if self._closed:
            return
        self._closed = True
        self._worker.interrupt()
        await asyncio.gather(*self._making.values(), return_exceptions=True)
        self._thread.shutdown(wait=True)
        self._worker.clean()
