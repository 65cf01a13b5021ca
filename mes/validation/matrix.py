"""The matrix: requirement, the tests that show it (what works, what is refused), result. Pure. Rule: REG-VAL-05."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from mes.validation.register import Requirement
from mes.validation.showings import Showing

NOT_RUN = "not run"


@dataclass(frozen=True, slots=True)
class Row:
    """One requirement with its tests. `result` is passed, failed, skipped, not run, or no test."""

    requirement: Requirement
    positive: tuple[str, ...]
    negative: tuple[str, ...]
    result: str

    @property
    def is_covered(self) -> bool:
        """Whether both a positive and a negative test carry the id."""
        return bool(self.positive and self.negative)


@dataclass(frozen=True, slots=True)
class Matrix:
    """All rows, and the claims of tests to show something that no register knows."""

    rows: tuple[Row, ...]
    unknown: tuple[Showing, ...]

    def problems(self, demanded: Iterable[str]) -> list[str]:
        """Return a sentence per wrong thing: unknown ids, failed or skipped tests, `demanded` rows uncovered."""
        wanted = frozenset(demanded)
        told = [f"{one.test} claims {one.requirement}, which is in no register" for one in self.unknown]
        for row in self.rows:
            ident = row.requirement.id
            if row.result == "failed":
                told.append(f"{ident}: a test failed")
            if row.result == "skipped" and row.requirement.essential:
                told.append(f"{ident}: a test was skipped")
            if ident in wanted and not row.positive:
                told.append(f"{ident}: no test shows it")
            if ident in wanted and not row.negative:
                told.append(f"{ident}: no negative test shows it")
        return told


def matrix(
    register: Mapping[str, Requirement],
    claims: Sequence[Showing],
    outcomes: Mapping[str, Sequence[str]] | None = None,
) -> Matrix:
    """Join the register with the claims of tests and how these ended; without `outcomes` nothing has run."""
    by_id: dict[str, list[Showing]] = {}
    for claim in claims:
        by_id.setdefault(claim.requirement, []).append(claim)
    rows = tuple(_row(one, by_id.get(ident, []), outcomes or {}) for ident, one in register.items())
    return Matrix(rows, tuple(claim for claim in claims if claim.requirement not in register))


def _row(requirement: Requirement, claims: Sequence[Showing], outcomes: Mapping[str, Sequence[str]]) -> Row:
    positive = tuple(dict.fromkeys(claim.test for claim in claims if not claim.negative))
    negative = tuple(dict.fromkeys(claim.test for claim in claims if claim.negative))
    return Row(requirement, positive, negative, _result(claims, outcomes))


def _result(claims: Sequence[Showing], outcomes: Mapping[str, Sequence[str]]) -> str:
    if not claims:
        return "no test"
    # A test of the long campaign counts where it ran; that it did not run says nothing while others did.
    asked = [one.test for one in claims if not one.campaign or one.test in outcomes] or [one.test for one in claims]
    ended = [outcome for test in asked for outcome in outcomes.get(test, (NOT_RUN,))]
    for worst in ("failed", "skipped", NOT_RUN):
        if worst in ended:
            return worst
    return "passed"
