"""The words of signing in through a provider: what a site says of it, and why it can fail."""

from dataclasses import dataclass, field
from enum import StrEnum

from mes.errors import Refusal

MAX_SUBJECT = 255


class Cause(StrEnum):
    """Why somebody did not come in through the provider; a closed list, since nothing the provider sent is recorded."""

    STATE = "answer to no question of this browser"
    REPLAYED = "answer used before"
    DECLINED = "declined by the provider"
    UNREACHABLE = "provider not reached"
    TOKEN = "token not acceptable"  # noqa: S105  the printed word, not a secret
    UNLINKED = "account linked to nobody here"
    INACTIVE = "account ended here"


@dataclass(frozen=True, slots=True)
class Client:
    """This site as the provider knows it; `claim` names who somebody is there, `sub` unless the provider says else."""

    issuer: str
    client_id: str
    redirect_uri: str
    claim: str = "sub"
    secret: str = field(default="", repr=False)


class SignInRefused(Refusal):
    """Somebody did not come in; `cause` is for the record, the person gets one sentence whatever it was."""

    def __init__(self, cause: Cause) -> None:
        self.cause = cause
        super().__init__("oidc-refused", status=401)


def checked_subject(subject: object) -> str:
    """Return what the provider calls somebody; refuses `oidc-subject-wrong` (422) for no or a much too long text."""
    if not isinstance(subject, str) or not 1 <= len(subject.strip()) <= MAX_SUBJECT or not subject.isprintable():
        raise Refusal("oidc-subject-wrong", status=422, most=MAX_SUBJECT)
    return subject.strip()
