"""The parts of `make bench NAME=ledger`: what is measured against what."""
