"""A true bundle holds: in every kind of passkey, from any folder, with every Python since 3.8, packed or unpacked."""

import hashlib
import os
import shutil
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.records.verifier.breaking import before_seal, filed, filled
from tests.records.verifier.bundles import asked, build, offences, run_alone
from tests.records.verifier.story import OP, Story
from tests.records.verifier.writer import ORIGIN, VERIFIER, Passkey, key_of, vkey

KEY = vkey("septima/site-a/1", key_of("site-a-0"))
PYTHONS = [f"python3.{minor}" for minor in range(8, 14)]


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("good") / "B1.ebr.zip"
    path.write_bytes(build())
    return path


def stepped(story: Story) -> None:
    """Let the clock go back by ten minutes, and say so."""
    story.ledger.minute -= 10
    at = story.ledger.time()
    data = {"from": story.ledger.entries[-1].doc["at"], "to": at}
    story.ledger.append("site/site-a", "site:clock:stepped", data, at=at)


def seen_from_afar(story: Story) -> None:
    """Let the other ledger refer to an entry of this one that nothing else refers to."""
    told = story.ledger.append("order/other", "order:noted", {"note": "x"})
    heard = story.control.append("order/O1", "order:acknowledged", {}, refs=[{"site": "site-a", "gen": 1, **told.ref}])
    story.ledger.append("batch/B1", "batch:noted", {}, refs=[{"site": "control", "gen": 1, **heard.ref}])


def corrected_twice(story: Story) -> None:
    """A second reading of the same correction, seen and signed again by who knew of it."""
    fixed = next(entry for entry in story.ledger.entries if entry.doc["type"] == "batch:step:corrected")
    old = next(entry for entry in story.ledger.entries if entry.doc["type"] == "batch:step:confirmed")
    items = [
        {"label": "Before", "value": "37.10", "source": old.source},
        {"label": "Now", "value": "37.2", "source": fixed.source},
    ]
    story.ledger.append("batch/B1", "batch:step:reviewed", {}, by="qp", sign={"items": items, "after": [fixed.place]})


GOOD: dict[str, dict[str, Any]] = {
    "as told": {},
    "ES256": {"passkey": Passkey("ES256")},
    "RS256": {"passkey": Passkey("RS256")},
    "client data with more fields": {"passkey": Passkey(change={"client": {"other_keys_can_be_added_here": 1.5}})},
    "an authenticator with extensions": {"passkey": Passkey(change={"flags": 0x85, "extension": b"\xa0"})},
    "no witness": {"witnesses": ()},
    "two witnesses": {"witnesses": ("witness.example/w1", "witness.example/w2")},
    "a stepped clock": before_seal(stepped),
    "an entry that only another ledger refers to": before_seal(seen_from_afar),
    "an old value shown beside the new one": before_seal(corrected_twice),
    "an empty list of references": filled(refs=[]),
    "part of an operation": filled(op={"id": OP[:-1] + "0", "n": 2, "of": 9}),
    "the deepest entry": filled(data={"a": {"b": {"c": [[[[[[[[[[[]]]]]]]]]]]}}}),
    "every kind of letter": filled(data={"text": "é\u0000\u001f\"\\/\u007f\u2028€😂\ufb33".replace("\ufb33", "")}),
    "another bag's words": {"bagged": lambda files: None},
    "no schemas": filed(lambda story, files: files.pop("data/schemas/batch:opened.1.json")),
    "two origins": filed(
        lambda story, files: files.update(
            {"data/keys.json": files["data/keys.json"].replace(f'["{ORIGIN}"'.encode(), f'["http://localhost:8080","{ORIGIN}"'.encode())}
        )
    ),
}  # fmt: skip


@pytest.mark.parametrize("hooks", GOOD.values(), ids=GOOD.keys())
def test_it_holds(tmp_path: Path, hooks: dict[str, Any]) -> None:
    path = tmp_path / "any name.zip"
    path.write_bytes(build(**hooks))
    code, lines = asked(path, "--key", KEY)
    assert (offences(lines), code) == ([], 0)
    assert lines[-1] == "ALL CHECKS HOLD; signed by the key that was given"


def test_a_later_generation_holds(tmp_path: Path) -> None:
    path = tmp_path / "B1.ebr.zip"
    path.write_bytes(build(gen=2, on_control=lambda doc: None))
    code, lines = asked(path, "--key", vkey("septima/site-a/2", key_of("site-a-0")))
    assert (offences(lines), code) == ([], 0)


def test_every_check_of_the_page_answers_in_order(good: Path) -> None:
    _, lines = asked(good)
    checks = [line[11:].partition(":")[0] for line in lines if line.startswith("OK ")]
    assert checks == [
        "container",
        "bag",
        "lines and rules",
        "streams",
        "references",
        "inclusion proofs",
        "checkpoints",
        "cosignatures",
        "seal",
        "signatures",
        "telemetry",
        "documents",
        "PDF",
    ]


