"""The phone system that the bot works on: a RingCentral account, or the sandbox."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass

from pydantic import SecretStr

from bot.clock import Clock
from bot.config import Config
from bot.errors import ConfigError
from bot.media import Speech
from bot.sandbox import SHIPPED, Sandbox, SandboxOptions

__all__ = ["Platform", "account", "open_platform", "sandboxed"]


@dataclass(frozen=True, slots=True)
class Platform:
    """The phone system that the bot works on: where its REST interface is, and who logs in."""

    server: str
    client_id: str
    client_secret: SecretStr
    jwts: Mapping[str, SecretStr]
    """By the phone's name."""
    ssl_context: ssl.SSLContext | None = None
    """None: the machine's trusted certificates."""
    loopback: bool = False
    """It is on this machine, so media stays on 127.0.0.1."""


def account(config: Config) -> Platform:
    """The RingCentral account of the configuration."""
    settings = config.ringcentral
    jwts = {phone.name: phone.jwt if phone.jwt.get_secret_value() else settings.jwt for phone in config.phones}
    return Platform(settings.server, settings.client_id, settings.client_secret, jwts)


def sandboxed(config: Config, sandbox: Sandbox) -> Platform:
    """The sandbox, as an account in which every phone logs in as its extension."""
    described = sandbox.describe()
    jwts = {entry["extension"]: SecretStr(entry["jwt"]) for entry in described["extensions"]}
    unknown = [phone.extension for phone in config.phones if phone.extension not in jwts]
    if unknown:
        raise ConfigError(f"the sandbox has no extension {', '.join(unknown)}", hint="it has 101 to 110")
    return Platform(
        sandbox.rest,
        described["client_id"],
        SecretStr(described["client_secret"]),
        {phone.name: jwts[phone.extension] for phone in config.phones},
        sandbox.ssl_context(),
        loopback=True,
    )


@asynccontextmanager
async def open_platform(config: Config, clock: Clock, speech: Speech) -> AsyncIterator[Platform]:
    """The account, or a sandbox with its people that lives as long as the context."""
    if config.account == "ringcentral":
        yield account(config)
        return
    options = SandboxOptions(people=config.sandbox.people or (SHIPPED,))
    async with Sandbox(options, clock=clock, speech=speech) as sandbox:
        yield sandboxed(config, sandbox)
