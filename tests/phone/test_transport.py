"""Connecting: what each thing that can go wrong is called."""

from __future__ import annotations

import asyncio
import datetime
import ipaddress
import ssl
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from bot.errors import CertificateNotTrusted, ConnectionFailed
from bot.phone.transport import Transport
from tests.phone.server import SipServer


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A self-signed certificate for 127.0.0.1, with its key, in one PEM file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "test phone system")])
    alternatives = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    start = datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(start)
        .not_valid_after(start + datetime.timedelta(days=36500))
        .add_extension(alternatives, critical=False)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path_factory.mktemp("tls") / "server.pem"
    path.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        + made.public_bytes(serialization.Encoding.PEM)
    )
    return path


def server_context(certificate: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    return context


async def test_a_trusted_server_is_connected_with_subprotocol_sip(certificate: Path) -> None:
    async with SipServer(server_context(certificate)) as server:
        url = f"wss://127.0.0.1:{server.port}"
        transport = await Transport.open(url, ssl_context=ssl.create_default_context(cafile=certificate), limit=5)
        peer = await server.peer()
        assert peer.socket.subprotocol == "sip"
        await transport.close()


async def test_an_unknown_certificate_is_not_trusted_and_the_error_says_what_to_do(certificate: Path) -> None:
    async with SipServer(server_context(certificate)) as server:
        with pytest.raises(CertificateNotTrusted) as failed:
            await Transport.open(f"wss://127.0.0.1:{server.port}", ssl_context=None, limit=5)
        assert "self-signed" in failed.value.message
        assert "PEM" in failed.value.hint


async def test_a_refused_connection_names_the_server() -> None:
    with pytest.raises(ConnectionFailed, match=r"127\.0\.0\.1:1\b") as failed:
        await Transport.open("wss://127.0.0.1:1", ssl_context=None, limit=5)
    assert not isinstance(failed.value, CertificateNotTrusted)


@pytest.mark.parametrize("answer", [b"", b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", b"220 hello\r\n"])
@pytest.mark.parametrize("scheme", ["ws", "wss"])
async def test_a_server_that_is_no_websocket_server_is_a_failed_connection(answer: bytes, scheme: str) -> None:
    async def serve(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(answer)
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        with pytest.raises(ConnectionFailed):
            await Transport.open(f"{scheme}://127.0.0.1:{port}", ssl_context=None, limit=5)


async def test_a_server_that_says_nothing_is_given_up_at_the_limit() -> None:
    held: list[asyncio.StreamWriter] = []
    server = await asyncio.start_server(lambda _reader, writer: held.append(writer), "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        with pytest.raises(ConnectionFailed, match="within 5 s"):
            await Transport.open(f"ws://127.0.0.1:{port}", ssl_context=None, limit=5)
        for writer in held:
            writer.close()


@pytest.mark.parametrize("url", ["ws://", "ws://127.0.0.1:0", "wss://127.0.0.1:99999", "ws://no such host"])
async def test_an_address_that_is_none_is_a_failed_connection(url: str) -> None:
    with pytest.raises(ConnectionFailed):
        await Transport.open(url, ssl_context=None, limit=5)
