"""Bringing the phones up: log in, fetch the sip info, register, and watch the platform's events."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from bot.app.platform import Platform
from bot.calls import Calls, PlatformWatch, Watched
from bot.clock import Clock
from bot.config import Config, PhoneSettings, RegistrationSettings
from bot.errors import BotError, CertificateNotTrusted, ConnectionFailed, RegistrationFailed, TooManyContacts
from bot.log import get_logger
from bot.media import MediaEngine
from bot.phone import Phone, RegistrationLost, SipInfo
from bot.ringcentral import Provision, Provisioner, RestClient

__all__ = ["PhoneStarter", "owned_tasks"]

log = get_logger(__name__)

EVENTS_LIMIT = 15.0
"""Seconds that the start waits for the platform's events."""


@dataclass(frozen=True, slots=True)
class PhoneStarter:
    """Starts the configured phones. `device` tells them from those of another bot with the same configuration."""

    config: Config
    platform: Platform
    calls: Calls
    media: MediaEngine
    clock: Clock
    device: str = ""

    async def start(self, stack: AsyncExitStack) -> dict[str, Phone]:
        """Bring up every phone and the platform's events; `stack` undoes all of it.

        Raises:
            BotError: a login, a registration or the look-up of what is watched failed.
        """
        clients: dict[str, RestClient] = {}
        phones: dict[str, Phone] = {}
        extensions: list[str] = []
        for settings in self.config.phones:
            jwt = self.platform.jwts[settings.name]
            key = jwt.get_secret_value()
            if key not in clients:
                clients[key] = await stack.enter_async_context(self._client(jwt))
            phones[settings.name], extension = await self._start_phone(stack, settings, clients[key])
            extensions.append(extension)
        await self._watch(stack, next(iter(clients.values())), extensions)
        return phones

    def _client(self, jwt: SecretStr) -> RestClient:
        platform = self.platform
        return RestClient(platform.server, platform.client_id, platform.client_secret, jwt, clock=self.clock)

    async def _start_phone(
        self, stack: AsyncExitStack, settings: PhoneSettings, rest: RestClient
    ) -> tuple[Phone, str]:
        """One phone, registered, and its extension. A sip info that is refused is asked for anew, once."""
        provisioner = Provisioner(rest, self.config.state / "sip-info")
        provision = await provisioner.provision(settings.name)
        try:
            return await self._register(stack, settings, provision)
        except (RegistrationFailed, ConnectionFailed) as error:
            if not _stale(error, provision):
                raise
            log.warning("sip info refused", phone=settings.name, error=str(error))
        provision = await provisioner.provision(settings.name, refused=provision)
        return await self._register(stack, settings, provision)

    async def _register(
        self, stack: AsyncExitStack, settings: PhoneSettings, provision: Provision
    ) -> tuple[Phone, str]:
        extension = provision.extension_number or settings.extension
        instance_id = "" if self.device else settings.instance_id
        phone = Phone(
            SipInfo.from_json(provision.sip_info),
            self.media,
            name=settings.name,
            instance_id=instance_id or _instance_id(self.config.state, settings.name + self.device),
            ssl_context=self.platform.ssl_context,
            clock=self.clock,
            on_event=self.calls.phone_event,
            sip_log=_log_sip if self.config.log.sip else None,
        )
        self.calls.add_phone(phone, extension, settings.caller_id)
        stack.push_async_callback(phone.stop)
        try:
            await self._come_up(phone)
        except BotError as error:
            log.error("phone not registered", phone=settings.name, error=str(error))
            raise
        return phone, extension

    async def _come_up(self, phone: Phone) -> None:
        """Register. While five phones of the extension are registered already, wait for one of them to go: that of a
        bot which ended without a word is forgotten within two minutes (wire notes, §2).

        Raises:
            TooManyContacts: none did within the configured time.
            BotError: whatever `Phone.start` raises.
        """
        limits = self.config.registration
        left = limits.wait
        while True:
            try:
                await phone.start()
                return
            except TooManyContacts as error:
                if left <= 0:
                    raise
                pause = min(limits.pause, left)
                log.warning("five phones are registered already", phone=phone.name, again_in=round(pause))
                if left == limits.wait:
                    self.calls.phone_event(RegistrationLost(phone.name, _waiting(limits, error)))
            await self.clock.sleep(pause)
            left -= pause

    async def _watch(self, stack: AsyncExitStack, rest: RestClient, extensions: Iterable[str]) -> None:
        config = self.config
        watched = Watched(
            phones=tuple(number for number in extensions if number),
            agents=config.agents,
            queues={name: queue.id or queue.extension for name, queue in config.queues.items()},
            park_locations=config.park_locations,
        )
        watch = PlatformWatch(self.calls, rest, watched, clock=self.clock)
        await watch.prepare()
        spawn = await stack.enter_async_context(owned_tasks())
        spawn(_watching(watch), "platform events")
        await _wait_for_events(watch)


def _stale(error: BotError, provision: Provision) -> bool:
    """Whether a fresh sip info may help: the registrar does not know these credentials, or is not there any more."""
    if isinstance(error, RegistrationFailed):
        return error.status in (401, 403, *provision.retry_codes)
    return not isinstance(error, CertificateNotTrusted)


def _waiting(limits: RegistrationSettings, error: TooManyContacts) -> TooManyContacts:
    """What the story says while a place is waited for."""
    rhythm = f"trying again every {limits.pause:g} s, {limits.wait:g} s at most"
    return TooManyContacts(
        f"five phones of this extension are registered; {rhythm}", status=error.status, reason=error.reason
    )


def _instance_id(state: Path, phone: str) -> str:
    """The device's id: made once, and the same after every restart (RFC 5626, section 4.1)."""
    path = state / f"instance-{phone}"
    if not path.exists():
        path.write_text(str(uuid.uuid4()))
    return path.read_text().strip()


def _log_sip(direction: str, text: str) -> None:
    log.debug("sip", direction=direction, message=text)


async def _wait_for_events(watch: PlatformWatch) -> None:
    """Events are good to have from the first call on; but a bot without them is better than none."""
    try:
        async with asyncio.timeout(EVENTS_LIMIT):
            await watch.ready()
    except (TimeoutError, BotError) as error:
        log.error("no platform events yet", error=str(error) or f"nothing within {EVENTS_LIMIT:.0f} s")


async def _watching(watch: PlatformWatch) -> None:
    """Without the platform's events the phones still work; answers are then told by the audio alone."""
    try:
        await watch.run()
    except BotError as error:
        log.error("platform events lost for good", error=str(error))


@asynccontextmanager
async def owned_tasks() -> AsyncIterator[Callable[[Coroutine[Any, Any, None], str], None]]:
    """A function that starts tasks, which are cancelled and awaited when the context is left."""
    tasks: set[asyncio.Task[None]] = set()

    def spawn(work: Coroutine[Any, Any, None], name: str) -> None:
        task = asyncio.create_task(work, name=name)
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    try:
        yield spawn
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
