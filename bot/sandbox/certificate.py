"""The sandbox's own TLS certificate: made when it is not there yet, for 127.0.0.1 and localhost only."""

from __future__ import annotations

import ipaddress
import ssl
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

__all__ = ["Certificate"]

VALID = timedelta(days=365)


@dataclass(frozen=True, slots=True)
class Certificate:
    """Two PEM files: the certificate, which is its own authority, and its key (mode 0600)."""

    certificate: Path
    key: Path

    @classmethod
    def make(cls, directory: Path, now: datetime) -> Certificate:
        """The certificate in `directory`: the one that is there while it is valid, else a new one."""
        directory.mkdir(parents=True, exist_ok=True)
        made = cls(directory / "sandbox-certificate.pem", directory / "sandbox-key.pem")
        if not made._valid(now):
            made._write(now)
        return made

    def _valid(self, now: datetime) -> bool:
        if not (self.certificate.is_file() and self.key.is_file()):
            return False
        try:
            found = x509.load_pem_x509_certificate(self.certificate.read_bytes())
        except ValueError:
            return False
        return found.not_valid_before_utc <= now < found.not_valid_after_utc - timedelta(days=1)

    def _write(self, now: datetime) -> None:
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "bot sandbox")])
        names = x509.SubjectAlternativeName(
            [x509.DNSName("localhost"), x509.IPAddress(ipaddress.IPv4Address("127.0.0.1"))]
        )
        certificate = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(days=1))
            .not_valid_after(now + VALID)
            .add_extension(names, critical=False)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
            .sign(key, hashes.SHA256())
        )
        self.key.touch(mode=0o600)
        self.key.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        )
        self.certificate.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))

    def server_context(self) -> ssl.SSLContext:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(self.certificate, self.key)
        return context

    def client_context(self) -> ssl.SSLContext:
        """What a client uses to trust this certificate and no other."""
        return ssl.create_default_context(cafile=str(self.certificate))
