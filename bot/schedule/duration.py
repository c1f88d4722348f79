"""Durations as people write them: `20s`, `10m`, `1h 30m`, `2d`."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Annotated

from pydantic import BeforeValidator, PlainSerializer, WithJsonSchema

__all__ = ["Duration", "format_duration", "parse_duration"]

_PATTERN = re.compile(r"(?:(\d+)d)?\s*(?:(\d+)h)?\s*(?:(\d+)m)?\s*(?:(\d+)s)?")
_LIMIT = timedelta(days=3660)


def parse_duration(value: object) -> timedelta:
    """The duration that `value` says; a bare number is seconds.

    Raises:
        ValueError: it says none, or one of more than ten years.
    """
    if isinstance(value, timedelta):
        return value
    text = str(value).strip()
    match = _PATTERN.fullmatch(f"{text}s" if text.isascii() and text.isdigit() else text)
    if isinstance(value, bool) or match is None or not any(match.groups()):
        raise ValueError(f'"{text}" is not a duration, such as 20s, 10m or 1h 30m')
    days, hours, minutes, seconds = (int(part[:12]) if part else 0 for part in match.groups())
    try:
        duration = timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds)
    except OverflowError:
        duration = timedelta.max
    if duration > _LIMIT:
        raise ValueError(f'"{text}" is longer than ten years')
    return duration


def format_duration(duration: timedelta) -> str:
    """The shortest text that `parse_duration` reads as `duration`, in whole seconds."""
    minutes, seconds = divmod(int(duration.total_seconds()), 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    parts = [
        f"{amount}{unit}" for amount, unit in ((days, "d"), (hours, "h"), (minutes, "m"), (seconds, "s")) if amount
    ]
    return " ".join(parts) or "0s"


Duration = Annotated[
    timedelta,
    BeforeValidator(parse_duration),
    PlainSerializer(format_duration, return_type=str),
    WithJsonSchema({"type": ["string", "integer"], "examples": ["20s", "10m", "1h 30m"]}),
]
"""A field that is written as text such as `10m`, and is a `timedelta`."""
