"""Doors and keys: signing in, one's own account, people, devices, masters."""

from flask import Blueprint, render_template

from mes.people.model import Role
from mes.signatures.meanings import LANGUAGE_NAMES
from mes.web.api.access import ASKERS, WATCHERS
from mes.web.api.equipment import of_row
from mes.web.permission import account_holder, current_session, public, role_required, signed_in
from mes.web.services import services
from mes.web.shelf import shipped_masters

admin = Blueprint("admin", __name__)


@admin.route("/sign-in")
@public
def sign_in() -> str:
    """Ask for name and password."""
    return render_template("sign_in.html")


@admin.route("/first")
@public
def first() -> str:
    """Ask for the one-time code of the site's console and the first administrator's details."""
    return render_template("first.html")


@admin.route("/me")
@account_holder
def me() -> str:
    """Show one's own account: roles, password, second factor."""
    person = current_session().person
    passkeys = services().people.passkeys(person.id)
    return render_template("me.html", person=person, passkeys=passkeys, languages=LANGUAGE_NAMES)


@admin.route("/people")
@signed_in
def people() -> str:
    """List the people of the site with their roles, their right to sign, and the requests that wait."""
    room = services().people
    listed = room.people()
    return render_template(
        "people.html", people=listed, named={one.id: one.name for one in listed}, roles=list(Role),
        proofs=room.proofs(), requests=room.access_requests(), started=room.has_signing_qa(),
        review=room.review_state(), askers=[role.value for role in ASKERS],
    )  # fmt: skip


@admin.route("/people/review")
@role_required(Role.QA)
def review() -> str:
    """Show everybody's access for the quarterly review: roles, last sign-in, right to sign."""
    room = services().people
    reviewed = [one for one in room.people() if one.active and one.roles]
    return render_template(
        "access_review.html", people=reviewed, seen=room.last_sign_ins(), review=room.review_state(),
        own=current_session().person.id, now=services().clock.now(),
    )  # fmt: skip


@admin.route("/security")
@role_required(*WATCHERS, Role.AUDITOR)
def security() -> str:
    """Show alerts and what happened to accounts, sign-ins and signatures, the newest first."""
    room = services().people
    named = {one.id: one.name for one in room.people()}
    return render_template("security.html", alerts=room.alerts(), events=room.watched(), named=named)


@admin.route("/equipment")
@signed_in
def equipment() -> str:
    """List the devices with their binding and qualification."""
    rows = [of_row(row) for row in services().equipment.devices()]
    return render_template("equipment.html", devices=rows, now=services().clock.now())


@admin.route("/masters")
@signed_in
def masters() -> str:
    """List the master batch records."""
    return render_template("masters.html", masters=services().masters.masters(), shipped=shipped_masters())
