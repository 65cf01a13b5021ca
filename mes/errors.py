"""The three families of error: the rules say no, the world failed, the record contradicts itself."""

from collections.abc import Mapping
from typing import Any


def _printed(code: str, facts: Mapping[str, Any]) -> str:
    told = ", ".join(f"{name}={value}" for name, value in facts.items())
    return f"{code} ({told})" if told else code


class Refusal(Exception):
    """The rules say no and a person can act on it.

    `code` is stable and keys the sentence in the user's language (mes/web/catalogue); `facts` fill that
    sentence in. `status` is the HTTP status: 409 by default, 422 for a form, 403 for a role, 401 for a
    sign-in, 404 for an unknown id.
    """

    def __init__(self, code: str, *, status: int = 409, **facts: Any) -> None:
        super().__init__(code)
        self.code = code
        self.status = status
        self.facts = facts

    def __str__(self) -> str:
        return _printed(self.code, self.facts)


class Fault(Exception):
    """The world failed (disk, network, device): retried within bounds, then an alarm and HTTP 503."""

    def __init__(self, code: str, **facts: Any) -> None:
        super().__init__(code)
        self.code = code
        self.facts = facts

    def __str__(self) -> str:
        return _printed(self.code, self.facts)


class IntegrityBreach(Exception):
    """The record contradicts itself. Carries the evidence; appends to `stream` stop (all, if it is None)."""

    def __init__(self, what: str, *, index: int | None = None, stream: str | None = None, **evidence: Any) -> None:
        super().__init__(what)
        self.what = what
        self.index = index
        self.stream = stream
        self.evidence = evidence
