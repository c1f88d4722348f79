"""A headless Chromium for the session: where it is, how it is started, and pages that carry our drivers.

The flags keep everything on this machine: fake devices, loopback candidates that are not hidden behind mDNS names,
certificates that nobody signed, and no traffic of Chromium's own.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

from playwright.async_api import Browser, ConsoleMessage, Page, Route, async_playwright

__all__ = ["Chromium", "DrivenPage", "Missing", "Scripts", "launch", "package_file"]

HERE = Path(__file__).parent
ORIGIN = "http://localhost/"  # a secure context without a certificate; every request is routed, nobody listens there
STEP_LIMIT = 15.0  # seconds for one step of a page; nothing on one machine takes longer

FLAGS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--no-default-browser-check",
    "--autoplay-policy=no-user-gesture-required",
    "--use-fake-device-for-media-stream",
    "--use-fake-ui-for-media-stream",
    "--ignore-certificate-errors",
    "--allow-loopback-in-peer-connection",
    # Candidates as addresses, not as mDNS names; and a page that no server sent may still speak to this machine.
    "--disable-features=WebRtcHideLocalIpsWithMdns,LocalNetworkAccessChecks,LocalNetworkAccessChecksWebSockets,"
    "LocalNetworkAccessChecksWebRTC,MediaRouter,OptimizationHints",
)


class Missing(Exception):
    """Something that the interop tests need is not installed; says what to install."""


def package_file(path: str) -> Path:
    """A file of an npm package below `tests/interop/node_modules`.

    Raises:
        Missing: the packages were not installed.
    """
    found = HERE / "node_modules" / path
    if not found.exists():
        raise Missing(f"{path.split('/', 1)[0]} is not installed: run `npm ci --prefix tests/interop`")
    return found


def chromium_binary() -> str:
    """The Chromium of this machine: `$CHROMIUM`, or the first of the usual names on the path.

    Raises:
        Missing: there is none.
    """
    for name in (os.environ.get("CHROMIUM", ""), "chromium", "chromium-browser", "google-chrome"):
        if name and (found := shutil.which(name)):
            return found
    raise Missing("no Chromium: install Debian's package `chromium`, or set CHROMIUM to its path")


Scripts = tuple[Path | str, ...]
"""Files, or source text."""


class DrivenPage:
    """One page, in a context of its own."""

    def __init__(self, page: Page) -> None:
        self._page = page
        self.errors: list[str] = []
        self.console: list[str] = []
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("console", self._keep)

    def _keep(self, message: ConsoleMessage) -> None:
        self.console.append(message.text)

    async def load(self) -> None:
        self.errors.clear()
        self.console.clear()
        await self._page.goto(ORIGIN)

    async def unload(self) -> None:
        """Ends the document, and with it its sockets, calls and sound."""
        await self._page.goto("about:blank")

    async def run(self, expression: str, argument: Any = None, *, limit: float = STEP_LIMIT) -> Any:
        """Evaluate in the page; a promise is awaited, at most `limit` seconds."""
        try:
            async with asyncio.timeout(limit):
                return await self._page.evaluate(expression, argument)
        except TimeoutError:
            tail = "\n".join((self.errors + self.console)[-20:])
            raise TimeoutError(f"the page did not finish `{expression}` in {limit} s\n{tail}") from None

    async def set_microphone(self, frequency: float, level: float = 0.5) -> None:
        """What this page says from now on: a tone of `frequency` hertz, amplitude 0..1; 0 Hz is silence."""
        await self.run("([hz, level]) => audio.setMicrophone(hz, level)", [frequency, level])

    async def say(self, samples: Sequence[int]) -> None:
        """Say 8 kHz samples into the microphone, to their end."""
        await self.run("(samples) => audio.say(samples)", [int(sample) for sample in samples], limit=60)


class Chromium:
    """The running browser. Its pages are used again, each time with a fresh document: a new one costs a process."""

    def __init__(self, browser: Browser) -> None:
        self._browser = browser
        self._idle: dict[Scripts, list[DrivenPage]] = {}

    @contextlib.asynccontextmanager
    async def page(self, scripts: Scripts) -> AsyncIterator[DrivenPage]:
        """A page with `scripts` loaded in that order; on the way out all that it did is torn down.

        Raises:
            AssertionError: something failed in the page, and nobody caught it there.
        """
        idle = self._idle.setdefault(scripts, [])
        page = idle.pop() if idle else await self._new_page(scripts)
        await page.load()
        try:
            yield page
        finally:
            await page.unload()
        assert not page.errors, f"errors in the page: {page.errors}"
        idle.append(page)

    async def _new_page(self, scripts: Scripts) -> DrivenPage:
        files = {f"{index}.js": script for index, script in enumerate(scripts)}
        tags = "".join(f'<script src="/{name}"></script>' for name in files)
        html = f"<!doctype html><meta charset=utf-8><title>interop</title>{tags}"

        async def serve(route: Route) -> None:
            name = route.request.url.removeprefix(ORIGIN)
            if name in files:
                script = files[name]
                source = script if isinstance(script, str) else script.read_text(encoding="utf-8")
                await route.fulfill(body=source, content_type="text/javascript; charset=utf-8")
            elif name:
                await route.fulfill(status=404)
            else:
                await route.fulfill(body=html, content_type="text/html; charset=utf-8")

        context = await self._browser.new_context(ignore_https_errors=True)
        await context.route(f"{ORIGIN}**", serve)
        return DrivenPage(await context.new_page())


@contextlib.asynccontextmanager
async def launch() -> AsyncIterator[Chromium]:
    """Start the browser, and end it.

    Raises:
        Missing: Chromium is not installed.
    """
    binary = chromium_binary()
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=binary, args=list(FLAGS), timeout=30_000)
        try:
            yield Chromium(browser)
        finally:
            await browser.close()
