"""The downtime pack of an open batch: what was done, and a numbered sheet per open step to go on with on paper."""

from mes.records.downtime.pack import Pack, Sheet, pack_of

__all__ = ["Pack", "Sheet", "pack_of"]
