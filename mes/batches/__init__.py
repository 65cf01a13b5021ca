"""Batch execution: one patient's batch as it follows its master, with everything that went otherwise.

State is a fold over `batch/<id>`; `decide` holds the rules; `service` is the only place that commits.
"""
