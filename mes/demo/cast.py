"""The people of the demo site: who they are, what they may do, and how they get their accounts."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from mes.demo.client import DemoPerson

Someone = TypeVar("Someone", bound=DemoPerson)
PASSWORD = "seven days vein to vein"  # noqa: S105  printed with every demo, for a site on this machine alone
TEMPORARY = "change me at once 7"


@dataclass(frozen=True)
class Part:
    """One part of the cast; who comes `late` comes when QA can sign: their access is asked for and approved."""

    key: str
    name: str
    user_name: str
    roles: tuple[str, ...]
    second_factor: bool = False
    late: bool = False


CAST = (
    Part("clinician", "Claire Moreau", "claire", ("clinician",)),
    Part("clinician2", "Bram Peeters", "bram", ("clinician",)),
    Part("nurse", "Nora Janssens", "nora", ("collection_nurse",)),
    Part("courier", "Karim Haddad", "karim", ("courier",)),
    Part("operator", "Olivia Brandt", "olivia", ("operator",)),
    Part("verifier", "Viktor Lindqvist", "viktor", ("operator", "verifier")),
    Part("supervisor", "Sofia Marin", "sofia", ("supervisor",)),
    Part("analyst", "Quentin Dubois", "quentin", ("qc_analyst",)),
    Part("reviewer", "Rosa Iglesias", "rosa", ("qc_reviewer",)),
    Part("author", "Martin Kessler", "martin", ("master_author",)),
    Part("qp", "Paula Schmidt", "paula", ("qp",), second_factor=True),
    Part("qa", "Anna de Wit", "anna", ("qa",), second_factor=True),
    Part("qa2", "Arthur Lemaire", "arthur", ("qa",), second_factor=True),
    Part("auditor", "Irene Vogt", "irene", ("auditor",), late=True),
)
ADMINISTRATOR = Part("admin", "Ada Vermeulen", "ada", ("administrator",))


def employ(first_code: str, at_browser: Callable[[str, str, str], Someone]) -> dict[str, Someone]:
    """Make the first administrator by the console's code, and let her employ everybody else.

    `at_browser` makes a person from name, user name and password. Each person sets a password of their own at the
    first sign-in, accepts accountability for their signature, and enrols a second factor where they need one. The
    administrator proves the identity of the first QA person, who proves everybody else's.
    """
    admin = at_browser(ADMINISTRATOR.name, ADMINISTRATOR.user_name, PASSWORD)
    admin.act_public("/api/first-administrator", code=first_code, name=admin.name, user_name=admin.user_name,
                     password=PASSWORD)  # fmt: skip
    admin.sign_in()
    admin.act("/api/me/accountability")
    people = {"admin": admin}
    for part in (one for one in CAST if not one.late):
        people[part.key] = _come(admin, part, at_browser, roles=part.roles)
    qa, second = people["qa"], people["qa2"]
    _prove(admin, qa)
    for person in people.values():
        if person is not qa:
            _prove(qa, person)
    _prove(second, qa)  # once more: at start-up only the administrator was there to do it
    for part in (one for one in CAST if one.late):
        late = people[part.key] = _come(admin, part, at_browser, roles=())
        for role in part.roles:
            asked = people["supervisor"].act(f"/api/people/{late.id}/access", role=role, reason="new at the site")
            second.act(f"/api/access/{asked['request']}/approve")
            admin.act(f"/api/people/{late.id}/roles", role=role)
    return people


def _come(
    admin: Someone, part: Part, at_browser: Callable[[str, str, str], Someone], *, roles: tuple[str, ...]
) -> Someone:
    """Let somebody arrive: an account, a password of their own, accountability, a second factor."""
    admin.act("/api/people", name=part.name, user_name=part.user_name, password=TEMPORARY, roles=list(roles))
    person = at_browser(part.name, part.user_name, TEMPORARY)
    person.sign_in()
    person.act("/api/me/password", current=TEMPORARY, password=PASSWORD)
    person.password = PASSWORD
    person.sign_in()
    person.act("/api/me/accountability")
    if part.second_factor:
        person.enrol_second_factor()
    return person


def _prove(prover: DemoPerson, person: DemoPerson) -> None:
    prover.act(f"/api/people/{person.id}/identity", document="national identity card, seen")
