"""From a registered device to its driver: the approved node map, the secret, the pinned certificate.

`<site>/keys/devices/<id>.json` holds {"user", "password"}; `<site>/keys/opcua/` is the certificate folder
(own/, trusted/, rejected/) of this site's collector.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from sqlalchemy import Engine, select
from sqlalchemy.exc import OperationalError, ProgrammingError

from equipment_drivers.driver import Driver
from equipment_drivers.errors import ConfigurationFault
from equipment_drivers.nodemap import parse_nodemap
from equipment_drivers.opcua.channel import Endpoint
from equipment_drivers.opcua.driver import OpcUaDriver
from equipment_drivers.opcua.security import own_identity
from mes.equipment.model import Binding
from mes.equipment.tables import queries
from mes.equipment.tables.stored import nodemap_file
from mes.ids import EquipmentId, SiteId

PKI = "opcua"


class CollectorSite(Protocol):
    """The settings that the collector needs of its site; `mes.settings.SiteSettings` has them."""

    @property
    def site(self) -> SiteId:
        """The site's id."""

    @property
    def site_dir(self) -> Path:
        """The site's folder."""

    @property
    def keys_dir(self) -> Path:
        """The folder of key files."""

    @property
    def database(self) -> str:
        """The URL of the main database, which the collector only reads."""

    @property
    def journal_path(self) -> Path:
        """The collector's journal."""

    @property
    def commands_spool_path(self) -> Path:
        """The commands on their way."""


@dataclass(frozen=True, slots=True)
class BoundDevice:
    """A device that the collector connects to: registered over OPC UA, its node map approved."""

    device: EquipmentId
    endpoint: str
    server_thumbprint: str
    nodemap: bytes


def bound_devices(engine: Engine, site: str) -> Sequence[BoundDevice] | None:
    """Return the devices to connect to; None while the database cannot be read or is not there yet.

    A device whose map is not approved is not connected: nobody vouches for what its values mean.
    """
    try:
        with engine.connect() as connection:
            files = {row.digest: bytes(row.body) for row in connection.execute(select(nodemap_file))}
            rows = queries.registered(connection, site)
    except (OperationalError, ProgrammingError):
        return None
    return [
        BoundDevice(EquipmentId(row["equipment"]), row["endpoint"], row["server_thumbprint"], files[row["nodemap"]])
        for row in rows
        if row["binding"] == Binding.OPCUA and row["nodemap"] and row["nodemap"] == row["approved_nodemap"]
    ]


def opcua_driver(site: CollectorSite, bound: BoundDevice) -> Driver:
    """Return the driver of a device; DriverFault if its secret, certificate or map cannot be used."""
    user, password = device_secret(site.keys_dir, bound.device)
    nodemap = parse_nodemap(bound.nodemap)
    pki = site.keys_dir / PKI
    identity = own_identity(pki, "collector", f"urn:septima:{site.site}:collector")
    endpoint = Endpoint(
        bound.endpoint, user, password, pki, identity, policy=nodemap.policy, thumbprint=bound.server_thumbprint
    )
    return OpcUaDriver(endpoint, nodemap)


def device_secret(keys: Path, device: str) -> tuple[str, str]:
    """Return user and password by which we sign in to the device; ConfigurationFault names what is wrong."""
    path = keys / "devices" / f"{device}.json"
    try:
        found = json.loads(path.read_text())
        user, password = found["user"], found["password"]
    except FileNotFoundError:
        raise ConfigurationFault(f"there is no secret for {device}: keys/devices/{device}.json is missing") from None
    except (ValueError, KeyError, TypeError):
        raise ConfigurationFault(f"keys/devices/{device}.json must hold user and password") from None
    if path.stat().st_mode & 0o077:
        raise ConfigurationFault(f"keys/devices/{device}.json can be read by others; its mode must be 0600")
    return str(user), str(password)


def fingerprint(bound: BoundDevice, keys: Path) -> str:
    """Return what changes when the device must be connected anew: binding, map or secret."""
    path = keys / "devices" / f"{bound.device}.json"
    secret = path.read_bytes() if path.exists() else b""
    told = f"{bound.endpoint}\n{bound.server_thumbprint}\n".encode()
    return hashlib.sha256(told + hashlib.sha256(bound.nodemap).digest() + hashlib.sha256(secret).digest()).hexdigest()
