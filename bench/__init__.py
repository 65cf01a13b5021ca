"""Measurements: each compares with a yardstick in the same run, on the same machine."""
