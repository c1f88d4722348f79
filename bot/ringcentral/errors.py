"""The platform's refusals, translated: one `RestError` for each, with the platform's code and what to do next."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from email.utils import parsedate_to_datetime

from bot.errors import RestError
from bot.log import mask
from bot.ringcentral.fields import Json, mapping, records, text

__all__ = ["json_body", "refusal", "retry_after"]

_HINTS_BY_CODE: Mapping[str, str] = {
    "CMN-102": "check the id: the platform has nothing under it that this login may see",
    "CMN-401": "give the app the missing permission in the developer console, then log in anew",
    "CMN-408": "give the user the missing permission in the admin portal, then log in anew",
    "OAU": "check client id, client secret and JWT; a JWT must belong to this app's environment",
    "SPR": "check that the extension is enabled and may use web phones (VoIP calling)",
}
_LIMIT_HINT = "too many requests: ask less often, or share one login among fewer processes"

_HINTS_BY_STATUS: Mapping[int, str] = {
    400: "the platform did not take the request as it is: see its code",
    401: "check client id, client secret and JWT",
    403: "check the app's and the user's permissions",
    404: "check the id in the path",
    429: _LIMIT_HINT,
}
_FAILURE_HINT = "the platform has a fault of its own: try again later, and look at its status page"


def refusal(status: int, body: object, doing: str) -> RestError:
    """The error for a reply with a status of 400 or more.

    Args:
        body: the decoded JSON, of any shape: `{errorCode, message, errors[…]}`, either level may be missing;
            the login endpoint's `{error, error_description}` is read as well (RFC 6749 §5.2).
        doing: what was asked, such as "GET /restapi/v1.0/…"; it becomes part of the message.
    """
    inner = (records(body, "errors") or [{}])[0]
    code = text(body, "errorCode") or text(inner, "errorCode") or text(body, "error")
    said = text(body, "message") or text(inner, "message") or text(body, "error_description")
    parameter = text(inner, "parameterName")
    words = [f"{doing} was refused with {status}"]
    if code:
        words.append(code)
    if parameter:
        words.append(f"[{parameter}]")
    said = str(mask(said[:300]))
    message = " ".join(words) + (f": {said}" if said else "")
    return RestError(message, status=status, reason=said, code=code, hint=_hint(status, code))


def _hint(status: int, code: str) -> str:
    family, _, number = code.partition("-")
    if family == "CMN" and number.isdigit() and 301 <= int(number) <= 310:
        return _LIMIT_HINT
    if code in _HINTS_BY_CODE or family in _HINTS_BY_CODE:
        return _HINTS_BY_CODE.get(code) or _HINTS_BY_CODE[family]
    return _FAILURE_HINT if status >= 500 else _HINTS_BY_STATUS.get(status, "")


def retry_after(value: str | None, now: datetime) -> float | None:
    """Seconds from a Retry-After header: a number or a date (RFC 9110 §10.2.3). None when it says nothing."""
    if not value:
        return None
    if value.isascii() and value.isdigit():
        return float(value[:9])
    try:
        return max(0.0, (parsedate_to_datetime(value) - now).total_seconds())
    except (TypeError, ValueError):
        return None


def json_body(content: bytes) -> Json:
    """A reply's body as a JSON object; empty when it is none."""
    try:
        return mapping(json.loads(content)) if content else {}
    except (ValueError, RecursionError):
        return {}
