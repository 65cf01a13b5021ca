"""Time stamps of a real authority (openssl): recorded once checked, found when altered, never in anybody's way."""

import json
import socket
from base64 import b64decode, b64encode
from pathlib import Path

import pytest

from mes.errors import Fault, IntegrityBreach
from mes.ids import new_op
from mes.ledger.entry import Write
from mes.ledger.site_events import TimeStamped
from mes.ledger.store import Ledger
from mes.ledger.time_stamps import MAX_ANSWER_BYTES, Authority, check_time_stamps, roots_in
from mes.site_process.stamping import FIRST_WAIT_S, LONGEST_WAIT_S, Stamper
from tests.ledger.authority import running
from tests.ledger.builders import NURSE, SITE, a_ledger, at, draft, write

CERTIFIED = "batch:certified"


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    with running(tmp_path_factory.mktemp("tsa") / "one") as made:
        yield made


@pytest.fixture
def tsa(authority):
    """Give the authority as it behaves well, before and after."""
    yield authority
    authority.status, authority.kind, authority.body, authority.location = 200, "application/timestamp-reply", None, ""


def certify(ledger: Ledger, seconds: float) -> None:
    certified = draft(certificate="C1")
    entry = type(certified)(CERTIFIED, certified.data)
    ledger.append(new_op(), [write("batch/B1", entry)], actor=NURSE, now=at(seconds))


class Wall:
    """A monotonic clock that moves when told."""

    now = 1_000.0

    def __call__(self) -> float:
        return self.now


def stamper(ledger: Ledger, tsa, wall: Wall) -> Stamper:
    return Stamper(ledger, lambda: Authority.of(tsa.url, tsa.ca), lambda: at(500), wall)


@pytest.mark.rule("TE-05")
def test_a_certification_is_stamped_once_and_the_stamp_verifies(ledger_url, tsa) -> None:
    with a_ledger(ledger_url) as ledger:
        one = stamper(ledger, tsa, Wall())
        assert not one.step()  # nothing was certified
        certify(ledger, 1)
        certify(ledger, 2)
        assert one.step()
        assert not one.step()
        stamp = ledger.entry(ledger.size - 1)
        assert (stamp.type, stamp.data["size"], stamp.document["actor"]["id"]) == (TimeStamped.tag, 3, "time-stamps")
        assert len(stamp.body) < 12_000
        assert check_time_stamps(ledger, SITE, roots_in(tsa.ca)) == 1
        assert check_time_stamps(ledger, SITE, None) == 1
        again = stamper(ledger, tsa, Wall())  # after a restart nothing is stamped twice
        assert not again.step()
        certify(ledger, 600)
        assert again.step()
        assert check_time_stamps(ledger, SITE, roots_in(tsa.ca)) == 2


@pytest.mark.rule("TE-05", negative=True)
@pytest.mark.parametrize(
    ("how", "code"),
    [
        ({"status": 500}, "time-stamp-unreachable"), ({"kind": "text/html"}, "time-stamp-unreachable"),
        ({"status": 302, "location": "http://127.0.0.1:9/"}, "time-stamp-unreachable"),
        ({"body": b"x" * (MAX_ANSWER_BYTES + 10)}, "time-stamp-unreachable"), ({"body": b""}, "time-stamp-wrong"),
        ({"body": b"0\x03\x02\x01\x02"}, "time-stamp-wrong"),
    ],
)  # fmt: skip
def test_an_answer_that_does_not_count_is_a_fault(tsa, how, code) -> None:
    for name, value in how.items():
        setattr(tsa, name, value)
    with pytest.raises(Fault, match=code):
        Authority.of(tsa.url, tsa.ca).stamped("septima/x/1", 3, "note\n")


def test_an_answer_to_another_request_is_wrong(tsa) -> None:
    trusted = Authority.of(tsa.url, tsa.ca)
    good = b64decode(trusted.stamped("septima/x/1", 3, "note\n").response)
    tsa.body = good  # a replay: its nonce is that of the first request
    with pytest.raises(Fault, match="time-stamp-wrong"):
        trusted.stamped("septima/x/1", 3, "note\n")


def test_an_authority_of_another_root_is_not_trusted(tsa, tmp_path: Path) -> None:
    with running(tmp_path / "other") as other, pytest.raises(Fault, match="time-stamp-wrong"):
        Authority.of(other.url, tsa.ca).stamped("septima/x/1", 3, "note\n")


@pytest.mark.parametrize("body", [b"", b"no certificate"])
def test_roots_that_are_none_are_a_fault(tmp_path: Path, body: bytes) -> None:
    with pytest.raises(Fault, match="time-stamp-ca-unusable"):
        roots_in(tmp_path / "missing.pem")
    (tmp_path / "ca.pem").write_bytes(body)
    with pytest.raises(Fault, match="time-stamp-ca-unusable"):
        roots_in(tmp_path / "ca.pem")


def test_an_authority_that_is_silent_stops_nothing_and_is_asked_again_within_bounds(tmp_path, tsa) -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        tsa_url = f"http://127.0.0.1:{nobody.getsockname()[1]}/"
    wall, waits = Wall(), []
    with a_ledger(f"sqlite:///{tmp_path / 'site.sqlite'}") as ledger:
        certify(ledger, 1)
        one = Stamper(ledger, lambda: Authority.of(tsa_url, tsa.ca), lambda: at(500), wall)
        for _ in range(9):
            before = wall.now
            assert not one.step()
            while one._due > wall.now:
                wall.now += FIRST_WAIT_S
            waits.append(wall.now - before)
        assert waits[0] == FIRST_WAIT_S
        assert waits == sorted(waits)
        assert waits[-1] <= LONGEST_WAIT_S + FIRST_WAIT_S
        certify(ledger, 2)  # the ledger goes on


@pytest.mark.rule("TE-05", "TE-12", negative=True)
@pytest.mark.parametrize("what", ["digest", "response", "stamped", "size"])
def test_an_altered_stamp_is_found(tmp_path: Path, tsa, what: str) -> None:
    with a_ledger(f"sqlite:///{tmp_path / 'site.sqlite'}") as ledger:
        note = ledger.checkpoint(at(1))
        made = Authority.of(tsa.url, tsa.ca).stamped(ledger.origin, 1, note)
        data = json.loads(json.dumps(made.draft().data))
        raw = bytearray(b64decode(made.response))
        raw[-5] ^= 1
        wrong = {
            "digest": "0" * 64,
            "response": b64encode(raw).decode(),
            "stamped": "2026-01-01T00:00:00.000000Z",
            "size": 9,
        }
        data[what] = wrong[what]
        forged = type(made.draft())(TimeStamped.tag, data)
        ledger.append(new_op(), [Write(ledger.site_stream, (forged,))], actor=NURSE, now=at(2))
        with pytest.raises(IntegrityBreach, match="entry 1: its time stamp does not stand"):
            check_time_stamps(ledger, SITE, roots_in(tsa.ca))
