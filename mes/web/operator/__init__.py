"""Screens of those who make the product and carry it: batches and steps."""
