"""Which requirements must have a positive and a negative test in this release, and why others need none yet."""

from collections.abc import Mapping

from mes.validation.register import Requirement

FAMILIES = ("REG-P11-", "REG-A11-", "REG-A11D-", "REG-DI-")
"""Electronic records and signatures, Annex 11 and its draft, data integrity: complete from this release on."""


def demanded(register: Mapping[str, Requirement]) -> list[str]:
    """Return the ids of every essential row in FAMILIES."""
    return [ident for ident, one in register.items() if one.essential and ident.startswith(FAMILIES)]
