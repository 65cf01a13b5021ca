"""Certificates: made once with a private key, refused when they are not what they were, trusted by decision only."""

import asyncio
import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest
from asyncua.common.utils import ServiceError
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding

from equipment_drivers.errors import CertificateRefused, ConfigurationFault
from equipment_drivers.manual import NOT_MONITORED, ManualDriver
from equipment_drivers.nodemap import parse_nodemap
from equipment_drivers.opcua import channel, security
from equipment_drivers.opcua.channel import Endpoint
from equipment_drivers.opcua.driver import OpcUaDriver
from equipment_drivers.prodigy import SIMULATOR_MAP
from equipment_drivers.readings import Command, CommandResult, CommandVerb, LinkState
from tests.drivers.stage import T0, MemorySink

URI = "urn:septima:test:collector"


def a_certificate(uri: str = URI, days: int = 10) -> x509.Certificate:
    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "t")])
    begin, end = sorted((now - timedelta(days=1), now + timedelta(days=days)))
    names = x509.SubjectAlternativeName([x509.UniformResourceIdentifier(uri)])
    builder = x509.CertificateBuilder(name, name, key.public_key(), 1, begin, end).add_extension(names, False)
    return builder.sign(key, SHA256())


def test_an_identity_is_made_once_and_its_key_is_private(pki: Path, tmp_path: Path) -> None:
    made = security.own_identity(tmp_path, "collector", URI)
    assert stat.S_IMODE(made.key.stat().st_mode) == 0o600
    assert stat.S_IMODE(made.key.parent.stat().st_mode) == 0o700
    before = made.certificate.read_bytes()
    assert security.own_identity(tmp_path, "collector", URI).certificate.read_bytes() == before
    with pytest.raises(CertificateRefused, match="not for urn:other"):
        security.own_identity(tmp_path, "collector", "urn:other")
    made.key.unlink()
    with pytest.raises(CertificateRefused, match="certificate or key is missing"):
        security.own_identity(tmp_path, "collector", URI)
    made.key.write_bytes(b"")
    made.certificate.write_bytes(a_certificate(days=-5).public_bytes(Encoding.DER))
    with pytest.raises(CertificateRefused, match="expired at"):
        security.own_identity(tmp_path, "collector", URI)


@pytest.mark.rule("REG-P11-10h")
@pytest.mark.rule("REG-P11-10h", negative=True)
@pytest.mark.parametrize(("uri", "days", "is_trusted", "status"), [
    (URI, 10, True, None), (URI, 10, False, "BadCertificateUntrusted"), (URI, -5, True, "BadCertificateTimeInvalid"),
    ("urn:else", 10, True, "BadCertificateUriInvalid"),
])  # fmt: skip
def test_a_peer_is_checked(tmp_path: Path, uri: str, days: int, is_trusted: bool, status: str | None) -> None:
    certificate = a_certificate(uri, days)
    der = certificate.public_bytes(Encoding.DER)
    if is_trusted:
        security.trust(tmp_path, der)
    checked = security.validator(tmp_path)(certificate, SimpleNamespace(ApplicationUri=URI))
    if status is None:
        asyncio.run(checked)
    else:
        with pytest.raises(ServiceError) as refused:
            asyncio.run(checked)
        assert channel.ua.StatusCode(refused.value.code).name == status
    kept = list((tmp_path / "rejected").glob("*.der"))
    assert [path.read_bytes() for path in kept] == ([der] if status == "BadCertificateUntrusted" else [])


def test_a_pin_is_needed_where_several_are_trusted(tmp_path: Path) -> None:
    first, second = (a_certificate().public_bytes(Encoding.DER) for _ in range(2))
    with pytest.raises(CertificateRefused, match="holds 0 certificates"):
        security.pinned(tmp_path, "")
    pin = security.trust(tmp_path, first)
    assert security.pinned(tmp_path, "") == security.pinned(tmp_path, pin) == first
    security.trust(tmp_path, second)
    with pytest.raises(CertificateRefused, match="holds 2 certificates"):
        security.pinned(tmp_path, "")
    assert security.pinned(tmp_path, pin) == first
    with pytest.raises(CertificateRefused, match="is not in trusted"):
        security.pinned(tmp_path, "sha256:" + "0" * 64)


def test_a_password_is_not_printed(pki: Path) -> None:
    identity = security.own_identity(pki / "mes", "collector", URI)
    assert "s3cret" not in repr(Endpoint("opc.tcp://127.0.0.1:1/", "user", "s3cret", pki, identity))


@pytest.mark.parametrize(("in_map", "in_record", "is_refused"), [
    ("a", "a", False), ("a", "", False), ("", "a", False), ("", "", False), ("a", "b", True),
])  # fmt: skip
def test_two_pins_must_agree(pki: Path, in_map: str, in_record: str, is_refused: bool) -> None:
    pins = {"a": "sha256:" + "a" * 64, "b": "sha256:" + "b" * 64, "": ""}
    added = f', server_thumbprint: "{pins[in_map]}"}}' if in_map else "}"
    nodemap = parse_nodemap(
        SIMULATOR_MAP.read_text().replace("mode: SignAndEncrypt}", f"mode: SignAndEncrypt{added}").encode()
    )
    identity = security.own_identity(pki / "mes", "collector", URI)
    endpoint = Endpoint("opc.tcp://127.0.0.1:1/", "u", "p", pki / "mes", identity, thumbprint=pins[in_record])
    if is_refused:
        with pytest.raises(ConfigurationFault, match="pin different certificates"):
            OpcUaDriver(endpoint, nodemap)
        return
    sink = MemorySink(lambda: T0)
    if in_map or in_record:
        with pytest.raises(CertificateRefused, match="is not in trusted"):
            asyncio.run(asyncio.wait_for(OpcUaDriver(endpoint, nodemap).run(sink), 5))


@pytest.mark.parametrize(("found", "fits"), [("2.1.0", True), ("2.1.7", True), ("2.2.0", False), ("2.10.0", False)])
def test_an_unverified_library_is_refused(found: str, fits: bool) -> None:
    if fits:
        channel.check_library(found)
    else:
        with pytest.raises(ConfigurationFault, match=r"verified with 2\.1\."):
            channel.check_library(found)


@pytest.mark.rule("PRA-12")
def test_the_operator_as_a_driver() -> None:
    async def scene() -> None:
        driver, sink = ManualDriver(), MemorySink(lambda: T0)
        running = asyncio.create_task(driver.run(sink))
        await asyncio.sleep(0)
        outcome = await driver.execute(Command("c-1", CommandVerb.START))
        assert (outcome.result, outcome.command_id) == (CommandResult.REFUSED, "c-1")
        assert "do it on the device" in outcome.detail
        assert sink.links == [(LinkState.OFFLINE, NOT_MONITORED)]
        assert not running.done()
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        assert not driver.verified_on_hardware
        assert not sink.commits

    asyncio.run(scene())
