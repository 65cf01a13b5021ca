"""The register of devices."""

from collections.abc import Mapping
from typing import Any

from flask import Response

from mes.equipment.approval import EquipmentApproval
from mes.equipment.model import Binding, EquipmentState, Registration
from mes.equipment.ticks import time_of
from mes.ids import Op
from mes.people.decide import actor_for
from mes.people.model import Role
from mes.web.api.answers import Acts, answered
from mes.web.permission import current_session, role_required, signed_in
from mes.web.schemas.acts import acting
from mes.web.schemas.site import DeviceSchema, NodeMapSchema, QualifySchema
from mes.web.services import services
from mes.web.shelf import shipped_nodemap

equipment = Acts("equipment", __name__, url_prefix="/api/equipment", description="Devices")


def of_row(row: Mapping[Any, Any]) -> dict[str, Any]:
    """Return a device of the register as programs and pages see it."""
    until = row["qualified_until"]
    return {**dict(row), "qualified_until": time_of(until) if until else None}


@equipment.route("", methods=["GET"])
@signed_in
def devices() -> Response:
    """Return the register."""
    return answered({"equipment": [of_row(row) for row in services().equipment.devices()]})


@equipment.route("", methods=["POST"])
@role_required(Role.ADMINISTRATOR)
@equipment.arguments(DeviceSchema)
def register(form: dict[str, Any]) -> Response:
    """Enter a device; `nodemap` names a map that ships with the product."""
    by, op = actor_for(current_session(), Role.ADMINISTRATOR), Op(str(form.pop("op")))
    wanted = Registration(
        form["device_class"], form["model"], form["serial"], Binding(form["binding"]), form["simulated"],
        endpoint=form.get("endpoint"), server_thumbprint=form.get("server_thumbprint"),
    )  # fmt: skip
    body = shipped_nodemap(form["nodemap"]) if "nodemap" in form else None
    return _answered(services().equipment.register(form["equipment"], wanted, nodemap=body, by=by, op=op), 201)


@equipment.route("/<device>/nodemap", methods=["POST"])
@role_required(Role.QA)
@equipment.arguments(NodeMapSchema)
def approve_nodemap(form: dict[str, Any], device: str) -> Response:
    """Approve the map by which a device is read; signed by QA with two factors."""
    who = acting(form)
    return _answered(_approval().approve_nodemap(who.session, who.credentials, device, form["digest"], who.op))


@equipment.route("/<device>/qualify", methods=["POST"])
@role_required(Role.QA)
@equipment.arguments(QualifySchema)
def qualify(form: dict[str, Any], device: str) -> Response:
    """Declare a device fit until a day; signed by QA."""
    who = acting(form)
    return _answered(_approval().qualify(who.session, who.credentials, device, form["until"], who.op))


def _approval() -> EquipmentApproval:
    site = services()
    return EquipmentApproval(site.equipment, site.signing, site.ledger, site.clock)


def _answered(state: EquipmentState, status: int = 200) -> Response:
    nodemap = state.registration.nodemap if state.registration else None
    until = state.qualification.until if state.qualification else None
    document = {"equipment": state.equipment, "nodemap": nodemap, "approved_nodemap": state.approved_nodemap,
                "qualified_until": until}  # fmt: skip
    return answered(document, status)
