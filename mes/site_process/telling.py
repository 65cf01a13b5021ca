"""How the command line tells an error: the catalogue's sentence with the next action, and the code; no traceback."""

import subprocess

from sqlalchemy.exc import SQLAlchemyError
from yaml import YAMLError

from equipment_drivers.errors import DriverFault
from mes.errors import Fault, IntegrityBreach, Refusal
from mes.ledger.notes import NoteError

EXPECTED = (
    Refusal, Fault, IntegrityBreach, DriverFault, NoteError, OSError, SQLAlchemyError, YAMLError,
    subprocess.SubprocessError,
)  # fmt: skip
"""What the world and the rules may do to a command; anything else is a mistake of this program and crashes."""
MOST = 300


def told(error: Exception) -> str:
    """Return the sentence and the code of one of `EXPECTED`."""
    from mes.web.errors import sentence

    family = as_family(error)
    if isinstance(family, IntegrityBreach):
        facts = {"what": family.what, "index": "?" if family.index is None else family.index}
        return f"{sentence('integrity-breach', facts)} [integrity-breach]"
    return f"{sentence(family.code, family.facts)} [{family.code}]"


def as_family(error: Exception) -> Refusal | Fault | IntegrityBreach | DriverFault:
    """Return an error of the machine as a Fault, and one of the house's families as it is."""
    match error:
        case Refusal() | Fault() | IntegrityBreach() | DriverFault():
            return error
        case SQLAlchemyError():
            return Fault("database-unreachable", cause=short(getattr(error, "orig", None) or error))
        case NoteError():
            return Refusal("published-key-wrong", status=422, cause=short(error))
        case YAMLError():
            return Fault("file-unreadable", cause=short(error))
        case subprocess.CalledProcessError():
            said = error.stderr if isinstance(error.stderr, str) else ""
            return Fault("process-failed", ended=error.returncode, cause=short(said or error))
        case _:
            return Fault("machine-refused", cause=short(error))


def short(cause: object) -> str:
    """Return a cause on one line of bounded length."""
    return " ".join(str(cause).split())[:MOST]
