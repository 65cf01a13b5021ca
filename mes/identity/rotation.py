"""A new key for the patient vault: the ledger names it first, then every data key is wrapped anew."""

from datetime import datetime

from mes.identity.events import VaultRekeyed
from mes.identity.vault import PatientVault
from mes.ids import Op
from mes.ledger.entry import Actor, Write
from mes.ledger.store import Ledger


def named_key(ledger: Ledger) -> str | None:
    """Return the fingerprint of the vault's key as the newest entry has it, None if it was never changed."""
    named = [one for one in ledger.stream(ledger.site_stream) if one.type == VaultRekeyed.tag]
    return str(named[-1].data["key"]) if named else None


def rotate_vault(vault: PatientVault, ledger: Ledger, op: Op, *, actor: Actor, reason: str, now: datetime) -> str:
    """Change the vault's key and return the fingerprint of the one in force; a repeated operation changes nothing.

    An earlier change that was interrupted is settled first.
    """
    vault.settle(lambda: named_key(ledger))
    if not ledger.operation(op):

        def name(key: str, previous: str) -> None:
            draft = VaultRekeyed(key, previous).draft(reason=reason)
            ledger.append(op, [Write(ledger.site_stream, (draft,))], actor=actor, now=now)

        vault.rotate(name)
    return vault.fingerprint
