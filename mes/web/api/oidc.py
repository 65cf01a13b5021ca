"""Signing in through the hospital's provider: asking, coming back, and the links that an administrator makes.

Coming back is a GET that opens a session: the protocol knows no other way. What makes it safe is that only an answer
counts that this very browser asked for: its state, its own secret in a Lax cookie, its nonce and its code verifier.
"""

from typing import Any

from flask import Blueprint, Response, make_response, render_template, request

from mes.people.decide import actor_for
from mes.people.model import Role
from mes.settings import Profile
from mes.web.api.answers import Acts, answered
from mes.web.api.entering import of_person
from mes.web.door import set_session, terminal
from mes.web.permission import public, role_required
from mes.web.schemas.acts import Closed, acting
from mes.web.schemas.oidc import LinkSchema, UnlinkSchema
from mes.web.services import services

oidc = Acts("oidc", __name__, url_prefix="/api", description="Signing in through the hospital's provider")
oidc_door = Blueprint("oidc_door", __name__)
FLOW_COOKIE_S = 600


@oidc.route("/oidc/start", methods=["POST"])
@public
@oidc.arguments(Closed)
def start(form: dict[str, Any]) -> Response:
    """Ask the provider who this is; the browser goes on at `goto`."""
    begun = services().oidc.begin(terminal())
    response = answered({"goto": begun.url}, goto=begun.url)
    # Lax, for this one way back: the provider's page leads here, and a Strict cookie would stay away
    response.set_cookie(
        flow_cookie(), begun.browser, httponly=True, secure=_secure(), samesite="Lax", path="/", max_age=FLOW_COOKIE_S
    )
    return response


@oidc_door.route("/oidc/callback")
@public
def callback() -> Response:
    """Take the provider's answer, once and for the browser that asked, and open a session."""
    given = request.args
    token, session = services().oidc.finish(
        state=given.get("state", ""), code=given.get("code", ""), browser=request.cookies.get(flow_cookie(), "")
    )
    # A page and no redirect: a request that still comes from the provider's page would not carry the Strict cookie.
    goto = "/batches" if session.person.roles else "/me"
    response = make_response(render_template("signed_in.html", goto=goto, name=session.person.name))
    response.delete_cookie(flow_cookie(), path="/")
    set_session(response, token)
    return response


@oidc.route("/people/<person_id>/oidc", methods=["POST"])
@role_required(Role.ADMINISTRATOR)
@oidc.arguments(LinkSchema)
def link(form: dict[str, Any], person_id: str) -> Response:
    """Link a person to their account at the provider; the record holds a digest of it."""
    subject, act = form.pop("subject"), acting(form)
    by = actor_for(act.session, Role.ADMINISTRATOR)
    person = services().oidc.link(person_id, subject, by=by, reason=act.reason, op=act.op)
    return answered({"person": of_person(person), "linked": True})


@oidc.route("/people/<person_id>/oidc/remove", methods=["POST"])
@role_required(Role.ADMINISTRATOR)
@oidc.arguments(UnlinkSchema)
def unlink(form: dict[str, Any], person_id: str) -> Response:
    """End a link, with a reason; the person's sessions end with it."""
    act = acting(form)
    by = actor_for(act.session, Role.ADMINISTRATOR)
    person = services().oidc.unlink(person_id, by=by, reason=act.reason, op=act.op)
    return answered({"person": of_person(person), "linked": False})


def flow_cookie() -> str:
    """Return the name of the cookie by which a browser that comes back is known."""
    return "__Host-septima-oidc" if _secure() else "septima-oidc"


def _secure() -> bool:
    return services().settings.profile is not Profile.DEMO
