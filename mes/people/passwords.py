"""Passwords as argon2id hashes: the parameters in one place, and never more than two hashes at once.

A hash takes some 40 ms of a core and 19 MiB, so it is never made inside the ledger's write lock.
"""

from dataclasses import dataclass
from threading import BoundedSemaphore

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from mes.errors import Fault
from mes.people.decide import MAX_PASSWORD, normal

AT_ONCE = 2


@dataclass(frozen=True, slots=True)
class HashParameters:
    """The cost of one hash: passes, memory in KiB, lanes."""

    passes: int = 2
    memory_kib: int = 19_456
    lanes: int = 1


PRODUCTION = HashParameters()


class Hasher:
    """Makes and checks password hashes; waits its turn beyond `at_once`, so that sign-ins cannot starve a run."""

    def __init__(self, parameters: HashParameters = PRODUCTION, at_once: int = AT_ONCE) -> None:
        self._argon2 = PasswordHasher(
            time_cost=parameters.passes, memory_cost=parameters.memory_kib, parallelism=parameters.lanes
        )
        self._turn = BoundedSemaphore(at_once)
        # Checked instead of a hash that is not there: an unknown name takes as long as a wrong password.
        self._nobody = self._argon2.hash("nobody has this password")

    def hash(self, password: str) -> bytes:
        """Return a fresh hash, with its parameters and salt, in the PHC text form."""
        with self._turn:
            return self._argon2.hash(_bytes(password)).encode()

    def is_right(self, stored: bytes | None, password: str) -> bool:
        """Tell whether `password` made `stored`; always False, after the same work, where nothing is stored."""
        encoded = self._nobody if stored is None else stored.decode()
        with self._turn:
            try:
                self._argon2.verify(encoded, _bytes(password))
            except InvalidHashError as error:
                raise Fault("credential-unreadable") from error
            except VerificationError:
                return False
        return stored is not None

    def is_outdated(self, stored: bytes) -> bool:
        """Tell whether the hash was made with other parameters than today's."""
        return self._argon2.check_needs_rehash(stored.decode())


def _bytes(password: str) -> bytes:
    # One character more than the policy allows is enough to be wrong; a megabyte of text costs no more.
    return normal(password)[: MAX_PASSWORD + 1].encode(errors="surrogatepass")
