"""Logs: numbers are shortened and secrets replaced, in whatever field and however deep."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

from bot.log import configure, get_logger, mask, mask_number


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    yield
    structlog.reset_defaults()


def logged(**values: object) -> str:
    out = io.StringIO()
    configure("debug", "json", out)
    get_logger("bot.test").info("something", **values)
    return out.getvalue()


@pytest.mark.parametrize(
    ("number", "shown"),
    [
        ("+16505550199", "+1650***0199"),
        ("16505550199", "1650***0199"),
        ("5550199", "***0199"),
        ("sip:+16505550199@example.com", "sip:+1650***0199@example.com"),
        ("101", "101"),
        ("*83", "*83"),
    ],
)
def test_a_number_is_shortened_and_an_extension_is_not(number: str, shown: str) -> None:
    assert mask_number(number) == shown


NUMBERS = st.from_regex(r"\+?[1-9][0-9]{7,14}", fullmatch=True)
KEYS = st.sampled_from(["caller", "number", "event", "message", "x", "level_of", "who"])
SECRET_KEYS = st.sampled_from(
    ["password", "client_secret", "access_token", "token", "assertion", "jwt", "authorization", "nonce", "PASSWORD"]
)
AROUND = st.text(alphabet="abc <>@:;\"'()/-", max_size=8)


def nested(value: object, path: list[str]) -> object:
    """`value` inside lists and mappings."""
    for step in path:
        value = [value] if step == "list" else (value,) if step == "tuple" else {"x": value}
    return value


PATHS = st.lists(st.sampled_from(["list", "tuple", "mapping"]), max_size=3)


@given(NUMBERS, AROUND, AROUND, KEYS, PATHS)
def test_no_number_is_left_whole_in_any_field(
    number: str, before: str, after: str, key: str, path: list[str]
) -> None:
    assert number not in json.dumps(mask(nested(before + number + after, path), key))


@given(st.text(min_size=6, alphabet="abcdefghijklmnop0123456789"), SECRET_KEYS, PATHS)
def test_no_secret_is_left_in_a_field_that_is_named_for_one(secret: str, key: str, path: list[str]) -> None:
    assert mask({key: nested(secret, path)}) == {key: "***"}


@given(st.text(min_size=6, alphabet="ABCDEFG0123456789"), st.text(max_size=8, alphabet="abc <>@:;"))
def test_no_secret_is_left_in_the_text_of_a_message(secret: str, around: str) -> None:
    sip = f'REGISTER sip:example.com SIP/2.0\r\nAuthorization: Digest response="{secret}"\r\nTo: <{around}>\r\n'
    assert secret not in mask(sip)
    assert "To: <" in mask(sip)
    assert secret not in mask(f"grant_type=jwt&assertion={secret}&x=1")


@given(st.integers() | st.floats(allow_nan=False) | st.booleans() | st.none())
def test_what_is_no_text_stays_as_it_is(value: object) -> None:
    assert mask(value, "seconds") == value


def test_what_is_written_is_masked() -> None:
    line = json.loads(
        logged(caller="+16505550199", password="hunter2", body={"access_token": "abc", "to": ["16505550123"]})
    )
    assert line["caller"] == "+1650***0199"
    assert line["password"] == "***"
    assert line["body"] == {"access_token": "***", "to": ["1650***0123"]}


def test_what_was_bound_and_a_traceback_are_masked_too() -> None:
    out = io.StringIO()
    configure("debug", "json", out)
    log = get_logger("bot.test").bind(caller="+16505550199")
    try:
        raise ValueError("no route to +16505550123")
    except ValueError:
        log.exception("failed")
    assert "+16505550199" not in out.getvalue()
    assert "+16505550123" not in out.getvalue()
    assert "no route to +1650***0123" in out.getvalue()


@dataclass(frozen=True)
class Party:
    number: str


def test_objects_errors_sets_and_keys_are_masked_as_text() -> None:
    line = logged(
        error=ValueError("no route to +16505550191"),
        party=Party("+16505550192"),
        waiting={"+16505550193"},
        by_number={"+16505550194": 1},
    )
    assert "+1650555" not in line
    assert "no route to +1650***0191" in line


def test_the_time_stays_readable() -> None:
    line = json.loads(logged())
    assert "***" not in line["timestamp"]
    assert line["level"] == "info"


def test_less_than_the_level_is_not_written() -> None:
    out = io.StringIO()
    configure("warning", "text", out)
    log = get_logger("bot.test")
    log.info("quiet")
    log.warning("loud", number="+16505550199")
    assert "quiet" not in out.getvalue()
    assert "loud" in out.getvalue()
    assert "+1650***0199" in out.getvalue()
