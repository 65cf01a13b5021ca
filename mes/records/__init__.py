"""The electronic batch record: what is assembled, rendered, signed, archived and exported."""
