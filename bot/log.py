"""Structured logs, with secrets and people's numbers masked before anything is written.

Every module gets its logger with `get_logger(__name__)` and logs an event name with values, never a formatted
sentence: `log.info("registered", extension="101", expires=60)`.
"""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import Mapping, MutableMapping
from typing import Any, Literal, TextIO

import structlog

__all__ = ["configure", "get_logger", "mask", "mask_number"]

_NUMBER = re.compile(r"\+?\d{7,15}")
_SECRET_KEY = re.compile(r"password|secret|token|assertion|authorization$|^jwt$|^nonce$|^response$", re.I)
_SECRET_TEXT = re.compile(
    r"(?im)^((?:proxy-)?authorization:\s*).*$|((?:password|response|access_token|assertion)=\"?)[^\s\",&]+"
)


def get_logger(name: str) -> Any:
    """The logger of a module; `name` is its dotted name."""
    return structlog.get_logger(name)


def mask_number(text: str) -> str:
    """`+16505550199` becomes `+1650***0199`: enough to recognise, too little to dial."""

    def hide(match: re.Match[str]) -> str:
        number = match.group()
        keep = 5 if number.startswith("+") else 4
        return f"{number[:keep]}***{number[-4:]}" if len(number) > keep + 4 else f"***{number[-4:]}"

    return _NUMBER.sub(hide, text)


def mask(value: Any, key: str = "") -> Any:
    """`value` with numbers shortened and, by its key or its form, secrets replaced; containers are walked."""
    if key and _SECRET_KEY.search(key):
        return "***" if value else value
    if value is None or isinstance(value, int | float):
        return value
    if isinstance(value, Mapping):
        return {mask(name): mask(item, str(name)) for name, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [mask(item) for item in value]
    # What is no text becomes text here, not in a renderer, which masks nothing.
    hidden = _SECRET_TEXT.sub(lambda match: f"{match.group(1) or match.group(2)}***", str(value))
    return mask_number(hidden)


def _mask_event(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    for key, value in event.items():
        if key not in {"timestamp", "level"}:
            event[key] = mask(value, key)
    return event


def configure(level: str = "info", form: Literal["text", "json"] = "text", stream: TextIO | None = None) -> None:
    """Set up logging for the process: `level` is debug, info, warning or error; written to `stream` (stderr)."""
    out = stream or sys.stderr
    renderer: Any = (
        structlog.processors.JSONRenderer()
        if form == "json"
        else structlog.dev.ConsoleRenderer(colors=out.isatty(), pad_event_to=24)
    )
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            _mask_event,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(getattr(logging, level.upper())),
        logger_factory=structlog.PrintLoggerFactory(out),
        cache_logger_on_first_use=False,
    )
