"""README.txt: what lies in a bundle, and how to check it by hand."""

import json
from pathlib import Path

from mes.ledger.notes import Verifier
from mes.records.record import Record


def readme(record: Record, site_key: Verifier, keys: bytes, software: str, marks: tuple[str, ...]) -> bytes:
    """Return the text for one record; `marks` are the warnings that stand on every page of its PDF."""
    seal = record.seal.document
    text = (Path(__file__).parent / "readme.txt").read_text(encoding="utf-8")
    warnings = "".join(f"*** {mark} ***\n" for mark in marks)
    told = text.format(
        batch=record.batch, site=seal["site"], origin=site_key.name, at=seal["at"], seal=seal["index"],
        warnings=warnings, vkey=site_key.vkey, key=json.loads(keys)["site"]["key"], software=software,
    )  # fmt: skip
    return told.encode()
