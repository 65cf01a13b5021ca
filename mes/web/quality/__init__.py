"""Screens of those who judge: results, reviews, the gate, certificates."""
