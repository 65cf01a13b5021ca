"""A small second writer of record format 1, made for trying the verifier: it shares no code with product or verifier.

`Story` appends entries to a ledger and writes one complete batch; `pack` makes the bag and the zip. Hooks let a
test break one thing at one layer while everything above it is made to fit again.
"""

import base64
import gzip
import hashlib
import io
import json
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import rfc8785
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

VERIFIER = Path(__file__).parents[3] / "mes" / "records" / "bundle" / "verify.py"
RP_ID, ORIGIN = "mes.example", "https://mes.example"
RSA_KEY = rsa.generate_private_key(65537, 2048)
EC_KEY = ec.derive_private_key(7**80, ec.SECP256R1())


def b64(body: bytes) -> str:
    return base64.b64encode(body).decode()


def b64url(body: bytes) -> str:
    return base64.urlsafe_b64encode(body).decode().rstrip("=")


def sha(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()


def key_of(name: str) -> Ed25519PrivateKey:
    return Ed25519PrivateKey.from_private_bytes(hashlib.sha256(name.encode()).digest())


def public(key: Ed25519PrivateKey) -> bytes:
    return key.public_key().public_bytes_raw()


def note_id(name: str, kind: int, key: bytes) -> bytes:
    return hashlib.sha256(name.encode() + b"\n" + bytes([kind]) + key).digest()[:4]


def vkey(name: str, key: Ed25519PrivateKey, kind: int = 1) -> str:
    return f"{name}+{note_id(name, kind, public(key)).hex()}+{b64(bytes([kind]) + public(key))}"


# Merkle tree by plain recursion, straight from RFC 6962 section 2.1
def root_of(hashed: list[bytes]) -> bytes:
    if not hashed:
        return hashlib.sha256(b"").digest()
    if len(hashed) == 1:
        return hashed[0]
    cut = 2 ** ((len(hashed) - 1).bit_length() - 1)
    return hashlib.sha256(b"\x01" + root_of(hashed[:cut]) + root_of(hashed[cut:])).digest()


def path_of(hashed: list[bytes], index: int) -> list[bytes]:
    if len(hashed) == 1:
        return []
    cut = 2 ** ((len(hashed) - 1).bit_length() - 1)
    if index < cut:
        return [*path_of(hashed[:cut], index), root_of(hashed[cut:])]
    return [*path_of(hashed[cut:], index - cut), root_of(hashed[:cut])]


@dataclass
class Passkey:
    """An authenticator; `change` lets a test spoil what it signs."""

    kind: str = "EdDSA"
    change: dict[str, Any] = field(default_factory=dict)

    @property
    def cose(self) -> bytes:
        def part(label: int, value: int | bytes) -> bytes:
            head = bytes([label]) if label >= 0 else bytes([0x20 - 1 - label])
            if isinstance(value, int):
                short = value if value >= 0 else -1 - value
                major = 0 if value >= 0 else 0x20
                size = b"" if short < 24 else bytes([short]) if short < 256 else short.to_bytes(2, "big")
                return head + bytes([major | (short if short < 24 else 24 if short < 256 else 25)]) + size
            size = bytes([0x58, len(value)]) if len(value) < 256 else b"\x59" + len(value).to_bytes(2, "big")
            return head + (bytes([0x40 | len(value)]) if len(value) < 24 else size) + value

        if self.kind == "ES256":
            at = EC_KEY.public_key().public_numbers()
            items = [(1, 2), (3, -7), (-1, 1), (-2, at.x.to_bytes(32, "big")), (-3, at.y.to_bytes(32, "big"))]
        elif self.kind == "RS256":
            told = RSA_KEY.public_key().public_numbers()
            items = [(1, 3), (3, -257), (-1, told.n.to_bytes(256, "big")), (-2, b"\x01\x00\x01")]
        else:
            items = [(1, 1), (3, -8), (-1, 6), (-2, public(key_of("passkey")))]
        return bytes([0xA0 | len(items)]) + b"".join(part(label, value) for label, value in items)

    def sign(self, message: bytes) -> bytes:
        if self.kind == "ES256":
            return EC_KEY.sign(message, ec.ECDSA(hashes.SHA256()))
        if self.kind == "RS256":
            return RSA_KEY.sign(message, padding.PKCS1v15(), hashes.SHA256())
        return key_of("passkey").sign(message)

    def assertion(self, statement: bytes) -> dict[str, str]:
        client = {"type": "webauthn.get", "challenge": b64url(statement), "origin": ORIGIN, "crossOrigin": False}
        client.update(self.change.get("client", {}))
        told = hashlib.sha256(self.change.get("rp_id", RP_ID).encode()).digest()
        told += bytes([self.change.get("flags", 5)]) + b"\0\0\0\7" + self.change.get("extension", b"")
        document = json.dumps(client).encode()
        signature = self.sign(told + hashlib.sha256(document).digest())
        told = self.change.get("told_after", told)
        return {
            "credential": self.change.get("credential", b64url(b"credential-1")),
            "authenticatorData": b64url(told),
            "clientDataJSON": b64url(document),
            "signature": b64url(signature[:-1] + bytes([signature[-1] ^ self.change.get("spoil", 0)])),
        }


@dataclass
class Entry:
    doc: dict[str, Any]
    line: bytes

    @property
    def leaf(self) -> bytes:
        return hashlib.sha256(b"\0" + self.line).digest()

    @property
    def ref(self) -> dict[str, Any]:
        return {"index": self.doc["index"], "leaf": self.leaf.hex()}

    @property
    def place(self) -> dict[str, Any]:
        return {"stream": self.doc["stream"], "seq": self.doc["seq"]}

    @property
    def source(self) -> dict[str, Any]:
        return {**self.place, "leaf": self.leaf.hex()}


class Ledger:
    """Entries in order. `on_entry` may change a document before it is hashed, or return the bytes to be stored."""

    def __init__(
        self, site: str, gen: int = 1, on_entry: Callable[[dict[str, Any]], bytes | None] | None = None
    ) -> None:
        self.site, self.gen, self.on_entry = site, gen, on_entry or (lambda doc: None)
        self.entries: list[Entry] = []
        self.shown: dict[str, bytes] = {}
        self.minute = 0
        self.key = key_of(site)
        self.old_keys: list[Ed25519PrivateKey] = []
        self.op_rest = 0
        if gen == 1:
            created = {"site": site, "key": b64(public(self.key)), "clock": "simulated", "software": "writer"}
            self.append(f"site/{site}", "site:ledger:created", created)
        else:
            story = {"origin": f"septima/{site}/{gen - 1}", "size": 1, "root": "0" * 64, "evidence": "lost tail"}
            self.append(f"site/{site}", "site:ledger:continued", {**story, "key": b64(public(self.key))})

    @property
    def origin(self) -> str:
        return f"septima/{self.site}/{self.gen}"

    def seq(self, stream: str) -> int:
        return sum(entry.doc["stream"] == stream for entry in self.entries)

    def time(self) -> str:
        self.minute += 1
        return f"2026-11-{22 + self.minute // 1440:02}T{self.minute // 60 % 24:02}:{self.minute % 60:02}:00.000000Z"

    def append(self, stream: str, kind: str, data: dict[str, Any], **more: Any) -> Entry:
        """Append one entry; `by` is the person, `op` = (id, n, of), `sign` = keywords of `signed`."""
        by, op, sign = more.pop("by", None), more.pop("op", None), more.pop("sign", None)
        index, at = len(self.entries), more.pop("at", None) or self.time()
        operation = op or (f"{index:08x}-0000-4000-8000-{int(sha(self.site.encode())[:8], 16):012x}", 0, 1)
        actor = {"kind": "person", "id": by, "name": by.title(), "role": "qa", "terminal": "t1"} if by else None
        doc: dict[str, Any] = {
            "v": 1,
            "site": self.site,
            "gen": self.gen,
            "index": index,
            "stream": stream,
            "seq": self.seq(stream),
            "type": kind,
            "tv": 1,
            "at": at,
            "tz": "Europe/Brussels",
            "utc_offset": "+01:00",
            "actor": actor or {"kind": "system", "id": "mes"},
            "op": dict(zip(("id", "n", "of"), operation, strict=True)),
            "data": data,
            **more,
        }
        if sign is not None:
            doc["signature"] = self.signed(doc, **sign)
        raw = self.on_entry(doc)
        entry = Entry(doc, raw if raw is not None else rfc8785.dumps(doc))
        self.entries.append(entry)
        return entry

    def signed(self, doc: dict[str, Any], meaning: str = "PERFORMED", **more: Any) -> dict[str, Any]:
        """Signature object over a document that is about to be appended."""
        passkey, items = more.get("passkey"), more.get("items", [])
        shown = rfc8785.dumps({"items": [{"label": "Step", "value": "37.1 °C"}, *items]})
        self.shown[sha(shown)] = shown
        told = {
            "meaning": meaning,
            "text": more.get("text", "I did this step"),
            "person": {"id": doc["actor"]["id"], "name": doc["actor"]["name"]},
            "after": more.get("after", []),
            "shown": sha(shown),
        }
        part = {key: doc[key] for key in ("site", "gen", "stream", "type", "data", "reason") if key in doc}
        statement = hashlib.sha256(rfc8785.dumps({**part, **told})).digest()
        stamp = {key: doc[key] for key in ("at", "tz", "utc_offset")}
        factors = more.get("factors", ["passkey_uv"] if passkey else ["user_name", "password"])
        signature = {**told, **stamp, "factors": factors, "statement": statement.hex()}
        if passkey:
            signature["assertion"] = passkey.assertion(statement)
        return signature

    def checkpoint(
        self, *, size: int | None = None, witnesses: tuple[str, ...] = (), origin: str | None = None
    ) -> bytes:
        """Signed note by the present and former keys, cosigned by witnesses."""
        hashed = [entry.leaf for entry in self.entries[:size]]
        text = f"{origin or self.origin}\n{len(hashed)}\n{b64(root_of(hashed))}\n".encode()
        lines = [
            f"— {self.origin} {b64(note_id(self.origin, 1, public(key)) + key.sign(text))}\n"
            for key in [self.key, *self.old_keys]
        ]
        for name in witnesses:
            key, time = key_of(name), (1795000000).to_bytes(8, "big")
            signature = key.sign(b"cosignature/v1\ntime 1795000000\n" + text)
            lines.append(f"— {name} {b64(note_id(name, 4, public(key)) + time + signature)}\n")
        return text + b"\n" + "".join(lines).encode()

    def rotate(self) -> Entry:
        """Replace the key by the next one."""
        new = key_of(f"{self.site}-{len(self.old_keys)}")
        data = {"key": b64(public(new)), "previous": b64(public(self.key))}
        self.old_keys, self.key = [self.key, *self.old_keys], new
        return self.append(f"site/{self.site}", "site:key:rotated", data)

    def files(self, folder: str, indices: list[int], **keys: Any) -> dict[str, bytes]:
        """record.jsonl, inclusion.jsonl, checkpoint.txt and keys.json for these entries."""
        hashed = [entry.leaf for entry in self.entries]
        proofs = [{"index": k, "proof": [b64(step) for step in path_of(hashed, k)]} for k in indices]
        witnesses = keys.pop("witnesses", ())
        document = {
            "site": {"name": self.origin, "alg": 1, "key": b64(public(self.key))},
            "witnesses": [{"name": name, "alg": 4, "key": b64(public(key_of(name)))} for name in witnesses],
            "rp_id": RP_ID,
            "origins": [ORIGIN],
            "persons": [],
            **keys,
        }
        return {
            f"{folder}record.jsonl": b"".join(self.entries[k].line + b"\n" for k in indices),
            f"{folder}inclusion.jsonl": b"".join(rfc8785.dumps(proof) + b"\n" for proof in proofs),
            f"{folder}checkpoint.txt": self.checkpoint(witnesses=witnesses),
            f"{folder}keys.json": rfc8785.dumps(document),
        }


HEADER = b"source_time,server_time,receive_time,value,unit,status,origin\n"


@dataclass
class Telemetry:
    """Two tags over two hours, rows and chunks; `row` lets a test spoil a row."""

    row: Callable[[str, int, int, bytes], bytes] = lambda tag, hour, minute, line: line
    files: dict[str, bytes] = field(default_factory=dict)
    chunks: list[dict[str, Any]] = field(default_factory=list)
    backwards: bool = False

    def window(self, hour: int) -> dict[str, Any]:
        """Write the chunks of one hour and return the data of the entry that seals them."""
        begin, end = (f"2026-11-22T{h:02}:00:00.000000Z" for h in (hour, hour + 1))
        roots, count = [], 0
        for tag in ("device.clock", "unit.temperature"):
            rows = []
            for minute in range(4 + hour):
                at = f"2026-11-22T{hour:02}:{minute:02}:00.1234567Z"
                value = ("37.1", "1.5e-07", '"a ""b"", c"', "", "NaN")[minute % 5]
                status = "80AB0000" if value in ("", "NaN") else "00000000"
                line = f"{at},{'' if minute else at},{at},{value},Cel,{status},LIVE\n".encode()
                rows.append(self.row(tag, hour, minute, line))
            body = b"".join(rows)
            name = f"data/telemetry/prodigy-1/{tag}.csv.gz"
            held = gzip.decompress(self.files.get(name, gzip.compress(HEADER, mtime=0)))
            told = {
                "device": "prodigy-1",
                "tag": tag,
                "from": begin,
                "to": end,
                "count": len(rows),
                "sha256": sha(body),
            }
            self.chunks.append({**told, "offset": len(held), "length": len(body)})
            self.files[name] = self.files.get(name, gzip.compress(HEADER, mtime=0)) + gzip.compress(body, mtime=0)
            roots.append(hashlib.sha256(b"\0" + hashlib.sha256(body).digest()).digest())
            count += len(rows)
        return {
            "device": "prodigy-1",
            "run": "B1.R1",
            "from": begin,
            "to": end,
            "count": count,
            "root": root_of(roots).hex(),
        }

    def seal(self, entry: Entry) -> None:
        """Name the entry that sealed the newest chunks."""
        for chunk in self.chunks:
            chunk.setdefault("entry", entry.doc["index"])

    def index(self) -> bytes:
        """index.json, in order of device, tag and offset."""
        return rfc8785.dumps(
            {"chunks": sorted(self.chunks, key=lambda chunk: (chunk["tag"], chunk["offset"]), reverse=self.backwards)}
        )


def plain_pdf(
    record: bytes, name: bytes = b"(record.jsonl)", names: bytes = b"(a\\)b) 3 0 R", about: bytes = b""
) -> bytes:
    """The smallest PDF with a classic cross-reference table and one attachment."""
    objects = [
        b"<</Type /Catalog /Pages 2 0 R /Names <</EmbeddedFiles <</Names [" + names + b"]>>>>>>",
        b"<</Type /Pages /Kids [] /Count 0>>",
        b"<</Type /Filespec /F " + name + b" /UF " + name + b" /EF <</F 4 0 R>>>>",
        b"<</Type /EmbeddedFile /Length 5 0 R" + about + b">>\nstream\n" + record + b"\nendstream",
        b"%d" % len(record),
    ]
    body, places = b"%PDF-1.7\n", []
    for number, item in enumerate(objects, 1):
        places.append(len(body))
        body += b"%d 0 obj\n%s\nendobj\n" % (number, item)
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    trailer = b"trailer\n<</Size 6 /Root 1 0 R>>\nstartxref\n%d\n%%%%EOF\n" % len(body)
    return body + b"xref\n0 6\n0000000000 65535 f \n" + table + trailer


class Member(zipfile.ZipInfo):
    """A member whose UTF-8 flag is always set."""

    def _encodeFilenameFlags(self) -> tuple[bytes, int]:  # noqa: N802 - name of the standard library
        return self.filename.encode(), self.flag_bits | 0x800


def bag(files: dict[str, bytes], day: str = "2026-11-22") -> dict[str, bytes]:
    """Add the tag files of BagIt to the payload."""
    payload = sorted(name for name in files if name.startswith("data/"))
    octets = sum(len(files[name]) for name in payload)
    tags = {
        name: body for name, body in files.items() if name not in payload and not name.endswith("manifest-sha256.txt")
    }
    tags["bagit.txt"] = b"BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n"
    tags["bag-info.txt"] = f"Bagging-Date: {day}\nPayload-Oxum: {octets}.{len(payload)}\n".encode()
    tags.setdefault("verify.py", VERIFIER.read_bytes())
    for kind in ("sha256", "sha512"):
        lines = [f"{hashlib.new(kind, files[name]).hexdigest()}  {name}\n" for name in payload]
        tags[f"manifest-{kind}.txt"] = "".join(lines).encode()
    lines = [f"{sha(tags[name])}  {name}\n" for name in sorted(tags)]
    return {**{name: files[name] for name in payload}, **tags, "tagmanifest-sha256.txt": "".join(lines).encode()}


def zipped(files: dict[str, bytes], base: str = "B1.ebr", names: list[str] | None = None) -> bytes:
    """The zip of a bag, members in byte order."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name in names or sorted(files):
            member = Member(f"{base}/{name}", (1980, 1, 1, 0, 0, 0))
            member.external_attr, member.create_system = 0o100644 << 16, 3
            archive.writestr(member, files[name])
    return out.getvalue()
