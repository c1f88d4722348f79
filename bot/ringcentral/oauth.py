"""Logging in with a JWT (RFC 7523), and a fresh access token whenever one is needed.

A refresh token, where one comes, is not used: the JWT can be presented again, and one way in is enough.
"""

from __future__ import annotations

import asyncio
import base64
from copy import copy
from dataclasses import dataclass, field

import httpx
from pydantic import SecretStr

from bot.clock import Clock
from bot.errors import BotError, CertificateNotTrusted, ConnectionFailed, NoReply, RestError
from bot.log import get_logger
from bot.ringcentral.errors import json_body, refusal, retry_after
from bot.ringcentral.fields import integer, text
from bot.ringcentral.limits import Gate, Group
from bot.ringcentral.wire import send

__all__ = ["Credentials", "Login", "Token"]

log = get_logger(__name__)

_TOKEN_PATH = "/restapi/oauth/token"  # noqa: S105 - a path
_REVOKE_PATH = "/restapi/oauth/revoke"
_JWT_BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer"

TRIES = 3
PAUSE = 10.0
"""Seconds between the tries after a 408, a 5xx or a time-out."""
PATIENCE = 300.0
"""Seconds that logging in may take, limits and Retry-After included."""
RENEW_BEFORE = 60.0
"""Seconds before its end at which a token is renewed; a tenth of its life when that is less."""
RENEW_AGAIN = 30.0
"""Seconds to live on with a token that could not be renewed, before the next try."""


@dataclass(frozen=True, slots=True)
class Credentials:
    """What identifies the app and, by its JWT, the user."""

    server: str
    client_id: str
    client_secret: SecretStr
    jwt: SecretStr

    def basic(self) -> str:
        """The Authorization header of the token endpoints: plain Basic (RFC 7617), as the vendor's SDKs send it."""
        pair = f"{self.client_id}:{self.client_secret.get_secret_value()}"
        return "Basic " + base64.b64encode(pair.encode()).decode()


@dataclass(frozen=True, slots=True)
class Token:
    """An access token; times are seconds on the loop's clock."""

    secret: str = field(repr=False)
    renew_at: float
    ends_at: float
    owner_id: str = ""


class Login:
    """Owns the one session of this process. Concurrent users share one login and one renewal."""

    def __init__(self, credentials: Credentials, http: httpx.AsyncClient, gate: Gate, clock: Clock) -> None:
        self._credentials = credentials
        self._http = http
        self._gate = gate
        self._clock = clock
        self._turn = asyncio.Lock()
        self._token: Token | None = None
        self._refused: RestError | None = None

    async def token(self) -> Token:
        """A token that is good for a while yet; logs in, or renews, when there is none.

        Raises:
            RestError: the credentials were refused (and are not sent again), or the platform kept failing.
            NoReply, ConnectionFailed: it could not be reached.
        """
        async with self._turn:
            now = self._clock.monotonic()
            if self._token is not None and now < self._token.renew_at:
                return self._token
            try:
                self._token = await self._log_in()
            except (RestError, NoReply, ConnectionFailed) as error:
                self._token = self._outlive(error)
            return self._token

    def drop(self, token: Token) -> None:
        """The platform no longer takes `token`: the next user gets a new one."""
        if self._token is token:
            self._token = None

    async def revoke(self) -> None:
        """End the session on the platform. Its errors do not matter, so they are only logged."""
        token, self._token = self._token, None
        if token is None:
            return
        try:
            await self._post(_REVOKE_PATH, {"token": token.secret})
        except BotError as error:
            log.info("revoke failed", error=str(error))

    def _outlive(self, error: RestError | NoReply | ConnectionFailed) -> Token:
        """The old token, as long as it lives, after a renewal that failed."""
        old, now = self._token, self._clock.monotonic()
        if old is None or now >= old.ends_at:
            raise error
        log.warning("token not renewed", error=str(error), seconds_left=round(old.ends_at - now))
        return Token(old.secret, min(now + RENEW_AGAIN, old.ends_at), old.ends_at, old.owner_id)

    async def _log_in(self) -> Token:
        if self._refused is not None:
            raise copy(self._refused)
        until = self._clock.monotonic() + PATIENCE
        failures = 0
        while True:
            await self._gate.enter(Group.AUTH, until)
            try:
                token = await self._present_jwt()
            except CertificateNotTrusted:
                raise
            except (RestError, NoReply, ConnectionFailed) as error:
                if isinstance(error, RestError) and error.status < 500 and error.status != 408:
                    if error.status in (400, 401):  # the credentials are bad: sending them again helps nobody
                        self._refused = error
                    raise
                failures += 1
                if failures == TRIES:
                    raise
                log.warning("login failed", error=str(error), again_in=PAUSE)
                await self._clock.sleep(PAUSE)
            else:
                if token is not None:
                    return token

    async def _present_jwt(self) -> Token | None:
        """Ask for a token once; None when the platform said to wait, which the gate then sees to."""
        form = {"grant_type": _JWT_BEARER, "assertion": self._credentials.jwt.get_secret_value()}
        response = await self._post(_TOKEN_PATH, form)
        if response.is_success:
            return self._read(response)
        wait = retry_after(response.headers.get("Retry-After"), self._clock.now())
        if response.status_code == 429 or (response.status_code == 503 and wait is not None):
            self._gate.penalise(Group.AUTH, wait)
            return None
        raise refusal(response.status_code, json_body(response.content), "logging in")

    async def _post(self, path: str, form: dict[str, str]) -> httpx.Response:
        response = await send(
            self._http,
            "POST",
            self._credentials.server + path,
            headers={"Authorization": self._credentials.basic()},
            form=form,
        )
        self._gate.observe(Group.AUTH, response.headers)
        return response

    def _read(self, response: httpx.Response) -> Token:
        body = json_body(response.content)
        secret, life = text(body, "access_token"), integer(body, "expires_in")
        if not secret or life <= 0:
            raise RestError(
                "logging in brought no token", status=response.status_code, hint="check the server address"
            )
        now = self._clock.monotonic()
        log.info("logged in", owner=text(body, "owner_id"), seconds=life)
        return Token(secret, now + life - min(RENEW_BEFORE, life / 10), now + life, text(body, "owner_id"))
