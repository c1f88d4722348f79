"""Session descriptions: what peers leave out or do differently, one test each, and what we send."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.errors import MalformedSdp
from bot.media.negotiation import agree, answer_direction, dtls_role, offer_formats, setup_for_answer
from bot.media.sdp import DIRECTIONS, Format, LocalAudio, RemoteAudio, parse_sdp, render_sdp

CODECS = ("PCMU", "opus")

OFFER = """\
v=0
o=- 4611 2 IN IP4 127.0.0.1
s=-
t=0 0
a=group:BUNDLE 0
a=extmap-allow-mixed
a=msid-semantic: WMS stream
m=audio 54321 UDP/TLS/RTP/SAVPF 111 63 9 0 8 13 110 126
c=IN IP4 192.0.2.1
a=rtcp:9 IN IP4 0.0.0.0
a=candidate:1 1 udp 2113937151 0b1c.local 54321 typ host generation 0 network-cost 999
a=candidate:2 1 udp 1677729535 192.0.2.1 54321 typ srflx raddr 0.0.0.0 rport 0 generation 0
a=candidate:3 1 tcp 1518280447 192.0.2.1 9 typ host tcptype active
a=candidate:4 2 udp 2113937150 192.0.2.1 54322 typ host
a=ice-ufrag:EsAw
a=ice-pwd:bP+XJMM09aR8AiX1jdukzR6Y
a=ice-options:trickle
a=fingerprint:sha-256 AB:CD
a=setup:actpass
a=mid:0
a=extmap:1 urn:ietf:params:rtp-hdrext:ssrc-audio-level
a=sendrecv
a=msid:stream track
a=rtcp-mux
a=rtpmap:111 opus/48000/2
a=rtcp-fb:111 transport-cc
a=fmtp:111 minptime=10;useinbandfec=1
a=rtpmap:63 red/48000/2
a=fmtp:63 111/111
a=rtpmap:9 G722/8000
a=rtpmap:0 PCMU/8000
a=rtpmap:8 PCMA/8000
a=rtpmap:13 CN/8000
a=rtpmap:110 telephone-event/48000
a=rtpmap:126 telephone-event/8000
a=ssrc:3344 cname:name
"""


def changed(*replacements: tuple[str, str]) -> RemoteAudio:
    text = OFFER
    for old, new in replacements:
        assert old in text
        text = text.replace(old, new)
    return parse_sdp(text)


def answer_to(remote: RemoteAudio, **changes: object) -> str:
    values: dict[str, object] = {
        "session_id": 1,
        "version": 1,
        "formats": (Format(0, "PCMU", 8000),),
        "direction": "sendrecv",
        "ufrag": "abcd",
        "password": "x" * 22,
        "candidates": (),
        "fingerprint": ("sha-256", "AB"),
        "setup": "active",
        "ssrc": 7,
        "cname": "c",
        "rtcp_mux": remote.rtcp_mux,
        "bundled": remote.bundled,
        "sections": remote.sections,
        "index": remote.index,
    }
    return render_sdp(LocalAudio(**(values | changes)))  # type: ignore[arg-type]


def test_what_chromium_offers_is_read() -> None:
    remote = parse_sdp(OFFER)
    assert (remote.ufrag, remote.password) == ("EsAw", "bP+XJMM09aR8AiX1jdukzR6Y")
    assert remote.fingerprints == (("sha-256", "AB:CD"),)
    assert (remote.setup, remote.direction, remote.rtcp_mux, remote.bundled) == ("actpass", "sendrecv", True, True)
    assert [(each.host, each.kind) for each in remote.candidates] == [("0b1c.local", "host"), ("192.0.2.1", "srflx")]
    assert remote.formats[0] == Format(111, "opus", 48000, 2, "minptime=10;useinbandfec=1")
    assert remote.version == 2


def test_lines_may_end_in_any_way_and_have_spaces_around_them() -> None:
    assert parse_sdp(OFFER.replace("\n", "\r\n")) == parse_sdp(OFFER)
    assert parse_sdp(OFFER.replace("\n", "  \r")) == parse_sdp(OFFER)


def test_no_direction_means_sendrecv() -> None:
    assert changed(("a=sendrecv\n", "")).direction == "sendrecv"


@pytest.mark.parametrize("direction", DIRECTIONS)
def test_a_direction_of_the_session_holds_for_the_media(direction: str) -> None:
    assert changed(("a=sendrecv\n", ""), ("t=0 0", f"t=0 0\na={direction}")).direction == direction


def test_without_rtcp_mux_the_answer_does_not_claim_it() -> None:
    remote = changed(("a=rtcp-mux\n", ""))
    assert not remote.rtcp_mux
    assert "rtcp" not in answer_to(remote)


@pytest.mark.parametrize("setup", ["", "a=setup:holdconn\n", "a=setup:nonsense\n"])
def test_without_a_usable_setup_we_are_the_active_side(setup: str) -> None:
    remote = changed(("a=setup:actpass\n", setup))
    assert remote.setup == ""
    assert setup_for_answer(remote.setup, "") == "active"
    assert dtls_role("active", remote.setup) == "client"


def test_an_answer_without_setup_is_taken_for_active() -> None:
    assert dtls_role("actpass", "") == "server"
    assert dtls_role("actpass", "active") == "server"
    assert dtls_role("actpass", "passive") == "client"


@pytest.mark.parametrize(("offered", "ours"), [("active", "passive"), ("passive", "active"), ("actpass", "active")])
def test_our_setup_completes_the_peers(offered: str, ours: str) -> None:
    assert setup_for_answer(offered, "") == ours


def test_a_role_in_use_is_kept_when_the_peer_leaves_the_choice() -> None:
    assert setup_for_answer("actpass", "server") == "passive"
    assert setup_for_answer("actpass", "client") == "active"


def test_rejected_video_is_answered_with_a_rejection() -> None:
    remote = parse_sdp(OFFER + "m=video 0 UDP/TLS/RTP/SAVPF 96\na=mid:1\nm=application 9 UDP/DTLS/SCTP webrtc\n")
    answer = answer_to(remote)
    assert [line.split()[:2] for line in answer.splitlines() if line.startswith("m=")] == [
        ["m=audio", "9"],
        ["m=video", "0"],
        ["m=application", "0"],
    ]
    assert "a=group:BUNDLE 0\r\n" in answer


def test_audio_need_not_come_first() -> None:
    video = "m=video 9 UDP/TLS/RTP/SAVPF 96\na=rtpmap:96 VP8/90000\na=mid:v\n"
    remote = changed(("m=audio", video + "m=audio"))
    assert remote.index == 1
    assert remote.section.mid == "0"


def test_static_payload_types_need_no_rtpmap() -> None:
    remote = changed(("a=rtpmap:0 PCMU/8000\n", ""), ("a=rtpmap:8 PCMA/8000\n", ""))
    assert Format(0, "PCMU", 8000) in remote.formats
    assert Format(8, "PCMA", 8000) in remote.formats


def test_fmtp_without_rtpmap_is_skipped() -> None:
    remote = changed(("a=ssrc:3344", "a=fmtp:99 x=y\na=fmtp:nonsense\na=ssrc:3344"))
    assert remote.formats == parse_sdp(OFFER).formats


def test_a_payload_type_that_nothing_explains_is_skipped() -> None:
    assert 77 not in [each.payload_type for each in changed((" 13 110", " 13 77 200 x 110")).formats]


def test_mid_and_bundle_may_be_missing() -> None:
    remote = changed(("a=mid:0\n", ""), ("a=group:BUNDLE 0\n", ""))
    assert (remote.section.mid, remote.bundled) == (None, False)
    assert "mid" not in answer_to(remote)
    assert "BUNDLE" not in answer_to(remote)


def test_a_mid_without_a_group_is_mirrored_without_a_group() -> None:
    answer = answer_to(changed(("a=group:BUNDLE 0\n", "")))
    assert "a=mid:0\r\n" in answer
    assert "BUNDLE" not in answer


def test_credentials_and_fingerprint_may_stand_in_the_session_part() -> None:
    moved = "a=ice-ufrag:EsAw\na=ice-pwd:bP+XJMM09aR8AiX1jdukzR6Y\na=fingerprint:sha-256 AB:CD\na=setup:actpass\n"
    text = OFFER
    for line in moved.splitlines():
        text = text.replace(line + "\n", "")
    assert parse_sdp(text.replace("m=audio", moved + "m=audio")) == parse_sdp(OFFER)


def test_ice_lite_is_noticed() -> None:
    assert changed(("t=0 0", "t=0 0\na=ice-lite")).ice_lite


def test_names_of_codecs_do_not_depend_on_case() -> None:
    remote = changed(("PCMU/8000", "pcmu/8000"), ("opus/", "OPUS/"))
    assert agree(remote, CODECS, answering=True).codec.name == "PCMU"


def test_the_profile_of_the_offer_is_mirrored() -> None:
    assert " RTP/SAVPF 0" in answer_to(changed(("UDP/TLS/RTP/SAVPF", "RTP/SAVPF")))


@pytest.mark.parametrize(
    ("remove", "says"),
    [
        ("a=ice-ufrag:EsAw\n", "ice-ufrag"),
        ("a=ice-pwd:bP+XJMM09aR8AiX1jdukzR6Y\n", "ice-pwd"),
        ("a=fingerprint:sha-256 AB:CD\n", "fingerprint"),
    ],
)
def test_what_cannot_be_done_without_is_named(remove: str, says: str) -> None:
    with pytest.raises(MalformedSdp, match=says):
        changed((remove, ""))


@pytest.mark.parametrize(
    "text", ["", "v=0", "m=video 9 UDP/TLS/RTP/SAVPF 96", "m=audio", "m=audio 0 RTP/SAVPF 0", "m=audio 99999999 X 0"]
)
def test_without_usable_audio_it_is_malformed(text: str) -> None:
    with pytest.raises(MalformedSdp):
        parse_sdp(text)


def test_our_order_decides_when_we_answer_and_the_peers_when_it_does() -> None:
    remote = parse_sdp(OFFER)
    assert agree(remote, ("PCMU", "opus"), answering=True).codec.name == "PCMU"
    assert agree(remote, ("opus", "PCMU"), answering=True).codec.name == "opus"
    assert agree(remote, ("PCMU", "opus"), answering=False).codec.name == "opus"


@pytest.mark.parametrize(("codecs", "event"), [(("PCMU",), 126), (("opus",), 110)])
def test_telephone_events_have_the_clock_rate_of_the_codec(codecs: tuple[str, ...], event: int) -> None:
    agreement = agree(parse_sdp(OFFER), codecs, answering=True)
    assert agreement.event_payload_type == event
    assert set(agreement.receive_events) == {110, 126}


def test_no_common_codec_is_said_with_both_lists() -> None:
    with pytest.raises(MalformedSdp, match=r"red, G722.*set to PCMA"):
        agree(changed(("PCMA/8000", "X/8000")), ("PCMA",), answering=True)


def test_events_are_offered_for_each_clock_rate() -> None:
    assert [(each.payload_type, each.clock_rate) for each in offer_formats(("PCMU", "opus"))] == [
        (0, 8000),
        (111, 48000),
        (101, 8000),
        (110, 48000),
    ]


@pytest.mark.parametrize(
    ("wanted", "offered", "answered"),
    [
        ("sendrecv", "sendrecv", "sendrecv"),
        ("sendrecv", "sendonly", "recvonly"),
        ("sendrecv", "recvonly", "sendonly"),
        ("sendrecv", "inactive", "inactive"),
        ("sendonly", "sendrecv", "sendonly"),
        ("sendonly", "sendonly", "inactive"),
        ("recvonly", "recvonly", "inactive"),
    ],
)
def test_the_answered_direction_is_the_most_that_both_want(wanted: str, offered: str, answered: str) -> None:
    assert answer_direction(wanted, offered) == answered


def test_our_own_description_says_all_that_a_strict_peer_needs() -> None:
    text = answer_to(parse_sdp(OFFER))
    assert text.endswith("\r\n")
    assert text.startswith("v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\n")
    remote = parse_sdp(text)
    assert (remote.ufrag, remote.setup, remote.rtcp_mux, remote.bundled) == ("abcd", "active", True, True)
    assert remote.formats == (Format(0, "PCMU", 8000),)


LINES = st.lists(
    st.sampled_from([*OFFER.splitlines(), "m=audio 1 X 0", "a=", "a=candidate:1 1 udp", "m=", "o=", "="])
)


@settings(max_examples=150, deadline=None)
@given(LINES | st.lists(st.text(max_size=40)))
def test_any_lines_are_read_or_malformed(lines: list[str]) -> None:
    try:
        remote = parse_sdp("\n".join(lines))
    except MalformedSdp:
        return
    parse_sdp(answer_to(remote))


@settings(max_examples=150, deadline=None)
@given(st.integers(0, len(OFFER) - 1), st.text(max_size=8), st.integers(0, 30))
def test_a_damaged_description_is_read_or_malformed(at: int, inserted: str, removed: int) -> None:
    try:
        remote = parse_sdp(OFFER[:at] + inserted + OFFER[at + removed :])
        agree(remote, CODECS, answering=True)
    except MalformedSdp:
        return
    assert answer_to(remote)
