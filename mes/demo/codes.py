"""`mes codes`: the authenticators of the demo's people, simulated, so that a newcomer can sign as one of them."""

import json
from collections.abc import Mapping
from pathlib import Path

from mes.errors import Refusal
from mes.people.second_factor import PERIOD_S, code

FILE = "authenticators.json"
HEADING = "SIMULATED AUTHENTICATOR"


def secrets_of(folder: Path) -> Mapping[str, bytes]:
    """Return by user name the secrets that a running demo left in its folder.

    Refuses `authenticators-missing` (404) and `authenticators-malformed`.
    """
    path = folder / FILE
    if not path.is_file():
        raise Refusal("authenticators-missing", status=404, folder=str(folder))
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        return {str(name): bytes.fromhex(secret) for name, secret in sorted(found.items())}
    except (ValueError, TypeError, AttributeError) as error:
        raise Refusal("authenticators-malformed", path=str(path)) from error


def codes_text(secrets: Mapping[str, bytes], wall_s: float) -> str:
    """Return what `mes codes` prints at the wall time `wall_s`: each person's code, and how long it is good."""
    left_s = PERIOD_S - int(wall_s) % PERIOD_S
    lines = [f"  {name:12} {code(secret, wall_s)}" for name, secret in secrets.items()]
    return "\n".join([HEADING, *lines, f"good for {left_s} s; each code counts once"])
