"""The Qualified Person's answer to a certificate in question."""

from typing import Any

from flask import Response

from mes.people.model import Role
from mes.web.api.answers import Acts, of_batch
from mes.web.permission import role_required
from mes.web.schemas.acts import ActSchema, acting
from mes.web.services import services

questions = Acts(
    "questions", __name__, url_prefix="/api/batches/<batch_id>/certificate", description="Certificates in question"
)


@questions.route("/uphold", methods=["POST"])
@role_required(Role.QP)
@questions.arguments(ActSchema)
def uphold(form: dict[str, Any], batch_id: str) -> Response:
    """Decide that the certificate stands on the corrected record, with a reason; signed with two factors."""
    return of_batch(services().questions.uphold(acting(form), batch_id))


@questions.route("/withdraw", methods=["POST"])
@role_required(Role.QP)
@questions.arguments(ActSchema)
def withdraw(form: dict[str, Any], batch_id: str) -> Response:
    """Withdraw the certificate, with a reason; signed with two factors."""
    return of_batch(services().questions.withdraw(acting(form), batch_id))