def test_it_says_what_it_is_and_what_it_cannot_show(good: Path) -> None:
    code, lines = asked(good)
    told = "\n".join(lines)
    assert code == 0
    assert hashlib.sha256(VERIFIER.read_bytes()).hexdigest() in lines[0]
    assert lines[-1] == f"signed by {KEY}, taken from this bundle: compare it with the site's published key"
    for words in (
        "PAdES signature",
        "Without a cosignature of a witness",
        "was removed by entry 21",
        "ran on a SIMULATED clock",
        "Shown in part: equipment/prodigy-1 (1)",
        "was cosigned by witness.example/w1 at 2026-11-18T11:06:40Z",
        "septima/control/1 is signed by septima/control/1+",
    ):
        assert words in told


def test_it_tells_its_own_copy_from_another_version(good: Path, tmp_path: Path) -> None:
    later = tmp_path / "verify.py"
    later.write_bytes(VERIFIER.read_bytes() + b"# later\n")
    assert "verify.py in it is this program" in run_alone(good).stdout
    assert "verify.py in it is another version of this program" in run_alone(good, program=later).stdout


def test_every_key_that_is_given_must_have_signed(good: Path) -> None:
    control, witness = (
        vkey("septima/control/1", key_of("control")),
        vkey("witness.example/w1", key_of("witness.example/w1"), 4),
    )
    former = vkey("septima/site-a/1", key_of("site-a"))
    for keys in ([KEY], [KEY, control, witness], [former]):
        code, lines = asked(good, *(part for key in keys for part in ("--key", key)))
        assert (code, lines[-1]) == (0, "ALL CHECKS HOLD; signed by the key that was given")


@pytest.mark.parametrize(
    "key", ["", "septima/site-a/1", KEY[:-4], KEY.replace("+", "-"), KEY.replace("septima", "Septima")]
)
def test_a_key_that_is_none_ends_the_program(good: Path, key: str) -> None:
    code, lines = asked(good, "--key", key)
    assert code == 2
    assert lines[-1].startswith("cannot begin: ")


def test_a_bundle_that_is_not_there_ends_the_program(tmp_path: Path) -> None:
    assert asked(tmp_path / "nothing.zip")[0] == 2


@pytest.mark.parametrize("python", PYTHONS)
def test_it_runs_alone_from_another_folder(good: Path, python: str, tmp_path: Path) -> None:
    found = found_python(python)
    if found is None:
        pytest.skip(f"{python} is not installed")
    with zipfile.ZipFile(good) as archive:
        program = Path(archive.extract("B1.ebr/verify.py", tmp_path))
    done = run_alone(good, "--key", KEY, python=found, program=program)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.endswith("ALL CHECKS HOLD; signed by the key that was given\n")


def found_python(name: str) -> str | None:
    """Find an interpreter on the path, or one that pyenv keeps."""
    kept = sorted(Path.home().glob(f".pyenv/versions/{name.removeprefix('python')}.*/bin/{name}"))
    return str(kept[-1]) if kept else shutil.which(name)


def test_it_needs_no_console_that_knows_unicode(good: Path, tmp_path: Path) -> None:
    spoiled = tmp_path / "ü.zip"
    spoiled.write_bytes(build(**filled(at="1١")))
    done = run_alone(spoiled)
    assert done.returncode == 1
    assert "Traceback" not in done.stderr


@pytest.fixture
def folder(good: Path, tmp_path: Path) -> Path:
    with zipfile.ZipFile(good) as archive:
        archive.extractall(tmp_path)
    return tmp_path / "B1.ebr"


def test_the_unpacked_folder_holds_too_and_names_the_zip(good: Path, folder: Path) -> None:
    code, lines = asked(folder)
    assert code == 0
    assert "the zip itself was not seen" in lines[3]
    assert hashlib.sha256(good.read_bytes()).hexdigest() in lines[3]


LITTER: dict[str, Callable[[Path], Any]] = {
    "data/.DS_Store": lambda folder: (folder / "data" / ".DS_Store").write_bytes(b"x"),
    "data/content/link": lambda folder: (folder / "data" / "content" / "link").symlink_to("/etc/passwd"),
    "data/link": lambda folder: (folder / "data" / "link").symlink_to("/etc"),
    "data/pipe": lambda folder: os.mkfifo(folder / "data" / "pipe"),
}


@pytest.mark.parametrize("name", LITTER)
def test_an_unpacked_folder_with_more_in_it_is_not_ok(folder: Path, name: str) -> None:
    LITTER[name](folder)
    code, lines = asked(folder)
    assert code == 1
    assert name in offences(lines)[0]


def test_a_whole_bundle_takes_seconds_at_most(good: Path) -> None:
    started = time.monotonic()
    asked(good)
    assert time.monotonic() - started < 5
