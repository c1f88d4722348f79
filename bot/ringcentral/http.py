"""Requests to the platform's REST interface: the one place for base URL, login, limits, retries and errors."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Literal, Self
from urllib.parse import quote

import httpx
from pydantic import SecretStr

from bot.clock import Clock
from bot.errors import CertificateNotTrusted, ConnectionFailed, NoReply, RestError
from bot.log import get_logger
from bot.ringcentral.errors import json_body, refusal, retry_after
from bot.ringcentral.fields import Json, integer, mapping, records
from bot.ringcentral.limits import Gate, Group
from bot.ringcentral.oauth import Credentials, Login, Token
from bot.ringcentral.wire import check_server, new_client, send

__all__ = ["BACKOFF", "Endpoint", "RestClient"]

log = get_logger(__name__)

BACKOFF = (2.0, 4.0, 8.0, 16.0)
"""Seconds between the five tries of a request that the platform failed at (5xx), or that got no reply."""
PATIENCE = 300.0
"""Seconds that one call may take, with all its waiting."""
PAGE_SIZE = 250


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One operation of the platform. `path` may have `{names}`; `~` stands for the logged-in account or extension.

    Every operation declared so far may be repeated without harm, and is, when its fate is unknown.
    """

    method: Literal["GET", "POST", "PUT", "DELETE"]
    path: str
    group: Group

    def url(self, server: str, ids: Mapping[str, str]) -> str:
        return server + self.path.format_map({name: quote(value, safe="~") for name, value in ids.items()})


@dataclass(frozen=True, slots=True)
class _Request:
    endpoint: Endpoint
    url: str
    params: Mapping[str, str] | None
    body: object


@dataclass(frozen=True, slots=True)
class _Failure:
    error: RestError | NoReply | ConnectionFailed
    retry_after: float | None = None

    @property
    def status(self) -> int:
        return self.error.status if isinstance(self.error, RestError) else 0

    @property
    def lasting(self) -> bool:
        """Trying again would bring the same."""
        return isinstance(self.error, CertificateNotTrusted) or 0 < self.status < 500


class RestClient:
    """A client for one login. Use it as an async context manager, or `close()` it.

    Args:
        server: such as `https://platform.ringcentral.com`; http is taken for this machine only.
        http: a client to send with, which stays the caller's; None makes one.

    Raises:
        ConfigError: `server` is no address, or not https.
    """

    def __init__(
        self,
        server: str,
        client_id: str,
        client_secret: SecretStr,
        jwt: SecretStr,
        *,
        http: httpx.AsyncClient | None = None,
        clock: Clock,
    ) -> None:
        self.server = check_server(server)
        self.credentials = Credentials(self.server, client_id, client_secret, jwt)
        self._http = http or new_client(self.server)
        self._owns_http = http is None
        self._clock = clock
        self._gate = Gate(clock)
        self._login = Login(self.credentials, self._http, self._gate, clock)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """End the session on the platform and close the connections."""
        await self._login.revoke()
        if self._owns_http:
            await self._http.aclose()

    async def call(
        self,
        endpoint: Endpoint,
        *,
        params: Mapping[str, str] | None = None,
        body: object = None,
        **ids: str,
    ) -> Json:
        """Do one operation, and return the JSON object that came back (empty when none did).

        Waits for the limits, and tries again after 429, 5xx and lost connections, for at most `PATIENCE` seconds.

        Args:
            ids: what to put for the names in the endpoint's path.

        Raises:
            RestError: the platform refused it, or kept failing.
            NoReply, ConnectionFailed: it could not be reached.
        """
        until = self._clock.monotonic() + PATIENCE
        try:
            async with asyncio.timeout_at(until):
                return await self._persist(_Request(endpoint, endpoint.url(self.server, ids), params, body), until)
        except TimeoutError:
            raise NoReply(
                f"{endpoint.method} {endpoint.path}: not done within {PATIENCE:.0f} s", hint="try again later"
            ) from None

    async def every(self, endpoint: Endpoint, *, params: Mapping[str, str] | None = None, **ids: str) -> list[Json]:
        """The records of all pages of a list. Raises as `call` does."""
        found: list[Json] = []
        page = 1
        while True:
            paging = {**(params or {}), "page": str(page), "perPage": str(PAGE_SIZE)}
            body = await self.call(endpoint, params=paging, **ids)
            part = records(body, "records")
            found += part
            pages = integer(mapping(body, "paging"), "totalPages") or page + (len(part) == PAGE_SIZE)
            if not part or page >= pages:
                return found
            page += 1

    async def _persist(self, request: _Request, until: float) -> Json:
        delays = iter(BACKOFF)
        renewed = False
        while True:
            token = await self._login.token()
            await self._gate.enter(request.endpoint.group, until)
            outcome = await self._try_once(request, token)
            if not isinstance(outcome, _Failure):
                return outcome
            log.warning("request failed", error=str(outcome.error), retry_after=outcome.retry_after)
            if outcome.status == 429:
                self._gate.penalise(request.endpoint.group, outcome.retry_after)
            elif outcome.status == 401 and not renewed:
                self._login.drop(token)
                renewed = True
            elif outcome.lasting or (delay := next(delays, None)) is None:
                raise outcome.error
            else:
                await self._clock.sleep(outcome.retry_after or delay)

    async def _try_once(self, request: _Request, token: Token) -> Json | _Failure:
        endpoint = request.endpoint
        try:
            response = await send(
                self._http,
                endpoint.method,
                request.url,
                headers={"Authorization": f"Bearer {token.secret}", "Accept": "application/json"},
                params=request.params,
                json=request.body,
            )
        except (NoReply, ConnectionFailed) as error:
            return _Failure(error)
        self._gate.observe(endpoint.group, response.headers)
        body = json_body(response.content)
        if response.is_success:
            return body
        refused = refusal(response.status_code, body, f"{endpoint.method} {endpoint.path}")
        return _Failure(refused, retry_after(response.headers.get("Retry-After"), self._clock.now()))
