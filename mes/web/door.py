"""The door: session cookie, cross-site checks, closed by default, and headers that keep scripts out."""

import secrets
from collections.abc import Mapping
from hmac import compare_digest
from urllib.parse import urlsplit

from flask import Flask, Response, current_app, g, request

from mes.errors import Refusal
from mes.people.model import Session
from mes.settings import Profile
from mes.web.permission import BY_ITSELF, PERMISSION, PUBLIC
from mes.web.services import services

TERMINAL_COOKIE = "terminal"
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
HEADERS: Mapping[str, str] = {
    "Content-Security-Policy": CSP,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(self), microphone=(), geolocation=()",
}


def hang_door(app: Flask) -> None:
    """Check every request before its view, and dress every answer after it."""
    app.before_request(_enter)
    app.after_request(_leave)


def cookie_name() -> str:
    """Return the name of the session cookie: bound to TLS and host in every profile but the demo's."""
    return "septima" if services().settings.profile is Profile.DEMO else "__Host-septima"


def set_session(response: Response, token: str) -> None:
    """Give the browser its session."""
    secure = services().settings.profile is not Profile.DEMO
    response.set_cookie(cookie_name(), token, httponly=True, secure=secure, samesite="Strict", path="/")


def drop_session(response: Response) -> None:
    """Take the session away from the browser."""
    response.delete_cookie(cookie_name(), path="/")


def terminal() -> str:
    """Return the id of this terminal, made at its first visit."""
    known = request.cookies.get(TERMINAL_COOKIE, "")
    if known.startswith("T-") and known[2:].isalnum() and len(known) <= 20:
        return known
    if "terminal" not in g:
        g.terminal = f"T-{secrets.token_hex(5)}"
    return str(g.terminal)


def _enter() -> None:
    view = current_app.view_functions.get(str(request.endpoint))
    g.session = None if request.endpoint == "static" else _session(is_activity=not getattr(view, BY_ITSELF, False))
    if request.endpoint in (None, "static"):
        return
    permission = getattr(view, PERMISSION, None)
    if permission is None:
        raise Refusal("view-closed", status=403)
    if request.method not in SAFE_METHODS:
        _same_site()
        if permission != PUBLIC:
            _token(g.session)


def _session(*, is_activity: bool) -> Session | None:
    token = request.cookies.get(cookie_name())
    return services().people.session(token, terminal(), is_activity=is_activity) if token else None


def _same_site() -> None:
    """A foreign page cannot act with this browser's cookie: it cannot hide where it comes from."""
    site = request.headers.get("Sec-Fetch-Site")
    origin = request.headers.get("Origin")
    if site not in (None, "same-origin", "none"):
        raise Refusal("cross-site", status=403)
    if origin is not None and urlsplit(origin).netloc != request.host:
        raise Refusal("cross-site", status=403)


def _token(session: Session | None) -> None:
    if session is None:
        raise Refusal("sign-in-needed", status=401)
    if not compare_digest(request.headers.get("X-CSRF-Token", ""), session.csrf):
        raise Refusal("csrf-wrong", status=403)


def _leave(response: Response) -> Response:
    for name, value in HEADERS.items():
        response.headers.setdefault(name, value)
    if request.endpoint != "static":
        response.headers.setdefault("Cache-Control", "no-store")
    if "terminal" in g:
        secure = services().settings.profile is not Profile.DEMO
        response.set_cookie(
            TERMINAL_COOKIE, g.terminal, httponly=True, secure=secure, samesite="Strict", max_age=10 * 365 * 86_400
        )
    return response
