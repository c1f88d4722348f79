"""Lengths of time as people write them: `90s`, `3m`, `1h30m`, `500ms`, `2d`; a bare number is seconds."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import BeforeValidator
from pydantic_core import PydanticCustomError

__all__ = ["Duration", "format_duration", "parse_duration"]

_PARTS = re.compile(r"(?:(\d{1,6})d)?(?:(\d{1,6})h)?(?:(\d{1,6})m)?(?:(\d{1,6}(?:\.\d{1,3})?)s)?(?:(\d{1,6})ms)?")
_SECONDS = (86_400.0, 3_600.0, 60.0, 1.0, 0.001)
_NUMBER = re.compile(r"\d{1,9}(?:\.\d{1,6})?")
LONGEST = 366 * 86_400.0
"""Seconds; a longer one is taken for a slip of the pen."""


def parse_duration(value: object) -> float:
    """Seconds.

    Raises:
        ValueError: not a length of time; the message says how to write one.
    """
    seconds = -1.0
    if isinstance(value, int | float) and not isinstance(value, bool):
        seconds = float(value)
    elif isinstance(value, str):
        text = value.strip()
        parts = _PARTS.fullmatch(text)
        if _NUMBER.fullmatch(text):
            seconds = float(text)
        elif text and parts:
            seconds = sum(float(part) * unit for part, unit in zip(parts.groups(), _SECONDS, strict=True) if part)
    if not 0 <= seconds <= LONGEST:
        raise ValueError(f'"{str(value)[:60]}" is not a length of time')
    return seconds


def format_duration(seconds: float) -> str:
    """The shortest way to write it: `1h30m`, `2.5s`."""
    whole = int(seconds)
    text = ""
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "m")):
        count, whole = divmod(whole, size)
        text += f"{count}{unit}" if count else ""
    rest = whole + (seconds - int(seconds))
    return text + f"{rest:g}s" if rest or not text else text


def _validate(value: object) -> float:
    try:
        return parse_duration(value)
    except ValueError as error:
        raise PydanticCustomError("duration", "{reason}", {"reason": str(error), "hint": _HINT}) from error


_HINT = "write it like 90s, 3m or 1h30m"

Duration = Annotated[float, BeforeValidator(_validate, json_schema_input_type=str | float)]
"""A field that takes a length of time and holds seconds."""
