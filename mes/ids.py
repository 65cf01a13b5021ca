"""Typed identifiers and the one pattern that all of them obey (record-format.md section 1)."""

import re
from typing import NewType
from uuid import UUID, uuid4, uuid5

from mes.errors import Refusal

BatchId = NewType("BatchId", str)
StepId = NewType("StepId", str)
PersonId = NewType("PersonId", str)
EquipmentId = NewType("EquipmentId", str)
RunId = NewType("RunId", str)
MasterId = NewType("MasterId", str)
ContainerId = NewType("ContainerId", str)
SiteId = NewType("SiteId", str)
Stream = NewType("Stream", str)
Op = NewType("Op", str)

ID_PATTERN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
SITE_PATTERN = re.compile(r"[a-z0-9-]{3,32}")
DEVICE_FACTS = UUID("6d7e0d5e-6a0b-5f3c-9f6e-0d6f2a3a5c11")
"""Namespace of operations that a device fact causes: the same journal key always gives the same operation."""


def checked_id(text: str) -> str:
    """Return `text` if it may be an id, or refuse with `id-malformed`."""
    if not ID_PATTERN.fullmatch(text):
        raise Refusal("id-malformed", status=422, given=text[:80])
    return text


def stream(kind: str, ident: str) -> Stream:
    """Name a ledger stream, e.g. `batch/B-2026-001`."""
    return Stream(f"{kind}/{checked_id(ident)}")


def new_op() -> Op:
    """Make a new operation id for an act of a person or of the site."""
    return Op(str(uuid4()))


def device_op(journal_key: str) -> Op:
    """Derive the operation id of a fact that the collector's journal holds under `journal_key`."""
    return Op(str(uuid5(DEVICE_FACTS, journal_key)))
