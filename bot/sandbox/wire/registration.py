"""REGISTER, as the vendor's registrar answers it: 100, 401, 100, 200 (wire notes, §2)."""

from __future__ import annotations

import re
from dataclasses import dataclass

from bot.errors import MalformedMessage
from bot.sandbox.switch.model import Extension
from bot.sandbox.switch.registrar import Binding
from bot.sandbox.wire.connection import Connection, Registration
from bot.sandbox.wire.core import Core
from bot.sip.digest import Credentials, challenge, verify
from bot.sip.messages import Request, address_of, number_of, respond, with_tag

__all__ = ["authenticate", "challenged", "register"]


@dataclass(frozen=True, slots=True)
class _Contact:
    uri: str
    instance: str
    expires: int

    @classmethod
    def of(cls, request: Request, default: int) -> _Contact:
        value = request.header("Contact")
        uri = address_of(value)
        instance = re.search(r'\+sip\.instance="<(?:urn:uuid:)?([^>"]+)>"', value, re.I)
        expires = re.search(r";\s*expires=(\d+)", value, re.I)
        text = expires.group(1) if expires else request.header("Expires", str(default))
        return cls(uri, instance.group(1) if instance else uri, int(text) if text.isdigit() else default)


def authenticate(core: Core, connection: Connection, request: Request, header: str) -> str | None:
    """The authorizationId that a request proves.

    Empty when it proves nothing yet and has to be challenged; None when what it says is wrong.
    """
    value = request.header(header)
    found = re.search(r'nonce="([^"]*)"', value)
    if found is None or found.group(1) not in connection.nonces:
        return ""
    extension = core.extension_of(number_of(request.header("From")))
    if extension is None:
        return None
    for authorization_id, password in extension.credentials.items():
        credentials = Credentials(authorization_id, password)
        try:
            if verify(value, realm=core.domain, nonce=found.group(1), method=request.method, credentials=credentials):
                return authorization_id
        except MalformedMessage:
            return None
    return None


def challenged(core: Core, connection: Connection, request: Request, status: int, header: str) -> None:
    """401 or 407 with a new nonce."""
    nonce = core.numbers.tag()
    connection.nonces.append(nonce)
    connection.send(respond(request, status, headers={header: challenge(core.domain, nonce)}))


def register(core: Core, connection: Connection, request: Request) -> None:
    connection.send(respond(request, 100))
    extension = core.extension_of(number_of(request.header("To")))
    authorization_id = authenticate(core, connection, request, "Authorization")
    if authorization_id == "":
        challenged(core, connection, request, 401, "Www-Authenticate")
    elif extension is None or authorization_id is None:
        connection.send(respond(request, 403))
    else:
        _bind(core, connection, request, extension, authorization_id)


def _bind(core: Core, connection: Connection, request: Request, extension: Extension, authorization_id: str) -> None:
    longest = core.switch.options.expires
    contact = _Contact.of(request, longest)
    headers = {"To": with_tag(request.header("To"), core.numbers.tag())}
    number, now = extension.number, core.now()
    if contact.expires == 0:
        core.registrar.unbind(number, contact.instance, connection)
        connection.registration = None
        connection.send(respond(request, 200, headers=headers))
        core.switch.note("unregistered", number)
        return
    expires = min(contact.expires, longest)
    binding = Binding(number, contact.instance, authorization_id, contact.uri, connection, now + expires)
    if not core.registrar.bind(binding, now):
        connection.send(respond(request, 603, "Too Many Contacts"))
        core.switch.note("refused", number, reason="too many contacts")
        return
    connection.registration = Registration(number, contact.instance, authorization_id, now + expires)
    headers["Contact"] = f'<{contact.uri}>;+sip.instance="<urn:uuid:{contact.instance}>";expires={expires}'
    connection.send(respond(request, 200, headers=headers))
    core.switch.note("registered", number, instance=contact.instance)
