"""The rules about what people prove themselves with: passwords, second factors, and the wait after failures."""

import re
import unicodedata
from datetime import datetime, timedelta

from mes.errors import Refusal
from mes.people.decide.accounts import active
from mes.people.events import CredentialChanged, CredentialRemoved
from mes.people.guessed_first import common_passwords
from mes.people.model import CredentialKind, Person

MIN_PASSWORD = 12
MAX_PASSWORD = 256
FREE_FAILURES = 2
MAX_WAIT_S = 60
FORGOTTEN_AFTER_S = 15 * 60
ALERT_EVERY = 5


def set_password(person: Person, password: str, *, by: str) -> CredentialChanged:
    """Decide on a new password; one that somebody else set is temporary. Rule: REG-P11-200a2."""
    active(person)
    check_password(password, person.user_name)
    return CredentialChanged(person.id, CredentialKind.PASSWORD, temporary=by != person.id)


def enroll_totp(person: Person, *, by: str) -> CredentialChanged:
    """Decide on a second factor: only its owner enrols it, and only with a password of their own."""
    active(person)
    if by != person.id:
        raise Refusal("not-yours", status=403)
    if person.password_temporary:
        raise Refusal("password-temporary")
    if CredentialKind.TOTP in person.credentials:
        raise Refusal("second-factor-enrolled")
    return CredentialChanged(person.id, CredentialKind.TOTP)


def remove_totp(person: Person, *, by: str) -> CredentialRemoved:
    """Decide to take a lost second factor away; somebody else than its owner does it."""
    if by == person.id:
        raise Refusal("own-second-factor")
    if CredentialKind.TOTP not in person.credentials:
        raise Refusal("second-factor-not-enrolled", person=person.id)
    return CredentialRemoved(person.id, CredentialKind.TOTP)


def check_password(password: str, user_name: str) -> None:
    """Refuse a password that is short (below 12), long (above 256), common, or holds the user name, in any case.

    Any character is allowed; passwords are compared in Unicode NFC and never cut. The text never gets into facts.
    """
    plain = normal(password)
    if len(plain) < MIN_PASSWORD:
        raise Refusal("password-short", status=422, least=MIN_PASSWORD)
    if len(plain) > MAX_PASSWORD:
        raise Refusal("password-long", status=422, most=MAX_PASSWORD)
    if user_name.casefold() in plain.casefold():
        raise Refusal("password-has-user-name", status=422)
    if is_common(plain):
        raise Refusal("password-common", status=422)


def normal(password: str) -> str:
    """Return the form in which a password is hashed: NFC, so that two keyboards type the same one."""
    return unicodedata.normalize("NFC", password)


def is_common(password: str) -> bool:
    """Tell whether a password is one of the 19,600 that are guessed first, repeats one, or adds only digits and signs.

    Case does not count: `Password2026!` and `dragondragon` are as common as `password` and `dragon`. Rule: SEC-14.
    """
    low = password.casefold()
    first, last = re.search(r"[^\W\d_]", low), re.search(r"[^\W\d_](?=[\W\d_]*$)", low)
    core = low[first.start() : last.end()] if first and last else low
    known = common_passwords()
    return any(one[:length] in known for one in (low, core) for length in _periods(one))


def is_expired(changed: datetime | None, now: datetime, most_days: int) -> bool:
    """Tell whether a password is older than the site allows; 0 days, the default, means that none ever expires.

    A password is changed when there is a reason to, not by the calendar; some sites' procedures ask for it.
    """
    return most_days > 0 and changed is not None and now - changed > timedelta(days=most_days)


def wait_s(failures: int) -> int:
    """Return the seconds to wait after `failures` in a row: 0, 0, then 1, 2, 4 … up to 60.

    A slow-down, never a lock: a guesser gets one attempt a minute, and a colleague is never stopped for good.
    """
    return 0 if failures <= FREE_FAILURES else min(MAX_WAIT_S, 2 ** min(failures - FREE_FAILURES - 1, 10))


def alerts(in_a_row: int) -> bool:
    """Tell whether so many failures in a row are told to those who watch: the fifth and each fifth after it.

    Rule: REG-P11-300a-e.
    """
    return in_a_row > 0 and in_a_row % ALERT_EVERY == 0


def _periods(text: str) -> list[int]:
    """Return the lengths of the words of which the text is a repetition, its own length included."""
    size = len(text)
    return [one for one in range(1, size + 1) if size % one == 0 and text[:one] * (size // one) == text]
