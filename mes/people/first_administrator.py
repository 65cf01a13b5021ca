"""The first administrator of a site, by a one-time code from the console; there is no default account."""

import hashlib
import json
import secrets
import time
from collections.abc import Callable
from hmac import compare_digest
from pathlib import Path

from sqlalchemy import Connection

from mes.clock import Clock
from mes.errors import Refusal
from mes.ids import PersonId, checked_id, new_op, stream
from mes.ledger.entry import Actor, Write
from mes.ledger.store import Ledger
from mes.people import decide, tables
from mes.people.events import RoleGranted, SignInFailed
from mes.people.model import READABLE, CredentialKind, Person, Role, new_person_id
from mes.people.passwords import Hasher
from mes.settings import private_file

FILE = "first-administrator.json"
VALID_S = 24 * 60 * 60
GROUPS, GROUP_LENGTH = 5, 5
ACTOR = Actor.system("first-administrator")


def create_first_code(ledger: Ledger, keys_dir: Path, *, wall: Callable[[], float] = time.time) -> str:
    """Make the one-time code, good for 24 h of wall time, and keep only its hash; an earlier one is void.

    Refuses with `first-administrator-exists` once anybody was ever enrolled.
    """
    with ledger.read() as conn:
        _nobody_yet(conn, ledger.site)
    code = "-".join("".join(secrets.choice(READABLE) for _ in range(GROUP_LENGTH)) for _ in range(GROUPS))
    kept = {"sha256": _digest(code), "until": int(wall()) + VALID_S}
    private_file(keys_dir / FILE, json.dumps(kept).encode())
    return code


def redeem_first_code(
    ledger: Ledger,
    clock: Clock,
    hasher: Hasher,
    keys_dir: Path,
    code: str,
    *,
    name: str,
    user_name: str,
    password: str,
    terminal: str,
    wall: Callable[[], float] = time.time,
) -> PersonId:
    """Enrol the first administrator with a password of their own; the code is void afterwards.

    Refuses with `first-code-wrong` (401; recorded without what was typed), by the rules for names and passwords,
    and with `first-administrator-exists`.
    """
    checked_id(terminal)
    path = keys_dir / FILE
    if not _is_right(path, code, wall()):
        if path.exists():
            refused = SignInFailed(terminal, 1).draft()
            site = Write(stream("site", ledger.site), (refused,))
            ledger.append(new_op(), [site], actor=ACTOR, now=clock.now())
        raise Refusal("first-code-wrong", status=401)
    ident = new_person_id()
    enrolled = decide.enroll(ident, name, user_name)
    drafts = (
        enrolled.draft(),
        RoleGranted(ident, Role.ADMINISTRATOR).draft(),
        decide.set_password(Person(ident, name, user_name), password, by=ident).draft(),
    )
    stored = hasher.hash(password)

    def alongside(conn: Connection) -> None:
        _nobody_yet(conn, ledger.site, besides=ident)
        tables.user_name_is_free(conn, ledger.site, user_name, ident)
        tables.store_secret(conn, ledger.site, ident, CredentialKind.PASSWORD, stored)

    own = Write(stream("person", ident), drafts, 0)
    ledger.append(new_op(), [own], actor=ACTOR, now=clock.now(), alongside=alongside)
    path.unlink(missing_ok=True)
    return ident


def _nobody_yet(conn: Connection, site: str, besides: str = "") -> None:
    if tables.anybody(conn, site, besides):
        raise Refusal("first-administrator-exists")


def _is_right(path: Path, code: str, now: float) -> bool:
    try:
        kept = json.loads(path.read_bytes())
    except FileNotFoundError:
        return False
    return now <= kept["until"] and compare_digest(kept["sha256"], _digest(code))


def _digest(code: str) -> str:
    # 25 letters of 30 are 122 random bits: guessing is hopeless, so no slow hash and no lock-out are needed.
    plain = code.strip().upper().replace("-", "")
    return hashlib.sha256(plain.encode(errors="surrogatepass")).hexdigest()
