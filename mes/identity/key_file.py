"""The vault's key file and its change, which a crash may interrupt at any point.

`vault.key` opens the vault; `vault.key.pending` is a key that the ledger may not know yet. The entry decides: a pending
key that no entry names is thrown away; one that is named re-wraps what is left to re-wrap, and takes the name.
"""

import secrets
from collections.abc import Callable
from pathlib import Path

from mes.errors import Fault, IntegrityBreach
from mes.identity.sealing import KEY_BYTES, WRISTBAND, VaultKey
from mes.identity.tables import VaultFile
from mes.ledger.key_folder import sync_folder
from mes.settings import private_file

PRESENT, PENDING = "vault.key", "vault.key.pending"
NamedKey = Callable[[], str | None]
"""Tells the fingerprint of the vault's key as the newest `site:vault:rekeyed` has it."""


def create_key(folder: Path) -> None:
    """Make the first key of a vault (0600); Fault `vault-exists` if there is one."""
    if (folder / PRESENT).exists():
        raise Fault("vault-exists", path=str(folder / PRESENT))
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    private_file(folder / PRESENT, secrets.token_bytes(KEY_BYTES))
    sync_folder(folder)


def prepare(folder: Path, present: VaultKey) -> VaultKey:
    """Write a new key under its pending name, durably; the ledger must name it before anything is wrapped by it."""
    private_file(folder / PENDING, secrets.token_bytes(KEY_BYTES))
    sync_folder(folder)
    return present.succeeded_by((folder / PENDING).read_bytes())


def change(folder: Path, file: VaultFile, present: VaultKey, fresh: VaultKey) -> None:
    """Re-wrap every data key in one transaction, then give the new key the old one's name: its file is gone then.

    In between, the vault is sealed by the pending key and `settled` finds it so: both files lie there until the end.
    """

    def under_fresh(patient: str, wrapped: bytes) -> bytes:
        return present.rewrapped(patient, wrapped, fresh)

    file.rewrap(under_fresh, WRISTBAND, fresh.sealed_wristband_key())
    promote(folder)


def promote(folder: Path) -> None:
    """Put the pending key in the place of the present one."""
    (folder / PENDING).replace(folder / PRESENT)
    sync_folder(folder)


def settled(folder: Path, file: VaultFile, named: NamedKey | None = None) -> VaultKey:
    """Finish or undo a change that was interrupted, and return the key that opens the vault.

    Without `named` (no ledger at hand) an undecided pending key is left as it lies.
    Fault `vault-key-unusable` if a key file is missing, not 32 bytes or readable by others; IntegrityBreach if the key
    is another vault's.
    """
    present, pending = _usable(folder / PRESENT), _pending(folder)
    sealed = file.secret(WRISTBAND)
    if sealed is None:
        _adopt(file, present)
        return present
    known = present.knowing(sealed)
    if known is None:
        known = pending.knowing(sealed) if pending else None
        if known is None:
            raise IntegrityBreach("the vault's key is another vault's, or of another time")
        promote(folder)
    elif pending is not None and named is not None:
        fresh = known.succeeded_by((folder / PENDING).read_bytes())
        if fresh.fingerprint == named():
            change(folder, file, known, fresh)
            return fresh
        (folder / PENDING).unlink()
        sync_folder(folder)
    return known


def _adopt(file: VaultFile, key: VaultKey) -> None:
    """Keep the wristband key in a vault that has none yet, once its key is known to open it."""
    for patient in file.patients()[:1]:
        found = file.find(patient)
        if found is not None:
            key.open(patient, found)
    file.keep_secret(WRISTBAND, key.sealed_wristband_key())


def _usable(path: Path) -> VaultKey:
    if not path.is_file() or path.stat().st_mode & 0o077 or path.stat().st_size != KEY_BYTES:
        raise Fault("vault-key-unusable", path=str(path))
    return VaultKey(path.read_bytes())


def _pending(folder: Path) -> VaultKey | None:
    """Return the pending key; one that was cut short decided nothing and is thrown away."""
    path = folder / PENDING
    if not path.exists():
        return None
    if path.stat().st_size != KEY_BYTES:
        path.unlink()
        return None
    return _usable(path)
