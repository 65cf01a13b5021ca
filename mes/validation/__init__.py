"""Validation: which requirement is shown by which tests, and with what result (REG-VAL-05)."""

from mes.validation.matrix import Matrix, Row, matrix
from mes.validation.register import Requirement, read_requirements
from mes.validation.showings import Showing

__all__ = ["Matrix", "Requirement", "Row", "Showing", "matrix", "read_requirements"]
