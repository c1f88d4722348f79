"""Phone numbers: one form, E.164; which are never dialled; and the time zones that a number may be in."""

from __future__ import annotations

import re
from functools import lru_cache

import phonenumbers
from phonenumbers import NumberParseException, PhoneNumber, PhoneNumberType, timezone

__all__ = ["normalise", "special_service", "time_zones_of"]

_WRITTEN = re.compile(r"\+?[\d\s().\-/\u00a0\u2010-\u2013]+")
_SPREADSHEET = re.compile(r"\d(?:\.\d+)?E\+?\d+", re.I)
_SPECIAL_TYPES = {
    PhoneNumberType.PREMIUM_RATE: "a premium-rate number",
    PhoneNumberType.SHARED_COST: "a shared-cost number",
    PhoneNumberType.VOICEMAIL: "a voicemail access number",
}


def normalise(text: str, country: str = "US") -> str:
    """The number that `text` means, as `+16505550199`; a national number is one of `country`.

    Raises:
        ValueError: it is no number that may be dialled; the message says why.
    """
    written = text.strip().lstrip("'")
    if not written:
        raise ValueError("no number")
    if _SPREADSHEET.fullmatch(written):
        raise ValueError(f'"{text}" was shortened by a spreadsheet: format the column as text')
    if not _WRITTEN.fullmatch(written):
        raise ValueError(f'"{text}" is not a phone number')
    if phonenumbers.connects_to_emergency_number(written, country):
        raise ValueError(f'"{text}" is an emergency number')
    try:
        parsed = phonenumbers.parse(written, country)
    except NumberParseException as error:
        raise ValueError(f'"{text}" is not a phone number') from error
    number = phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164)
    special = special_service(number)
    if special:
        raise ValueError(f'"{text}" is {special}')
    return number


@lru_cache(maxsize=10_000)
def special_service(number: str) -> str:
    """Why a number must never be dialled by a machine, such as "an emergency number"; empty when nothing is known."""
    parsed = _parse(number)
    if parsed is None:
        return "not a phone number"
    region = phonenumbers.region_code_for_country_code(parsed.country_code or 0)
    national = phonenumbers.national_significant_number(parsed)
    if phonenumbers.is_emergency_number(national, region):
        return "an emergency number"
    if not phonenumbers.is_valid_number(parsed):
        if _is_short_number(national, region):
            return "a special-service number"
        return "a number that its country's plan does not have"
    return _SPECIAL_TYPES.get(phonenumbers.number_type(parsed), "")


@lru_cache(maxsize=10_000)
def time_zones_of(number: str) -> tuple[str, ...]:
    """Names of the time zones in which the called party may be, as far as the number tells; often several."""
    parsed = _parse(number)
    names = timezone.time_zones_for_number(parsed) if parsed is not None else ()
    return tuple(name for name in names if name != "Etc/Unknown")


def _is_short_number(national: str, region: str) -> bool:
    try:
        return phonenumbers.is_valid_short_number_for_region(phonenumbers.parse(national, region), region)
    except NumberParseException:
        return False


def _parse(number: str) -> PhoneNumber | None:
    if not re.fullmatch(r"\+[1-9]\d{1,17}", number):
        return None
    try:
        return phonenumbers.parse(number, None)
    except NumberParseException:
        return None
