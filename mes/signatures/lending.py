"""Lends the ceremony to the room of people, which lies below: it says what is signed, and gets it back signed."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from mes.ids import Stream
from mes.ledger.entry import Draft
from mes.people.model import Session
from mes.people.ports import Line, Sign
from mes.signatures.meanings import Meaning
from mes.signatures.model import Credentials, ShownItem, shown_document
from mes.signatures.service import SigningService


def lent(
    signing: SigningService, session: Session, credentials: Credentials | None, meaning: Meaning, now: datetime
) -> Sign:
    """Return how the session's person signs one entry with `meaning`; refuses and prompts as `SigningService.sign`."""

    def sign(
        draft: Draft, *, where: Stream, after: Sequence[tuple[Stream, int]], lines: Sequence[Line]
    ) -> tuple[Draft, tuple[bytes, ...]]:
        shown = shown_document([ShownItem(*line) for line in lines])
        signature = signing.sign(
            session, credentials, meaning=meaning, stream=where, type=draft.type, data=draft.data,
            reason=draft.reason, after=after, shown=shown, now=now,
        )  # fmt: skip
        return replace(draft, signature=signature.document), (signature.shown,)

    return sign
