#!/usr/bin/env python3
"""Checks a whole Septima ledger without Septima: an export (folder or zip) or a site's SQLite file.

    python3 verify_ledger.py LEDGER [--gen N] [--key VKEY] [--witness NOTE-FILE]...

Needs Python 3.8 or later and nothing else. Names the first bad entry; exit code 0 if all holds, 1 if not.
It carries its own Ed25519 and Merkle tree although verify.py of a batch record has the same: each of the two is
handed out alone, years apart, and must run from one file that imports nothing of the system it judges.
"""

from __future__ import annotations

import argparse
import json
import re
import shutil
import sqlite3
import sys
import tempfile
import unicodedata
import zipfile
from base64 import b64decode, b64encode
from collections.abc import Iterator
from contextlib import closing
from hashlib import sha256, sha512
from pathlib import Path
from typing import Any, NamedTuple

GENERATION = 1 << 40
STREAM = re.compile(r"[a-z][a-z0-9_]{0,39}/[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
TYPE = re.compile(r"[a-z][a-z0-9_-]*(:[a-z][a-z0-9_-]*)+")
OP = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
KEY = re.compile(r"[a-z][a-z0-9_]{0,39}")
DECIMAL = re.compile(r"(?!-0(\.0*)?$)-?(0|[1-9][0-9]{0,17})(\.[0-9]{1,12})?")
TIME = re.compile(r"[0-9]{4}-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-5][0-9]:[0-5][0-9]\.[0-9]{6}Z")
MUST = {"v", "site", "gen", "index", "stream", "seq", "type", "tv"} | {"at", "tz", "utc_offset", "actor", "op", "data"}
MAY = {"occurred", "refs", "corrects", "reason", "signature"}
NAMING = {"site:ledger:created", "site:ledger:continued", "site:key:rotated"}
SIGNED_FIELDS = ("site", "gen", "stream", "type", "data", "reason")
APPEND_ONLY = ("entry", "tree_node", "checkpoint", "shown")
CANNOT = """What this cannot show without a checkpoint that somebody else kept (--witness) or the published key (--key):
that the ledger was cut short or rewritten as a whole and signed again by its owner, that an old copy was put back,
or that one of two continuations was hidden. Entries after the last checkpoint are covered by no signature."""


class Bad(Exception):
    """Something does not hold; `index` is the first bad entry, or None where no single entry is to blame."""

    def __init__(self, what: str, index: int | None = None) -> None:
        super().__init__(what)
        self.index = index


class Row(NamedTuple):
    """One entry as it is stored: its columns beside its exact bytes."""

    position: int
    gen: int
    stream: str
    seq: int
    type: str
    op_id: str
    op_n: int
    at: str
    leaf: bytes
    body: bytes


class Stored(NamedTuple):
    """All that is to be checked: rows in order, tree nodes (level, position), notes by size, contents, shown."""

    gen: int
    rows: list[Row]
    nodes: dict[tuple[int, int], tuple[bytes, bytes]]
    notes: list[tuple[int, str]]
    contents: dict[str, bytes]
    shown: dict[str, bytes]
    missing_guards: list[str]


# --- Reading -----------------------------------------------------------------------------------------------------


def read_sqlite(path: Path, gen: int | None) -> Stored:
    """Read a copy of a site's database (with its write-ahead log), so that the original stays untouched."""
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "ledger.sqlite"
        shutil.copyfile(path, copy)
        log = Path(str(path) + "-wal")
        if log.exists():
            shutil.copyfile(log, str(copy) + "-wal")
        with closing(sqlite3.connect(str(copy))) as db:
            newest = db.execute("SELECT max(gen) FROM entry").fetchone()[0]
            if newest is None:
                raise Bad("there is no ledger in this file")
            asked = gen or int(newest)
            columns = "position, gen, stream, seq, type, op_id, op_n, at, leaf, body"
            rows = db.execute(f"SELECT {columns} FROM entry WHERE gen = ? ORDER BY position", [asked])  # noqa: S608
            nodes = db.execute("SELECT level, position, hash, below FROM tree_node WHERE gen = ?", [asked])
            notes = db.execute("SELECT size, note FROM checkpoint WHERE gen = ? ORDER BY size", [asked])
            content = {
                row[0]: bytes(row[1]) + bytes(row[2]) for row in db.execute("SELECT digest, salt, body FROM content")
            }
            shown = {row[0]: bytes(row[1]) for row in db.execute("SELECT digest, body FROM shown")}
            found = db.execute("SELECT tbl_name, upper(sql) FROM sqlite_master WHERE type = 'trigger'").fetchall()
            guards = {(table, act) for table, sql in found for act in ("UPDATE", "DELETE") if "BEFORE " + act in sql}
            missing = [f"{act} of {t}" for t in APPEND_ONLY for act in ("UPDATE", "DELETE") if (t, act) not in guards]
            return Stored(
                asked, [Row(*row) for row in rows], {(r[0], r[1]): (bytes(r[2]), bytes(r[3])) for r in nodes},
                [(r[0], r[1]) for r in notes], content, shown, missing,
            )  # fmt: skip


def read_export(files: dict[str, bytes]) -> Stored:
    """Read the files of an export, by name."""
    for name in ("record.jsonl", "rows.jsonl", "tree.jsonl", "checkpoints.txt", "keys.json"):
        if name not in files:
            raise Bad(f"the export has no {name}")
    record, place = files["record.jsonl"], 0
    rows: list[Row] = []
    for line in files["rows.jsonl"].splitlines():
        row = json.loads(line)
        end = place + row.pop("bytes")
        body, place = record[place:end], end + 1
        if record[end:place] != b"\n":
            raise Bad("record.jsonl and rows.jsonl do not fit", len(rows))
        rows.append(Row(leaf=bytes.fromhex(row.pop("leaf")), body=body, **row))
    if place != len(record):
        raise Bad("record.jsonl goes on after its last row", len(rows))
    nodes = [json.loads(line) for line in files["tree.jsonl"].splitlines()]
    notes = json.loads(files["checkpoints.json"]) if "checkpoints.json" in files else []
    if "".join(note for _, note in notes) != files["checkpoints.txt"].decode():
        raise Bad("checkpoints.txt and checkpoints.json differ")
    return Stored(
        int(json.loads(files["keys.json"])["gen"]), rows,
        {(n["level"], n["position"]): (bytes.fromhex(n["hash"]), bytes.fromhex(n["below"])) for n in nodes},
        [(size, note) for size, note in notes],
        {name[len("content/"):]: body for name, body in files.items() if name.startswith("content/")},
        {name[len("shown/"):-len(".json")]: body for name, body in files.items() if name.startswith("shown/")}, [],
    )  # fmt: skip


def read(path: Path, gen: int | None) -> Stored:
    """Read whatever lies at `path`: a folder, a zip, or an SQLite file."""
    if path.is_dir():
        found = (each for each in path.rglob("*") if each.is_file())
        return read_export({each.relative_to(path).as_posix(): each.read_bytes() for each in found})
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as container:
            return read_export({name: container.read(name) for name in container.namelist()})
    return read_sqlite(path, gen)


# --- Ed25519 (RFC 8032), and signed notes (C2SP) -----------------------------------------------------------------

Q = 2**255 - 19
L = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, -1, Q) % Q


