"""Screens of those who read the record."""
