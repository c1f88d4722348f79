"""A platform of a few lines behind httpx's transport seam: answers from a script, and remembers what it was asked."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from urllib.parse import parse_qs

import httpx

SERVER = "https://platform.example"
CLIENT_SECRET = "client-secret-xyz"
JWT = "header.jwt-payload.signature"

Answer = httpx.Response | Exception | Callable[[httpx.Request], httpx.Response]


def reply(status: int = 200, body: object = None, **headers: str) -> httpx.Response:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return httpx.Response(status, json={} if body is None else body, headers=named)


@dataclass
class Platform:
    """Answers in turn from `script[path]`; its last answer repeats. Login works unless scripted otherwise."""

    script: dict[str, list[Answer]] = field(default_factory=dict)
    requests: list[tuple[float, httpx.Request]] = field(default_factory=list)
    logins: int = 0
    token_life: int = 3600

    def answer(self, request: httpx.Request) -> httpx.Response:
        path = request.url.path
        self.requests.append((asyncio.get_running_loop().time(), request))
        if path in self.script:
            answers = self.script[path]
            answer = answers.pop(0) if len(answers) > 1 else answers[0]
            if isinstance(answer, Exception):
                raise answer
            return answer(request) if callable(answer) else answer
        if path == "/restapi/oauth/token":
            return self.login()
        if path == "/restapi/oauth/revoke":
            return reply()
        return reply(404, {"errorCode": "CMN-102", "message": "Resource for parameter [id] is not found"})

    def login(self) -> httpx.Response:
        self.logins += 1
        return reply(200, {"access_token": f"access-{self.logins}", "expires_in": self.token_life, "owner_id": "7"})

    def asked(self, path: str) -> list[httpx.Request]:
        return [request for _, request in self.requests if request.url.path == path]

    def times(self, path: str) -> list[float]:
        """When `path` was asked, in seconds from its first time."""
        times = [when for when, request in self.requests if request.url.path == path]
        return [when - times[0] for when in times]


def form(request: httpx.Request) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(request.content.decode()).items()}
