"""Septima: the manufacturing execution system and electronic batch record of a point-of-care CAR-T site."""

__version__ = "0.1.0"
