"""The command line: what it does, and that every no is a sentence with a next action and a code, never a traceback."""

import json
import re
import sqlite3
from datetime import UTC, datetime
from pathlib import Path

import pytest
import structlog
from click.testing import CliRunner

from mes.cli import main
from mes.clock import Conductor
from mes.demo.codes import HEADING, codes_text, secrets_of
from mes.errors import Fault
from mes.ledger.notes import parse_vkey
from mes.people.second_factor import code
from mes.settings import load
from mes.site_process.telling import EXPECTED, short, told

START = datetime(2026, 11, 1, 8, tzinfo=UTC)
NODEMAP = Path(__file__).parents[2] / "equipment_drivers/nodemaps/prodigy_like.yaml"
SECRET = bytes(range(20))


@pytest.fixture(autouse=True)
def _no_logs_into_a_closed_stream():
    yield
    structlog.reset_defaults()


def mes(*words: object) -> tuple[int, str]:
    """Run one command in this process; anything but an exit is a mistake of the program."""
    ran = CliRunner().invoke(main, [str(word) for word in words])
    if ran.exception is not None and not isinstance(ran.exception, SystemExit):
        raise ran.exception
    return ran.exit_code, ran.output


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Give a demo site as the command line makes it, and what it printed."""
    folder = tmp_path_factory.mktemp("made") / "site"
    folder.mkdir()
    Conductor(folder / "clock.json", START)
    status, printed = mes("site", "create", "--site", folder, "--id", "cli-site", "--tz", "Europe/Madrid", "--demo")
    assert status == 0, printed
    return folder, printed


@pytest.fixture
def site(made, tmp_path):
    """Give a copy of that site which a test may break."""
    folder = tmp_path / "site"
    folder.mkdir()
    for path in made[0].rglob("*"):
        target = folder / path.relative_to(made[0])
        if path.is_dir():
            target.mkdir()
        else:
            target.write_bytes(path.read_bytes())
            target.chmod(path.stat().st_mode & 0o777)
    return folder


def refused(status: int, printed: str, expected: str) -> None:
    assert status == 1
    assert printed.startswith("Error: ")
    assert printed.endswith(f" [{expected}]\n"), printed
    assert "Traceback" not in printed
    assert "Tell the site's administrator this word" not in printed
    assert not re.search(r"\(\w+\) *\[", printed), "a fact is missing"
    assert len(re.findall(r"[.!?](?=\s)", printed)) >= 2, "no next action"


def test_creating_a_site_prints_its_key_and_a_code(made):
    folder, printed = made
    settings = load(folder)
    assert (settings.site, settings.tz, settings.simulated_clock) == ("cli-site", "Europe/Madrid", True)
    key = re.search(r"^site key: (\S+)$", printed, re.M).group(1)
    assert parse_vkey(key).name == "septima/cli-site/1"
    assert re.search(r"first administrator, good for 24 hours: (\w{5}-){4}\w{5}$", printed, re.M)
    assert settings.keys_dir.stat().st_mode & 0o777 == 0o700


def test_a_site_is_never_made_over_another(site):
    before = (site / "site.yaml").read_bytes()
    refused(*mes("site", "create", "--site", site, "--id", "other-site", "--production"), "site-exists")
    assert (site / "site.yaml").read_bytes() == before


def test_verifying_a_whole_ledger(made):
    folder, printed = made
    key = re.search(r"^site key: (\S+)$", printed, re.M).group(1)
    for more in ((), ("--key", key)):
        status, told_ = mes("ledger", "verify", "--site", folder, *more)
        assert status == 0
        assert told_.endswith("OK\n")
        assert "site cli-site, generation 1: 1 entries" in told_
        assert key in told_
        assert ("compare it with the published one" in told_) is (not more)


def test_a_changed_byte_is_found_and_named(site):
    with sqlite3.connect(site / "site.sqlite") as database:
        for (trigger,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            database.execute(f'DROP TRIGGER "{trigger}"')
        database.execute("UPDATE entry SET body = CAST(replace(CAST(body AS TEXT), 'cli-site', 'cli-sitf') AS BLOB)")
    database.close()
    status, printed = mes("ledger", "verify", "--site", site)
    refused(status, printed, "integrity-breach")
    assert "(entry 0)" in printed


def break_key_mode(site):
    load(site).site_key_path.chmod(0o644)


def break_key(site):
    load(site).site_key_path.write_text("rubbish")


def lose_key(site):
    load(site).site_key_path.unlink()


def lose_database(site):
    for path in site.glob("site.sqlite*"):
        path.unlink()


def break_database(site):
    lose_database(site)
    (site / "site.sqlite").write_bytes(b"no database at all" * 100)


def break_settings(site):
    (site / "site.yaml").write_text("site: [")


def other_site(site):
    path = site / "site.yaml"
    path.write_text(path.read_text().replace("cli-site", "other-site"))


@pytest.mark.parametrize(
    ("breaks", "expected"),
    [
        (break_key_mode, "key-file-readable-by-others"), (break_key, "key-file-malformed"),
        (lose_key, "key-file-missing"), (lose_database, "ledger-missing"), (break_database, "database-unreachable"),
        (break_settings, "settings-wrong"), (other_site, "ledger-of-another-site"),
    ],
)  # fmt: skip
def test_a_broken_site_says_what_is_broken(site, breaks, expected):
    breaks(site)
    refused(*mes("ledger", "rebuild", "--site", site), expected)


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("ledger", "verify", "--site", "{}/none"), "site-unknown"),
        (("ledger", "rebuild", "--site", "{}/none"), "site-unknown"),
        (("serve", "--site", "{}/none"), "site-unknown"),
        (("collect", "--site", "{}/none"), "site-unknown"),
        (("supervise", "--site", "{}/none"), "site-unknown"),
        (("site", "create", "--site", "{}/new", "--id", "X"), "settings-wrong"),
        (("site", "create", "--site", "{}/new", "--id", "new-site", "--tz", "Mars/Base"), "settings-wrong"),
        (("site", "create", "--site", "{}/new", "--id", "new-site", "--port", "0"), "settings-wrong"),
        (("site", "create", "--site", "{}/new", "--id", "new-site", "--database", "nonsense"), "database-unreachable"),
        (("site", "create", "--site", "{}/new", "--id", "new-site", "--demo"), "clock-unreadable"),
        (("nodemap", "lint", "{}/none.yaml"), "machine-refused"),
        (("codes", "--folder", "{}/none"), "authenticators-missing"),
        (("simulate", "--truth", "{}/t", "--pki", "{}/p"), "device-secret-missing"),
    ],
    ids=lambda value: " ".join(value[:2]) if isinstance(value, tuple) else value,
)
def test_a_command_that_cannot_be_done_says_why_and_what_next(tmp_path, words, expected):
    refused(*mes(*(word.format(tmp_path) for word in words)), expected)


def test_a_published_key_that_is_none(made):
    refused(*mes("ledger", "verify", "--site", made[0], "--key", "septima/x"), "published-key-wrong")


def test_a_good_node_map_passes():
    status, printed = mes("nodemap", "lint", NODEMAP)
    assert status == 0
    assert printed.startswith("cell_processor: ")
    assert printed.endswith("OK\n")


@pytest.mark.parametrize(
    ("old", "new", "names"),
    [
        ("  culture.temperature:", "  culture.warmth:", "culture.temperature"),
        ("nodemap: 1", "nodemap: 2", "nodemap"),
        ("device_class: cell_processor", "device_class: toaster", "device_class"),
        ("nodemap: 1", "nodemap: 1\nnodemap: 1", "stands twice"),
    ],
)
def test_a_bad_node_map_is_refused_with_the_offending_key(tmp_path, old, new, names):
    text = NODEMAP.read_text()
    assert old in text
    (tmp_path / "bad.yaml").write_text(text.replace(old, new, 1))
    status, printed = mes("nodemap", "lint", tmp_path / "bad.yaml")
    refused(status, printed, "node-map-malformed")
    assert names in printed


def test_the_simulated_authenticator_says_what_it_is(tmp_path):
    (tmp_path / "authenticators.json").write_text(json.dumps({"paula": SECRET.hex(), "anna": bytes(20).hex()}))
    status, printed = mes("codes", "--folder", tmp_path)
    assert status == 0
    assert printed.splitlines()[0] == HEADING == "SIMULATED AUTHENTICATOR"
    assert [line.split()[0] for line in printed.splitlines()[1:3]] == ["anna", "paula"]


@pytest.mark.parametrize(("wall_s", "left"), [(59.0, 1), (60.0, 30), (1_111_111_109.9, 1)])
def test_a_code_is_the_one_that_the_site_expects_now(tmp_path, wall_s, left):
    (tmp_path / "authenticators.json").write_text(json.dumps({"paula": SECRET.hex()}))
    lines = codes_text(secrets_of(tmp_path), wall_s).splitlines()
    assert lines[1].split() == ["paula", code(SECRET, wall_s)]
    assert lines[2].startswith(f"good for {left} s")


@pytest.mark.parametrize("body", ["{", "[]", '{"a": "zz"}', '{"a": 1}', "1"])
def test_a_damaged_authenticator_file_is_refused(tmp_path, body):
    (tmp_path / "authenticators.json").write_text(body)
    refused(*mes("codes", "--folder", tmp_path), "authenticators-malformed")


def test_a_cause_is_told_on_one_short_line():
    assert short("a\n  b\tc") == "a b c"
    assert len(short("x" * 5000)) == 300
    assert told(Fault("ledger-unavailable", cause="disk full")).endswith("[ledger-unavailable]")


def test_a_mistake_of_the_program_is_no_expected_error():
    assert not [one for one in (KeyError, TypeError, AssertionError, RuntimeError) if issubclass(one, EXPECTED)]
