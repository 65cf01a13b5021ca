"""Screens about people, devices and masters, and one's own account."""
