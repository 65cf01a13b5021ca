"""Pages of data protection: who is in the vault (by id alone), and what content of a batch can be removed."""

from flask import Blueprint, render_template

from mes.identity.model import NEVER_LAWFUL, ErasureGround, RemovalGround
from mes.ids import stream
from mes.people.model import Role
from mes.web.permission import current_session, role_required
from mes.web.services import services
from mes.web.vein import vein

privacy_pages = Blueprint("privacy_pages", __name__)


@privacy_pages.route("/privacy")
@role_required(Role.QA)
def vault() -> str:
    """List the patients of the vault without names: what was asked, restricted, and until when kept."""
    rows, named = services().erasure.patients(), {one.id: one.name for one in services().people.people()}
    return render_template(
        "privacy.html", rows=rows, named=named, grounds=list(ErasureGround), own=current_session().person.id,
        now=services().clock.now(),
    )  # fmt: skip


@privacy_pages.route("/batches/<batch_id>/contents")
@role_required(Role.QA, Role.QP, Role.AUDITOR)
def contents(batch_id: str) -> str:
    """List the detachable content of a batch, with a form to remove each piece."""
    site = services()
    state = site.recorder.load(batch_id)
    where = stream("batch", state.batch)
    kept_until, now = site.contents.kept_until(where), site.clock.now()
    is_kept = kept_until is not None and kept_until > now
    return render_template(
        "contents.html", state=state, vein=vein(state, now), contents=site.contents.listed(where),
        kept_until=kept_until, grounds=[one for one in RemovalGround if not is_kept or one in NEVER_LAWFUL],
    )  # fmt: skip
