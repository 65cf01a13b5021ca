"""Screens of the ward: orders."""
