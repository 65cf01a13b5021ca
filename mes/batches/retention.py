"""Until when the law demands what is traced of a patient: their orders and batches."""

from datetime import datetime

from sqlalchemy import select

from mes.batches.tables import ORDER
from mes.identity.decide import end_of_retention
from mes.ids import stream
from mes.ledger.store import Ledger


class TraceRetention:
    """Tells the vault until when a patient is not forgotten, from everything that was made for them."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    def kept_until(self, patient: str) -> datetime | None:
        """Return 30 years after the newest entry or the latest expiry of the patient's orders and batches.

        None for a patient for whom nothing was ordered. Rule: REG-ATMP-06.
        """
        query = select(ORDER.c.order_id, ORDER.c.batch).where(
            ORDER.c.site == self._ledger.site, ORDER.c.patient == patient
        )
        with self._ledger.read() as connection:
            rows = connection.execute(query).all()
        streams = [stream("order", row.order_id) for row in rows]
        streams += [stream("batch", row.batch) for row in rows if row.batch]
        return end_of_retention(entry for name in streams for entry in self._ledger.stream(name))
