"""The web phones of the extensions, as `sip-provision` hands them out."""

from __future__ import annotations

import itertools
from typing import Any

from bot.sandbox.model import Extension
from bot.sandbox.switch import Switch

__all__ = ["Devices", "sip_info"]


def sip_info(
    extension: Extension, authorization_id: str, password: str, *, domain: str, proxy: str
) -> dict[str, Any]:
    """One entry of `sipInfo[]`: what a web phone registers with. `proxy` is `host:port`."""
    return {
        "transport": "WSS",
        "username": extension.username,
        "password": password,
        "authorizationTypes": ["SipDigest"],
        "authorizationId": authorization_id,
        "domain": domain,
        "outboundProxy": proxy,
        "outboundProxyBackup": proxy,
        "stunServers": [],
    }


class Devices:
    """All devices by their id; asking again with the id of a known one gives the same credentials."""

    def __init__(self, switch: Switch, proxy: str) -> None:
        self._switch = switch
        self._proxy = proxy
        self._known: dict[tuple[str, str], tuple[str, str]] = {}
        self._numbers = itertools.count(1)

    def provision(self, extension: Extension, device_id: str = "") -> dict[str, Any]:
        """The reply of `sip-provision` for a device; a new one unless `device_id` is one of the extension's."""
        credentials = self._known.get((extension.id, device_id))
        if credentials is None:
            device_id = f"80{extension.id}{next(self._numbers):03d}"
            credentials = self._known[extension.id, device_id] = self._switch.provision(extension.number)
        domain = self._switch.options.domain
        return {
            "sipInfo": [sip_info(extension, *credentials, domain=domain, proxy=self._proxy)],
            "device": {
                "id": device_id,
                "type": "WebPhone",
                "status": "Online",
                "extension": {"id": extension.id, "extensionNumber": extension.number},
            },
            "sipFlags": {"voipFeatureEnabled": True, "outboundCallsEnabled": True, "voipCountryBlocked": False},
            "sipErrorCodes": ["408", "503"],
        }
