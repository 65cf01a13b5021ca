"""All tables of the main database, gathered from the rooms that own them."""

from sqlalchemy import MetaData

from mes.batches.tables import METADATA as BATCHES
from mes.equipment.tables import PROJECTION as EQUIPMENT
from mes.equipment.tables import stored as samples
from mes.ledger.tables import METADATA as LEDGER
from mes.masters.tables import projected as masters
from mes.masters.tables import stored as master_files
from mes.people.tables import CREDENTIALS
from mes.people.tables import METADATA as PEOPLE
from mes.quality.trail.tables import METADATA as TRAIL
from mes.records.tables import stored as records

ROOMS = (LEDGER, PEOPLE, CREDENTIALS, masters, master_files, EQUIPMENT[0], samples, BATCHES, TRAIL, records)


def everything() -> list[MetaData]:
    """Return the tables of every room."""
    return list(ROOMS)
