"""What reviewers and the Qualified Person put their names to: kinds of review, personal confirmations."""

from collections.abc import Mapping
from typing import NamedTuple

from mes.people.model import Role
from mes.signatures.meanings import Meaning


class ReviewKind(NamedTuple):
    """Who may sign a review, with which meaning, and how it is called."""

    title: str
    roles: tuple[Role, ...]
    meaning: Meaning


REVIEWS: Mapping[str, ReviewKind] = {
    "production": ReviewKind("production review", (Role.SUPERVISOR,), Meaning.PROD_REVIEWED),
    "qc": ReviewKind("quality control unit", (Role.QC_REVIEWER,), Meaning.QC_UNIT_APPROVED),
    "audit_trail": ReviewKind("audit trail review", (Role.QA, Role.QP), Meaning.AUDIT_TRAIL_REVIEWED),
    "qa": ReviewKind("quality assurance review", (Role.QA,), Meaning.QA_REVIEWED),
}
"""The reviews of a record, in the order in which QA's comes last. Rule: regulation catalogue, section C."""

CONFIRMATIONS: Mapping[str, str] = {
    "authorisation": "Certification is allowed under the authorisations concerned.",
    "national_duties": "The duties that national law puts on me are fulfilled.",
    "register_entry": "This certification is entered in the register of certified batches.",
}
"""The three points that a Qualified Person confirms in person and can leave to nobody. Rule: REG-A16-01."""
