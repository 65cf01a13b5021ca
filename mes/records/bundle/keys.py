"""The keys and people of a record: keys.json, so that signatures can be checked without the site."""

from base64 import b64decode, b64encode
from collections.abc import Iterable, Sequence
from typing import Any

from mes.ledger.canonical import encoded
from mes.ledger.entry import Entry
from mes.ledger.notes import COSIGNATURE, Verifier
from mes.records.record import people_of

ENROLLED = "person:passkey:enrolled"
NAMES_KEY = ("site:ledger:created", "site:ledger:continued", "site:key:rotated")


def keys_file(
    entries: Sequence[Entry], origin: str, rp_id: str, origins: Iterable[str], witnesses: Iterable[Verifier] = (),
    before: Sequence[Entry] = (),
) -> bytes:  # fmt: skip
    """Return keys.json of the ledger `origin`, whose key is the newest that `entries` name.

    `before` are entries of its earlier generations, where passkeys may have been enrolled.
    """
    site = [entry for entry in entries if entry.type in NAMES_KEY][-1]
    document = {
        "site": {"name": origin, "alg": 1, "key": b64encode(b64decode(site.data["key"])).decode()},
        "witnesses": [
            {"name": one.name, "alg": COSIGNATURE, "key": b64encode(one.public).decode()} for one in witnesses
        ],
        "rp_id": rp_id,
        "origins": list(origins),
        "persons": [_person(person, [*before, *entries]) for person in sorted(people_of(entries))],
    }
    return encoded(document)


def _person(person: str, entries: Sequence[Entry]) -> dict[str, Any]:
    name = person
    for entry in entries:
        for told in (entry.document["actor"], entry.document.get("signature", {}).get("person", {})):
            if told.get("id") == person and told.get("name"):
                name = told["name"]
    enrolled = [entry.data for entry in entries if entry.type == ENROLLED and entry.data["person"] == person]
    once = {data["credential"]: data["cose"] for data in enrolled}
    passkeys = [{"credential": credential, "cose": cose} for credential, cose in once.items()]
    return {"id": person, "name": name, "passkeys": passkeys}
