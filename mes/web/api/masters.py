"""Taking in masters and approving them."""

from typing import Any

from flask import Response

from mes.ids import Op
from mes.people.model import Role
from mes.web.api.answers import Acts, answered
from mes.web.permission import current_session, role_required, signed_in
from mes.web.schemas.acts import ActSchema, acting
from mes.web.schemas.site import MasterSchema
from mes.web.services import services
from mes.web.shelf import shipped_master

masters = Acts("masters", __name__, url_prefix="/api/masters", description="Master batch records")


@masters.route("", methods=["GET"])
@signed_in
def registered() -> Response:
    """Return every version of every master of the site."""
    return answered({"masters": [dict(row) for row in services().masters.masters()]})


@masters.route("", methods=["POST"])
@role_required(Role.MASTER_AUTHOR)
@masters.arguments(MasterSchema)
def import_master(form: dict[str, Any]) -> Response:
    """Take in a master that ships with the product, as draft, and answer what keeps it from approval."""
    file = shipped_master(form["master"], form["version"])
    master, findings = services().masters.import_master(current_session(), file, Op(str(form["op"])))
    told = [str(one) for one in findings]
    return answered(
        {"master": master.id, "version": master.version, "digest": master.digest, "findings": told}, 201
    )  # fmt: skip


@masters.route("/<master_id>/<int:version>/approve", methods=["POST"])
@role_required(Role.QA)
@masters.arguments(ActSchema)
def approve(form: dict[str, Any], master_id: str, version: int) -> Response:
    """Approve a master for use; signed by QA with two factors."""
    who = acting(form)
    approved = services().masters.approve(who.session, who.credentials, master_id, version, who.op)
    return answered({"master": approved.id, "version": approved.version, "digest": approved.digest})
