"""What it takes to register a phone: the vendor's `sipInfo`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from bot.errors import ConfigError

__all__ = ["SipInfo"]

_NAMES = {
    "username": "username",
    "password": "password",
    "authorization_id": "authorizationId",
    "domain": "domain",
    "outbound_proxy": "outboundProxy",
    "outbound_proxy_backup": "outboundProxyBackup",
    "transport": "transport",
}
_REQUIRED = ("username", "password", "authorizationId", "domain", "outboundProxy")


@dataclass(frozen=True, slots=True)
class SipInfo:
    """The answer of the vendor's sip-provision, as far as a phone needs it.

    `outbound_proxy` and its backup are `host:port`; `stun_servers` too. `transport` is WSS, or WS for a
    server without TLS. `switch_back_interval` is how many seconds to stay on the backup proxy.
    """

    username: str
    password: str = field(repr=False)
    authorization_id: str
    domain: str
    outbound_proxy: str
    outbound_proxy_backup: str = ""
    stun_servers: tuple[str, ...] = ()
    transport: str = "WSS"
    switch_back_interval: float | None = None

    @classmethod
    def from_json(cls, value: Mapping[str, object]) -> SipInfo:
        """Read the vendor's JSON object.

        Raises:
            ConfigError: something that a phone cannot do without is missing or of the wrong type.
        """
        missing = [name for name in _REQUIRED if not value.get(name)]
        if missing:
            raise ConfigError(f"sip info without {', '.join(missing)}")
        texts = {ours: value.get(theirs) or "" for ours, theirs in _NAMES.items()}
        wrong = [_NAMES[name] for name, text in texts.items() if not isinstance(text, str)]
        stun, interval = value.get("stunServers") or [], value.get("switchBackInterval")
        if not isinstance(stun, list | tuple) or not all(isinstance(server, str) for server in stun):
            wrong.append("stunServers")
            stun = []
        if interval is not None and not isinstance(interval, int | float):
            wrong.append("switchBackInterval")
        if wrong:
            raise ConfigError(f"sip info with a wrong type of {', '.join(wrong)}")
        transport = str(texts.pop("transport") or "WSS").upper()
        if transport not in ("WSS", "WS"):
            raise ConfigError(
                f"sip info for transport {transport}, and a phone speaks WSS",
                hint="ask sip-provision for transport WSS",
            )
        return cls(
            **{name: str(text) for name, text in texts.items()},
            transport=transport,
            stun_servers=tuple(str(server) for server in stun),
            switch_back_interval=float(interval) if isinstance(interval, int | float) else None,
        )

    def to_json(self) -> dict[str, object]:
        """The vendor's form, password included: for a file that only its owner reads."""
        made: dict[str, object] = {theirs: getattr(self, ours) for ours, theirs in _NAMES.items()}
        made["authorizationTypes"] = ["SipDigest"]
        made["stunServers"] = list(self.stun_servers)
        if self.switch_back_interval is not None:
            made["switchBackInterval"] = self.switch_back_interval
        return made

    @property
    def urls(self) -> tuple[str, ...]:
        """Where to connect, in order of preference."""
        proxies = filter(None, (self.outbound_proxy, self.outbound_proxy_backup))
        return tuple(f"{self.transport.lower()}://{proxy}" for proxy in proxies)
