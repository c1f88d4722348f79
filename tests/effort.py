"""How much work something may be: counted in the processor's time, so that a busy machine fails no test."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["little_work"]

MOST = 2.0
"""Seconds of this process's time on a processor: what is meant to fail takes minutes."""


@contextmanager
def little_work() -> Iterator[None]:
    """What is done inside must not be much."""
    began = time.process_time()
    yield
    assert time.process_time() - began < MOST
