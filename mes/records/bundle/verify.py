#!/usr/bin/env python3
"""Is this exported batch record complete and unaltered? python verify.py BUNDLE [--key VKEY]

Written from the page "record format 1" alone, with the Python standard library only (3.8 to 3.13), so that it
shares no code with the program that wrote the record. It runs nothing that is in the bundle and trusts
nothing in it. BUNDLE is the .zip, or the folder that was unpacked from it. Exit code 0: every check holds.
"""

from __future__ import annotations

import argparse
import base64
import contextlib
import datetime
import hashlib
import io
import json
import os
import re
import struct
import sys
import unicodedata
import zlib
from typing import IO, TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    Json = dict[str, Any]
    Rule = Callable[[Any], bool]

BLOCK = MIB = 1 << 20
ENTRY_LIMIT, DEPTH_LIMIT = 64 * 1024, 16
RECORD_LIMIT, INCLUSION_LIMIT, INDEX_LIMIT, PDF_LIMIT = 128 * MIB, 256 * MIB, 64 * MIB, 512 * MIB
SMALL_LIMIT, CHUNK_LIMIT, MEMBER_LIMIT = 4 * MIB, 64 * MIB, 65535


class Wrong(Exception):
    """A rule of the format does not hold, in plain words."""


class Broken(Exception):
    """The first offending place of a check: which file, which line, and what is wrong there."""

    def __init__(self, where: str, why: object) -> None:
        super().__init__(f"{where}: {why}")


def insist(holds: object, why: str) -> None:
    """Raise Wrong unless `holds`."""
    if not holds:
        raise Wrong(why)


def demand(holds: object, where: str, why: str) -> None:
    """Raise Broken unless `holds`."""
    if not holds:
        raise Broken(where, why)


@contextlib.contextmanager
def at(where: str) -> Iterator[None]:
    """Say of everything Wrong inside where it is."""
    try:
        yield
    except Wrong as wrong:
        raise Broken(where, wrong) from None


def plain(value: object) -> str:
    """Print text of the bundle without letting it control the terminal."""
    text = ascii(value)
    return text if len(text) <= 90 else text[:87] + "..."


def utf8(text: str) -> bytes:
    """Bytes of a text, also of a file name that is no text."""
    return text.encode("utf-8", "surrogateescape")


def sha256(body: bytes) -> str:
    """SHA-256 in hex."""
    return hashlib.sha256(body).hexdigest()


def own_digest() -> str:
    """SHA-256 of this program."""
    with open(os.path.abspath(__file__), "rb") as itself:
        return sha256(itself.read())


def b64(text: Any, what: str = "a hash") -> bytes:
    """Decode RFC 4648 section 4 with padding, and nothing that only looks like it."""
    body = b""
    with contextlib.suppress(ValueError, TypeError):
        body = base64.b64decode(text, validate=True)
    insist(body and base64.b64encode(body).decode() == text, f"{what} is not canonical base64")
    return body


def b64url(text: str) -> bytes:
    """Decode base64url without padding, as WebAuthn writes it."""
    body = b""
    with contextlib.suppress(ValueError):
        body = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    insist(to_b64url(body) == text, "the assertion is not canonical base64url")
    return body


def to_b64url(body: bytes) -> str:
    """Encode base64url without padding."""
    return base64.urlsafe_b64encode(body).decode().rstrip("=")


# ---- The container: a zip read by hand, or a folder -------------------------------------------------------

ID = r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}"
SITE, HEX = r"[a-z0-9-]{3,32}", r"[0-9a-f]{64}"
RECORD, CHECKPOINT, KEYS, INDEX = "record.jsonl", "checkpoint.txt", "keys.json", "data/telemetry/index.json"
LEDGER_FILES = [RECORD, "inclusion.jsonl", CHECKPOINT, KEYS]
TAG_MANIFEST = "tagmanifest-sha256.txt"
TAG_FILES = ["bag-info.txt", "bagit.txt", "manifest-sha256.txt", "manifest-sha512.txt", TAG_MANIFEST, "verify.py"]
NEEDED = [*TAG_FILES, "data/master.yaml", "data/ebr.pdf", "data/README.txt", INDEX]
PAYLOAD = re.compile(
    rf"data/(?:(?:ledgers/{SITE}\.[1-9][0-9]{{0,8}}/)?(?:record\.jsonl|inclusion\.jsonl|checkpoint\.txt|keys\.json)"
    rf"|master\.yaml|ebr\.pdf|README\.txt|nodemaps/{HEX}\.yaml|telemetry/index\.json|telemetry/{ID}/{ID}\.csv\.gz"
    rf"|shown/{HEX}\.json|content/{HEX}|schemas/[a-z][a-z0-9_:.-]{{0,99}}\.json)"
)


class Bundle:
    """The files of a bundle by their names below the base folder; what is wrong with the container is kept."""

    def __init__(self, path: str) -> None:
        self.path, self.is_zip = path, not os.path.isdir(path)
        self.name = os.path.basename(os.path.abspath(path))
        self.base = "" if self.is_zip else self.name
        self.faults: list[str] = []
        self.sizes: dict[str, int] = {}
        self.places: dict[str, Any] = {}
        self.file: IO[bytes] = open(path, "rb") if self.is_zip else io.BytesIO()  # noqa: SIM115 - see close()
        if self.is_zip:
            self._read_zip()
        else:
            self._read_folder()

    def close(self) -> None:
        """Close the zip."""
        self.file.close()

    def _read_folder(self) -> None:
        for folder, folders, files in os.walk(self.path):
            for name in [*folders, *files]:
                full = os.path.join(folder, name)
                inside = os.path.relpath(full, self.path).replace(os.sep, "/")
                if os.path.islink(full) or not (os.path.isfile(full) or os.path.isdir(full)):
                    self.faults.append(f"{plain(inside)} is neither a file nor a folder")
                elif name in files:
                    self.sizes[inside], self.places[inside] = os.path.getsize(full), full

    def _read_zip(self) -> None:
        size = self.file.seek(0, os.SEEK_END)
        tail = self.bytes_at(max(0, size - 65557), 65557)
        end = tail[max(0, tail.rfind(b"PK\5\6")) :][:22]
        if len(end) < 22 or end[:4] != b"PK\5\6" or size > 0xFFFFFFFF:
            self.faults.append("this is no zip file: its end record is missing or damaged")
            return
        count, length, offset = struct.unpack("<10xHLL2x", end)
        centre, place, total = self.bytes_at(offset, min(length, 64 * MIB)), 0, 0
        for number in range(count):
            head = centre[place : place + 46]
            if len(head) < 46 or head[:4] != b"PK\1\2":
                self.faults.append(f"the central directory is damaged at its member {number + 1}")
                return
            method, packed, names, extra, comment, start = struct.unpack("<10xH8xL4x3H8xL", head)
            name = centre[place + 46 : place + 46 + names].decode("utf-8", "backslashreplace")
            place += 46 + names + extra + comment
            total += packed
            if method or total > size:
                self.faults.append(f"member {plain(name)} is compressed or overlaps others")
            else:
                self._add(name, packed, start)

    def _add(self, name: str, size: int, start: int) -> None:
        base, slash, inside = name.partition("/")
        self.base = self.base or base
        local = self.bytes_at(start, 30)
        if not slash or base != self.base or not re.fullmatch(ID + r"\.ebr", base):
            self.faults.append(f"member {plain(name)} does not lie in one base folder <batch-id>.ebr/")
        elif inside in self.sizes:
            self.faults.append(f"member {plain(name)} is there twice")
        elif len(local) < 30 or local[:4] != b"PK\3\4":
            self.faults.append(f"member {plain(name)} has no header")
        else:
            names, extra = struct.unpack("<26xHH", local)
            self.sizes[inside], self.places[inside] = size, start + 30 + names + extra

    def bytes_at(self, offset: int, length: int) -> bytes:
        """Bytes of the zip itself."""
        self.file.seek(offset)
        return self.file.read(length)

    def blocks(self, name: str) -> Iterator[bytes]:
        """Yield a file in blocks of bounded size; a missing file is Broken."""
        demand(name in self.sizes, plain(name)[1:-1], "is missing")
        if not self.is_zip:
            with open(self.places[name], "rb") as file:
                yield from iter(lambda: file.read(BLOCK), b"")
            return
        done, size = 0, self.sizes[name]
        while done < size:
            block = self.bytes_at(self.places[name] + done, min(BLOCK, size - done))
            demand(block, name, "is cut short")
            done += len(block)
            yield block

    def read(self, name: str, limit: int = SMALL_LIMIT) -> bytes:
        """Read a whole file of at most `limit` bytes."""
        demand(self.sizes.get(name, 0) <= limit, name, f"is larger than {limit} bytes")
        return b"".join(self.blocks(name))

    def lines(self, name: str, limit: int = INDEX_LIMIT) -> list[bytes]:
        """Read the lines of a file, each of which ends with one line feed."""
        *lines, rest = self.read(name, limit).split(b"\n")
        demand(not rest, f"{name} line {len(lines) + 1}", "does not end with a line feed")
        return lines

    def digest(self, name: str, kind: str = "sha256") -> str:
        """Digest of a file in hex, read in blocks."""
        digest = hashlib.new(kind)
        for block in self.blocks(name):
            digest.update(block)
        return digest.hexdigest()

    def rebuilt(self) -> Iterator[tuple[str, bytes]]:
        """Yield the one zip file that these members have, piece by piece, each with what it is."""
        offset, centre = 0, b""
        for name in sorted(self.sizes, key=utf8):
            crc = 0
            for block in self.blocks(name):
                crc = zlib.crc32(block, crc)
            raw, size, said = utf8(f"{self.base}/{name}"), self.sizes[name], plain(name)[1:-1]
            fixed = struct.pack("<5H3L2H", 20, 0x800, 0, 0, 33, crc, size, size, len(raw), 0)
            yield f"header (name, time, CRC-32, size) of {said}", b"PK\3\4" + fixed + raw
            for block in self.blocks(name):
                yield f"content of {said}", block
            centre += b"PK\1\2\x14\3" + fixed + struct.pack("<3HLL", 0, 0, 0, 0o100644 << 16, offset) + raw
            offset += 30 + len(raw) + size
        count = len(self.sizes)
        yield "central directory", centre
        yield "end record", b"PK\5\6" + struct.pack("<4H2LH", 0, 0, count, count, len(centre), offset, 0)


def check_container(case: Case) -> str:
    """The zip is, byte for byte, the one that its members give."""
    bundle = case.bundle
    for fault in bundle.faults:
        raise Broken(bundle.name, fault)
    demand(0 < len(bundle.sizes) <= MEMBER_LIMIT, bundle.name, "holds no files, or too many")
    place, digest = 0, hashlib.sha256()
    for what, piece in bundle.rebuilt():
        digest.update(piece)
        found = bundle.bytes_at(place, len(piece)) if bundle.is_zip else piece
        if found != piece:
            first = next((k for k in range(len(found)) if found[k] != piece[k]), len(found))
            raise Broken(bundle.name, f"byte {place + first} differs from the rebuilt zip, in the {what}")
        place += len(piece)
    if not bundle.is_zip:
        return f"an unpacked folder: the zip itself was not seen; rebuilt, its SHA-256 is {digest.hexdigest()}"
    demand(not bundle.bytes_at(place, 1), bundle.name, f"there are bytes behind its end, from byte {place}")
    return f"{len(bundle.sizes)} members in {bundle.base}/, rebuilt byte for byte"


