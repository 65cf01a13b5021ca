"""Simulated devices in three layers: physics (pure), device logic (pure), OPC UA shell. Never part of a real site."""
