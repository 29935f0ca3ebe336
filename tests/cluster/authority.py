"""Who vouches for whom in a cluster? A certificate authority of its own, and what it signs."""

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

LIFETIME = timedelta(days=30)
# Clocks of other processes may be a little behind.
SLACK = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class Pair:
    """A certificate and its key, each PEM."""

    certificate: bytes
    key: bytes

    @property
    def texts(self) -> tuple[str, str]:
        """Return the same as text."""
        return self.certificate.decode(), self.key.decode()

    def store(self, folder: Path, name: str) -> tuple[Path, Path]:
        """Write ``name.crt`` and ``name.key`` and return their paths."""
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        certificate, key = folder / f"{name}.crt", folder / f"{name}.key"
        certificate.write_bytes(self.certificate)
        key.touch(mode=0o600)
        key.write_bytes(self.key)
        return certificate, key


@dataclass(frozen=True, slots=True)
class Authority:
    """A certificate authority; trust ``pair.certificate``."""

    pair: Pair

    @property
    def pem(self) -> str:
        """Return what to trust, as text."""
        return self.pair.texts[0]

    def serving(self, *names: str, lifetime: timedelta = LIFETIME) -> Pair:
        """Return a server's certificate for these host names and addresses."""
        return self._signed(names[0], (), lifetime, [_alternative(name) for name in names])

    def client(
        self, user: str, groups: Sequence[str] = (), *, lifetime: timedelta = LIFETIME
    ) -> Pair:
        """Return the certificate of a client whom Kubernetes knows as ``user`` of ``groups``."""
        return self._signed(user, groups, lifetime, [])

    def _signed(
        self,
        name: str,
        groups: Sequence[str],
        lifetime: timedelta,
        found_at: list[x509.GeneralName],
    ) -> Pair:
        issuer = x509.load_pem_x509_certificate(self.pair.certificate)
        signing = serialization.load_pem_private_key(self.pair.key, password=None)
        assert isinstance(signing, ec.EllipticCurvePrivateKey)
        key = ec.generate_private_key(ec.SECP256R1())
        builder = _begun(_named(name, groups), issuer.subject, key, lifetime)
        usage = ExtendedKeyUsageOID.SERVER_AUTH if found_at else ExtendedKeyUsageOID.CLIENT_AUTH
        builder = builder.add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
        if found_at:
            names = x509.SubjectAlternativeName(found_at)
            builder = builder.add_extension(names, critical=False)
        public = x509.AuthorityKeyIdentifier.from_issuer_public_key(signing.public_key())
        builder = builder.add_extension(public, critical=False)
        return _pair(builder.sign(signing, hashes.SHA256()), key)


def make(name: str) -> Authority:
    """Return a new authority; no two trust each other."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = _named(name, ())
    builder = (
        _begun(subject, subject, key, LIFETIME)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_signs_only(), critical=True)
    )
    return Authority(_pair(builder.sign(key, hashes.SHA256()), key))


def signing_key() -> Pair:
    """Return a key for service-account tokens: its public half, then the key."""
    key = ec.generate_private_key(ec.SECP256R1())
    public = key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return Pair(public, _private(key))


def _begun(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey, lifetime: timedelta
) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(min(now, now + lifetime) - SLACK)
        .not_valid_after(now + lifetime)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )


def _named(name: str, groups: Sequence[str]) -> x509.Name:
    parts = [x509.NameAttribute(NameOID.ORGANIZATION_NAME, group) for group in groups]
    return x509.Name([*parts, x509.NameAttribute(NameOID.COMMON_NAME, name)])


def _alternative(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _signs_only() -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=True,
        crl_sign=True,
        encipher_only=False,
        decipher_only=False,
    )


def _pair(certificate: x509.Certificate, key: ec.EllipticCurvePrivateKey) -> Pair:
    return Pair(certificate.public_bytes(serialization.Encoding.PEM), _private(key))


def _private(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
