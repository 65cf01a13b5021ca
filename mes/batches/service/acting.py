"""Who acts, in which operation, with which secret and reason."""

from dataclasses import dataclass, replace

from mes.errors import Refusal
from mes.ids import Op
from mes.people.model import Role, Session
from mes.signatures.model import Credentials


@dataclass(frozen=True, slots=True)
class Acting:
    """One act of one signed-in person. Without credentials a signed act answers with its prompt."""

    session: Session
    op: Op
    credentials: Credentials | None = None
    reason: str | None = None

    @property
    def person(self) -> str:
        """Return the id of the person."""
        return self.session.person.id

    @property
    def roles(self) -> frozenset[str]:
        """Return the words of the person's roles."""
        return frozenset(role.value for role in self.session.person.roles)

    def in_role(self, *wanted: str | None) -> Role:
        """Return the role the person acts in: the first of `wanted` that they hold; refuses `role-missing`."""
        for word in wanted:
            if word is not None and word in self.roles:
                return Role(word)
        raise Refusal("role-missing", status=403, role=" or ".join(word for word in wanted if word))

    def any_role(self) -> Role:
        """Return one role of the person, for acts that need none; refuses `role-missing` if they hold none."""
        if not self.session.person.roles:
            raise Refusal("role-missing", status=403, role="any role")
        return min(self.session.person.roles, key=lambda role: role.value)

    def signing_next(self) -> "Acting":
        """Return the same act signing a further entry under the same document; refuses `passkey-signs-one`."""
        return self if self.credentials is None else replace(self, credentials=self.credentials.for_next())

    def because(self, reason: str | None) -> "Acting":
        """Return the same act with another reason."""
        return replace(self, reason=reason)
