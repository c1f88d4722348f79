"""Digest authentication, checked against the RFCs' own examples."""

from __future__ import annotations

import pytest

from bot.errors import MalformedMessage
from bot.sip.digest import Challenge, Credentials, authorize, challenge, parse_challenge, verify

ADA = Credentials("800001", "secret")


def test_the_example_of_rfc_2617_comes_out() -> None:
    asked = parse_challenge(
        'Digest realm="testrealm@host.com", qop="auth,auth-int", '
        'nonce="dcd98b7102dd2f0e8b11d0f600bfb0c093", opaque="5ccc069c403ebaf9f0171e9517f40e41"'
    )
    value = authorize(asked, Credentials("Mufasa", "Circle Of Life"), "GET", "/dir/index.html", cnonce="0a4f113b")
    assert 'response="6629fae49393a05397450978507c4ef1"' in value
    assert 'opaque="5ccc069c403ebaf9f0171e9517f40e41"' in value
    assert "nc=00000001" in value


def test_the_example_of_rfc_7616_for_sha_256_comes_out() -> None:
    asked = Challenge("http-auth@example.org", "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v", "SHA-256", ("auth",))
    value = authorize(
        asked,
        Credentials("Mufasa", "Circle of Life"),
        "GET",
        "/dir/index.html",
        cnonce="f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ",
    )
    assert 'response="753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"' in value


def test_the_vendors_form_has_no_qop() -> None:
    value = authorize(
        parse_challenge(challenge("sip.ringcentral.com", "n1")), ADA, "REGISTER", "sip:sip.ringcentral.com"
    )
    assert "qop" not in value
    assert "cnonce" not in value
    assert verify(value, realm="sip.ringcentral.com", nonce="n1", method="REGISTER", credentials=ADA)


def test_the_vendors_sdk_is_understood() -> None:
    import hashlib

    def md5(text: str) -> str:
        return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()

    response = md5(f"{md5('800001:sip.ringcentral.com:secret')}:n1:{md5('INVITE:sip:sip.ringcentral.com')}")
    value = (
        'Digest algorithm="MD5", username="800001", realm="sip.ringcentral.com", nonce="n1", '
        f'uri="sip:sip.ringcentral.com", response="{response}"'
    )
    assert verify(value, realm="sip.ringcentral.com", nonce="n1", method="INVITE", credentials=ADA)


@pytest.mark.parametrize("qop", [(), ("auth",)])
@pytest.mark.parametrize("algorithm", ["MD5", "SHA-256", "SHA-512-256"])
def test_what_is_authorized_verifies_and_nothing_else_does(algorithm: str, qop: tuple[str, ...]) -> None:
    value = authorize(Challenge("r", "n", algorithm, qop), ADA, "INVITE", "sip:d", cnonce="c")
    assert verify(value, realm="r", nonce="n", method="INVITE", credentials=ADA)
    assert not verify(value, realm="r", nonce="other", method="INVITE", credentials=ADA)
    assert not verify(value, realm="other", nonce="n", method="INVITE", credentials=ADA)
    assert not verify(value, realm="r", nonce="n", method="REGISTER", credentials=ADA)
    assert not verify(value, realm="r", nonce="n", method="INVITE", credentials=Credentials("800001", "guess"))
    assert not verify(value, realm="r", nonce="n", method="INVITE", credentials=Credentials("800002", "secret"))
    assert not verify(value.replace(algorithm, "ROT13"), realm="r", nonce="n", method="INVITE", credentials=ADA)


def test_a_challenge_is_read_with_or_without_spaces_and_with_escapes() -> None:
    asked = parse_challenge(r'digest realm="a \"b\"",nonce=plain,stale=TRUE,algorithm=md5')
    assert asked == Challenge('a "b"', "plain", "MD5", (), "", True)


@pytest.mark.parametrize(
    ("value", "says"),
    [
        ("", "not digest"),
        ("Basic abc", "not digest"),
        ('Digest realm="x"', "without a nonce"),
        ('Digest realm="x", nonce=""', "without a nonce"),
        ('Digest realm="x", nonce="n", algorithm=MD4', "MD4"),
        ('Digest realm="x", nonce="n", qop="auth-int"', "auth-int"),
    ],
)
def test_a_challenge_that_nobody_can_answer_is_refused(value: str, says: str) -> None:
    with pytest.raises(MalformedMessage, match=says):
        parse_challenge(value)


def test_credentials_of_another_scheme_are_malformed() -> None:
    with pytest.raises(MalformedMessage):
        verify("Bearer x", realm="r", nonce="n", method="INVITE", credentials=ADA)
