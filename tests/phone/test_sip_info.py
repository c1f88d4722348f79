"""The vendor's sipInfo."""

from __future__ import annotations

import pytest

from bot.errors import ConfigError
from bot.phone import SipInfo

VENDOR = {
    "transport": "WSS",
    "username": "16505550100*101",
    "password": "secret",
    "authorizationTypes": ["SipDigest"],
    "authorizationId": "800001",
    "domain": "sip.ringcentral.com",
    "outboundProxy": "sip.example.com:8083",
    "outboundProxyBackup": "backup.example.com:8083",
    "stunServers": ["stun.example.com:19302"],
    "switchBackInterval": 600.0,
}


def test_the_vendors_json_is_read_and_written() -> None:
    info = SipInfo.from_json(VENDOR)
    assert info.username == "16505550100*101"
    assert info.authorization_id == "800001"
    assert info.stun_servers == ("stun.example.com:19302",)
    assert info.urls == ("wss://sip.example.com:8083", "wss://backup.example.com:8083")
    assert info.to_json() == VENDOR
    assert "secret" not in repr(info)


def test_what_is_optional_may_be_missing_and_what_is_unknown_is_ignored() -> None:
    names = ("username", "password", "authorizationId", "domain", "outboundProxy")
    info = SipInfo.from_json({**{name: VENDOR[name] for name in names}, "certificate": "x", "stunServers": None})
    assert info.urls == ("wss://sip.example.com:8083",)
    assert info.switch_back_interval is None
    assert info.stun_servers == ()


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"password": ""}, "without password"),
        ({"domain": 5}, "wrong type of domain"),
        ({"stunServers": "stun"}, "stunServers"),
        ({"switchBackInterval": "soon"}, "switchBackInterval"),
        ({"transport": "UDP"}, "transport UDP"),
    ],
)
def test_what_cannot_be_used_is_a_mistake_of_the_user(change: dict[str, object], says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        SipInfo.from_json({**VENDOR, **change})
