"""The room's tables: `PROJECTION` (rebuilt from the ledger) and `stored` (samples and files beside it)."""

from mes.equipment.tables.register import PROJECTION, project, projected
from mes.equipment.tables.stored import stored

__all__ = ["PROJECTION", "project", "projected", "stored"]
