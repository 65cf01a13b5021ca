"""Signatures: a person proves to be themselves, says what it means, and binds exactly what they saw.

Front door: the vocabulary and the pure rules; the ceremony is in service.py.
"""

from mes.signatures.decide import different_persons, factors_needed
from mes.signatures.meanings import TEXTS, TWO_FACTOR, Meaning
from mes.signatures.model import (
    Credentials,
    ShownDocument,
    ShownItem,
    Signature,
    SignaturePrompt,
    Source,
    shown_document,
)

__all__ = [
    "TEXTS",
    "TWO_FACTOR",
    "Credentials",
    "Meaning",
    "ShownDocument",
    "ShownItem",
    "Signature",
    "SignaturePrompt",
    "Source",
    "different_persons",
    "factors_needed",
    "shown_document",
]
