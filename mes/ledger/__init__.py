"""The ledger: everything that happened at a site, one append-only entry each (record-format.md)."""
