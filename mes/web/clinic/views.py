"""The ward's pages: orders, and a new order for a patient of the vault."""

from flask import Blueprint, render_template

from mes.batches.model import Binding
from mes.batches.tables import orders as listed
from mes.identity.codes import wristband_code
from mes.identity.model import Purpose
from mes.people.model import Role
from mes.web.permission import role_required, signed_in
from mes.web.services import services

clinic = Blueprint("clinic", __name__)


@clinic.route("/orders")
@signed_in
def orders() -> str:
    """List the orders; QA opens a batch here."""
    site = services()
    with site.ledger.read() as connection:
        rows = listed(connection, site.ledger.site)
    approved = [row for row in site.masters.masters() if row["approver"] and not row["superseded_by"]]
    return render_template("orders.html", orders=rows, masters=approved, bindings=list(Binding), purposes=list(Purpose),
                           today=site.clock.now())  # fmt: skip


@clinic.route("/orders/new")
@role_required(Role.CLINICIAN)
def new_order() -> str:
    """Start an order: first the patient, then the prescription."""
    now = services().clock.now()
    # A wristband of this site's own making, for hospitals (and demos) whose wristbands carry no code of their own.
    return render_template("order_new.html", wristband=wristband_code(f"{now:%y%m%d%H%M%S}"), now=now)
