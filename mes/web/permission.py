"""Every view says who may open it; one that says nothing is closed. The rules check roles again."""

from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar

from flask import g

from mes.errors import Refusal
from mes.people.model import Role, Session

View = TypeVar("View", bound=Callable[..., Any])
PERMISSION = "septima_permission"
PUBLIC, ACCOUNT, ANY_ROLE = "public", "account", "any-role"
BY_ITSELF = "septima_by_itself"


def public(view: View) -> View:
    """Open a view to anybody who reaches the site."""
    setattr(view, PERMISSION, PUBLIC)
    return view


def by_itself(view: View) -> View:
    """Mark a view that pages ask by themselves, again and again: it keeps nobody's session awake."""
    setattr(view, BY_ITSELF, True)
    return view


def account_holder(view: View) -> View:
    """Open a view about one's own account to everybody who signed in, with or without a role."""
    return _guarded(view, frozenset(), ACCOUNT)


def signed_in(view: View) -> View:
    """Open a view to everybody who signed in and may act as something; refuses `role-missing` (403).

    Rule: REG-P11-10d.
    """
    return _guarded(view, frozenset(Role), ANY_ROLE)


def role_required(*roles: Role) -> Callable[[View], View]:
    """Open a view to people who hold one of `roles`; refuses `role-missing` (403)."""
    return lambda view: _guarded(view, frozenset(roles), ",".join(sorted(role.value for role in roles)))


def current_session() -> Session:
    """Return the session of this request; refuses `sign-in-needed` (401)."""
    found: Session | None = g.get("session")
    if found is None:
        raise Refusal("sign-in-needed", status=401)
    return found


def _guarded(view: View, roles: frozenset[Role], told: str) -> View:
    @wraps(view)
    def guarded(*args: Any, **kwargs: Any) -> Any:
        session = current_session()
        if roles and not roles & session.person.roles:
            wanted = "any role" if told == ANY_ROLE else told.replace(",", " or ")
            raise Refusal("role-missing", status=403, role=wanted)
        return view(*args, **kwargs)

    setattr(guarded, PERMISSION, told)
    return guarded  # type: ignore[return-value]