def check_bag(case: Case) -> str:
    """Every file is expected, is in both manifests, and has the digests that they say."""
    bundle = case.bundle
    for name in sorted(bundle.sizes):
        demand(PAYLOAD.fullmatch(name) or name in NEEDED, plain(name)[1:-1], "is no file of this format")
    for name in [*NEEDED, *(ledger.folder + name for ledger in case.ledgers for name in LEDGER_FILES)]:
        demand(name in bundle.sizes, name, "is missing")
    version = b"BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n"
    demand(bundle.read("bagit.txt") == version, "bagit.txt", "is not that of BagIt 1.0")
    payload = {name for name in bundle.sizes if name.startswith("data/")}
    tags = set(bundle.sizes) - payload - {TAG_MANIFEST}
    for manifest, names in ((TAG_MANIFEST, tags), ("manifest-sha256.txt", payload), ("manifest-sha512.txt", payload)):
        said = read_manifest(bundle, manifest, names)
        for name in sorted(names):
            demand(said[name] == bundle.digest(name, manifest[-10:-4]), name, f"is not the file that {manifest} names")
    for number, line in enumerate(bundle.lines("bag-info.txt"), 1):
        match = re.fullmatch("([A-Za-z0-9-]+): (.*)", line.decode("utf-8", "replace"))
        if match is None or match[1] in case.bag_info:
            raise Broken(f"bag-info.txt line {number}", "is no `Label: value`, once")
        case.bag_info[match[1]] = match[2]
    oxum = f"{sum(bundle.sizes[name] for name in payload)}.{len(payload)}"
    demand(case.bag_info.get("Payload-Oxum", oxum) == oxum, "bag-info.txt", f"Payload-Oxum is not {oxum}")
    copy = "this program" if bundle.digest("verify.py") == own_digest() else "another version of this program"
    return f"{len(payload)} payload files with the digests of both manifests; verify.py in it is {copy}"


def read_manifest(bundle: Bundle, manifest: str, names: set[str]) -> dict[str, str]:
    """Read `<hex>  <path>` lines, which must name exactly `names`, sorted in byte order."""
    found: dict[str, str] = {}
    last = ""
    for number, line in enumerate(bundle.lines(manifest), 1):
        match = re.fullmatch("([0-9a-f]{64}|[0-9a-f]{128})  (.+)", line.decode("utf-8", "replace"))
        if match is None or match[2] not in names or match[2] <= last:
            raise Broken(f"{manifest} line {number}", "is not `<digest>  <path>` of a file here, once, in byte order")
        last = match[2]
        found[last] = match[1]
    for name in sorted(names - set(found)):
        raise Broken(name, f"is not in {manifest}")
    return found


# ---- Signatures: Ed25519 (RFC 8032), ECDSA P-256, RSA PKCS#1 v1.5, all for verifying only -----------------

Q, L = 2**255 - 19, 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, -1, Q) % Q


