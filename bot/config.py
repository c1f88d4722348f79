"""Every setting of the bot: one model, with defaults, descriptions and checks.

The file is YAML; secrets may come from the environment instead (`RINGCENTRAL_CLIENT_ID`, `RINGCENTRAL_CLIENT_SECRET`,
`RINGCENTRAL_JWT_TOKEN`, `RINGCENTRAL_SERVER_URL`), which wins over the file.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator

from bot.errors import ConfigError
from bot.yaml12 import read_model

__all__ = [
    "ENVIRONMENT",
    "Account",
    "Config",
    "LogSettings",
    "MediaSettings",
    "PhoneSettings",
    "QueueSettings",
    "RegistrationSettings",
    "SandboxSettings",
    "SpeechSettings",
    "load_config",
]


class Settings(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Account(Settings):
    """A RingCentral account, reached with a JWT."""

    server: str = Field("https://platform.ringcentral.com", description="the platform's REST address")
    client_id: str = Field("", description="of the app; or RINGCENTRAL_CLIENT_ID")
    client_secret: SecretStr = Field(SecretStr(""), description="of the app; or RINGCENTRAL_CLIENT_SECRET")
    jwt: SecretStr = Field(SecretStr(""), description="of the user who is the phone; or RINGCENTRAL_JWT_TOKEN")


class PhoneSettings(Settings):
    """One web phone that the bot is."""

    name: str = Field(description="what logs and flows call it")
    extension: str = Field("", description="its extension number")
    jwt: SecretStr = Field(SecretStr(""), description="its own user's JWT, where it is not the account's")
    instance_id: str = Field("", description="the device's id (RFC 5626); made once and kept when empty")
    caller_id: str = Field("", description="the number that its outbound calls show")


class QueueSettings(Settings):
    """A call queue whose agents are watched, so that flows can ask `queue.NAME.free_agents`."""

    id: str = Field("", description="the platform's id of the queue; its extension number is looked up when empty")
    extension: str = Field("", description="its extension number")


class SpeechSettings(Settings):
    """How the bot speaks."""

    voice: str = Field("", description="a voice of the speech engine; its default when empty")
    rate: int = Field(0, ge=0, le=500, description="words a minute; the engine's default when 0")


class MediaSettings(Settings):
    """The audio of calls."""

    codecs: tuple[Literal["PCMU", "PCMA", "opus"], ...] = Field(
        ("PCMU", "opus"), description="in order of preference"
    )
    loopback: bool = Field(False, description="only for a phone system on this machine: media stays on 127.0.0.1")
    ice_timeout: float = Field(10.0, gt=0, description="seconds until audio must be up")


class SandboxSettings(Settings):
    """The sandbox that the bot starts when it has no account."""

    people: tuple[Path, ...] = Field((), description="folders of people; those that come with it when empty")


class RegistrationSettings(Settings):
    """What happens at the start when five phones of an extension are registered already."""

    wait: float = Field(180.0, ge=0, description="seconds to wait for a free place; with 0 the bot ends at once")
    pause: float = Field(30.0, gt=0, description="seconds between two attempts")


class LogSettings(Settings):
    """What is logged, on the error output."""

    level: Literal["debug", "info", "warning", "error"] = Field("warning", description="the least that is logged")
    form: Literal["text", "json"] = Field("text", description="lines for people, or one JSON object a line")
    sip: bool = Field(False, description="log every SIP message, secrets masked (needs level debug)")


class Config(Settings):
    """The whole configuration. Relative paths are relative to the file's folder."""

    account: Literal["sandbox", "ringcentral"] = Field("sandbox", description="which phone system the bot works on")
    ringcentral: Account = Account()
    sandbox: SandboxSettings = SandboxSettings()
    phones: tuple[PhoneSettings, ...] = Field(min_length=1, description="the phones that the bot is")
    flows: Path = Field(Path("flows"), description="the folder of flows")
    campaigns: Path = Field(Path("flows/campaigns"), description="the folder of campaigns")
    plugins: Path = Field(Path("plugins"), description="the folder of plugins")
    state: Path = Field(Path(".bot"), description="where the database and the caches live")
    database: str = Field("", description="a database URL; SQLite in the state folder when empty")
    agents: tuple[str, ...] = Field((), description="extensions whose calls are watched, for supervision")
    queues: dict[str, QueueSettings] = Field({}, description="call queues by the name that flows use")
    park_locations: dict[str, str] = Field({}, description="park locations: the name that flows use, and the id")
    directory: dict[str, str] = Field({}, description="names that flows may use for numbers, such as a mailbox")
    vars: dict[str, Any] = Field({}, description="values for flows: vars.NAME")
    speech: SpeechSettings = SpeechSettings()
    media: MediaSettings = MediaSettings()
    registration: RegistrationSettings = RegistrationSettings()
    log: LogSettings = LogSettings()

    @field_validator("phones")
    @classmethod
    def _names_differ(cls, phones: tuple[PhoneSettings, ...]) -> tuple[PhoneSettings, ...]:
        names = [phone.name for phone in phones]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"two phones are called {', '.join(twice)}")
        return phones

    def database_url(self) -> str:
        return self.database or f"sqlite+aiosqlite:///{self.state / 'bot.sqlite3'}"


ENVIRONMENT: Mapping[str, str] = {
    "RINGCENTRAL_SERVER_URL": "server",
    "RINGCENTRAL_CLIENT_ID": "client_id",
    "RINGCENTRAL_CLIENT_SECRET": "client_secret",
    "RINGCENTRAL_JWT_TOKEN": "jwt",
}
"""The environment variables that are read, and the setting of `ringcentral` that each wins over."""


def load_config(path: Path, environment: Mapping[str, str] | None = None) -> Config:
    """Read the configuration file; secrets in `environment` (the process's by default) win over it.

    Raises:
        ConfigError: there is no such file, or an account has no credentials.
        FileProblems: every mistake in it, with its place.
    """
    if path.is_dir():
        raise ConfigError(f"{path} is a folder, not a configuration file", hint=f"name the file in it: {path}/…")
    if not path.is_file():
        raise ConfigError(f"there is no configuration file {path}", hint="copy config.example.yaml, or use --config")
    config = read_model(path, Config)
    found = os.environ if environment is None else environment
    secrets = {field: found[name] for name, field in ENVIRONMENT.items() if found.get(name)}
    account = Account.model_validate({**_plain(config.ringcentral), **secrets})
    folder = path.parent
    config = config.model_copy(
        update={
            "ringcentral": account,
            "flows": folder / config.flows,
            "campaigns": folder / config.campaigns,
            "plugins": folder / config.plugins,
            "state": folder / config.state,
            "sandbox": SandboxSettings(people=tuple(folder / path for path in config.sandbox.people)),
        }
    )
    _check_credentials(config)
    return config


def _plain(account: Account) -> dict[str, Any]:
    return {name: getattr(account, name) for name in Account.model_fields}


def _check_credentials(config: Config) -> None:
    if config.account != "ringcentral":
        return
    account = config.ringcentral
    missing = [
        name
        for name, field in ENVIRONMENT.items()
        if field in ("client_id", "client_secret") and not _text(getattr(account, field))
    ]
    if not account.jwt.get_secret_value() and not all(phone.jwt.get_secret_value() for phone in config.phones):
        missing.append("RINGCENTRAL_JWT_TOKEN")
    if missing:
        raise ConfigError(
            f"the RingCentral account has no {', '.join(missing)}",
            hint="set them in the environment, or under ringcentral: in the configuration file",
        )


def _text(value: str | SecretStr) -> str:
    return value.get_secret_value() if isinstance(value, SecretStr) else value
