"""The admin socket: acts on a running site for its own user alone, in bounded requests from a closed list."""

import ast
import json
import os
import socket
import stat
import subprocess
import sys
import threading
import time

import pytest

from mes.errors import Fault, Refusal
from mes.ids import new_op
from mes.site_process import admin_socket
from mes.site_process.admin_socket import MAX_LINE_BYTES, AdminSocket, Relayed, act, ask, is_own, peer_uid
from mes.site_process.console import Console
from tests.journeys.house import build_house
from tests.site_process.test_serve import await_answer, free_port, serve


@pytest.fixture
def house(tmp_path):
    made = build_house(tmp_path / "site")
    yield made
    made.wired.services.ledger.close()


@pytest.fixture
def door(house):
    services = house.wired.services
    console = Console(house.settings, services.ledger, services.clock.now)
    thread = AdminSocket(house.settings.admin_socket_path, console)
    thread.start()
    yield house.settings.admin_socket_path
    thread.stop()
    assert not house.settings.admin_socket_path.exists()


def site_key(port: int) -> str:
    found = json.loads(ast.literal_eval(await_answer(port)))["site_key"]
    return str(found)


def said(path, raw: bytes) -> bytes:
    """Send bytes, end the sending side, and return what comes."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(10)
        connection.connect(os.path.relpath(path))
        try:
            connection.sendall(raw)
            connection.shutdown(socket.SHUT_WR)
            return connection.recv(MAX_LINE_BYTES)
        except (BrokenPipeError, ConnectionResetError):
            return b""


@pytest.mark.rule("SEC-47")
def test_the_door_is_for_the_sites_own_user(door):
    assert stat.S_IMODE(door.stat().st_mode) == 0o600
    assert [is_own(uid) for uid in (0, os.getuid(), os.getuid() + 1)] == [True, True, False]
    ours, theirs = socket.socketpair(socket.AF_UNIX)
    with ours, theirs:
        assert peer_uid(ours) == os.getuid()


@pytest.mark.rule("SEC-47", negative=True)
@pytest.mark.skipif(os.getuid() != 0, reason="becoming another user takes root")
def test_another_user_gets_no_word_even_through_an_open_mode(door, house):
    for folder in (door.parent, *door.parent.parents):
        if folder.stat().st_uid == os.getuid() and folder != folder.parent and str(folder) != "/tmp":
            folder.chmod(folder.stat().st_mode | 0o055)
    door.chmod(0o666)
    script = (
        "import os, socket, sys\nos.setuid(65534)\ns = socket.socket(socket.AF_UNIX)\ns.connect(sys.argv[1])\n"
        "s.sendall(b'{}\\n')\nprint(s.recv(10))"
    )
    before = house.wired.services.ledger.size
    command = [sys.executable, "-I", "-c", script, door.name]
    ran = subprocess.run(command, cwd=door.parent, capture_output=True, text=True, check=False, timeout=30)
    assert ran.stdout.strip() in ("b''", ""), ran
    assert "PermissionError" not in ran.stderr, ran.stderr
    assert house.wired.services.ledger.size == before


def test_a_command_acts_on_the_open_ledger(door, house):
    ledger = house.wired.services.ledger
    told = act(house.settings, "keys.rotate", {"reason": "yearly"})
    assert [key["state"] for key in told["keys"]] == ["signs", "signs"]
    assert ledger.key.vkey == told["keys"][1]["key"]
    assert ledger.entry(ledger.size - 1).document["actor"] == {"kind": "system", "id": "console"}
    assert act(house.settings, "ledger.checkpoint", {})["checkpoint"] == ledger.latest_checkpoint()


def test_a_repeated_operation_is_done_once(door, house):
    ledger, op = house.wired.services.ledger, new_op()
    for _ in range(3):
        act(house.settings, "keys.rotate", {"reason": "yearly"}, op)
    assert [one.type for one in ledger.entries()].count("site:key:rotated") == 1
    with pytest.raises(Relayed, match="operation-other"):
        act(house.settings, "keys.retire", {"reason": "x"}, op)


@pytest.mark.parametrize(
    ("command", "facts", "code"),
    [
        ("keys.rotate", {}, "reason-missing"), ("keys.rotate", {"reason": "x" * 501}, "text-length"),
        ("keys.retire", {"reason": "x"}, "no-key-overlaps"), ("shell", {}, "console-command-unknown"),
        ("keys.revoke", {"reason": "x", "key": "septima/x", "since": "2026-01-01T00:00:00Z"}, "published-key-wrong"),
        ("keys.backed_up", {"archive": "x"}, "console-fact-wrong"),
        ("keys.backed_up", {"archive": "a" * 64, "files": ["k"], "shares": 3.5, "needed": 2}, "console-fact-wrong"),
        ("keys.restored", {"archive": "a" * 64, "files": [], "reason": "x"}, "console-fact-wrong"),
    ],
)  # fmt: skip
def test_a_refusal_travels_with_code_and_facts(door, house, command, facts, code):
    before = house.wired.services.ledger.size
    with pytest.raises(Refusal) as refused:
        act(house.settings, command, facts)
    assert refused.value.code == code
    assert house.wired.services.ledger.size == before


@pytest.mark.parametrize(
    "line",
    [b"\n", b"[]\n", b"{}\n", b'{"command": 1, "op": "x", "facts": {}}\n', b"\xff\n", b'"' * 5000 + b"\n",
     b"[" * 30_000 + b"\n", b'{"command": "ledger.checkpoint", "op": "x", "facts": {}, "more": 1}\n'],
)  # fmt: skip
def test_what_is_no_request_is_refused(door, line):
    assert json.loads(said(door, line))["code"] == "body-malformed"


def test_a_malformed_operation_id_is_refused(door):
    line = json.dumps({"command": "ledger.checkpoint", "op": "x", "facts": {}}).encode() + b"\n"
    assert json.loads(said(door, line))["code"] == "op-malformed"


def test_what_is_too_long_or_cut_short_is_dropped_and_the_door_stays_open(door, house):
    for line in (b"x" * (MAX_LINE_BYTES + 5000) + b"\n", b'{"command": "ledger.checkpoint"'):
        assert b'"facts": {"checkpoint"' not in said(door, line)
    assert "checkpoint" in act(house.settings, "ledger.checkpoint", {})


def test_a_silent_client_is_dropped_in_time(door, house):
    with socket.socket(socket.AF_UNIX) as silent:
        silent.connect(os.path.relpath(door))
        begun = time.monotonic()
        assert "checkpoint" in act(house.settings, "ledger.checkpoint", {})
        assert time.monotonic() - begun < admin_socket.REQUEST_S + 3


def test_an_answer_that_is_none_is_a_fault(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind("admin.sock")
        listener.listen(1)

        def answer():
            connection, _ = listener.accept()
            with connection:
                connection.recv(100)
                connection.sendall(b"nonsense\n")

        thread = threading.Thread(target=answer)
        thread.start()
        with pytest.raises(Fault, match="admin-answer-wrong"):
            ask(tmp_path / "admin.sock", {})
        thread.join()


def test_with_nobody_serving_the_command_takes_the_lease_itself(house):
    house.wired.services.ledger.close()
    for _ in range(2):
        assert "checkpoint" in act(house.settings, "ledger.checkpoint", {})
        with socket.socket(socket.AF_UNIX) as left_behind:  # by a process that was killed
            left_behind.bind(os.path.relpath(house.settings.admin_socket_path)) if _ == 0 else None


@pytest.mark.rule("SEC-48")
def test_a_running_site_rotates_its_key(house):
    house.wired.services.ledger.close()
    process = serve(house.settings.site_dir, port := free_port())
    try:
        before = site_key(port)
        command = [sys.executable, "-m", "mes", "keys", "rotate", "--site", str(house.settings.site_dir)]
        ran = subprocess.run([*command, "--reason", "yearly"], capture_output=True, text=True, check=False, timeout=60)
        assert ran.returncode == 0, ran.stdout + ran.stderr
        after = site_key(port)
        assert before != after
        assert f"present: {after}" in ran.stdout
        assert f"earlier: {before}" in ran.stdout
    finally:
        process.terminate()
        printed, _ = process.communicate(timeout=20)
    assert "Traceback" not in printed