def edwards_point(raw: bytes) -> tuple[int, int, int, int] | None:
    """Decode a compressed point into extended coordinates; None if it lies not on the curve."""
    y = int.from_bytes(raw, "little")
    sign, y = y >> 255, (y & (1 << 255) - 1) % Q
    square = (y * y - 1) * pow(D * y * y + 1, -1, Q) % Q
    x = pow(square, (Q + 3) // 8, Q)
    if x * x % Q != square:
        x = x * pow(2, (Q - 1) // 4, Q) % Q
    if x * x % Q != square:
        return None
    x = Q - x if x and x & 1 != sign else x
    return x, y, 1, x * y % Q


def edwards_add(one: tuple[int, int, int, int], two: tuple[int, int, int, int]) -> tuple[int, int, int, int]:
    """Add two points (RFC 8032 section 5.1.4)."""
    a, b = (one[1] - one[0]) * (two[1] - two[0]) % Q, (one[1] + one[0]) * (two[1] + two[0]) % Q
    c, d = 2 * one[3] * two[3] * D % Q, 2 * one[2] * two[2] % Q
    e, f, g, h = b - a, d - c, d + c, b + a
    return e * f % Q, g * h % Q, f * g % Q, e * h % Q


def ed25519(key: bytes, signature: bytes, message: bytes) -> bool:
    """Verify without cofactor, comparing the encoding of R, as OpenSSL and the Go library do."""
    if len(key) != 32 or len(signature) != 64:
        return False
    public, scalar = edwards_point(key), int.from_bytes(signature[32:], "little")
    if public is None or scalar >= L:
        return False
    factor = int.from_bytes(hashlib.sha512(signature[:32] + key + message).digest(), "little") % L
    base = edwards_point((4 * pow(5, -1, Q) % Q).to_bytes(32, "little"))
    assert base is not None
    minus = (Q - public[0], public[1], 1, Q - public[3])
    both = edwards_add(base, minus)
    total = (0, 1, 1, 0)
    for bit in range(252, -1, -1):
        total = edwards_add(total, total)
        which = (scalar >> bit & 1) + 2 * (factor >> bit & 1)
        if which:
            total = edwards_add(total, (base, minus, both)[which - 1])
    inverse = pow(total[2], -1, Q)
    x, y = total[0] * inverse % Q, total[1] * inverse % Q
    return (y | (x & 1) << 255).to_bytes(32, "little") == signature[:32]


P = 2**256 - 2**224 + 2**192 + 2**96 - 1
N = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
B = 0x5AC635D8AA3A93E7B3EBBD55769886BC651D06B0CC53B0F63BCE3C3E27D2604B
G = (
    0x6B17D1F2E12C4247F8BCE6E563A440F277037D812DEB33A0F4A13945D898C296,
    0x4FE342E2FE1A7F9B8EE7EB4A7C0F9E162BCE33576B315ECECBB6406837BF51F5,
)


def p256_add(one: tuple[int, int] | None, two: tuple[int, int] | None) -> tuple[int, int] | None:
    """Add two affine points of P-256; None is the point at infinity."""
    if one is None or two is None:
        return one or two
    if one[0] == two[0] and (one[1] + two[1]) % P == 0:
        return None
    if one == two:
        slope = (3 * one[0] * one[0] - 3) * pow(2 * one[1], -1, P) % P
    else:
        slope = (two[1] - one[1]) * pow(two[0] - one[0], -1, P) % P
    x = (slope * slope - one[0] - two[0]) % P
    return x, (slope * (one[0] - x) - one[1]) % P


def es256(public: tuple[int, int], signature: bytes, message: bytes) -> bool:
    """Verify ECDSA over P-256 with SHA-256; `signature` is strict DER."""
    x, y = public
    if not (0 <= x < P and 0 <= y < P) or (y * y - x * x * x + 3 * x - B) % P:
        return False
    pair = re.fullmatch(rb"\x30(.)\x02([\x01-\x21])(.+)", signature, re.S)
    if pair is None or pair[1][0] != len(signature) - 2:
        return False
    first, rest = pair[3][: pair[2][0]], pair[3][pair[2][0] :]
    if rest[:1] != b"\x02" or len(rest) < 3 or rest[1] != len(rest) - 2:
        return False
    r, s = (int.from_bytes(part, "big", signed=True) for part in (first, rest[2:]))
    shortest = all(len(part) == value.bit_length() // 8 + 1 for part, value in ((first, r), (rest[2:], s)))
    if not shortest or not (0 < r < N and 0 < s < N):
        return False
    inverse = pow(s, -1, N)
    one, two = int.from_bytes(hashlib.sha256(message).digest(), "big") * inverse % N, r * inverse % N
    both, total = p256_add(G, public), None
    for bit in range(255, -1, -1):
        total = p256_add(total, total)
        which = (one >> bit & 1) + 2 * (two >> bit & 1)
        if which:
            total = p256_add(total, (G, public, both)[which - 1])
    return total is not None and total[0] % N == r


def rs256(modulus: int, exponent: int, signature: bytes, message: bytes) -> bool:
    """Verify RSASSA-PKCS1-v1_5 with SHA-256 by building the one encoding that may come out."""
    size = (modulus.bit_length() + 7) // 8
    number = int.from_bytes(signature, "big")
    if not 2048 <= modulus.bit_length() <= 8192 or not 3 <= exponent < 1 << 32 or not exponent & 1:
        return False
    if len(signature) != size or number >= modulus:
        return False
    told = bytes.fromhex("3031300d060960864801650304020105000420") + hashlib.sha256(message).digest()
    wanted = b"\0\1" + b"\xff" * (size - len(told) - 3) + b"\0" + told
    return pow(number, exponent, modulus).to_bytes(size, "big") == wanted


def cose_key(body: bytes) -> dict[int, int | bytes]:
    """Read a COSE_Key: one flat CBOR map of integers to integers or byte strings, nothing behind it."""
    place = 0

    def head() -> tuple[int, int]:
        nonlocal place
        short = body[place] & 31 if place < len(body) else 31
        size = {24: 1, 25: 2, 26: 4}.get(short, 0)
        insist(short <= 26 and place + size < len(body), "the COSE key is cut short, or no plain CBOR map")
        number = int.from_bytes(body[place + 1 : place + 1 + size], "big") if size else short
        place += 1 + size
        return body[place - size - 1] >> 5, number

    def item() -> int | bytes:
        nonlocal place
        major, number = head()
        insist(
            major < 2 or (major == 2 and place + number <= len(body)), "the COSE key holds more than numbers and bytes"
        )
        if major < 2:
            return number if major == 0 else -1 - number
        place += number
        return body[place - number : place]

    major, count = head()
    key: dict[int, int | bytes] = {}
    for _ in range(count if major == 5 else 0):
        label = item()
        if not isinstance(label, int) or label in key:
            raise Wrong("the COSE key has a label twice, or one that is no integer")
        key[label] = item()
    insist(major == 5 and place == len(body), "the COSE key is no CBOR map, or has bytes behind it")
    return key


def cose_verifies(cose: bytes, signature: bytes, message: bytes) -> bool:
    """Verify with a COSE key of kind EdDSA, ES256 or RS256; any other kind is Wrong."""
    key = cose_key(cose)
    kind, curve = (key.get(1), key.get(3)), key.get(-1)
    one, two, three = (part if isinstance(part, bytes) else b"" for part in (curve, key.get(-2), key.get(-3)))
    if kind == (1, -8) and curve == 6:
        return ed25519(two, signature, message)
    if kind == (2, -7) and curve == 1:
        point = int.from_bytes(two, "big"), int.from_bytes(three, "big")
        return len(two) == len(three) == 32 and es256(point, signature, message)
    if kind == (3, -257):
        return rs256(int.from_bytes(one, "big"), int.from_bytes(two, "big"), signature, message)
    raise Wrong("the passkey's key is neither EdDSA nor ES256 nor RS256")


# ---- Merkle tree (RFC 6962) and signed notes (C2SP) --------------------------------------------------------


def leaf_hash(body: bytes) -> bytes:
    """Hash of a leaf."""
    return hashlib.sha256(b"\0" + body).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Hash of an inner node."""
    return hashlib.sha256(b"\1" + left + right).digest()


def tree_root(leaves: list[bytes]) -> bytes:
    """Root of the tree over leaf bodies."""
    if len(leaves) < 2:
        return leaf_hash(leaves[0]) if leaves else hashlib.sha256(b"").digest()
    split = 1 << (len(leaves) - 1).bit_length() - 1
    return node_hash(tree_root(leaves[:split]), tree_root(leaves[split:]))


def proven_root(leaf: bytes, index: int, size: int, proof: list[bytes]) -> bytes | None:
    """Root that an inclusion proof leads to, None if the proof has the wrong length (RFC 9162 2.1.3.2)."""
    if not 0 <= index < size or len(leaf) != 32:
        return None
    node, last = index, size - 1
    for step in proof:
        if last == 0 or len(step) != 32:
            return None
        if node & 1 or node == last:
            leaf = node_hash(step, leaf)
            while not node & 1 and node:
                node, last = node >> 1, last >> 1
        else:
            leaf = node_hash(leaf, step)
        node, last = node >> 1, last >> 1
    return leaf if last == 0 else None


def key_id(name: str, kind: int, key: bytes) -> bytes:
    """First four bytes by which a note names a key."""
    return hashlib.sha256(utf8(name) + b"\n" + bytes([kind]) + key).digest()[:4]


def read_note(body: bytes) -> tuple[bytes, list[tuple[int, str, bytes]]]:
    """Split a signed note into its text and its signatures (line number, key name, raw signature)."""
    insist(len(body) <= MIB and not re.search(rb"[\x00-\x09\x0b-\x1f]", body), "is too long, or has control characters")
    try:
        text, blank, rest = body.decode("utf-8").rpartition("\n\n")
    except UnicodeDecodeError:
        raise Wrong("is not UTF-8") from None
    *lines, end = rest.split("\n")
    insist(blank and text and lines and not end, "is no text, blank line and signature lines, each with a line feed")
    signatures: list[tuple[int, str, bytes]] = []
    for number, line in enumerate(lines, text.count("\n") + 3):
        match = re.fullmatch("\u2014 ([^\\s+]+) ([A-Za-z0-9+/]+=*)", line)
        raw = b64(match[2], f"line {number}") if match else b""
        if match is None or len(raw) < 5 or len(signatures) >= 100:
            raise Wrong(f"line {number} is no signature line")
        signatures.append((number, match[1], raw))
    return text.encode() + b"\n", signatures


def note_signed(text: bytes, raw: bytes, name: str, key: bytes) -> bool:
    """Whether one raw signature of a note is the Ed25519 signature of this key under this name."""
    return raw[:4] == key_id(name, 1, key) and ed25519(key, raw[4:], text)


def note_cosigned(text: bytes, raw: bytes, name: str, key: bytes) -> bool:
    """Whether one raw signature is a cosignature/v1 of this witness."""
    time = int.from_bytes(raw[4:12], "big")
    told = b"cosignature/v1\ntime %d\n" % time + text
    return len(raw) == 76 and raw[:4] == key_id(name, 4, key) and ed25519(key, raw[12:], told)


def read_checkpoint(body: bytes) -> tuple[str, int, bytes]:
    """Origin, size and root of a checkpoint."""
    origin, size, root, *more = read_note(body)[0].decode().split("\n")
    if more != [""] or not re.fullmatch("0|[1-9][0-9]{0,15}", size) or len(b64(root, "line 3")) != 32:
        raise Wrong("is not origin, decimal size and root, one line each")
    return origin, int(size), b64(root)


def read_vkey(vkey: str) -> tuple[str, int, bytes]:
    """Read a verifier key `name+id+base64`: its name, algorithm and 32 bytes."""
    name, _, rest = vkey.partition("+")
    hint, _, text = rest.partition("+")
    raw = b64(text, "the verifier key")
    known = len(raw) == 33 and raw[0] in (1, 4) and hint == key_id(name, raw[0], raw[1:]).hex()
    insist(known, "this is no verifier key name+id+key of an Ed25519 key or witness")
    return name, raw[0], raw[1:]


def write_vkey(name: str, key: bytes) -> str:
    """Write a site's key as it is published."""
    return f"{name}+{key_id(name, 1, key).hex()}+{base64.b64encode(bytes([1]) + key).decode()}"


# ---- Canonical JSON and the rules of section 1 -------------------------------------------------------------

KEY, WEBAUTHN_KEY = re.compile(r"[a-z][a-z0-9_]{0,39}"), re.compile(r"[a-z][A-Za-z]{0,39}")
DECIMAL = re.compile(r"(?!-0(\.0*)?$)-?(0|[1-9][0-9]{0,17})(\.[0-9]{1,12})?")
CONTENT = {"content", "bytes", "media"}


def parse_json(body: bytes) -> Any:
    """Read JSON in canonical form (RFC 8785) that obeys the rules of section 1; anything else is Wrong."""
    try:
        value = json.loads(
            body.decode("utf-8"),
            object_pairs_hook=no_key_twice,
            parse_int=small_integer,
            parse_float=no_number,
            parse_constant=no_number,
        )
        walk(value, 1, "")
        again = json.dumps(value, ensure_ascii=False, separators=(",", ":"), sort_keys=True).encode("utf-8")
    except (ValueError, RecursionError) as error:
        raise Wrong(f"is not JSON that may stand here ({plain(str(error))})") from None
    insist(again == body, "is not in canonical form (RFC 8785)")
    return value


def no_key_twice(items: list[tuple[str, Any]]) -> Json:
    """Object of JSON pairs."""
    insist(len({key for key, _ in items}) == len(items), "holds a key twice in one object")
    return dict(items)


def small_integer(text: str) -> int:
    """Integer below 2^53."""
    insist(len(text) <= 17 and abs(int(text)) < 1 << 53, "holds an integer of 2^53 or more")
    return int(text)


def no_number(text: str) -> float:
    """Refuse what is a number elsewhere."""
    raise Wrong(f"holds the number {plain(text)}, which is no integer")


def walk(value: Any, depth: int, path: str) -> None:
    """Insist on the rules for keys, text, depth, quantities and contents everywhere below `value`."""
    if isinstance(value, str):
        insist(unicodedata.is_normalized("NFC", value), f"holds text that is not NFC: {plain(value)}")
    if not isinstance(value, (dict, list)):
        return
    insist(depth <= DEPTH_LIMIT, f"is deeper than {DEPTH_LIMIT}")
    if isinstance(value, list):
        for part in value:
            walk(part, depth + 1, path + "[]")
        return
    pattern = WEBAUTHN_KEY if path == ".signature.assertion" else KEY
    for key, part in value.items():
        insist(pattern.fullmatch(key), f"holds the key {plain(key)}, which no record may have")
        walk(part, depth + 1, f"{path}.{key}")
    if set(value) == {"value", "unit"}:
        good = is_decimal(value["value"]) and is_unit(value["unit"])
        insist(good, f"holds a quantity that is no decimal with a unit: {plain(value)}")
    if set(value) == CONTENT:
        is_content(value)


def text_like(pattern: str) -> Rule:
    """Rule: a string of this pattern."""
    known = re.compile(pattern)
    return lambda value: isinstance(value, str) and bool(known.fullmatch(value))


def whole(least: int = 0) -> Rule:
    """Rule: an integer of at least this."""
    return lambda value: type(value) is int and value >= least


def listed(rule: Rule) -> Rule:
    """Rule: a list whose every item obeys `rule`."""
    return lambda value: isinstance(value, list) and all(rule(item) for item in value)


def fields(must: dict[str, Rule], may: dict[str, Rule] | None = None) -> Rule:
    """Rule: an object with all of `must`, any of `may` and nothing else."""
    known = {**must, **(may or {})}

    def rule(value: Any) -> bool:
        if not isinstance(value, dict):
            raise Wrong("is no object")
        for key in must:
            insist(key in value, f"{key} is missing")
        for key, part in value.items():
            insist(key in known, f"{plain(key)} is no field of this format")
            try:
                good = known[key](part)
            except Wrong as wrong:
                raise Wrong(f"{key}: {wrong}") from None
            insist(good, f"{key} may not be {plain(part)}")
        return True

    return rule


def is_time(value: Any) -> bool:
    """Whether a value is a UTC time with six decimals that exists."""
    try:
        return looks_like_time(value) and bool(datetime.datetime.fromisoformat(value[:-1] + "+00:00"))
    except ValueError:
        return False


def is_actor(value: Any) -> bool:
    """Whether a value names who or what recorded an entry."""
    return (is_person if isinstance(value, dict) and value.get("kind") == "person" else is_machine)(value)


looks_like_time = text_like(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{6}Z")
is_text, is_any_text, is_decimal, is_unit = (
    text_like("(?s).+"),
    text_like("(?s).*"),
    text_like(DECIMAL.pattern),
    text_like("[!-~]{1,40}"),
)
is_id, is_hex, is_site, is_b64 = text_like(ID), text_like(HEX), text_like(SITE), text_like("[A-Za-z0-9+/]+=*")
is_b64url = text_like("[A-Za-z0-9_-]+")
is_zone = text_like(r"[A-Za-z][A-Za-z0-9_+-]*(/[A-Za-z0-9_+-]+){0,3}")
is_offset = text_like(r"(?!-00:00)[+-](0[0-9]|1[0-4]):[0-5][0-9]")
is_stream = text_like("[a-z][a-z0-9_]{0,31}/" + ID)
is_uuid = text_like("[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
is_content = fields({"content": is_hex, "bytes": whole(), "media": is_text})
is_person = fields({"kind": is_text, "id": is_id, "name": is_text, "role": text_like(KEY.pattern), "terminal": is_text})
is_machine = fields({"kind": text_like("device|system"), "id": is_id})
is_operation = fields({"id": is_uuid, "n": whole(), "of": whole(1)})
PLACE: dict[str, Rule] = {"stream": is_stream, "seq": whole()}
is_ref = fields({"index": whole(), "leaf": is_hex}, {"site": is_site, "gen": whole(1)})
is_shown = fields(
    {"items": listed(fields({"label": is_text, "value": is_any_text}, {"source": fields({**PLACE, "leaf": is_hex})}))}
)
FACTORS = ["user_name", "badge", "password", "pin", "totp", "passkey_uv"]
STAMP: dict[str, Rule] = {"at": is_time, "tz": is_zone, "utc_offset": is_offset}
is_signature = fields(
    {
        **STAMP,
        "meaning": text_like("[A-Z][A-Z0-9_]{0,63}"),
        "text": is_text,
        "person": fields({"id": is_id, "name": is_text}),
        "factors": listed(lambda value: value in FACTORS),
        "after": listed(fields(PLACE)),
        "shown": is_hex,
        "statement": is_hex,
    },
    {"assertion": fields(dict.fromkeys(("credential", "authenticatorData", "clientDataJSON", "signature"), is_b64url))},
)
is_entry = fields(
    {
        **STAMP,
        "v": lambda value: type(value) is int and value == 1,
        "site": is_site,
        "gen": whole(1),
        "index": whole(),
        **PLACE,
        "type": text_like("(?=.{1,100}$)[a-z][a-z0-9_]*(:[a-z][a-z0-9_]*)+"),
        "tv": whole(1),
        "actor": is_actor,
        "op": lambda value: is_operation(value) and value["n"] < value["of"],
        "data": lambda value: isinstance(value, dict),
    },
    {
        "occurred": fields({"at": is_time, "by": text_like("device|person|site")}),
        "refs": listed(lambda value: is_ref(value) and ("site" in value) == ("gen" in value)),
        "corrects": fields(PLACE),
        "reason": is_text,
        "signature": is_signature,
    },
)


# ---- A ledger's part of the record ------------------------------------------------------------------------


class Ledger:
    """The entries of one ledger in the bundle. A line that breaks a rule is None here and kept in `fault`."""

    def __init__(self, bundle: Bundle, folder: str, owner: tuple[str, int] | None = None) -> None:
        self.bundle, self.folder, self.owner = bundle, folder, owner
        self.fault: Broken | None = None
        self.lines: list[bytes] = []
        self.entries: list[Json | None] = []
        self.by_index: dict[int, int] = {}
        self.by_place: dict[tuple[str, int], int] = {}
        self.corrections: dict[tuple[str, int], list[Json]] = {}
        self.operations: dict[str, tuple[int, int]] = {}
        self.signed_by: bytes | None = None
        try:
            self.lines = bundle.read(folder + RECORD, RECORD_LIMIT).split(b"\n")
            demand(not self.lines.pop(), self.where(len(self.lines)), "does not end with a line feed")
        except Broken as broken:
            self.fault = broken
        last: Json | None = None
        for position, line in enumerate(self.lines):
            try:
                with at(self.where(position)):
                    self.entries.append(last := self._fitting(line, last))
                    self.by_index[last["index"]] = self.by_place[last["stream"], last["seq"]] = position
            except Broken as broken:
                self.fault = self.fault or broken
                self.entries.append(None)
        self.leaves = [leaf_hash(line) for line in self.lines]

    def _fitting(self, line: bytes, last: Json | None) -> Json:
        """Read one line and insist that it may follow the one before."""
        insist(len(line) <= ENTRY_LIMIT, "is longer than 64 KiB")
        entry: Json = parse_json(line)
        is_entry(entry)
        index, moment, data = entry["index"], entry["at"], entry["data"]
        own = (entry["site"], entry["gen"])
        self.owner = self.owner or own
        insist(own == self.owner, f"is of the ledger {dotted(own)}, not of {dotted(self.owner)}")
        insist((entry["stream"], entry["seq"]) not in self.by_place, f"is another {entry['stream']} {entry['seq']}")
        stepped = entry["type"] == "site:clock:stepped" and fields({"from": is_time, "to": is_time})(data)
        if last is not None:
            insist(index > last["index"], f"is not in ledger order: index {index} after {last['index']}")
            legal = moment >= last["at"] or (stepped and data["to"] < data["from"])
            insist(legal, f"at goes back from {last['at']} to {moment} without a stepped clock")
        op = entry["op"]
        before, of = self.operations.get(op["id"], (-1, op["of"]))
        insist(
            op["n"] > before and op["of"] == of, f"op: place {op['n']} of {op['of']} does not follow in its operation"
        )
        self.operations[op["id"]] = op["n"], of
        if "corrects" in entry:
            self.corrections.setdefault(place_of(entry["corrects"]), []).append(entry)
        return entry

    @property
    def origin(self) -> str:
        """Name of the ledger in notes, as `septima/<site>/<gen>`."""
        return "septima/{}/{}".format(*self.owner) if self.owner else "septima/?"

    def where(self, position: int) -> str:
        """Where a line is, for people."""
        return f"{self.folder}{RECORD} line {position + 1}"

    def known(self) -> Iterator[tuple[int, Json]]:
        """Yield position and entry of every line that obeys the rules."""
        return ((position, entry) for position, entry in enumerate(self.entries) if entry is not None)

    def entry(self, position: int | None) -> Json:
        """The entry of a line; empty if there is none."""
        return (self.entries[position] if position is not None else None) or {}

    def find(self, place: Json) -> int | None:
        """Position of the entry at {"stream","seq"}."""
        return self.by_place.get(place_of(place))

    def voided(self, entry: Json) -> int | None:
        """Position of the signed entry that a signature:voided names."""
        index = entry["data"].get("index") if entry["type"] == "signature:voided" else None
        return self.by_index.get(index) if type(index) is int else None

    def sources(self, entry: Json) -> list[Json]:
        """Sources that the signer of `entry` saw; none if the document is missing or unfit."""
        if "signature" not in entry:
            return []
        try:
            document = parse_json(self.bundle.read(f"data/shown/{entry['signature']['shown']}.json"))
            is_shown(document)
        except (Broken, Wrong):
            return []
        return [item["source"] for item in document["items"] if "source" in item]


def place_of(value: Json) -> tuple[str, int]:
    """Stream and place as a key."""
    return value["stream"], value["seq"]


def dotted(owner: tuple[str, int] | None) -> str:
    """Ledger as its folder is named."""
    return "{}.{}".format(*owner) if owner else "?"


class Case:
    """Everything that one run of the program looks at."""

    def __init__(self, bundle: Bundle, keys: list[tuple[str, int, bytes]]) -> None:
        self.bundle, self.given = bundle, keys
        self.bag_info: dict[str, str] = {}
        self.words: list[str] = []
        self.main = Ledger(bundle, "data/")
        self.ledgers = [self.main]
        names = [name for name in bundle.sizes if PAYLOAD.fullmatch(name) and name.startswith("data/ledgers/")]
        for folder in sorted({name.split("/")[2] for name in names}):
            site, _, gen = folder.rpartition(".")
            self.ledgers.append(Ledger(bundle, f"data/ledgers/{folder}/", (site, int(gen))))
        site, last = self.main.owner or ("", 0)
        same = [one for one in self.ledgers if one.owner and one.owner[0] == site and one.owner[1] < last]
        self.own = [*sorted(same, key=lambda one: (one.owner or ("", 0))[1]), self.main]

    def seal(self) -> Json:
        """The last line of the record, which must be the seal."""
        position = len(self.main.entries) - 1
        last = self.main.entry(position) if position >= 0 else {}
        with at(self.main.where(max(0, position))):
            insist(last.get("type") == "site:record:sealed", "is not the seal")
            is_seal(last["data"])
        return last

    def whole_streams(self) -> dict[str, int]:
        """Streams that the seal says are whole, with their last place."""
        return {part["stream"]: part["last_seq"] for part in self.seal()["data"]["streams"]}

    def vouched(self, ledger: Ledger) -> dict[int, str]:
        """Entries of an earlier generation that the seal itself refers to: leaf by index."""
        refs = self.seal().get("refs", [])
        return {ref["index"]: ref["leaf"] for ref in refs if (ref.get("site"), ref.get("gen")) == ledger.owner}

    def promised(self, ledger: Ledger) -> dict[str, int]:
        """Streams of a ledger that must be whole: of an earlier generation up to where the seal refers."""
        if ledger is self.main:
            return self.whole_streams()
        ends: dict[str, int] = {}
        for index in self.vouched(ledger) if ledger in self.own else ():
            entry = ledger.entry(ledger.by_index.get(index))
            if entry and entry["stream"].partition("/")[0] in WHOLE_KINDS:
                ends[entry["stream"]] = max(entry["seq"], ends.get(entry["stream"], -1))
        return ends


WHOLE_KINDS = ("batch", "order", "run", "container", "certificate")
is_seal = fields(
    {
        "batch": is_id,
        "streams": listed(fields({"stream": is_stream, "last_seq": whole()})),
        "telemetry_index": is_hex,
        "master": is_hex,
    }
)


def check_lines(case: Case) -> str:
    """Every line of every record.jsonl is canonical and within the rules."""
    for ledger in case.ledgers:
        if ledger.fault:
            raise ledger.fault
        demand(ledger.lines, ledger.folder + RECORD, "is empty")
    demand(
        len({ledger.owner for ledger in case.ledgers}) == len(case.ledgers),
        "data/ledgers",
        "holds the batch's own ledger",
    )
    for ledger in case.ledgers:
        later = ledger.origin.rpartition("/")[0] == case.main.origin.rpartition("/")[0] and ledger not in case.own
        demand(not later, ledger.folder + RECORD, f"is of a later generation than {case.main.origin}")
    count = sum(len(ledger.lines) for ledger in case.ledgers)
    return f"{count} entries of {', '.join(ledger.origin for ledger in case.ledgers)}"


def check_streams(case: Case) -> str:
    """Streams that the seal names are whole; the others are in order."""
    promised, seal = case.whole_streams(), case.main.where(len(case.main.entries) - 1)
    demand(len(promised) == len(case.seal()["data"]["streams"]), seal, "names a stream twice")
    part: dict[str, int] = {}
    whole_here = 0
    for ledger in case.ledgers:
        streams = case.promised(ledger)
        reached: dict[str, int] = {}
        for position, entry in ledger.known():
            stream, seq = place_of(entry)
            wanted = reached.get(stream, -1) + 1
            legal = seq == wanted or (seq > wanted and stream not in streams)
            demand(legal, ledger.where(position), f"{stream} jumps to {seq}, expected {wanted}")
            demand(entry["index"] >= seq, ledger.where(position), f"index is below its place {seq} in {stream}")
            reached[stream] = seq
            if stream not in streams:
                name = stream if ledger is case.main else f"{stream} of {ledger.origin}"
                part[name] = part.get(name, 0) + 1
        for stream, last in streams.items():
            found = reached.get(stream, -1)
            demand(found == last, ledger.folder + RECORD, f"{stream} ends at {found}, the seal says {last}")
        whole_here += len(streams)
    case.words.append(f"Shown in part: {', '.join(f'{name} ({count})' for name, count in sorted(part.items()))}.")
    return f"{whole_here} whole as the seal says, {len(part)} shown in part"


def check_references(case: Case) -> str:
    """`refs` and `corrects` lead to entries that are here, and nothing is here that nothing leads to."""
    ledgers = {ledger.owner: ledger for ledger in case.ledgers}
    roots: dict[tuple[str, int] | None, set[int]] = {ledger.owner: set() for ledger in case.ledgers}
    count = 0
    for ledger in case.ledgers:
        for position, entry in ledger.known():
            with at(ledger.where(position)):
                for ref in entry.get("refs", []):
                    owner, found = follow(ledger, entry, ref, ledgers)
                    roots[owner] |= {found} if owner != ledger.owner else set()
                    count += 1
                if "corrects" in entry:
                    target = ledger.entry(ledger.find(entry["corrects"]))
                    insist(
                        target.get("index", entry["index"]) < entry["index"],
                        "corrects an entry that is not here before it",
                    )
                    count += 1
    for ledger in case.own:
        promised = case.promised(ledger)
        roots[ledger.owner] |= {position for position, entry in ledger.known() if entry["stream"] in promised}
    roots[case.main.owner].add(len(case.main.entries) - 1)
    ours = [entry for ledger in case.own for _, entry in ledger.known()]
    told = (people(ours), {digest for entry in ours for digest, _ in contents(entry["data"])})
    for ledger in case.ledgers:
        reached = closure(ledger, roots[ledger.owner], *(told if ledger in case.own else ()))
        for position, _ in ledger.known():
            demand(position in reached, ledger.where(position), "is no part of this record: nothing here leads to it")
    for person in sorted(told[0]):
        here = any((f"person/{person}", 0) in ledger.by_place for ledger in case.own)
        demand(here, "data/" + RECORD, f"person/{person} 0 is missing")
    return f"{count} lead to entries that are here; nothing else is here"


def follow(ledger: Ledger, entry: Json, ref: Json, ledgers: dict[Any, Ledger]) -> tuple[Any, int]:
    """Ledger and position that one reference leads to; its leaf must be the one that is here."""
    owner = (ref["site"], ref["gen"]) if "site" in ref else ledger.owner
    insist("site" not in ref or owner != ledger.owner, "refers to its own ledger as if to another")
    insist(owner != ledger.owner or ref["index"] < entry["index"], "refers to an entry that comes later")
    other = ledgers.get(owner)
    position = other.by_index.get(ref["index"]) if other else None
    if other is None or position is None or other.leaves[position].hex() != ref["leaf"]:
        raise Wrong(f"refers to entry {ref['index']} of {dotted(owner)}, which is not here as it says")
    return owner, position


def people(entries: Iterable[Json | None]) -> set[str]:
    """Ids of the persons who acted or signed in these entries."""
    some = [entry for entry in entries if entry]
    acting = {entry["actor"]["id"] for entry in some if entry["actor"]["kind"] == "person"}
    return acting | {entry["signature"]["person"]["id"] for entry in some if "signature" in entry}


def closure(ledger: Ledger, roots: set[int], known: Iterable[str] = (), named: Iterable[str] = ()) -> set[int]:
    """Positions that belong to the record: what the roots rely on, keys, people, clock steps, voids, removals.

    `known` and `named` are the people and the contents of all generations of the batch's own ledger.
    """
    keys = ("site:key:rotated", "site:clock:stepped")
    reached: set[int] = set()
    holds, everybody = set(named), {f"person/{person}" for person in known}
    fresh = roots | {position for position, entry in ledger.known() if entry["index"] == 0 or entry["type"] in keys}
    while fresh:
        reached |= fresh
        lead: set[int | None] = set()
        for entry in map(ledger.entry, fresh):
            places = [*entry.get("signature", {}).get("after", []), *ledger.sources(entry)]
            places += [entry["corrects"]] if "corrects" in entry else []
            lead |= {ledger.find(place) for place in places}
            lead |= {ledger.by_index.get(ref["index"]) for ref in entry.get("refs", []) if "site" not in ref}
            holds |= {digest for digest, _ in contents(entry.get("data"))}
        persons = everybody | {f"person/{person}" for person in people(map(ledger.entry, fresh))}
        for position, entry in ledger.known():
            voids, removes = ledger.voided(entry) in reached, removed(entry) in holds
            if entry["stream"] in persons or voids or removes:
                lead.add(position)
        fresh = {position for position in lead if position is not None} - reached
    return reached


def removed(entry: Json) -> str | None:
    """Digest of the content whose removal an entry records."""
    digest = entry["data"].get("content") if entry["type"] == "content:removed" else None
    return digest if isinstance(digest, str) else None


def contents(value: Any) -> Iterator[tuple[str, int]]:
    """Yield digest and size of every detachable content that is named below `value`."""
    if isinstance(value, dict) and set(value) == CONTENT:
        yield value["content"], value["bytes"]
    for part in below(value):
        yield from contents(part)


def below(value: Any) -> Iterable[Any]:
    """The values directly inside an object or list."""
    return value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()


# ---- Inclusion proofs, checkpoints, cosignatures, seal -----------------------------------------------------


def check_inclusion(case: Case) -> str:
    """Every line is proven to be in the tree of its ledger's checkpoint."""
    for ledger in case.ledgers:
        name, note = ledger.folder + "inclusion.jsonl", ledger.folder + CHECKPOINT
        with at(note):
            _, size, root = read_checkpoint(case.bundle.read(note))
        lines, unsigned = case.bundle.lines(name, INCLUSION_LIMIT), 0
        for position, line in enumerate(lines[: len(ledger.lines)]):
            with at(f"{name} line {position + 1}"):
                told = parse_json(line)
                is_proof(told)
                index, proof = told["index"], [b64(step) for step in told["proof"]]
                entry = ledger.entries[position]
                insist(entry is None or entry["index"] == index, "is for another entry than that line of the record")
                if ledger in case.own[:-1] and index >= size and not proof:
                    fits = case.vouched(ledger).get(index) == ledger.leaves[position].hex()
                    insist(fits, f"proves nothing: entry {index} is behind the checkpoint, and the seal names no such")
                    unsigned += 1
                    continue
                proven = proven_root(ledger.leaves[position], index, size, proof) == root
                insist(
                    proven, f"proves nothing: {ledger.where(position)} is not entry {index} of the checkpoint's tree"
                )
        demand(len(lines) == len(ledger.lines), name, f"has {len(lines)} lines for {len(ledger.lines)} entries")
        if unsigned:
            told = f"{unsigned} entries of {ledger.origin} were recorded after the checkpoint of it that is here"
            case.words.append(f"{told}; the seal vouches for them, in {case.main.origin}.")
    return f"{sum(len(ledger.lines) for ledger in case.ledgers)} entries proven"


is_proof = fields({"index": whole(), "proof": listed(is_b64)})
is_passkey = fields({"credential": is_b64url, "cose": is_b64})
is_keys = fields(
    {
        "site": fields({"name": is_text, "alg": lambda value: value == 1, "key": is_b64}),
        "witnesses": listed(fields({"name": is_text, "alg": lambda value: value == 4, "key": is_b64})),
        "rp_id": text_like("[a-z0-9.-]*"),
        "origins": listed(is_text),
        "persons": listed(fields({"id": is_id, "name": is_text, "passkeys": listed(is_passkey)})),
    }
)


def read_keys(ledger: Ledger) -> Json:
    """The keys.json of one ledger."""
    with at(ledger.folder + KEYS):
        keys: Json = parse_json(ledger.bundle.read(ledger.folder + KEYS))
        is_keys(keys)
        for known in [keys["site"], *keys["witnesses"]]:
            insist(len(b64(known["key"])) == 32, f"{plain(known['name'])} has no key of 32 bytes")
    return keys


def key_chain(ledger: Ledger, size: int) -> list[bytes]:
    """The site's keys in the first `size` entries, one rotation after the other, oldest first."""
    site, gen = ledger.owner or ("", 0)
    kind, told, known = "site:ledger:created", "site", site
    if gen != 1:
        kind, told, known = "site:ledger:continued", "origin", f"septima/{site}/{gen - 1}"
    demand(0 in ledger.by_index, ledger.folder + RECORD, "entry 0, which names the site's key, is missing")
    chain: list[bytes] = []
    for position, entry in ledger.known():
        data, first = entry["data"], entry["index"] == 0
        naming = entry["type"] in ("site:key:rotated", "site:ledger:created", "site:ledger:continued")
        if not first and (not naming or entry["index"] >= size):
            continue
        with at(ledger.where(position)):
            legal = entry["type"] == (kind if first else "site:key:rotated") and entry["stream"] == f"site/{site}"
            insist(legal, "is no such entry as names a key")
            insist(not first or data.get(told) == known, "opens another ledger than its own")
            insist(
                first or (chain and b64(data.get("previous"), "previous") == chain[-1]),
                "does not replace the key before it",
            )
            chain.append(b64(data.get("key"), "key"))
            insist(len(chain[-1]) == 32, "names a key that is not 32 bytes")
    return chain


def check_checkpoints(case: Case) -> str:
    """Each checkpoint is signed by the newest key that its own ledger names, and by the key that was given."""
    said = []
    for ledger in case.ledgers:
        name = ledger.folder + CHECKPOINT
        with at(name):
            body = case.bundle.read(name)
            (text, signatures), (origin, size, root) = read_note(body), read_checkpoint(body)
        demand(origin == ledger.origin, name + " line 1", f"is of {plain(origin)}, the entries are of {ledger.origin}")
        chain, site = key_chain(ledger, size), read_keys(ledger)["site"]
        with at(ledger.folder + KEYS):
            insist(site["name"] == origin, "names another site than the checkpoint")
            insist(b64(site["key"]) == chain[-1], "the site's key is not the newest of its ledger")
        given = [key for told, kind, key in case.given if (told, kind) == (origin, 1)]
        signers = set()
        for number, signer, raw in signatures:
            good = {key for key in chain if signer == origin and note_signed(text, raw, origin, key)}
            demand(good or signer != origin, f"{name} line {number}", "is no signature of this site's keys")
            signers |= good
        demand(chain[-1] in signers, name, "is not signed by the site's newest key")
        demand(signers.issuperset(given), name, "is not signed by the key that was given")
        ledger.signed_by = chain[-1]
        said.append(f"{origin} size {size}")
        check_continued(case, ledger, size, root, chain[-1])
        if ledger.entry(ledger.by_index[0])["data"].get("clock") == "simulated":
            case.words.append(f"{origin} ran on a SIMULATED clock.")
        if ledger is not case.main and not given:
            case.words.append(f"{origin} is signed by {write_vkey(origin, chain[-1])}, taken from this bundle.")
    origins = {ledger.origin for ledger in case.ledgers}
    for told, kind, _ in case.given:
        demand(kind == 4 or told in origins, f"--key {plain(told)}", "is the key of no ledger in this bundle")
    return ", ".join(said)


is_continued = fields({"origin": is_text, "size": whole(1), "root": is_hex, "evidence": is_text}, None)


def check_continued(case: Case, ledger: Ledger, size: int, root: bytes, key: bytes) -> None:
    """The next generation's entry 0 says of this one nothing else than its checkpoint does, and why it was left."""
    if ledger is case.main and ledger.entry(ledger.by_index[0])["gen"] > 1 and len(case.own) == 1:
        case.words.append(f"{ledger.origin} continues an earlier generation, of which nothing is in this bundle.")
    if ledger not in case.own[:-1]:
        return
    after = case.own[case.own.index(ledger) + 1]
    first, where = after.entry(after.by_index.get(0)), after.where(after.by_index.get(0, 0))
    data = first.get("data", {})
    with at(where):
        insist(data.get("origin") == ledger.origin, f"does not continue {ledger.origin}, which is here")
        is_continued({name: data.get(name) for name in ("origin", "size", "root", "evidence")})
    name = ledger.folder + CHECKPOINT
    demand(size <= data["size"], f"{name} line 2", f"is of size {size}; {where} continues one of size {data['size']}")
    same = size < data["size"] or root.hex() == data["root"]
    demand(same, f"{name} line 3", f"is of another root than {where} continues")
    signer = first["signature"]["person"]["name"] if "signature" in first else first["actor"]["id"]
    why = f"{plain(data['evidence'])}; reason {plain(first.get('reason', 'none'))}, by {plain(signer)}"
    case.words.append(f"{after.origin} continues {ledger.origin}, signed up to size {data['size']}: {why}.")
    if size < data["size"]:
        case.words.append(f"{ledger.origin} is proven here by its checkpoint of size {size}; later ones were lost.")
    if data.get("key") != base64.b64encode(key).decode():
        case.words.append(f"{after.origin} began with another key than the one that signed {ledger.origin} here.")


def check_cosignatures(case: Case) -> str:
    """Every other signature below a checkpoint is one of a witness that keys.json names."""
    count = 0
    for ledger in case.ledgers:
        name = ledger.folder + CHECKPOINT
        with at(name):
            text, signatures = read_note(case.bundle.read(name))
        witnesses = {told["name"]: b64(told["key"]) for told in read_keys(ledger)["witnesses"]}
        must = {(told, key) for told, kind, key in case.given if kind == 4 and ledger is case.main}
        for number, signer, raw in signatures:
            if signer == ledger.origin:
                continue
            with at(f"{name} line {number}"):
                insist(signer in witnesses, f"is by {plain(signer)}, whom keys.json does not name, or a second time")
                insist(note_cosigned(text, raw, signer, witnesses[signer]), f"is no cosignature of {plain(signer)}")
            must.discard((signer, witnesses.pop(signer)))
            count += 1
            begin = datetime.datetime(1970, 1, 1)  # noqa: DTZ001 - datetime.UTC is not in 3.8
            when = begin + datetime.timedelta(seconds=min(int.from_bytes(raw[4:12], "big"), 1 << 37))
            case.words.append(f"{ledger.origin} was cosigned by {plain(signer)[1:-1]} at {when.isoformat()}Z.")
        demand(not must, name, "is not cosigned by the witness whose key was given")
    return str(count) if count else "none: no witness has cosigned"


def check_seal(case: Case) -> str:
    """The seal is the last entry, the checkpoint ends with it, and it names what is here."""
    seal, bundle, note = case.seal(), case.bundle, "data/" + CHECKPOINT
    data = seal["data"]
    with at(case.main.where(len(case.main.entries) - 1)):
        insist(seal["stream"] == f"site/{seal['site']}", "is not in the site's stream")
        own = f"batch/{data['batch']}"
        insist(any(own in case.promised(ledger) for ledger in case.own), "does not name the stream of its batch")
        fits = not bundle.is_zip or bundle.base == data["batch"] + ".ebr"
        insist(fits, f"is of batch {data['batch']}, not of {plain(bundle.base)}")
    with at(note):
        _, size, _ = read_checkpoint(bundle.read(note))
    demand(size == seal["index"] + 1, f"{note} line 2", f"size is not that of the seal, {seal['index'] + 1}")
    for key, name in (("telemetry_index", INDEX), ("master", "data/master.yaml")):
        demand(bundle.digest(name) == data[key], name, "is not the one that was sealed")
    demand(
        case.bag_info.get("Bagging-Date") == seal["at"][:10], "bag-info.txt", "Bagging-Date is not the day of the seal"
    )
    return f"batch {data['batch']}, sealed {seal['at']}"


# ---- Electronic signatures --------------------------------------------------------------------------------

TWO_FACTORS = re.compile("(QP|OOS)_.*|CERT_WITHDRAWN|RELEASE_ASSIGNED|(MASTER|CHANGE|ACCESS)_APPROVED|BREAK_GLASS")
is_enrolment = fields({"person": is_id, "credential": is_b64url, "cose": is_b64}, {"name": is_text, "aaguid": is_text})
is_removal = fields({"person": is_id, "credential": is_b64url})
PASSKEY_ENTRIES = {"person:passkey:enrolled": is_enrolment, "person:passkey:removed": is_removal}


def check_signatures(case: Case) -> str:
    """Each signature: statement, factors, what was shown, passkey assertion; and what a correction voids."""
    count = passkeys = 0
    ours: tuple[dict[tuple[str, str], str], set[tuple[str, str]]] = ({}, set())
    for ledger in [*case.own, *(one for one in case.ledgers if one not in case.own)]:
        keys = read_keys(ledger)
        enrolled, gone = ours if ledger in case.own else ({}, set())
        signers: set[str] = set()
        for position, entry in ledger.known():
            with at(ledger.where(position)):
                if entry["type"] in PASSKEY_ENTRIES:
                    change_passkeys(entry, enrolled, gone)
                if "signature" in entry:
                    check_signature(entry)
                    check_shown(case, ledger, entry)
                    if "assertion" in entry["signature"]:
                        own = (entry["signature"]["person"]["id"], entry["signature"]["assertion"]["credential"])
                        insist(own not in gone, "passkey: it had been removed before it signed")
                        check_assertion(entry["signature"], keys, enrolled)
                        passkeys += 1
                    count += 1
                    signers.add(entry["signature"]["person"]["id"])
        with at(ledger.folder + KEYS):
            for person in keys["persons"]:
                for key in person["passkeys"]:
                    here = enrolled.get((person["id"], key["credential"])) == key["cose"]
                    insist(here, f"has a passkey of {person['id']} that no entry enrols")
            strangers = sorted(signers - {person["id"] for person in keys["persons"]})
            insist(not strangers, f"does not name the signers {plain(strangers)}")
    return f"{count} signatures, {passkeys} by passkey, {sum(map(check_voids, case.own))} void"


def change_passkeys(entry: Json, enrolled: dict[tuple[str, str], str], gone: set[tuple[str, str]]) -> None:
    """Take note of a passkey enrolled or removed; a removed one stays known, for what it signed before."""
    data = entry["data"]
    PASSKEY_ENTRIES[entry["type"]](data)
    does = "enrols" if "cose" in data else "removes"
    insist(entry["stream"] == f"person/{data['person']}", f"{does} a passkey in the stream of another")
    if "cose" in data:
        enrolled[data["person"], data["credential"]] = data["cose"]
    else:
        gone.add((data["person"], data["credential"]))


def check_signature(entry: Json) -> None:
    """The statement is that of this entry, and the factors are legal for its meaning."""
    signature = entry["signature"]
    told: Json = {key: entry[key] for key in ("site", "gen", "stream", "type", "data", "reason") if key in entry}
    told.update((key, signature[key]) for key in ("after", "shown", "meaning", "text", "person"))
    statement = json.dumps(told, ensure_ascii=False, separators=(",", ":"), sort_keys=True).encode("utf-8")
    insist(sha256(statement) == signature["statement"], "signature: its statement is not that of this entry")
    own = (entry["actor"]["kind"], entry["actor"]["id"]) == ("person", signature["person"]["id"])
    insist(own, "signature: the signer is not who recorded the entry")
    insist(signature["at"] <= entry["at"], "signature: signed after it was recorded")
    factors, meaning = signature["factors"], signature["meaning"]
    secrets = [factor for factor in factors if factor in ("password", "pin", "passkey_uv")]
    names = [factor for factor in factors if factor in ("user_name", "badge")]
    in_order = factors == [factor for factor in FACTORS if factor in factors]
    insist(in_order and len(secrets) == 1 and len(names) <= 1, f"signature: the factors {plain(factors)} are not legal")
    insist("totp" not in factors or secrets == ["password"], "signature: a totp goes with a password only")
    two = secrets == ["passkey_uv"] or "totp" in factors
    insist(two or not TWO_FACTORS.fullmatch(meaning), f"signature: {meaning} needs two factors")
    insist(("passkey_uv" in factors) == ("assertion" in signature), "signature: passkey_uv and assertion go together")


def check_shown(case: Case, ledger: Ledger, entry: Json) -> None:
    """What the signer saw is here, is what was recorded, and had not been corrected meanwhile."""
    signature, index, is_own = entry["signature"], entry["index"], ledger in case.own
    name = f"data/shown/{signature['shown']}.json"
    promised = case.promised(ledger)
    for place in signature["after"]:
        found = ledger.entry(ledger.find(place))
        here = found["index"] < index if found else place["stream"] not in promised
        insist(here, f"signature: after names {place['stream']} {place['seq']}, which is not here before it")
    if name not in case.bundle.sizes and not is_own:
        case.words.append(f"What was shown to the signer of {ledger.origin} entry {index} is not in this bundle.")
        return
    insist(name in case.bundle.sizes, f"signature: what the signer saw, {name}, is missing")
    body = case.bundle.read(name)
    with at(name):
        insist(sha256(body) == signature["shown"], f"is not the document that the signer of entry {index} saw")
        is_shown(parse_json(body))
    after = {place["stream"]: place["seq"] for place in signature["after"]}
    for source in ledger.sources(entry):
        stream, seq = place_of(source)
        position = ledger.find(source)
        found = ledger.entry(position)
        here = found and found["index"] < index and ledger.leaves[position or 0].hex() == source["leaf"]
        insist(
            here or (not found and not is_own), f"signature: was shown {stream} {seq}, which is not here so before it"
        )
        for change in ledger.corrections.get((stream, seq), []):
            known = change["index"] >= index or change["seq"] <= after.get(change["stream"], change["seq"])
            insist(known, f"signature: {stream} {seq} had been corrected before it was signed")


def check_assertion(signature: Json, keys: Json, enrolled: dict[tuple[str, str], str]) -> None:
    """The passkey assertion is over this statement, for this site, with user verification, by an enrolled key."""
    assertion = {name: b64url(text) for name, text in signature["assertion"].items()}
    person, rp_id, told = signature["person"]["id"], keys["rp_id"], assertion["authenticatorData"]
    cose = enrolled.get((person, signature["assertion"]["credential"]))
    insist(cose, f"passkey: no entry before this one enrols it for {person}")
    try:
        client = json.loads(assertion["clientDataJSON"].decode("utf-8"), object_pairs_hook=no_key_twice)
    except (ValueError, RecursionError):
        client = None
    legal = (
        isinstance(client, dict) and client.get("type") == "webauthn.get" and client.get("crossOrigin", False) is False
    )
    insist(legal, "passkey: is no assertion (type webauthn.get, same origin)")
    challenge, origin = to_b64url(bytes.fromhex(signature["statement"])), client.get("origin")
    insist(client.get("challenge") == challenge, "passkey: was made for another statement")
    host = re.fullmatch(r"(?:https://([a-z0-9.-]+)|http://(localhost))(?::[0-9]{1,5})?", str(origin))
    name = (host[1] or host[2]) if host else ""
    fits = origin in keys["origins"] and rp_id and (name == rp_id or name.endswith("." + rp_id))
    insist(fits, f"passkey: was made at {plain(origin)}, not at this site")
    insist(told[:32] == hashlib.sha256(rp_id.encode()).digest(), "passkey: is of another relying party")
    flags = told[32] if len(told) >= 37 else 0
    verified = flags & 0x45 == 0x05 and (len(told) > 37) == bool(flags & 0x80)
    insist(verified, "passkey: user present and verified is not asserted")
    message = told + hashlib.sha256(assertion["clientDataJSON"]).digest()
    insist(cose_verifies(b64(cose), assertion["signature"], message), "passkey: the signature does not verify")


def check_voids(ledger: Ledger) -> int:
    """A correction voids what was signed on the corrected entry, and what was signed on that, in its own operation."""
    named: set[tuple[str, int]] = set()
    signed: dict[int, list[tuple[str, int]]] = {}
    for position, entry in ledger.known():
        if entry["type"] == "signature:voided":
            target = ledger.voided(entry)
            good = target is not None and target < position and "signature" in ledger.entry(target)
            demand(
                good and entry["data"].get("cause"),
                ledger.where(position),
                "voids no signature here, or names no cause",
            )
            named.add((entry["op"]["id"], target or 0))
        if "signature" in entry:
            signed[position] = [place_of(source) for source in ledger.sources(entry)]
    fallen: set[int] = set()
    for position, entry in ledger.known():
        places = [place_of(entry["corrects"])] if "corrects" in entry else []
        while places:
            place = places.pop()
            for other in [
                one for one, seen in signed.items() if one < position and one not in fallen and place in seen
            ]:
                index, voids = ledger.entry(other)["index"], (entry["op"]["id"], other) in named
                demand(
                    voids, ledger.where(position), f"corrects what entry {index} was signed on, but does not void that"
                )
                fallen.add(other)
                places.append(place_of(ledger.entry(other)))
    return len({target for _, target in named})


# ---- Telemetry --------------------------------------------------------------------------------------------

HEADER = b"source_time,server_time,receive_time,value,unit,status,origin\n"
WHEN = rb"[0-9]{4}-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-5][0-9]:[0-5][0-9]\.[0-9]{7}Z"
ROW = re.compile(
    WHEN + rb",(?:" + WHEN + rb")?,(" + WHEN + rb"),"
    rb"(-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?|true|false|NaN|-?Infinity|\"(?:[^\"\x00-\x1f]|\"\")*\"|),"
    rb"[!#-+\--~]{0,40},([0-9A-Fa-f]{8}),(?:LIVE|REPUBLISHED|HISTORY|MANUAL|FILE)"
)
SPAN: dict[str, Rule] = {"device": is_id, "from": is_time, "to": is_time}
is_chunk = fields(
    {
        **SPAN,
        "tag": is_id,
        "count": whole(1),
        "offset": whole(),
        "length": whole(1),
        "sha256": is_hex,
        "entry": whole(),
    },
    {"gen": whole(1)},
)
is_index = fields({"chunks": listed(is_chunk)})
is_window = fields({**SPAN, "run": is_id, "count": whole(), "root": is_hex})


def gunzip(blocks: Iterator[bytes]) -> Iterator[bytes]:
    """Yield what gzip members with mtime 0 and no name hold, in blocks of bounded size."""
    member, pending, ended = None, b"", False
    while pending or not ended:
        if len(pending) < 8 and not ended:
            block = next(blocks, b"")
            pending, ended = pending + block, not block
            continue
        if member is None:
            insist(pending[:8] == b"\x1f\x8b\x08\0\0\0\0\0", "is no gzip with mtime 0 and without a name")
            member = zlib.decompressobj(31)
        try:
            out = member.decompress(pending, BLOCK)
            while len(out) == BLOCK and not member.eof:
                yield out
                out = member.decompress(member.unconsumed_tail, BLOCK)
        except zlib.error as error:
            raise Wrong(f"cannot be unpacked ({error})") from None
        if out:
            yield out
        pending, member = member.unused_data, None if member.eof else member
    insist(member is None, "ends in the middle")


class Unpacked:
    """An unpacked file that is read front to back, never whole."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self.pieces, self.held = pieces, bytearray()

    def take(self, length: int) -> bytes:
        """The next `length` bytes, fewer at the end."""
        while len(self.held) < length:
            piece = next(self.pieces, b"")
            if not piece:
                break
            self.held += piece
        taken = bytes(self.held[:length])
        del self.held[:length]
        return taken


def check_telemetry(case: Case) -> str:
    """Each file is its chunks and nothing else, each chunk its digest, each sealed window its root and count."""
    with at(INDEX):
        index = parse_json(case.bundle.read(INDEX, INDEX_LIMIT))
        is_index(index)
        chunks = index["chunks"]
        order = [(chunk["device"], chunk["tag"], chunk["offset"]) for chunk in chunks]
        insist(order == sorted(set(order)), "is not in order of device, tag and offset")
    files: dict[str, list[Json]] = {name: [] for name in case.bundle.sizes if name.endswith(".csv.gz")}
    windows: dict[tuple[Ledger | None, int], list[Json]] = {}
    generations = {(one.owner or ("", 0))[1]: one for one in case.own[:-1]}
    for chunk in chunks:
        files.setdefault(f"data/telemetry/{chunk['device']}/{chunk['tag']}.csv.gz", []).append(chunk)
        sealer = generations.get(chunk["gen"]) if "gen" in chunk else case.main
        windows.setdefault((sealer, chunk["entry"]), []).append(chunk)
    for file in sorted(files):
        demand(files[file], plain(file)[1:-1], "is not in the index")
        with at(file):
            check_samples(case.bundle, file, files[file])
    check_windows(case, windows)
    count = sum(chunk["count"] for chunk in chunks)
    return f"{count} samples in {len(chunks)} chunks, {len(windows)} sealed windows"


def check_samples(bundle: Bundle, name: str, chunks: list[Json]) -> None:
    """One file: the header, then its chunks end to end, every row well formed and received within its hour."""
    unpacked = Unpacked(gunzip(bundle.blocks(name)))
    demand(unpacked.take(len(HEADER)) == HEADER, f"{name} line 1", "is not the header")
    offset, line = len(HEADER), 2
    for chunk in chunks:
        follows = chunk["offset"] == offset and chunk["length"] <= CHUNK_LIMIT
        insist(follows, f"chunk at {chunk['offset']} does not follow the one before")
        body, count = unpacked.take(chunk["length"]), chunk["count"]
        *rows, rest = body.split(b"\n")
        where = f"{name} lines {line} to {line + count - 1}"
        demand(not rest and len(rows) == count, where, f"hold {len(rows)} rows, the index says {count}")
        begin, end = (chunk[key][:-1].encode() + b"0Z" for key in ("from", "to"))
        for number, row in enumerate(rows, line):
            match = ROW.fullmatch(row)
            if match is None or (not match[2] and match[3][:1] in b"0123"):
                raise Broken(f"{name} line {number}", f"is no sample: {plain(row)}")
            demand(begin <= match[1] < end, f"{name} line {number}", "was received outside its hour")
        demand(sha256(body) == chunk["sha256"], where, "do not have the digest that the index says")
        offset, line = offset + chunk["length"], line + count
    demand(not unpacked.take(1), f"{name} line {line}", "is beyond what the index says")


def check_windows(case: Case, windows: dict[tuple[Ledger | None, int], list[Json]]) -> None:
    """Each telemetry:window:sealed of a whole stream has all its chunks, and each chunk its entry."""
    kind = "telemetry:window:sealed"
    last: dict[tuple[str, str], str] = {}
    for ledger, index in sorted(windows, key=lambda key: key[1]):
        found = ledger.entry(ledger.by_index.get(index)) if ledger else {}
        demand(found.get("type") == kind, INDEX, f"names entry {index}, which seals no telemetry here")
    for ledger, position, entry in [(one, *known) for one in case.own for known in one.known()]:
        data, chunks = entry["data"], windows.get((ledger, entry["index"]), [])
        if entry["type"] != kind or (not chunks and entry["stream"] not in case.promised(ledger)):
            continue
        with at(ledger.where(position)):
            is_window(data)
            insist(entry["stream"] == f"run/{data['run']}", "seals the samples of another run")
            begin, end = (datetime.datetime.fromisoformat(data[key][:-1] + "+00:00") for key in ("from", "to"))
            insist(begin < end <= begin + datetime.timedelta(hours=1), "is not a window of at most an hour")
            key = (data["device"], data["run"])
            insist(last.get(key, data["from"]) <= data["from"], "overlaps the window before it")
            last[key] = data["to"]
            with at(INDEX):
                tags = [chunk["tag"] for chunk in chunks]
                insist(len(tags) == len(set(tags)), f"has a tag twice for entry {entry['index']}")
                for chunk in chunks:
                    fits = all(chunk[key] == data[key] for key in SPAN)
                    insist(fits, f"chunk of {chunk['device']}/{chunk['tag']} does not fit entry {entry['index']}")
            digests = [bytes.fromhex(chunk["sha256"]) for chunk in sorted(chunks, key=lambda one: one["tag"])]
            insist(tree_root(digests).hex() == data["root"], "the chunks here do not have the root that was sealed")
            count = sum(chunk["count"] for chunk in chunks)
            insist(count == data["count"], f"sealed {data['count']} samples, here are {count}")


# ---- Documents --------------------------------------------------------------------------------------------


def check_documents(case: Case) -> str:
    """What was shown, contents and node maps are the ones that entries name (the seal names the master)."""
    bundle, gone = case.bundle, {}
    wanted: dict[str, set[str]] = {"shown": set(), "content": set(), "nodemaps": set()}
    for ledger in case.ledgers:
        for position, entry in ledger.known():
            digest = removed(entry)
            if digest is not None:
                demand(
                    is_text(entry["data"].get("ground")),
                    ledger.where(position),
                    "removes content without a legal ground",
                )
                gone[digest] = f"{entry['index']}" if ledger is case.main else f"{entry['index']} of {ledger.origin}"
            wanted["shown"] |= {entry["signature"]["shown"]} if "signature" in entry else set()
            wanted["content"] |= {digest for digest, _ in contents(entry["data"])}
            wanted["nodemaps"] |= set(texts(entry["data"]))
    count = {"shown": 0, "content": 0, "nodemaps": 0}
    for name in sorted(bundle.sizes):
        match = re.fullmatch(f"data/(shown|content|nodemaps)/({HEX})[.a-z]*", name)
        if match:
            demand(bundle.digest(name) == match[2], name, "does not have the digest in its name")
            demand(match[2] in wanted[match[1]], name, "is named by no entry")
            demand(
                match[1] != "content" or match[2] not in gone,
                name,
                f"was removed by entry {gone.get(match[2])}, but is here",
            )
            count[match[1]] += 1
    for ledger, position, entry in [(one, *known) for one in case.own for known in one.known()]:
        where = ledger.where(position)
        for digest, size in contents(entry["data"]):
            name = f"data/content/{digest}"
            if digest in gone:
                case.words.append(f"Content {digest} of {where} was removed by entry {gone[digest]}.")
                continue
            demand(name in bundle.sizes, name, f"is missing; {where} names it")
            demand(bundle.sizes[name] == size + 32, name, f"is not 32 bytes of salt and {size} bytes")
        for digest in node_maps(entry["data"]):
            name = f"data/nodemaps/{digest}.yaml"
            demand(name in bundle.sizes, name, f"is missing; {where} names it")
    return ", ".join(f"{number} {what}" for what, number in count.items())


def texts(value: Any) -> Iterator[str]:
    """Yield every string below `value`."""
    if isinstance(value, str):
        yield value
    for part in below(value):
        yield from texts(part)


def node_maps(value: Any) -> Iterator[str]:
    """Yield every digest that stands below `value` under the key node_map."""
    if isinstance(value, dict) and is_hex(value.get("node_map")):
        yield value["node_map"]
    for part in below(value):
        yield from node_maps(part)


# ---- The PDF: find the attached file record.jsonl ---------------------------------------------------------

GAP = rb"(?:[\0\t\n\f\r ]|%[^\r\n]*[\r\n])*"
TOKEN = re.compile(GAP + rb"(<<|>>|\[|\]|\(|<[0-9A-Fa-f\s]*>|/?[^\0\t\n\f\r ()<>\[\]{}/%]+)")
REFERENCE = re.compile(rb"[\0\t\n\f\r ]+[0-9]{1,5}[\0\t\n\f\r ]+R(?![A-Za-z0-9])")
OBJECT, STREAM = re.compile(GAP + rb"[0-9]{1,10}\s+[0-9]{1,5}\s+obj"), re.compile(GAP + rb"stream\r?\n")
TABLE, SECTION = re.compile(GAP + rb"xref\s+"), re.compile(rb"([0-9]{1,10}) ([0-9]{1,10})\s+")
ROW_OF_TABLE, PIECE = (
    re.compile(rb"([0-9]{10}) [0-9]{5} ([fn])\s*"),
    re.compile(rb"\\([0-7]{1,3}|\r\n|.)|([()])|[^\\()]+", re.S),
)
ESCAPES = {b"n": b"\n", b"r": b"\r", b"t": b"\t", b"b": b"\b", b"f": b"\f", b"\n": b"", b"\r": b"", b"\r\n": b""}


class Pdf:
    """As much of ISO 32000 as leads to an attachment: cross-references, object streams, name trees."""

    def __init__(self, body: bytes) -> None:
        self.body = body
        self.places: dict[int, tuple[int, int]] = {}
        self.packed: dict[int, dict[int, Any]] = {}
        self.root: Any = None
        end = re.search(rb"startxref\s+([0-9]{1,12})\s+%%EOF\s*\Z", body[-2048:])
        if end is None or not body.startswith(b"%PDF-"):
            raise Wrong("is no PDF: its beginning or its end is missing")
        todo, seen = [int(end[1])], {-1}
        while todo:
            start = todo.pop(0)
            insist(start not in seen and len(seen) < 256, "its cross-references run in a circle")
            seen.add(start)
            table = TABLE.match(body, start)
            trailer = self._table(table.end()) if table else self._stream(start)
            insist("/Encrypt" not in trailer, "is encrypted")
            self.root = self.root or trailer.get("/Root")
            todo += [trailer[key] for key in ("/XRefStm", "/Prev") if isinstance(trailer.get(key), int)]

    def _table(self, start: int) -> Json:
        section = SECTION.match(self.body, start)
        while section:
            start = section.end()
            for number in range(int(section[1]), int(section[1]) + int(section[2])):
                row = ROW_OF_TABLE.match(self.body, start)
                if row is None:
                    raise Wrong("has a damaged cross-reference table")
                start = row.end()
                self.places.setdefault(number, (1 if row[2] == b"n" else 0, int(row[1])))
            section = SECTION.match(self.body, start)
        word, start = self.value(start)
        trailer: Json = self.value(start)[0]
        insist(word == "trailer" and isinstance(trailer, dict), "has no trailer")
        return trailer

    def _stream(self, start: int) -> Json:
        trailer: Json
        trailer, data = self._object_at(start)
        insist(
            isinstance(trailer, dict) and trailer.get("/Type") == "/XRef",
            "has no cross-reference stream where it should",
        )
        body, (one, two, three) = self.decode(trailer, data), trailer["/W"]
        numbers, row = trailer.get("/Index", [0, trailer["/Size"]]), 0
        for first, count in [numbers[k : k + 2] for k in range(0, len(numbers), 2)]:
            for number in range(first, first + count):
                cells = body[row : row + one + two + three]
                insist(0 < one + two + three == len(cells), "has a cross-reference stream that is cut short")
                kind = int.from_bytes(cells[:one], "big") if one else 1
                self.places.setdefault(number, (kind, int.from_bytes(cells[one : one + two], "big")))
                row += one + two + three
        return trailer

    def value(self, start: int, depth: int = 0) -> tuple[Any, int]:
        """Parse one value: names as "/Name", strings as bytes, references as (number,), words as they are."""
        token = TOKEN.match(self.body, start)
        if token is None or depth > 60:
            raise Wrong(f"cannot be read at byte {start}")
        text, start = token[1], token.end()
        if text == b"(":
            return self._string(start)
        if text in (b"[", b"<<"):
            items: list[Any] = []
            item, start = self.value(start, depth + 1)
            while item not in ("]", ">>"):
                items.append(item)
                item, start = self.value(start, depth + 1)
            return (items if text == b"[" else {items[k]: items[k + 1] for k in range(0, len(items), 2)}), start
        if text.startswith(b"<") and text != b"<<":
            digits = re.sub(rb"\s", b"", text[1:-1]).decode()
            return bytes.fromhex(digits + "0" * (len(digits) % 2)), start
        if re.fullmatch(rb"[+-]?[0-9]{1,15}", text):
            reference = REFERENCE.match(self.body, start)
            return ((int(text),), reference.end()) if reference else (int(text), start)
        return text.decode("latin-1"), start

    def _string(self, start: int) -> tuple[bytes, int]:
        out, level = bytearray(), 1
        while level:
            piece = PIECE.match(self.body, start)
            if piece is None:
                raise Wrong("has a string without an end")
            start, escaped = piece.end(), piece[1]
            level += {b"(": 1, b")": -1}.get(piece[2] or b"", 0)
            if escaped is not None:
                out += bytes([int(escaped, 8) & 255]) if escaped[:1].isdigit() else ESCAPES.get(escaped, escaped)
            elif level:
                out += piece[0]
        return bytes(out), start

    def _object_at(self, start: int) -> tuple[Any, int]:
        """Value of the object at a place, and where its stream begins (-1 if it has none)."""
        head = OBJECT.match(self.body, start)
        if head is None:
            raise Wrong(f"has no object at byte {start}")
        value, start = self.value(head.end())
        stream = STREAM.match(self.body, start)
        return value, stream.end() if stream else -1

    def get(self, value: Any) -> Any:
        """Follow references to the value itself."""
        for _ in range(20):
            if not isinstance(value, tuple):
                return value
            value = self._fetch(value[0])[0]
        raise Wrong("has references in a circle")

    def _fetch(self, number: int) -> tuple[Any, int]:
        kind, place = self.places.get(number, (0, 0))
        if kind == 1:
            return self._object_at(place)
        if kind == 2 and place not in self.packed:
            self.packed[place] = {}
            insist(self.places.get(place, (0, 0))[0] == 1, "has an object stream in an object stream")
            holder, data = self._fetch(place)
            inner, first = Pdf.__new__(Pdf), holder["/First"]
            inner.body = self.decode(holder, data)
            numbers = inner.body[:first].split()
            for k in range(0, 2 * holder["/N"], 2):
                self.packed[place][int(numbers[k])] = inner.value(first + int(numbers[k + 1]))[0]
        return (self.packed[place].get(number) if kind == 2 else None), -1

    def decode(self, about: Json, start: int, limit: int = INDEX_LIMIT) -> bytes:
        """Unpack a stream that is plain or Flate, with or without a PNG predictor."""
        length, filters = self.get(about.get("/Length")), self.get(about.get("/Filter", []))
        body = self.body[start : start + length]
        whole_stream = (
            start >= 0 and len(body) == length and re.match(rb"\s*endstream", self.body[start + length :][:20])
        )
        insist(whole_stream, "has a stream of another length than it says")
        insist(
            filters in ([], "/FlateDecode", ["/FlateDecode"]), f"has a stream filter not known here: {plain(filters)}"
        )
        if filters:
            unpacker = zlib.decompressobj()
            body = unpacker.decompress(body, limit + 1)
            insist(unpacker.eof, f"has a stream that is cut short, or longer than {limit} bytes")
        terms = self.get(about.get("/DecodeParms")) or {}
        terms = self.get(terms[0]) or {} if isinstance(terms, list) else terms
        return body if terms.get("/Predictor", 1) == 1 else unfilter(body, terms.get("/Columns", 1))

    def attachments(self, node: Any, depth: int = 0) -> Iterator[tuple[str, Any]]:
        """Yield file name and file specification below a node of the name tree."""
        insist(depth < 20, "has a name tree in a circle")
        node = self.get(node) or {}
        for told in map(self.get, (self.get(node.get("/Names")) or [])[1::2]):
            label = self.get(told.get("/UF", told.get("/F", b"")))
            wide = label[:2] == b"\xfe\xff"
            yield label[2:].decode("utf-16-be", "replace") if wide else label.decode("latin-1"), told
        for kid in self.get(node.get("/Kids")) or []:
            yield from self.attachments(kid, depth + 1)

    def attached(self, wanted: str, limit: int) -> bytes:
        """Content of the one attachment of this name."""
        catalogue = self.get(self.root) or {}
        tree = (self.get(catalogue.get("/Names")) or {}).get("/EmbeddedFiles")
        found = [told for name, told in self.attachments(tree) if name == wanted]
        insist(len(found) == 1, f"has {len(found)} attachments named {wanted}, not one")
        about, start = self._fetch(self.get(found[0].get("/EF"))["/F"][0])
        return self.decode(about, start, limit)


def unfilter(body: bytes, columns: int) -> bytes:
    """Undo the PNG filters none and up, which cross-reference streams use."""
    out, before = bytearray(), bytes(min(columns, BLOCK))
    for start in range(0, len(body), columns + 1):
        kind, row = body[start], body[start + 1 : start + 1 + columns]
        insist(kind in (0, 2) and len(row) == len(before), "has a predictor that is not known here")
        before = bytes((byte + old * (kind == 2)) & 255 for byte, old in zip(row, before))  # noqa: B905 - 3.8
        out += before
    return bytes(out)


def check_pdf(case: Case) -> str:
    """The record that is attached to the PDF is record.jsonl."""
    record, attached = case.bundle.read("data/" + RECORD, RECORD_LIMIT), b""
    with at("data/ebr.pdf"):
        try:
            attached = Pdf(case.bundle.read("data/ebr.pdf", PDF_LIMIT)).attached(RECORD, len(record))
        except (LookupError, TypeError, AttributeError, ValueError, RecursionError, zlib.error) as error:
            raise Wrong(f"cannot be read ({type(error).__name__} {plain(str(error))})") from None
        if attached != record:
            lines, others = record.split(b"\n"), attached.split(b"\n")
            same = next((k for k in range(len(others)) if k >= len(lines) or others[k] != lines[k]), len(others))
            raise Wrong(f"its attached record differs from data/{RECORD} at line {same + 1}")
    return f"its attached {RECORD} is data/{RECORD}"


# ---- What is said -----------------------------------------------------------------------------------------

CHECKS: list[tuple[str, Callable[[Case], str]]] = [
    ("container", check_container),
    ("bag", check_bag),
    ("lines and rules", check_lines),
    ("streams", check_streams),
    ("references", check_references),
    ("inclusion proofs", check_inclusion),
    ("checkpoints", check_checkpoints),
    ("cosignatures", check_cosignatures),
    ("seal", check_seal),
    ("signatures", check_signatures),
    ("telemetry", check_telemetry),
    ("documents", check_documents),
    ("PDF", check_pdf),
]

WORDS = """
What this program cannot show:
- The PDF's PAdES signature and its visible text are not checked; only the record attached to it is. README.txt
  and schemas/ are not bound to the ledger; rp_id and origins in keys.json are the bundle's own word.
- A password signature is evidence by the site's ledger; a passkey assertion is evidence against the site too.
  Whether a signature was the first of its session cannot be seen here.
- Times are those that the site recorded. That no entry was left out of a stream after its last one rests on the seal.
- Without a cosignature of a witness whom you trust it cannot be shown that the ledger was not cut short after
  this checkpoint, that nobody was shown another ledger, or that the whole ledger was not written anew with this key.
"""


def run(case: Case, say: Callable[[str], None]) -> bool:
    """Do every check in order, stop at none, say each answer; True if all hold."""
    good = True
    for number, (name, check) in enumerate(CHECKS, 1):
        try:
            say(f"OK      {number:2} {name}: {check(case)}")
        except (Broken, Wrong) as broken:
            good = False
            say(f"NOT OK  {number:2} {name}: {broken}")
        except Exception as error:  # noqa: BLE001 - a bundle may be broken in ways not foreseen: never OK, never the end
            good = False
            say(f"NOT OK  {number:2} {name}: cannot be checked ({type(error).__name__}: {plain(str(error))})")
    return good


def main(arguments: list[str] | None = None) -> int:
    """Check the bundle named on the command line; 0 if all holds, 1 if not, 2 if it cannot be opened."""
    parser = argparse.ArgumentParser(description="Check an exported batch record, offline and completely.")
    parser.add_argument("bundle", metavar="BUNDLE", help="the .zip, or the folder unpacked from it")
    parser.add_argument(
        "--key", metavar="VKEY", action="append", default=[], help="published key: name+id+base64; may be repeated"
    )
    options = parser.parse_args(arguments)
    for stream in (sys.stdout, sys.stderr):
        getattr(stream, "reconfigure", lambda **_: None)(errors="backslashreplace")
    print(f"verify.py for record format 1, SHA-256 {own_digest()}")
    print("Compare this with the one published with the release; the copy in a bundle is only for convenience.\n")
    try:
        keys = [read_vkey(key) for key in options.key]
        with contextlib.closing(Bundle(options.bundle)) as bundle:
            case = Case(bundle, keys)
            good = run(case, print)
    except (OSError, Wrong) as error:
        print(f"cannot begin: {error}")
        return 2
    for word in case.words[:200]:
        print("   - " + word)
    print(WORDS)
    signer, given = case.main.signed_by, any(name == case.main.origin for name, _, _ in keys)
    verdict = "ALL CHECKS HOLD" if good else "NOT OK: this bundle is not what the site sealed"
    print(verdict + ("; signed by the key that was given" if good and given else ""))
    if not given and signer is None:
        print("signed by nobody, as far as this bundle shows")
    elif not given and signer is not None:
        vkey = write_vkey(case.main.origin, signer)
        print(f"signed by {vkey}, taken from this bundle: compare it with the site's published key")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
