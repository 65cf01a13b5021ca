"""From the entries of a batch to the content of its electronic batch record. Pure: no database, no clock."""

from mes.records.assemble.document import assemble
from mes.records.assemble.story import Story, tell

__all__ = ["Story", "assemble", "tell"]
