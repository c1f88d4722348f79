"""Digest authentication: the vendor's form (MD5, no qop) and the standard's (RFC 2617, 7616, 8760).

Both sides are here: `authorize` answers a challenge, `challenge` makes one and `verify` checks the answer.
Nonces and client nonces come in as arguments: nothing here draws random numbers.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from dataclasses import dataclass

from bot.errors import MalformedMessage

__all__ = ["Challenge", "Credentials", "authorize", "challenge", "parse_challenge", "verify"]

_PARAMETER = re.compile(r'([A-Za-z0-9_\-]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]+))')
_HASHES = {"MD5": "md5", "SHA-256": "sha256", "SHA-512-256": "sha512_256"}


@dataclass(frozen=True, slots=True)
class Credentials:
    """Who answers the challenge: `username` is the authorizationId of the sip info."""

    username: str
    password: str


@dataclass(frozen=True, slots=True)
class Challenge:
    realm: str
    nonce: str
    algorithm: str = "MD5"
    qop: tuple[str, ...] = ()
    opaque: str = ""
    stale: bool = False


def _parameters(value: str) -> dict[str, str]:
    scheme, _, rest = value.strip().partition(" ")
    if scheme.lower() != "digest":
        raise MalformedMessage(f"not digest authentication: {scheme[:20]!r}")
    return {
        name.lower(): re.sub(r"\\(.)", r"\1", quoted) if quoted or not plain else plain
        for name, quoted, plain in _PARAMETER.findall(rest)
    }


def parse_challenge(value: str) -> Challenge:
    """Read a WWW-Authenticate or Proxy-Authenticate value.

    Raises:
        MalformedMessage: it is not a digest challenge, has no nonce, or asks for an algorithm that nobody has.
    """
    found = _parameters(value)
    if not found.get("nonce"):
        raise MalformedMessage("digest challenge without a nonce")
    algorithm = found.get("algorithm", "MD5").upper()
    if algorithm not in _HASHES:
        raise MalformedMessage(f"digest algorithm {algorithm!r} is not one of {', '.join(_HASHES)}")
    qop = tuple(item.strip().lower() for item in found.get("qop", "").split(",") if item.strip())
    if qop and "auth" not in qop:
        raise MalformedMessage(f"digest quality of protection {found['qop']!r} does not offer auth")
    return Challenge(
        realm=found.get("realm", ""),
        nonce=found["nonce"],
        algorithm=algorithm,
        qop=qop,
        opaque=found.get("opaque", ""),
        stale=found.get("stale", "").lower() == "true",
    )


def challenge(realm: str, nonce: str) -> str:
    """A challenge in the form that the vendor's SDK reads: it looks for the text `, nonce="`."""
    return f'Digest realm="{realm}", nonce="{nonce}"'


def _digest(algorithm: str, text: str) -> str:
    return hashlib.new(_HASHES[algorithm], text.encode(), usedforsecurity=False).hexdigest()


def _response(asked: Challenge, credentials: Credentials, method: str, uri: str, extra: str) -> str:
    ha1 = _digest(asked.algorithm, f"{credentials.username}:{asked.realm}:{credentials.password}")
    ha2 = _digest(asked.algorithm, f"{method}:{uri}")
    return _digest(asked.algorithm, f"{ha1}:{asked.nonce}:{extra}{ha2}")


def authorize(
    asked: Challenge, credentials: Credentials, method: str, uri: str, *, cnonce: str = "", nc: int = 1
) -> str:
    """The Authorization value that answers `asked`. `cnonce` is used only where the challenge asks for qop."""
    extra = f"{nc:08x}:{cnonce}:auth:" if asked.qop else ""
    answer = _response(asked, credentials, method, uri, extra)
    fields = [
        f'username="{credentials.username}"',
        f'realm="{asked.realm}"',
        f'nonce="{asked.nonce}"',
        f'uri="{uri}"',
        f'response="{answer}"',
        f"algorithm={asked.algorithm}",
    ]
    if asked.opaque:
        fields.append(f'opaque="{asked.opaque}"')
    if asked.qop:
        fields += ["qop=auth", f'cnonce="{cnonce}"', f"nc={nc:08x}"]
    return "Digest " + ", ".join(fields)


def verify(value: str, *, realm: str, nonce: str, method: str, credentials: Credentials) -> bool:
    """Whether an Authorization value proves `credentials` for the challenge that carried `nonce`.

    Raises:
        MalformedMessage: it is not digest authentication.
    """
    found = _parameters(value)
    if found.get("nonce") != nonce or found.get("username") != credentials.username:
        return False
    algorithm = found.get("algorithm", "MD5").upper()
    if algorithm not in _HASHES:
        return False
    extra = f"{found.get('nc', '')}:{found.get('cnonce', '')}:{found['qop']}:" if found.get("qop") else ""
    asked = Challenge(realm, nonce, algorithm)
    expected = _response(asked, credentials, method, found.get("uri", ""), extra)
    return hmac.compare_digest(expected, found.get("response", ""))
