"""The web phones of the extensions, as `sip-provision` hands them out."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

from bot.sandbox.switch.model import Extension
from bot.sandbox.switch.switch import Switch

__all__ = ["Devices", "SipInfo"]

SipInfo = Callable[[str, str], dict[str, Any]]
"""The vendor's JSON (one entry of `sipInfo[]`) for an extension number and an authorizationId, or the extension's
first device when that is empty."""


class Devices:
    """All devices by their id; asking again with the id of a known one gives the same credentials."""

    def __init__(self, switch: Switch, sip_info: SipInfo) -> None:
        self._switch = switch
        self._sip_info = sip_info
        self._known: dict[tuple[str, str], str] = {}
        self._numbers = itertools.count(1)

    def provision(self, extension: Extension, device_id: str = "") -> dict[str, Any]:
        """The reply of `sip-provision` for a device; a new one unless `device_id` is one of the extension's."""
        authorization_id = self._known.get((extension.id, device_id))
        if authorization_id is None:
            device_id = f"80{extension.id}{next(self._numbers):03d}"
            authorization_id, _password = self._switch.provision(extension.number)
            self._known[extension.id, device_id] = authorization_id
        return {
            "sipInfo": [self._sip_info(extension.number, authorization_id)],
            "device": {
                "id": device_id,
                "type": "WebPhone",
                "status": "Online",
                "extension": {"id": extension.id, "extensionNumber": extension.number},
            },
            "sipFlags": {"voipFeatureEnabled": True, "outboundCallsEnabled": True, "voipCountryBlocked": False},
            "sipErrorCodes": ["408", "503"],
        }
