"""What a backup says of itself: its files with their digests, and how far its ledger goes."""

import hmac
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from mes.errors import IntegrityBreach, Refusal
from mes.site_process.backup.sealing import BackupKey

NAME = "manifest.json"
MAX_BYTES = 1_000_000
FORMAT = 1


@dataclass(frozen=True, slots=True)
class Part:
    """One sealed file: its name in the folder, its size and SHA-256 (hex)."""

    name: str
    bytes: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Manifest:
    """A backup: when it was made (record time, UTC), the ledger's size, root (hex) and newest signed checkpoint."""

    site: str
    gen: int
    made_at: str
    software: str
    database: str
    schema: str
    size: int
    root: str
    checkpoint: str
    parts: tuple[Part, ...]
    format: int = FORMAT

    def body(self) -> bytes:
        """Return the bytes that the digest is of."""
        return json.dumps(asdict(self), sort_keys=True, indent=1).encode()

    @property
    def digest(self) -> str:
        """Return the SHA-256 (hex) by which the record names this backup."""
        return sha256(self.body()).hexdigest()

    def write(self, folder: Path, key: BackupKey) -> None:
        """Write the manifest and its keyed digest into a folder."""
        (folder / NAME).write_bytes(self.body())
        (folder / f"{NAME}.mac").write_text(key.mac(self.body()) + "\n")


def read_manifest(folder: Path, key: BackupKey) -> Manifest:
    """Read a backup's manifest; refuses `backup-missing`; IntegrityBreach if it was altered or is another site's."""
    path = folder / NAME
    if not path.is_file() or path.stat().st_size > MAX_BYTES:
        raise Refusal("backup-missing", status=404, folder=str(folder))
    body = path.read_bytes()
    mac = folder / f"{NAME}.mac"
    said = mac.read_text().strip() if mac.is_file() else ""
    if not hmac.compare_digest(said, key.mac(body)):
        raise IntegrityBreach(f"{NAME} was altered, or belongs to another site")
    return _of(json.loads(body))


def _of(found: Mapping[str, Any]) -> Manifest:
    return Manifest(**{**found, "parts": tuple(Part(**part) for part in found["parts"])})
