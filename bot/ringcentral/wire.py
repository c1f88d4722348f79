"""One HTTP exchange with a limit on time, and httpx's errors translated into ours."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Mapping
from urllib.parse import urlsplit

import httpx

from bot.errors import CertificateNotTrusted, ConfigError, ConnectionFailed, NoReply

__all__ = ["TIMEOUT", "check_server", "is_loopback", "new_client", "send"]

TIMEOUT = 30.0
"""Seconds that one exchange may take, connecting included."""


def is_loopback(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    return host == "localhost" or host == "::1" or host.startswith("127.")


def check_server(server: str) -> str:
    """`server` without a trailing slash.

    Raises:
        ConfigError: it is no https address. Credentials go out in clear text to this machine only.
    """
    try:
        parts = urlsplit(server)
        host = parts.hostname
    except ValueError:
        host = None
    if not host or parts.scheme not in ("https", "http"):
        raise ConfigError(f"{server!r} is not a server address", hint="write it as https://platform.ringcentral.com")
    if parts.scheme == "http" and not is_loopback(server):
        raise ConfigError(f"{server} would carry credentials in clear text", hint="use https")
    return server.rstrip("/")


def new_client(server: str) -> httpx.AsyncClient:
    """A client for `server`; a server on this machine is asked directly, whatever proxy the environment names."""
    return httpx.AsyncClient(trust_env=not is_loopback(server))


async def send(
    http: httpx.AsyncClient,
    method: str,
    url: str,
    *,
    headers: Mapping[str, str],
    form: Mapping[str, str] | None = None,
    params: Mapping[str, str] | None = None,
    json: object = None,
) -> httpx.Response:
    """Send one request and read the whole reply, whatever its status.

    Raises:
        NoReply: nothing came within `TIMEOUT`.
        CertificateNotTrusted: the server's certificate was refused.
        ConnectionFailed: any other fault below HTTP.
    """
    parts = urlsplit(url)
    doing = f"{method} {parts.path} at {parts.netloc}"
    try:
        async with asyncio.timeout(TIMEOUT):
            return await http.request(
                method,
                url,
                headers=headers,
                data=form,
                params=params,
                json=json,
                timeout=None,
                follow_redirects=False,
            )
    except (TimeoutError, httpx.TimeoutException):
        raise NoReply(f"{doing}: no reply within {TIMEOUT:.0f} s", hint="check the network") from None
    except httpx.TransportError as error:
        if isinstance(_root(error), ssl.SSLCertVerificationError):
            raise CertificateNotTrusted(
                f"{doing}: {_root(error)}", hint="check the server's name and this machine's trusted certificates"
            ) from error
        raise ConnectionFailed(
            f"{doing}: {error or type(error).__name__}", hint="check server and network"
        ) from error


def _root(error: BaseException) -> BaseException:
    while (below := error.__cause__ or error.__context__) is not None:
        error = below
    return error
