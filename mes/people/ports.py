"""What this room asks of the room above: a signature under an entry that it is about to make."""

from collections.abc import Sequence
from typing import Protocol

from mes.ids import Stream
from mes.ledger.entry import Draft, Entry

Line = tuple[str, str, Entry | None]
"""One line of what the signer sees: label, value, and the entry it comes from, if any."""


class Sign(Protocol):
    """The ceremony of one signed act, lent by `mes.signatures.lending`."""

    def __call__(
        self, draft: Draft, *, where: Stream, after: Sequence[tuple[Stream, int]], lines: Sequence[Line]
    ) -> tuple[Draft, tuple[bytes, ...]]:
        """Return the draft with its signature, and the documents of what was shown; refuses what signing refuses."""
        ...