def point(raw: bytes) -> Any:
    """Return the curve point that 32 bytes stand for, or None if they are no canonical point."""
    y = int.from_bytes(raw, "little")
    sign, y = y >> 255, y & ((1 << 255) - 1)
    if y >= Q:
        return None
    square = (y * y - 1) * pow(D * y * y + 1, -1, Q) % Q
    x = pow(square, (Q + 3) // 8, Q)
    if x * x % Q != square:
        x = x * pow(2, (Q - 1) // 4, Q) % Q
    if x * x % Q != square or (x == 0 and sign):
        return None
    x = Q - x if x & 1 != sign else x
    return x, y, 1, x * y % Q


def add(one: Any, two: Any) -> Any:
    """Return the sum of two points."""
    a, b = (one[1] - one[0]) * (two[1] - two[0]), (one[1] + one[0]) * (two[1] + two[0])
    c, d = 2 * one[3] * two[3] * D, 2 * one[2] * two[2]
    e, f, g, h = b - a, d - c, d + c, b + a
    return e * f % Q, g * h % Q, f * g % Q, e * h % Q


def times(scalar: int, base: Any) -> Any:
    """Return a multiple of a point."""
    total = (0, 1, 1, 0)
    while scalar:
        if scalar & 1:
            total = add(total, base)
        base, scalar = add(base, base), scalar >> 1
    return total


BASE = point((4 * pow(5, -1, Q) % Q).to_bytes(32, "little"))


def ed25519(key: bytes, signature: bytes, message: bytes) -> bool:
    """Whether the signature stands; keys and points that are not canonical, and keys of low order, never do."""
    if len(key) != 32 or len(signature) != 64:
        return False
    public, commitment, s = point(key), point(signature[:32]), int.from_bytes(signature[32:], "little")
    if public is None or commitment is None or s >= L or times(8, public)[0] == 0:
        return False
    k = int.from_bytes(sha512(signature[:32] + key + message).digest(), "little") % L
    left, right = times(s, BASE), add(commitment, times(k, public))
    return bool(
        (left[0] * right[2] - right[0] * left[2]) % Q == 0 and (left[1] * right[2] - right[1] * left[2]) % Q == 0
    )


def key_id(name: str, key: bytes) -> bytes:
    """Return the four bytes by which a signature line names its key."""
    return sha256(name.encode() + b"\n\x01" + key).digest()[:4]


class Note(NamedTuple):
    """A checkpoint as it is written: what is signed, and its signature lines (name, key id, signature)."""

    text: str
    lines: list[tuple[str, bytes, bytes]]
    origin: str
    size: int
    root: bytes


def read_note(note: str) -> Note:
    """Read a signed checkpoint; nothing in it is trusted yet. Raises ValueError where it is malformed."""
    text, found, tail = note.rpartition("\n\n")
    if not found or not tail.endswith("\n"):
        raise ValueError("cut short")
    lines = []
    for line in tail[:-1].split("\n"):
        match = re.fullmatch("— ([^ +]+) ([A-Za-z0-9+/]+=*)", line)
        if match is None:
            raise ValueError("a signature line is malformed")
        raw = b64decode(match[2], validate=True)
        lines.append((match[1], raw[:4], raw[4:]))
    origin, size, root = (text + "\n").split("\n")[:3]
    if not re.fullmatch("0|[1-9][0-9]{0,15}", size) or b64encode(b64decode(root, validate=True)).decode() != root:
        raise ValueError("size or root is malformed")
    return Note(text + "\n", lines, origin, int(size), b64decode(root))


def signers(note: Note, origin: str, keys: list[bytes]) -> list[bytes]:
    """Return the site's keys that signed a note. Raises ValueError if none did or one does not stand."""
    stands = []
    for name, found_id, signature in note.lines:
        key = next((each for each in keys if name == origin and key_id(name, each) == found_id), None)
        if key is None or key in stands:
            continue
        if not ed25519(key, signature, note.text.encode()):
            raise ValueError("a signature does not stand")
        stands.append(key)
    if not stands:
        raise ValueError("no key of this ledger signed it")
    return stands


# --- Entries -----------------------------------------------------------------------------------------------------


def jcs(document: Any) -> bytes:
    """Return the RFC 8785 bytes of a document in which keys are ASCII and numbers are small integers."""
    return json.dumps(document, ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False).encode()


def follow_rules(value: Any, depth: int = 1, name: str = "") -> None:
    """Raise ValueError where a value breaks a rule of the record's form."""
    if isinstance(value, str):
        if not unicodedata.is_normalized("NFC", value):
            raise ValueError("text is not NFC")
    elif isinstance(value, float) or (isinstance(value, int) and not -(2**53) < value < 2**53):
        raise ValueError("a number that is no small integer")
    elif isinstance(value, (dict, list)):
        if depth > 16:
            raise ValueError("too deep")
        if isinstance(value, list):
            for item in value:
                follow_rules(item, depth + 1)
            return
        for key, item in value.items():
            if not KEY.fullmatch(key) and (name != "assertion" or key not in ("authenticatorData", "clientDataJSON")):
                raise ValueError(f"key {key!r}")
            follow_rules(item, depth + 1, key)
        if set(value) == {"value", "unit"} and not DECIMAL.fullmatch(str(value["value"])):
            raise ValueError("a quantity whose value is no decimal")


def references(value: Any) -> Iterator[str]:
    """Yield the digest of every detachable content that a value refers to."""
    if isinstance(value, dict):
        if set(value) == {"content", "bytes", "media"}:
            yield value["content"]
            return
        value = list(value.values())
    if isinstance(value, list):
        for item in value:
            yield from references(item)


class Walk:
    """Goes through the entries in ledger order and remembers what the next one must fit."""

    def __init__(self, gen: int) -> None:
        self.gen = gen
        self.site = self.last_at = ""
        self.seqs: dict[str, int] = {}
        self.op: tuple[str, int, int] = ("", 0, 1)
        self.leaves: list[bytes] = []
        self.contents: dict[str, int] = {}
        self.removed: dict[str, int] = {}
        self.shown: dict[str, int] = {}
        self.keys: list[bytes] = []
        self.revoked: dict[bytes, int] = {}

    def take(self, row: Row) -> None:
        """Check one entry against its row and against all before it."""
        index = len(self.leaves)
        if row.position != self.gen * GENERATION + index:
            raise Bad(f"entry {index} is missing", index)
        leaf = sha256(b"\x00" + row.body).digest()
        if leaf != row.leaf:
            raise Bad(f"entry {index} does not match its leaf hash", index)
        try:
            document = json.loads(row.body)
            follow_rules(document)
            if len(row.body) > 65536 or jcs(document) != row.body:
                raise ValueError("not canonical")
            self._fit(document, row, index)
            self._statement(document)
        except (ValueError, KeyError, TypeError, AttributeError, IndexError, RecursionError) as error:
            raise Bad(f"entry {index}: {error}", index) from error
        self._note(document, index)
        self.leaves.append(leaf)

    def _fit(self, document: Any, row: Row, index: int) -> None:
        if not MUST <= set(document) <= MUST | MAY or document["v"] != 1:
            raise ValueError("keys or format are not those of record format 1")
        self.site = self.site or document["site"]
        columns = (self.site, self.gen, index, row.stream, row.seq, row.type, row.at, row.op_id, row.op_n)
        said = [document[name] for name in ("site", "gen", "index", "stream", "seq", "type", "at")]
        op = document["op"]
        if (*said, op["id"], op["n"]) != columns or row.gen != self.gen:
            raise ValueError("it stands in a place that is not its own")
        if not STREAM.fullmatch(row.stream) or not TYPE.fullmatch(row.type) or not OP.fullmatch(op["id"]):
            raise ValueError("stream, type or operation is malformed")
        if row.seq != self.seqs.get(row.stream, 0):
            raise ValueError(f"seq {row.seq} in {row.stream}, where {self.seqs.get(row.stream, 0)} is next")
        self.seqs[row.stream] = row.seq + 1
        if not TIME.fullmatch(row.at) or (row.at < self.last_at and row.type != "site:clock:stepped"):
            raise ValueError("earlier than the entry before it")
        self.last_at = row.at
        before, n, of = self.op
        self.op = (op["id"], op["n"], op["of"])
        if self.op != ((before, n + 1, of) if n + 1 < of else (op["id"], 0, op["of"])) or op["of"] < 1:
            raise ValueError("an operation is not whole")
        self._relies(document, index)

    def _relies(self, document: Any, index: int) -> None:
        corrected = document.get("corrects")
        if corrected and corrected["seq"] >= self.seqs.get(corrected["stream"], 0):
            raise ValueError("corrects an entry that does not stand before it")
        for ref in document.get("refs", []):
            if "site" not in ref and (ref["index"] >= index or self.leaves[ref["index"]].hex() != ref["leaf"]):
                raise ValueError(f"relies on an entry {ref['index']} that is not there")

    def _statement(self, document: Any) -> None:
        signature = document.get("signature", {})
        if "statement" not in signature:
            return
        stated = {name: document[name] for name in SIGNED_FIELDS if name in document}
        stated.update({name: signature[name] for name in ("after", "shown", "meaning", "text", "person")})
        if sha256(jcs(stated)).hexdigest() != signature["statement"]:
            raise ValueError("the statement that was signed is not this entry's")

    def _note(self, document: Any, index: int) -> None:
        said = document["data"]
        for digest in references(said):
            self.contents.setdefault(digest, index)
        if document["type"] == "content:removed":
            self.removed.setdefault(said["content"], index)
        if "shown" in document.get("signature", {}):
            self.shown.setdefault(document["signature"]["shown"], index)
        if document["type"] in NAMING and "key" in said:
            self.keys.append(b64decode(said["key"]))
        if document["type"] == "site:key:revoked":
            key = b64decode(said["key"])
            self.revoked[key] = min(said["from_size"], self.revoked.get(key, said["from_size"]))


# --- The tree, and the whole -------------------------------------------------------------------------------------


def root_of(leaves: list[bytes]) -> bytes:
    """Return the RFC 6962 root over leaf hashes."""
    row = list(leaves)
    if not row:
        return sha256(b"").digest()
    while len(row) > 1:  # an odd one at the end goes up as it is: the same as splitting at the largest power of two
        pairs = [sha256(b"\x01" + row[k] + row[k + 1]).digest() for k in range(0, len(row) - 1, 2)]
        row = pairs + row[len(row) & ~1 :]
    return row[0]


def check_tree(leaves: list[bytes], nodes: dict[tuple[int, int], tuple[bytes, bytes]], is_whole: bool) -> None:
    """Compare the stored nodes (every fourth level) with the tree over the leaves, from the left."""
    wanted: list[tuple[int, int, int, bytes, bytes]] = []
    row, level = leaves, 0
    while len(row) >= 16:
        level += 4
        full = [row[k : k + 16] for k in range(0, len(row) - 15, 16)]
        below = [b"".join(block) if level == 4 else b"" for block in full]
        row = [root_of(block) for block in full]
        wanted += [(k << level, level, k, row[k], below[k]) for k in range(len(row))]
    for start, lvl, place, made, under in sorted(wanted, key=lambda each: (each[0], -each[1])):
        stored = nodes.get((lvl, place))
        if stored is None:
            raise Bad(f"the tree over entries from {start} is missing", start)
        if stored[1] != under:
            first = next((k for k in range(16) if stored[1][k * 32 : k * 32 + 32] != under[k * 32 : k * 32 + 32]), 0)
            raise Bad(f"entry {start + first} is not the one that was recorded there", start + first)
        if stored[0] != made:
            raise Bad(f"the tree over entries from {start} was altered", start)
    if is_whole and len(nodes) != len(wanted):
        raise Bad("the stored tree is larger than the ledger", len(leaves))


def check_notes(walk: Walk, notes: list[tuple[int, str]], kept: list[Note], is_whole: bool) -> int:
    """Compare every stored note, and those that somebody else kept, with the tree; return the last signed size."""
    origin, size, since, signed = f"septima/{walk.site}/{walk.gen}", len(walk.leaves), 0, 0
    marks = [(at, note) for at, note in notes] + [(each.size, each) for each in kept]
    for at, said in sorted(marks, key=lambda mark: mark[0]):
        if at > size:
            if is_whole:
                raise Bad(f"the ledger ends at {size}, but {at} entries were signed", size)
            break
        is_stored = isinstance(said, str)
        try:
            note = read_note(said) if isinstance(said, str) else said
            by = signers(note, note.origin, walk.keys) if is_stored else []
        except ValueError as error:
            raise Bad(f"checkpoint {at} does not stand: {error}", at - 1) from error
        if (note.origin, note.size, note.root) != (origin, at, root_of(walk.leaves[:at])):
            raise Bad(f"the first {at} entries are not those that were signed; those before {since} are", since)
        since = at
        if not is_stored or any(at <= walk.revoked.get(key, at) for key in by):
            signed = at
    return signed


def check_documents(walk: Walk, stored: Stored) -> None:
    """Compare detachable content and what signers saw with the digests in the entries."""
    bad: dict[int, str] = {}
    for what, wanted, there in (("content", walk.contents, stored.contents), ("shown", walk.shown, stored.shown)):
        gone = walk.removed if what == "content" else {}
        bad.update({index: f"{what} is missing" for digest, index in wanted.items() if digest not in {*there, *gone}})
        for digest, body in there.items():
            if sha256(body).hexdigest() != digest:
                bad[wanted.get(digest, 0)] = f"{what} was altered"
            elif digest in gone:
                bad[wanted.get(digest, 0)] = f"{what} is there although entry {gone[digest]} removed it"
        if bad:
            raise Bad(f"entry {min(bad)}: {bad[min(bad)]}", min(bad))


def check(stored: Stored, kept: list[Note], key: bytes | None) -> tuple[Walk, int]:
    """Check everything; return the walk and the last size that a counting signature covers, or raise Bad."""
    walk = Walk(stored.gen)
    for row in stored.rows:
        try:
            walk.take(row)
            if key is not None and not row.position % GENERATION and walk.keys[:1] != [key]:
                raise Bad("entry 0 names another key than the published one", 0)
        except Bad:  # an earlier entry may be bad in a way that only the tree shows
            check_tree(walk.leaves, stored.nodes, is_whole=False)
            check_notes(walk, stored.notes, kept, is_whole=False)
            raise
    size = len(walk.leaves)
    if not size:
        raise Bad("there is no entry", 0)
    check_tree(walk.leaves, stored.nodes, is_whole=False)
    signed = check_notes(walk, stored.notes, kept, is_whole=True)
    check_tree(walk.leaves, stored.nodes, is_whole=True)
    if walk.op[1] + 1 != walk.op[2]:
        raise Bad(f"entry {size - 1}: the last operation is not whole", size - 1)
    check_documents(walk, stored)
    if stored.missing_guards:
        raise Bad("triggers are missing: " + ", ".join(stored.missing_guards))
    return walk, signed


def read_vkey(text: str, origin: str) -> bytes:
    """Return the 32 bytes of a published verifier key (name+id+base64); raises ValueError where it is malformed."""
    name, found_id, material = text.split("+", 2)
    raw = b64decode(material, validate=True)
    if raw[:1] != b"\x01" or key_id(name, raw[1:]).hex() != found_id or not name.startswith(origin):
        raise ValueError("the published key is malformed")
    return raw[1:]


def main(arguments: list[str] | None = None) -> int:
    """Check what the command line names and say what was found."""
    parser = argparse.ArgumentParser(description="checks a whole Septima ledger without Septima")
    parser.add_argument("ledger", type=Path, help="an export (folder or zip) or a site's SQLite database")
    parser.add_argument("--gen", type=int, default=None, help="which generation; default: the newest")
    parser.add_argument("--key", default=None, help="the site's published key")
    parser.add_argument("--witness", type=Path, action="append", default=[], help="a checkpoint kept elsewhere")
    given = parser.parse_args(arguments)
    try:
        stored = read(given.ledger, given.gen)
        kept = [read_note(each.read_text(encoding="utf-8")) for each in given.witness]
        walk, signed = check(stored, kept, read_vkey(given.key, "septima/") if given.key else None)
    except Bad as bad:
        print(f"NOT OK: {bad}")
        print("first bad entry: " + ("none can be named" if bad.index is None else str(bad.index)))
        return 1
    except (OSError, ValueError, KeyError, TypeError, sqlite3.Error) as error:
        print(f"NOT OK: this cannot be read as a ledger: {error}")
        return 1
    print(f"site {walk.site}, generation {walk.gen}: {len(walk.leaves)} entries, {len(stored.notes)} checkpoints")
    print(f"root {root_of(walk.leaves).hex()}, signed up to {signed}")
    for digest, index in sorted(walk.removed.items(), key=lambda each: each[1]):
        print(f"content {digest} was removed by entry {index}")
    print(f"present key {b64encode(walk.keys[-1]).decode()}: compare it with the site's published key")
    print(f"this program: sha256 {sha256(Path(__file__).read_bytes()).hexdigest()}")
    print("OK\n" + CANNOT)
    return 0


if __name__ == "__main__":
    sys.exit(main())
