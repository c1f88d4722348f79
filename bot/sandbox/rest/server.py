"""The sandbox's REST interface and event gateway: one HTTP server on loopback, inside the bot's own loop."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Callable, Iterator

import uvicorn
from fastapi import FastAPI, WebSocket
from starlette.middleware.trustedhost import TrustedHostMiddleware

from bot.errors import ConfigError
from bot.sandbox.people.company import People
from bot.sandbox.rest import errors, login, routes
from bot.sandbox.rest.auth import Auth
from bot.sandbox.rest.control import control_router
from bot.sandbox.rest.devices import Devices, SipInfo
from bot.sandbox.rest.gateway import EventGateway
from bot.sandbox.rest.limits import Limits
from bot.sandbox.rest.platform import Json, Platform
from bot.sandbox.switch.switch import Switch

__all__ = ["RestServer"]

CLOSING = 1
"""Seconds that requests which are being answered get when the server stops."""
_HOST = "127.0.0.1"


class _Server(uvicorn.Server):
    """uvicorn, without its signal handlers: whoever runs the loop owns them."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.listening = asyncio.Event()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        try:
            await super().startup(sockets)
        finally:
            self.listening.set()


class RestServer:
    """`async with RestServer(switch, people, sip_info=…, describe=…) as rest:` and `rest.url` answers."""

    def __init__(
        self, switch: Switch, people: People, *, sip_info: SipInfo, describe: Callable[[], Json], port: int = 0
    ) -> None:
        clock = switch.clock
        users = {extension.id: extension for extension in switch.extensions.values()}
        self.auth = Auth(users, seed=switch.options.seed, clock=clock)
        self._platform = Platform(switch, self.auth, Limits(clock), clock, Devices(switch, sip_info).provision)
        self._gateway = EventGateway(self._platform)
        self._port = port
        self._server = _Server(
            uvicorn.Config(
                self._application(people, describe),
                http="h11",
                ws="websockets-sansio",
                lifespan="off",
                log_config=None,
                access_log=False,
                server_header=False,
                timeout_graceful_shutdown=CLOSING,
            )
        )
        self._task: asyncio.Task[None] | None = None

    @property
    def url(self) -> str:
        """`http://127.0.0.1:PORT`."""
        return self._platform.url

    async def start(self) -> None:
        """Listen. Raises `ConfigError` when the port is taken."""
        # asyncio turns Nagle's algorithm off only where the protocol is named.
        listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        try:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind((_HOST, self._port))
        except OSError as error:
            listener.close()
            raise ConfigError(
                f"the REST port {self._port} cannot be used: {error.strerror}", hint="choose another port, or 0"
            ) from error
        listener.setblocking(False)
        self._platform.url = f"http://{_HOST}:{listener.getsockname()[1]}"
        self._task = asyncio.create_task(self._server.serve([listener]), name="sandbox rest")
        await self._server.listening.wait()
        if self._task.done():
            await self._task

    async def stop(self) -> None:
        """Close everything; takes at most `CLOSING` seconds and a little."""
        self._gateway.close()
        if self._task is not None:
            self._server.should_exit = True
            task, self._task = self._task, None
            await task

    async def __aenter__(self) -> RestServer:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    def _application(self, people: People, describe: Callable[[], Json]) -> FastAPI:
        app = FastAPI(title="bot sandbox", openapi_url=None)
        app.state.platform = self._platform
        app.add_middleware(TrustedHostMiddleware, allowed_hosts=[_HOST, "localhost"])
        errors.install(app)
        app.include_router(login.router)
        app.include_router(routes.router)
        app.include_router(control_router(people, describe))
        app.add_api_websocket_route("/ws", self._connection)
        return app

    async def _connection(self, websocket: WebSocket) -> None:
        await self._gateway.serve(websocket)
