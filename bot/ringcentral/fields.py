"""Lenient reading of JSON whose shape is the platform's: what is missing or of another type becomes empty.

The vendor's ids come as strings here and as numbers there, and fields come and go between releases; so nothing
in a body is relied upon that the caller did not ask for.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

__all__ = ["Json", "boolean", "integer", "mapping", "records", "text"]

Json: TypeAlias = Mapping[str, object]

_EMPTY: Json = {}


def mapping(source: object, key: str = "") -> Json:
    """`source`, or its field `key`, when that is a JSON object; otherwise an empty one."""
    value = source.get(key) if key and isinstance(source, Mapping) else (None if key else source)
    return value if isinstance(value, Mapping) else _EMPTY


def records(source: object, key: str) -> list[Json]:
    """The JSON objects in the list `source[key]`; anything else in it is left out."""
    value = mapping(source).get(key)
    return [item for item in value if isinstance(item, Mapping)] if isinstance(value, list) else []


def text(source: object, key: str) -> str:
    """`source[key]` as text; numbers (the vendor's ids) are written out, anything else is empty."""
    value = mapping(source).get(key)
    if isinstance(value, str):
        return value
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else ""


def integer(source: object, key: str, default: int = 0) -> int:
    """`source[key]` as a whole number, also when it came as text."""
    value = mapping(source).get(key)
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 20:
        return int(value)
    return default


def boolean(source: object, key: str) -> bool:
    """True only where `source[key]` is true."""
    return mapping(source).get(key) is True
