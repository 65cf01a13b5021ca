"""Who may talk to whom: own certificates (made once, key 0600), and a folder of trusted ones that denies by default.

Layout of a `pki` folder: own/<name>.der, own/<name>.key.pem, trusted/*.der, rejected/*.der.
"""

import hashlib
import ipaddress
import os
import socket
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from asyncua import ua
from asyncua.common.utils import ServiceError
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from equipment_drivers.errors import CertificateRefused

VALID_FOR = timedelta(days=365)


@dataclass(frozen=True, slots=True)
class Identity:
    """One application's certificate (DER) and private key (PEM, mode 0600), and its OPC UA application URI."""

    uri: str
    certificate: Path
    key: Path

    @property
    def thumbprint(self) -> str:
        """Return `sha256:<hex>` of the certificate."""
        return thumbprint(self.certificate.read_bytes())


def thumbprint(der: bytes) -> str:
    """Return the name by which a certificate is pinned: `sha256:<hex>` of its DER bytes."""
    return f"sha256:{hashlib.sha256(der).hexdigest()}"


def own_identity(pki: Path, name: str, uri: str) -> Identity:
    """Return the identity `name` of this folder; made if it is not there, never made anew in silence.

    Raises CertificateRefused if half of it is missing, or it is expired or of another URI: a changed identity
    is a person's decision, because every peer must trust it again.
    """
    folder = pki / "own"
    identity = Identity(uri, folder / f"{name}.der", folder / f"{name}.key.pem")
    if not identity.certificate.exists() and not identity.key.exists():
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        _make(identity)
    if not (identity.certificate.exists() and identity.key.exists()):
        raise CertificateRefused(f"{name}: certificate or key is missing in {folder.name}/", which="own")
    found = x509.load_der_x509_certificate(identity.certificate.read_bytes())
    if found.not_valid_after_utc < _wall_time():
        raise CertificateRefused(f"{name}: expired at {found.not_valid_after_utc.isoformat()}", which="own")
    if uri not in _uris(found):
        raise CertificateRefused(f"{name}: was made for {_uris(found)}, not for {uri}", which="own")
    return identity


def _wall_time() -> datetime:
    """Certificates are in date by the wall clock, whatever the record's clock says."""
    return datetime.fromtimestamp(time.time(), UTC)


def _make(identity: Identity) -> None:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, identity.uri[:64])])
    now = _wall_time()
    usage = x509.KeyUsage(
        digital_signature=True, content_commitment=True, key_encipherment=True, data_encipherment=True,
        key_agreement=False, key_cert_sign=True, crl_sign=False, encipher_only=False, decipher_only=False,
    )  # fmt: skip
    names: list[x509.GeneralName] = [
        x509.UniformResourceIdentifier(identity.uri),
        *(x509.DNSName(host) for host in sorted({"localhost", socket.gethostname()})),
        x509.IPAddress(ipaddress.ip_address("127.0.0.1")),
    ]
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=5))
        .not_valid_after(now + VALID_FOR)
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(
            x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.SERVER_AUTH]), critical=False
        )
        .sign(key, hashes.SHA256())
    )
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    with os.fdopen(os.open(identity.key, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(pem)
    identity.certificate.write_bytes(made.public_bytes(serialization.Encoding.DER))


def _uris(certificate: x509.Certificate) -> list[str]:
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return []
    return list(names.get_values_for_type(x509.UniformResourceIdentifier))


def trust(pki: Path, der: bytes) -> str:
    """Put a certificate into the trusted folder and return its thumbprint; a person's decision, never a program's."""
    name = thumbprint(der)
    (pki / "trusted").mkdir(parents=True, exist_ok=True)
    (pki / "trusted" / f"{name[7:]}.der").write_bytes(der)
    return name


def trusted(pki: Path) -> dict[str, bytes]:
    """Return the trusted certificates (DER) by thumbprint; an absent or empty folder trusts nobody."""
    return trusted_in(pki / "trusted")


def trusted_in(folder: Path) -> dict[str, bytes]:
    """Return the certificates (DER) of a folder by thumbprint."""
    found = (path.read_bytes() for path in sorted(folder.glob("*.der")))
    return {thumbprint(der): der for der in found}


def reject(pki: Path, der: bytes) -> str:
    """Keep a certificate that nobody trusts, for a person to look at, and return its thumbprint."""
    name = thumbprint(der)
    (pki / "rejected").mkdir(parents=True, exist_ok=True)
    (pki / "rejected" / f"{name[7:]}.der").write_bytes(der)
    return name


def pinned(pki: Path, pin: str) -> bytes:
    """Return the one server certificate to expect: the pinned one, or the only trusted one where `pin` is empty."""
    known = trusted(pki)
    if pin:
        if pin not in known:
            raise CertificateRefused(f"the pinned certificate {pin} is not in trusted/", which="server", presented="")
        return known[pin]
    if len(known) != 1:
        raise CertificateRefused(
            f"trusted/ holds {len(known)} certificates; pin the device's one by its thumbprint",
            which="server", presented="",
        )  # fmt: skip
    return next(iter(known.values()))


def validator(pki: Path) -> Callable[[x509.Certificate, ua.ApplicationDescription], Awaitable[None]]:
    """Return the check of a peer's certificate: in date, of the stated application, trusted; else refused and kept."""

    async def check(certificate: x509.Certificate, peer: ua.ApplicationDescription) -> None:
        der = certificate.public_bytes(serialization.Encoding.DER)
        now = _wall_time()
        if not certificate.not_valid_before_utc <= now <= certificate.not_valid_after_utc:
            raise ServiceError(ua.StatusCodes.BadCertificateTimeInvalid)
        if peer.ApplicationUri not in _uris(certificate):
            raise ServiceError(ua.StatusCodes.BadCertificateUriInvalid)
        if thumbprint(der) not in trusted(pki):
            reject(pki, der)
            raise ServiceError(ua.StatusCodes.BadCertificateUntrusted)

    return check
