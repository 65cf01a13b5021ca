"""The session table of the regulation catalogue (E5), row by row: what signs, and what does not."""

import pytest

from mes.people.model import Role, Session
from mes.signatures import Credentials
from tests.people.builders import PASSWORD
from tests.people.houses import ADMIN, House
from tests.signatures.authenticator import Authenticator
from tests.signatures.passkeys import answer, asked, enrol, sign_by
from tests.signatures.test_service import SHOWN, WRONG, given, refused, sign

ALONE = Credentials(password=PASSWORD, shown=SHOWN.digest)
FAILURES_TO_ALERT = 5


@pytest.fixture
def session(house: House) -> Session:
    """Give anna's session, in which nothing was signed yet."""
    house.employ("anna", Role.OPERATOR)
    return house.signed_in("anna")


@pytest.mark.rule("REG-P11-200a1", "REG-A11D-13-1", "SEC-06")
def test_the_first_takes_all_and_the_second_the_password(house: House, session: Session) -> None:
    assert sign(house, session, given()).document["factors"] == ["user_name", "password"]
    assert sign(house, session, ALONE).document["factors"] == ["password"]


@pytest.mark.rule("REG-P11-200a1", negative=True)
def test_the_password_alone_does_not_begin(house: House, session: Session) -> None:
    assert refused(house, session, ALONE).code == "signature-needed"


@pytest.mark.rule("REG-P11-200a1", "REG-A11D-13-1", "SEC-06", negative=True)
def test_after_the_idle_lock_the_password_alone_signs_nothing(house: House, session: Session) -> None:
    sign(house, session, given())
    house.later(minutes=15.1)
    assert refused(house, session, ALONE).code == "session-ended"
    assert refused(house, house.signed_in("anna"), ALONE).code == "signature-needed"


@pytest.mark.rule("REG-P11-200a1", negative=True)
def test_at_another_terminal_the_password_alone_signs_nothing(house: House, session: Session) -> None:
    sign(house, session, given())
    token, _ = house.people.sign_in("anna", PASSWORD, "touch-1")
    assert house.people.session(token, "touch-2") is None
    elsewhere = house.signed_in("anna", terminal="touch-2")
    assert refused(house, elsewhere, ALONE).code == "signature-needed"
    assert sign(house, elsewhere, given())


@pytest.mark.rule("REG-P11-200a1", "REG-A11D-13-1", "SEC-06", negative=True)
@pytest.mark.parametrize("signed_before", [False, True])
@pytest.mark.parametrize("badge", [Credentials("anna", shown=SHOWN.digest), Credentials(shown=SHOWN.digest)])
def test_a_badge_or_the_session_alone_never_signs(
    house: House, session: Session, badge: Credentials, signed_before: bool
) -> None:
    if signed_before:
        sign(house, session, given())
    size = house.ledger.size
    assert refused(house, session, badge).code == "signature-needed"
    assert house.ledger.size == size


@pytest.mark.rule("REG-P11-200a1", "REG-A11D-13-1", negative=True)
def test_a_secret_that_an_administrator_set_signs_nothing(house: House, session: Session) -> None:
    house.people.set_password(session.person.id, WRONG, by=ADMIN)
    again = house.signed_in("anna", password=WRONG)
    assert refused(house, again, given(password=WRONG)).code == "password-temporary"


@pytest.mark.rule("REG-P11-200a1", "REG-A11D-13-1", negative=True)
def test_five_wrong_passwords_slow_down_and_alert(house: House, session: Session) -> None:
    for count in range(1, FAILURES_TO_ALERT + 1):
        assert refused(house, session, given(password=WRONG)).code == "signature-secret-wrong"
        told = [one for one in house.ledger.entries() if one.type == "signature:refused"]
        assert told[-1].data["in_a_row"] == count
        if count > 2:
            assert refused(house, session, given()).code == "too-many-attempts"
        house.wall.now += 60
    assert sign(house, session, given())


@pytest.mark.rule("REG-P11-200a1", negative=True)
def test_after_the_idle_lock_a_passkey_takes_the_name_again(house: House, session: Session) -> None:
    device = Authenticator()
    enrol(house, session, device)
    sign_by(house, session, device)
    house.later(minutes=15.1)
    again = house.signed_in("anna")
    alone = answer(asked(house, again), device, None)
    assert refused(house, again, alone).code == "signature-needed"
    assert sign_by(house, again, device).document["factors"] == ["user_name", "passkey_uv"]


def test_whoever_fails_does_not_count_as_having_signed(house: House, session: Session) -> None:
    refused(house, session, given(password=WRONG))
    assert refused(house, session, ALONE).code == "signature-needed"
