"""Vendor-neutral device drivers, the node maps that bind them, and simulators; knows nothing of the MES."""
