"""What all requests and legs share: the switch, who is registered, and whose dialog a Call-Id names."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, Protocol

from bot.sandbox.switch.model import Extension
from bot.sandbox.switch.registrar import Binding, Registrar
from bot.sandbox.switch.switch import Switch
from bot.sandbox.switch.tasks import Tasks, first_of
from bot.sandbox.wire.connection import Connection
from bot.sandbox.wire.dialog import Dialog, Numbers

__all__ = ["Core", "DialogUser"]


class DialogUser(Protocol):
    """A ringing branch or a leg."""

    @property
    def dialog(self) -> Dialog | None: ...


class Core:
    """`dialogs` go by Call-Id, whatever connection a request comes over; `address` is where the server listens."""

    def __init__(self, switch: Switch) -> None:
        self.switch = switch
        self.domain = switch.options.domain
        self.address = ""
        self.registrar: Registrar[Connection] = Registrar(switch.options.max_instances)
        self.dialogs: dict[str, DialogUser] = {}
        self.numbers = Numbers("127.0.0.1", switch.rng.getrandbits)
        self.tasks = Tasks()

    @property
    def contact(self) -> str:
        return f"<sip:{self.address};transport=wss>"

    def now(self) -> float:
        return asyncio.get_running_loop().time()

    def extension_of(self, user: str) -> Extension | None:
        """The extension whose phones use this SIP user name."""
        number = user.rpartition("*")[2]
        found = self.switch.extensions.get(number)
        return found if found is not None and found.username == user else None

    def may_call(self, connection: Connection, extension: str) -> bool:
        """Whether this connection registered for the extension, and is not expired. A newer connection of the same
        instance does not matter: the older one can still place calls (wire notes, §2)."""
        held = connection.registration
        return held is not None and held.extension == extension and held.expires_at > self.now()

    def bindings(self, extension: str) -> list[Binding[Connection]]:
        """Those whose connection is up."""
        return [each for each in self.registrar.bindings(extension, self.now()) if each.connection.open]

    def connection_of(self, binding: Binding[Connection]) -> Connection | None:
        """Where an instance can be reached now."""
        for each in self.bindings(binding.extension):
            if each.instance == binding.instance:
                return each.connection
        return None

    def forget(self, user: DialogUser) -> None:
        """Its Call-Id is nobody's any more, unless another has taken it over."""
        if user.dialog is not None and self.dialogs.get(user.dialog.call_id) is user:
            del self.dialogs[user.dialog.call_id]

    def run_while(self, work: Coroutine[Any, Any, None], stop: asyncio.Future[Any], name: str) -> None:
        """Run `work` in the background; it is cancelled when `stop` is done."""
        self.tasks.start(first_of(work, stop), name)
