"""Logging in to the sandbox's REST interface: JWTs, access tokens and single-use tokens of the event gateway.

A JWT is signed (HS256) with a key that follows from the seed, so it stays good for every sandbox with that seed.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import secrets
from collections import OrderedDict
from dataclasses import dataclass

from bot.clock import Clock
from bot.sandbox.rest.errors import RestProblem
from bot.sandbox.switch.model import Extension

__all__ = ["CLIENT_ID", "Auth", "Login"]

CLIENT_ID = "sandbox"
JWT_GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
TOKEN_LIFE = 3600
"""Seconds that an access token is good for."""
WS_TOKEN_LIFE = 30
SESSIONS_PER_USER = 5
"""A further login of the same user ends the oldest one."""


@dataclass(frozen=True, slots=True)
class Login:
    """One session: who logged in, and until when (seconds on the loop's clock)."""

    extension: Extension
    token: str
    ends_at: float


class Auth:
    """Knows the one app of the sandbox and its users, who are the extensions by id."""

    def __init__(self, users: dict[str, Extension], *, seed: int, clock: Clock) -> None:
        self._users = users
        self._clock = clock
        self._key = hashlib.sha256(f"sandbox-{seed}".encode()).digest()
        self.client_secret = self._key.hex()[:32]
        self._logins: OrderedDict[str, Login] = OrderedDict()
        self._ws_tokens: dict[str, Login] = {}

    def jwt(self, extension: Extension) -> str:
        """The credential of an extension's user."""
        head = _encode(json.dumps({"alg": "HS256", "typ": "JWT"}).encode())
        claims = _encode(json.dumps({"iss": "sandbox", "aud": CLIENT_ID, "sub": extension.id}).encode())
        return f"{head}.{claims}.{self._signature(head, claims)}"

    def grant(self, authorization: str | None, grant_type: str, assertion: str) -> Login:
        """Log in with a JWT. Raises `RestProblem` (400) with an OAU- code."""
        self.check_app(authorization)
        if grant_type != JWT_GRANT:
            raise _refused("OAU-250", "Unsupported grant type", "unsupported_grant_type", "grant_type")
        extension = self.user(assertion)
        if extension is None:
            raise _refused("OAU-251", "JWT is invalid", "invalid_grant", "assertion")
        mine = [token for token, login in self._logins.items() if login.extension.id == extension.id]
        for token in mine[: max(0, len(mine) - SESSIONS_PER_USER + 1)]:
            del self._logins[token]
        login = Login(extension, secrets.token_urlsafe(24), self._clock.monotonic() + TOKEN_LIFE)
        self._logins[login.token] = login
        return login

    def check_app(self, authorization: str | None) -> None:
        """The app's own credentials, by Basic (RFC 7617). Raises `RestProblem` (400)."""
        scheme, _, value = (authorization or "").partition(" ")
        try:
            pair = base64.b64decode(value, validate=True).decode() if scheme.lower() == "basic" else ""
        except (binascii.Error, UnicodeDecodeError):
            pair = ""
        if not hmac.compare_digest(pair.encode(), f"{CLIENT_ID}:{self.client_secret}".encode()):
            raise _refused("OAU-123", "Client authentication is required", "invalid_client")

    def revoke(self, token: str) -> None:
        """End a session; an unknown one does not matter."""
        self._logins.pop(token, None)

    def login(self, authorization: str | None) -> Login:
        """The session behind a Bearer header. Raises `RestProblem` (401)."""
        scheme, _, token = (authorization or "").partition(" ")
        if scheme.lower() != "bearer" or not token:
            raise RestProblem(401, "AGW-402", "Invalid Authorization header")
        login = self._logins.get(token)
        if login is None or login.ends_at <= self._clock.monotonic():
            self._logins.pop(token, None)
            raise RestProblem(401, "OAU-213", "Token not found")
        return login

    def ws_token(self, login: Login) -> str:
        """A token that opens one connection to the event gateway within `WS_TOKEN_LIFE` seconds."""
        now = self._clock.monotonic()
        self._ws_tokens = {token: one for token, one in self._ws_tokens.items() if one.ends_at > now}
        token = secrets.token_urlsafe(24)
        self._ws_tokens[token] = Login(login.extension, token, now + WS_TOKEN_LIFE)
        return token

    def take_ws_token(self, token: str) -> Login | None:
        """Who opens a connection with `token`, which is used up by this; None when it is not good (any more)."""
        login = self._ws_tokens.pop(token, None)
        return login if login is not None and login.ends_at > self._clock.monotonic() else None

    def user(self, jwt: str) -> Extension | None:
        """Whose JWT this is; None when it is not one of ours."""
        head, _, rest = jwt.partition(".")
        claims, _, signature = rest.partition(".")
        if not hmac.compare_digest(self._signature(head, claims).encode(), signature.encode()):
            return None
        subject = json.loads(base64.urlsafe_b64decode(claims + "=="))["sub"]
        return self._users.get(subject)

    def _signature(self, head: str, claims: str) -> str:
        return _encode(hmac.digest(self._key, f"{head}.{claims}".encode(), "sha256"))


def _encode(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _refused(code: str, message: str, oauth_error: str, parameter: str = "") -> RestProblem:
    return RestProblem(400, code, message, parameter=parameter, oauth_error=oauth_error)
