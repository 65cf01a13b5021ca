"""What QA and those who watch over accounts are reminded of on every page until somebody has done it."""

from mes.people.model import Person, Role
from mes.web.services import services

REVIEWERS = frozenset({Role.QA, Role.ADMINISTRATOR, Role.SECURITY_OFFICER})
WATCHERS = frozenset({Role.SECURITY_OFFICER, Role.ADMINISTRATOR})


def duties(person: Person) -> tuple[tuple[str, str], ...]:
    """Return what this person is reminded of, with the page where it is done; nothing for most roles.

    Rule: REG-P11-300a-e (alerts within a minute), REG-A11D-11-1 (recurrent review of access).
    """
    room, told = services().people, []
    if person.roles & WATCHERS and (count := room.open_alerts()):
        told.append((f"{count} security alert{'' if count == 1 else 's'} nobody has answered.", "/security"))
    if person.roles & REVIEWERS:
        review = room.review_state()
        if review["overdue"]:
            told.append((f"The review of access was due on {review['due']:%d %b %Y}.", "/people"))
    return tuple(told)
