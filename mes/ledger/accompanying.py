"""What an append stores beside its entries, in the same transaction: projections, content, what signers saw."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from sqlalchemy import Connection

from mes.ledger.entry import Content, Entry
from mes.ledger.inserting import check_references, remove_contents, store_contents, store_shown
from mes.ledger.placing import Placed

Projector = Callable[[Connection, Entry], None]
"""Updates read tables from one entry, in the append's transaction; a pure function of the entry and the tables."""
Alongside = Callable[[Connection], None]

_CHECKED = frozenset({"refs", "corrects", "signature"})


class Accompanying(NamedTuple):
    """What goes with one operation; `alongside` runs last."""

    projectors: Sequence[Projector]
    contents: Sequence[Content]
    shown: Sequence[bytes]
    alongside: Alongside | None

    def needed_by(self, placed: Placed) -> bool:
        """Whether `store` would do anything for these entries; if not, they stand for themselves."""
        if self.projectors or self.contents or self.shown or self.alongside:
            return True
        return any(b'"content":' in entry.body or not _CHECKED.isdisjoint(entry.document) for entry in placed.own)

    def store(self, connection: Connection, gen: int, placed: Placed) -> None:
        """Check what the entries refer to, store what came with them, and bring the read tables up to date.

        Refuses `reference-unknown`, `correction-of-nothing` and `content-unknown`.
        """
        check_references(connection, gen, placed.own)
        store_contents(connection, placed.own, self.contents)
        store_shown(connection, placed.own, self.shown)
        remove_contents(connection, gen, placed.own)
        for entry in (*placed.steps, *placed.own):
            for project in self.projectors:
                project(connection, entry)
        if self.alongside is not None:
            self.alongside(connection)
