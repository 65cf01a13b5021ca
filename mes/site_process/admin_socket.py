"""`<site>/admin.sock`: the door by which the command line acts on a running site (house decision 6).

One request per connection, one JSON line each way. The file is for its owner alone, and who connects must be the
site's user or root by the kernel's word (SO_PEERCRED), also where somebody widened the file's mode.
"""

import json
import os
import socket
import struct
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import structlog
from sqlalchemy.exc import SQLAlchemyError

from mes.errors import Fault, IntegrityBreach, Refusal
from mes.ids import Op, new_op
from mes.ledger.drafting import checked_op
from mes.ledger.notes import NoteError
from mes.settings import SiteSettings
from mes.site_process.console import Console, console_of
from mes.site_process.telling import as_family

MAX_LINE_BYTES = 64 * 1024
REQUEST_S = 5.0
ANSWER_S = 60.0
LOOK_S = 0.25
TROUBLE = (Refusal, Fault, IntegrityBreach, NoteError, OSError, SQLAlchemyError)

log = structlog.get_logger()


class Relayed(Refusal):
    """A refusal that the running site gave, told here with its own code and facts."""


class AdminSocket(threading.Thread):
    """Answers one request after the other until stopped."""

    def __init__(self, path: Path, console: Console) -> None:
        """Bind at once, so that a command finds the door as soon as the site has begun; the caller holds the lease."""
        super().__init__(name="admin", daemon=True)
        self._path = path
        self._console = console
        self._stopping = threading.Event()
        path.unlink(missing_ok=True)  # whoever made it is gone: this process holds the writer's lease
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        with _short(path) as address:
            before = os.umask(0o177)
            try:
                self._listener.bind(address)
            finally:
                os.umask(before)
        self._listener.listen(4)
        self._listener.settimeout(LOOK_S)

    def run(self) -> None:
        """Accept and answer; a connection that misbehaves is dropped and noted."""
        with self._listener:
            while not self._stopping.is_set():
                try:
                    connection, _ = self._listener.accept()
                except TimeoutError:
                    continue
                with connection:
                    try:
                        self._serve(connection)
                    except OSError as error:
                        log.warning("admin-socket-dropped", cause=str(error))
        self._path.unlink(missing_ok=True)

    def stop(self) -> None:
        """Ask the thread to end and wait for the request under way."""
        self._stopping.set()
        self.join(ANSWER_S)

    def _serve(self, connection: socket.socket) -> None:
        if not is_own(peer_uid(connection)):
            log.warning("admin-socket-stranger", uid=peer_uid(connection))
            return
        try:
            request = _request(_line(connection, REQUEST_S))
            answer = {"facts": self._console.act(*request)}
        except TROUBLE as error:
            answer = _told(error)
        connection.settimeout(REQUEST_S)
        connection.sendall(json.dumps(answer, default=str).encode() + b"\n")


def act(settings: SiteSettings, command: str, facts: Mapping[str, Any], op: Op | None = None) -> dict[str, Any]:
    """Do an act through the running site, or here where none runs; refuses what the act refuses."""
    op = op or new_op()
    try:
        answer = ask(settings.admin_socket_path, {"op": op, "command": command, "facts": dict(facts)})
    except (FileNotFoundError, ConnectionRefusedError):  # no serve, or one that was killed and left its socket
        with console_of(settings) as console:
            return console.act(command, op, facts)
    if "facts" not in answer or "code" in answer:
        raise Relayed(str(answer.get("code", "admin-answer-wrong")), **answer.get("facts", {}))
    found: dict[str, Any] = answer["facts"]
    return found


def ask(path: Path, request: Mapping[str, Any]) -> dict[str, Any]:
    """Send one request to a site's socket and return its answer; Fault `admin-answer-wrong` for none or another."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(REQUEST_S)
        with _short(path) as address:
            connection.connect(address)
        connection.sendall(json.dumps(request).encode() + b"\n")
        line = _line(connection, ANSWER_S)
    try:
        answer = json.loads(line)
    except ValueError as error:
        raise Fault("admin-answer-wrong") from error
    if not isinstance(answer, dict):
        raise Fault("admin-answer-wrong")
    return answer


def peer_uid(connection: socket.socket) -> int:
    """Return the user id of the process at the other end, as the kernel noted it at connect."""
    size = struct.calcsize("3i")
    _, uid, _ = struct.unpack("3i", connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, size))
    return int(uid)


def is_own(uid: int) -> bool:
    """Whether this user may act on the site: its own, or root."""
    return uid in (0, os.getuid())


def _request(line: bytes) -> tuple[str, Op, dict[str, Any]]:
    try:
        request = json.loads(line)
        command, op, facts = request["command"], request["op"], request["facts"]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise Refusal("body-malformed", status=400) from error
    if not (isinstance(command, str) and isinstance(op, str) and isinstance(facts, dict)) or len(request) != 3:
        raise Refusal("body-malformed", status=400)
    return command, Op(checked_op(op)), facts


def _told(error: Exception) -> dict[str, Any]:
    family = as_family(error)
    if isinstance(family, IntegrityBreach):
        return {"code": "integrity-breach", "facts": {"what": family.what, "index": family.index}}
    return {"code": family.code, "facts": dict(family.facts)}


def _line(connection: socket.socket, within_s: float) -> bytes:
    """Read up to a line's end; TimeoutError after `within_s` in all, OSError for a line too long or cut short."""
    deadline, line = time.monotonic() + within_s, b""
    while not line.endswith(b"\n"):
        left = deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError("no whole line in time")
        connection.settimeout(left)
        more = connection.recv(4096)
        line += more
        if not more or len(line) > MAX_LINE_BYTES:
            raise OSError("line cut short or too long")
    return line


@contextmanager
def _short(path: Path) -> Iterator[str]:
    """Give an address of `path` within the 108 bytes that a socket's may have, however deep its folder lies."""
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{folder}/{path.name}"
    finally:
        os.close(folder)
