"""Device registration: what a web phone needs to register, asked for once and kept in a file.

Every fresh answer of the platform mints a new authorization id, and old ones die in time; so an answer is kept
for each extension until the registrar refuses it.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from bot.errors import RestError
from bot.log import get_logger
from bot.ringcentral.fields import Json, integer, mapping, records, text
from bot.ringcentral.http import Endpoint, RestClient
from bot.ringcentral.limits import Group

__all__ = ["SIP_PROVISION", "Provision", "Provisioner"]

log = get_logger(__name__)

SIP_PROVISION = Endpoint("POST", "/restapi/v1.0/client-info/sip-provision", Group.HEAVY)
"""Needs the app permission VoipCalling."""


@dataclass(frozen=True, slots=True)
class Provision:
    """What the platform gave one web phone.

    Attributes:
        sip_info: the vendor's JSON for WSS (username, password, authorizationId, domain, outboundProxy, …).
        retry_codes: SIP statuses after which a refused REGISTER goes to the next proxy.
        extension_id, extension_number: whose phone it is; empty where the platform did not say.
    """

    sip_info: Mapping[str, object] = field(repr=False)
    device_id: str = ""
    extension_id: str = ""
    extension_number: str = ""
    retry_codes: tuple[int, ...] = ()


class Provisioner:
    """Hands out provisions for the login of `rest`.

    Args:
        folder: where the answers are kept, one file of mode 0600 each; made (0700) when it is missing.
        computer_name: what the admin portal shows beside the device.
    """

    def __init__(self, rest: RestClient, folder: Path, *, computer_name: str = "bot") -> None:
        self._rest = rest
        self._folder = folder
        self._computer_name = computer_name
        self._turn = asyncio.Lock()
        secrets = rest.credentials.jwt.get_secret_value(), rest.credentials.client_id, rest.server
        self._owner = hashlib.sha256("\n".join(secrets).encode()).hexdigest()[:32]

    async def provision(self, extension: str, *, refused: Provision | None = None) -> Provision:
        """What the phone of `extension` registers with: the kept answer, or a fresh one.

        Args:
            extension: a name for the phone; keeps the files of several apart.
            refused: the provision that the registrar would not take; anything else that is kept is still good.

        Raises:
            RestError: the platform refused, or gave nothing that a web phone can use.
            NoReply, ConnectionFailed: it could not be reached.
        """
        path = self._folder / f"sip-{re.sub(r'[^A-Za-z0-9_-]', '_', extension)}.json"
        async with self._turn:
            kept = _load(path, self._owner)
            if kept is not None and (refused is None or kept.sip_info != refused.sip_info):
                return kept
            device_id = (refused or kept or Provision({})).device_id
            fresh = await self._ask(device_id)
            _save(path, self._owner, fresh)
            log.info("provisioned", extension=extension, device=fresh.device_id, again=refused is not None)
            return fresh

    async def _ask(self, device_id: str) -> Provision:
        try:
            return _read(await self._rest.call(SIP_PROVISION, body=self._request(device_id)))
        except RestError as error:
            if not device_id or error.status not in (400, 404):
                raise
            log.warning("device not known any more", device=device_id, error=str(error))
            return _read(await self._rest.call(SIP_PROVISION, body=self._request("")))

    def _request(self, device_id: str) -> Json:
        device = {"computerName": self._computer_name} | ({"id": device_id} if device_id else {})
        return {"sipInfo": [{"transport": "WSS"}], "device": device}


def _read(body: Json) -> Provision:
    flags = mapping(body, "sipFlags")
    if flags.get("voipFeatureEnabled") is False:
        raise RestError("the extension may not use web phones", hint="enable VoIP calling for it in the admin portal")
    offered = [info for info in records(body, "sipInfo") if text(info, "transport").upper() in ("WSS", "")]
    if not offered:
        raise RestError("the platform offered no SIP over WebSocket", hint="give the app the permission VoIP Calling")
    device = mapping(body, "device")
    owner = mapping(device, "extension")
    codes = body.get("sipErrorCodes")
    return Provision(
        sip_info=dict(offered[0]),
        device_id=text(device, "id"),
        extension_id=text(owner, "id"),
        extension_number=text(owner, "extensionNumber"),
        retry_codes=tuple(
            code for item in (codes if isinstance(codes, list) else []) if (code := integer({"code": item}, "code"))
        ),
    )


def _load(path: Path, owner: str) -> Provision | None:
    """The kept provision; None when there is none, it belongs to another login, or cannot be read."""
    try:
        kept = json.loads(path.read_bytes())
    except FileNotFoundError:
        return None
    except (OSError, ValueError, RecursionError) as error:
        log.warning("kept provision unreadable", path=str(path), error=str(error))
        return None
    sip_info = mapping(kept, "sipInfo")
    if text(kept, "owner") != owner or not sip_info:
        return None
    codes = mapping(kept).get("retryCodes")
    return Provision(
        sip_info=dict(sip_info),
        device_id=text(kept, "deviceId"),
        extension_id=text(kept, "extensionId"),
        extension_number=text(kept, "extensionNumber"),
        retry_codes=tuple(code for code in (codes if isinstance(codes, list) else []) if isinstance(code, int)),
    )


def _save(path: Path, owner: str, provision: Provision) -> None:
    """Write the file at once and whole, for the owner's eyes only; a failure costs a fresh provision, no more."""
    kept = {
        "owner": owner,
        "sipInfo": dict(provision.sip_info),
        "deviceId": provision.device_id,
        "extensionId": provision.extension_id,
        "extensionNumber": provision.extension_number,
        "retryCodes": provision.retry_codes,
    }
    draft = path.with_suffix(".new")
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        draft.unlink(missing_ok=True)
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            json.dump(kept, file)
        draft.replace(path)
    except OSError as error:
        log.warning("provision not kept", path=str(path), error=str(error))
