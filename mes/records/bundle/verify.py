#!/usr/bin/env python3
"""Is this exported batch record complete and unaltered? python verify.py BUNDLE [--key VKEY]

Written from the page "record format 1" alone, with the Python standard library only (3.8 to 3.13), so that it
shares no code with the program that wrote the record. It runs nothing that is in the bundle and trusts
nothing in it. BUNDLE is the .zip, or the folder that was unpacked from it. Exit code 0: every check holds.
"""

from __future__ import annotations

import argparse
import base64
import binascii
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

MIB = 1 << 20
BLOCK = 1 << 20
ENTRY_LIMIT, DEPTH_LIMIT = 64 * 1024, 16
RECORD_LIMIT, INCLUSION_LIMIT, INDEX_LIMIT, PDF_LIMIT = 128 * MIB, 256 * MIB, 64 * MIB, 512 * MIB
SMALL_LIMIT, CHUNK_LIMIT, MEMBER_LIMIT = 4 * MIB, 64 * MIB, 65535


class Wrong(Exception):
    """A rule of the format does not hold, in plain words."""


class Broken(Exception):
    """The first offending place of a check: which file, which line, and what is wrong there."""

    def __init__(self, where: str, why: object) -> None:
        super().__init__(f"{where}: {why}")


def demand(holds: object, where: str, why: str) -> None:
    """Raise Broken(where, why) unless `holds`."""
    if not holds:
        raise Broken(where, why)


def plain(value: object) -> str:
    """Print text of the bundle without letting it control the terminal."""
    text = ascii(value)
    return text if len(text) <= 90 else text[:87] + "..."


def sha256(body: bytes) -> str:
    """SHA-256 in hex."""
    return hashlib.sha256(body).hexdigest()


def b64(text: str, where: str = "base64") -> bytes:
    """Decode RFC 4648 section 4 with padding, and nothing that only looks like it."""
    try:
        body = base64.b64decode(text, validate=True)
    except (ValueError, TypeError):
        raise Wrong(f"{where} is not base64") from None
    if base64.b64encode(body).decode() != text:
        raise Wrong(f"{where} is not canonical base64")
    return body


def b64url(text: str) -> bytes:
    """Decode base64url without padding, as WebAuthn writes it."""
    if not isinstance(text, str) or not re.fullmatch("[A-Za-z0-9_-]*", text):
        raise Wrong("not base64url without padding")
    try:
        body = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except binascii.Error:
        raise Wrong("not base64url without padding") from None
    if base64.urlsafe_b64encode(body).decode().rstrip("=") != text:
        raise Wrong("not canonical base64url")
    return body


# ---- The container: a zip read by hand, or a folder -------------------------------------------------------

ID = r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}"
SITE, HEX = r"[a-z0-9-]{3,32}", r"[0-9a-f]{64}"
TAG_FILES = ["bag-info.txt", "bagit.txt", "manifest-sha256.txt", "manifest-sha512.txt", "tagmanifest-sha256.txt"]
LEDGER_FILES = ["record.jsonl", "inclusion.jsonl", "checkpoint.txt", "keys.json"]
NEEDED = [*TAG_FILES, "verify.py", "data/master.yaml", "data/ebr.pdf", "data/README.txt", "data/telemetry/index.json"]
PAYLOAD = re.compile(
    rf"data/(?:(?:ledgers/{SITE}\.[1-9][0-9]{{0,8}}/)?(?:record\.jsonl|inclusion\.jsonl|checkpoint\.txt|keys\.json)"
    rf"|master\.yaml|ebr\.pdf|README\.txt|nodemaps/{HEX}\.yaml|telemetry/index\.json|telemetry/{ID}/{ID}\.csv\.gz"
    rf"|shown/{HEX}\.json|content/{HEX}|schemas/[a-z][a-z0-9_:.-]{{0,99}}\.json)"
)


class Bundle:
    """The files of a bundle by their names below the base folder; what is wrong with the container is kept."""

    def __init__(self, path: str) -> None:
        self.path, self.base, self.is_zip = path, "", not os.path.isdir(path)
        self.faults: list[str] = []
        self.sizes: dict[str, int] = {}
        self.places: dict[str, Any] = {}
        self.file: IO[bytes] = open(path, "rb") if self.is_zip else io.BytesIO()  # noqa: SIM115 - see close()
        if self.is_zip:
            self._read_zip()
        else:
            self.base = os.path.basename(os.path.abspath(path))
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
        tail = self._at(max(0, size - 65557), 65557)
        end = tail[max(0, tail.rfind(b"PK\5\6")) :][:22]
        if len(end) < 22 or end[:4] != b"PK\5\6" or size > 0xFFFFFFFF:
            self.faults.append("this is no zip file: its end record is missing or damaged")
            return
        count, length, offset = struct.unpack("<10xHLL2x", end)
        centre, at, total = self._at(offset, min(length, 64 * MIB)), 0, 0
        for number in range(count):
            head = centre[at : at + 46]
            if len(head) < 46 or head[:4] != b"PK\1\2":
                self.faults.append("the central directory is damaged at its member %s" % (number + 1))
                return
            method, packed, names, extra, comment, start = struct.unpack("<10xH8xL4x3H8xL", head)
            name = centre[at + 46 : at + 46 + names]
            at += 46 + names + extra + comment
            total += packed
            if method or total > size:
                self.faults.append(f"member {plain(name)} is compressed or overlaps others")
            else:
                self._add(name, packed, start)

    def _add(self, raw: bytes, size: int, start: int) -> None:
        name = raw.decode("utf-8", "backslashreplace")
        base, slash, inside = name.partition("/")
        self.base = self.base or base
        local = self._at(start, 30)
        if not slash or base != self.base or not re.fullmatch(ID + r"\.ebr", base):
            self.faults.append(f"member {plain(name)} does not lie in one base folder <batch-id>.ebr/")
        elif inside in self.sizes:
            self.faults.append(f"member {plain(name)} is there twice")
        elif len(local) < 30 or local[:4] != b"PK\3\4":
            self.faults.append(f"member {plain(name)} has no header")
        else:
            names, extra = struct.unpack("<26xHH", local)
            self.sizes[inside], self.places[inside] = size, start + 30 + names + extra

    def _at(self, offset: int, length: int) -> bytes:
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
            block = self._at(self.places[name] + done, min(BLOCK, size - done))
            demand(block, name, "is cut short")
            done += len(block)
            yield block

    def read(self, name: str, limit: int = SMALL_LIMIT) -> bytes:
        """Read a whole file of at most `limit` bytes."""
        demand(self.sizes.get(name, 0) <= limit, name, f"is larger than {limit} bytes")
        return b"".join(self.blocks(name))

    def digest(self, name: str, kind: str = "sha256") -> str:
        """Digest of a file in hex, read in blocks."""
        digest = hashlib.new(kind)
        for block in self.blocks(name):
            digest.update(block)
        return digest.hexdigest()

    def rebuilt(self) -> Iterator[tuple[str, bytes]]:
        """Yield the one zip file that these members have, piece by piece, each with what it is."""
        offset, centre = 0, b""
        for name in sorted(self.sizes, key=lambda text: text.encode("utf-8", "surrogateescape")):
            crc = 0
            for block in self.blocks(name):
                crc = zlib.crc32(block, crc)
            raw = f"{self.base}/{name}".encode("utf-8", "surrogateescape")
            size = self.sizes[name]
            fixed = struct.pack("<5H3L2H", 20, 0x800, 0, 0, 33, crc, size, size, len(raw), 0)
            yield f"header (name, time, CRC-32, size) of {plain(name)[1:-1]}", b"PK\3\4" + fixed + raw
            for block in self.blocks(name):
                yield f"content of {plain(name)[1:-1]}", block
            centre += b"PK\1\2\x14\3" + fixed + struct.pack("<3HLL", 0, 0, 0, 0o100644 << 16, offset) + raw
            offset += 30 + len(raw) + size
        count = len(self.sizes)
        yield "central directory", centre
        yield "end record", b"PK\5\6" + struct.pack("<4H2LH", 0, 0, count, count, len(centre), offset, 0)


def check_container(case: Case) -> str:
    """The zip is, byte for byte, the one that its members give."""
    bundle, where = case.bundle, os.path.basename(case.bundle.path)
    demand(not bundle.faults, where, bundle.faults[0] if bundle.faults else "")
    demand(0 < len(bundle.sizes) <= MEMBER_LIMIT, where, "holds no files, or too many")
    if not bundle.is_zip:
        digest = hashlib.sha256()
        for _, piece in bundle.rebuilt():
            digest.update(piece)
        return f"an unpacked folder: the zip itself was not seen; rebuilt from here its SHA-256 is {digest.hexdigest()}"
    at = 0
    for what, piece in bundle.rebuilt():
        found = bundle._at(at, len(piece))
        if found != piece:
            first = next((k for k in range(len(found)) if found[k] != piece[k]), len(found))
            raise Broken(where, f"byte {at + first} differs from the rebuilt zip, in the {what}")
        at += len(piece)
    demand(not bundle._at(at, 1), where, f"there are bytes behind its end, from byte {at}")
    return f"{len(bundle.sizes)} members in {bundle.base}/, rebuilt byte for byte"


def check_bag(case: Case) -> str:
    """Every file is expected, is in both manifests, and has the digests that they say."""
    bundle = case.bundle
    for name in sorted(bundle.sizes):
        demand(PAYLOAD.fullmatch(name) or name in NEEDED, plain(name)[1:-1], "is no file of this format")
    folders = {"data/", *(ledger.folder for ledger in case.others)}
    for name in [*NEEDED, *(folder + name for folder in sorted(folders) for name in LEDGER_FILES)]:
        demand(name in bundle.sizes, name, "is missing")
    version = b"BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n"
    demand(bundle.read("bagit.txt") == version, "bagit.txt", "is not that of BagIt 1.0")
    payload = {name for name in bundle.sizes if name.startswith("data/")}
    tags = set(bundle.sizes) - payload - {"tagmanifest-sha256.txt"}
    for manifest, names in (("tagmanifest-sha256", tags), ("manifest-sha256", payload), ("manifest-sha512", payload)):
        said = read_manifest(bundle, manifest + ".txt", names)
        for name in sorted(names):
            digest = bundle.digest(name, manifest[-6:])
            demand(said[name] == digest, name, f"is not the file that {manifest}.txt names")
    oxum = f"{sum(bundle.sizes[name] for name in payload)}.{len(payload)}"
    case.bag_info = dict(bag_info(bundle))
    demand(case.bag_info.get("Payload-Oxum", oxum) == oxum, "bag-info.txt", f"Payload-Oxum is not {oxum}")
    return f"{len(payload)} payload files, SHA-256 and SHA-512 as in the manifests"


def read_manifest(bundle: Bundle, manifest: str, names: set[str]) -> dict[str, str]:
    """Read `<hex>  <path>` lines, which must name exactly `names`, sorted in byte order."""
    found: dict[str, str] = {}
    last = ""
    for where, line in text_lines(bundle, manifest):
        match = re.fullmatch("([0-9a-f]{64}|[0-9a-f]{128})  (.+)", line)
        if match is None or match[2] not in names or match[2] <= last:
            raise Broken(where, "is not `<digest>  <path>` of a file that is here, once, in byte order")
        last = match[2]
        found[last] = match[1]
    for name in sorted(names - set(found)):
        raise Broken(name, f"is not in {manifest}")
    return found


def text_lines(bundle: Bundle, name: str) -> Iterator[tuple[str, str]]:
    """Yield each line of a text file with where it is; each ends with one line feed."""
    *lines, rest = bundle.read(name, INDEX_LIMIT).decode("utf-8", "replace").split("\n")
    demand(not rest, name, "does not end with a line feed")
    return ((f"{name} line {number}", line) for number, line in enumerate(lines, 1))


def bag_info(bundle: Bundle) -> Iterator[tuple[str, str]]:
    """Yield label and value of each line of bag-info.txt; no label twice, no folded lines."""
    seen: set[str] = set()
    for where, line in text_lines(bundle, "bag-info.txt"):
        label, colon, value = line.partition(": ")
        demand(colon and re.fullmatch("[A-Za-z0-9-]+", label), where, "is no `Label: value`")
        demand(label not in seen, where, "is there twice")
        seen.add(label)
        yield label, value


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


def cose_key(body: bytes) -> dict[int, Any]:
    """Read a COSE_Key: one flat CBOR map of integers to integers or byte strings, nothing behind it."""

    def head(at: int) -> tuple[int, int, int]:
        if at >= len(body):
            raise Wrong("the COSE key is cut short")
        major, short = body[at] >> 5, body[at] & 31
        size = {24: 1, 25: 2, 26: 4}.get(short, 0)
        if short > 26 or at + size >= len(body) + (size == 0):
            raise Wrong("the COSE key is no plain CBOR map")
        number = int.from_bytes(body[at + 1 : at + 1 + size], "big") if size else short
        return major, number, at + 1 + size

    def item(at: int) -> tuple[Any, int]:
        major, number, at = head(at)
        if major > 2 or (major == 2 and at + number > len(body)):
            raise Wrong("the COSE key holds more than integers and byte strings")
        return (number, -1 - number, body[at : at + number])[major], at + (number if major == 2 else 0)

    major, count, at = head(0)
    key: dict[int, Any] = {}
    for _ in range(count if major == 5 else -1):
        label, at = item(at)
        value, at = item(at)
        if not isinstance(label, int) or label in key:
            raise Wrong("the COSE key has a label twice, or one that is no integer")
        key[label] = value
    if major != 5 or at != len(body):
        raise Wrong("the COSE key is no CBOR map, or has bytes behind it")
    return key


def cose_verifies(cose: bytes, signature: bytes, message: bytes) -> bool:
    """Verify with a COSE key of kind EdDSA, ES256 or RS256; any other kind is Wrong."""
    key = cose_key(cose)
    kind = key.get(1), key.get(3)
    if kind == (1, -8) and key.get(-1) == 6:
        return ed25519(bytes(key.get(-2, b"")), signature, message)
    if kind == (2, -7) and key.get(-1) == 1:
        x, y = bytes(key.get(-2, b"")), bytes(key.get(-3, b""))
        point = int.from_bytes(x, "big"), int.from_bytes(y, "big")
        return len(x) == len(y) == 32 and es256(point, signature, message)
    if kind == (3, -257):
        modulus, exponent = (int.from_bytes(bytes(key.get(label, b"")), "big") for label in (-1, -2))
        return rs256(modulus, exponent, signature, message)
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
    if not leaves:
        return hashlib.sha256(b"").digest()
    if len(leaves) == 1:
        return leaf_hash(leaves[0])
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
    return hashlib.sha256(name.encode() + b"\n" + bytes([kind]) + key).digest()[:4]


def read_note(body: bytes) -> tuple[bytes, list[tuple[int, str, bytes]]]:
    """Split a signed note into its text and its signatures (line number, key name, raw signature)."""
    if len(body) > MIB or re.search(rb"[\x00-\x09\x0b-\x1f]", body):
        raise Wrong("is too long for a note, or holds control characters")
    try:
        body.decode("utf-8")
    except UnicodeDecodeError:
        raise Wrong("is not UTF-8") from None
    cut = body.rfind(b"\n\n")
    text, *lines = body[: cut + 1], *body[cut + 2 :].decode().split("\n")
    if cut < 1 or len(lines) < 2 or lines.pop():
        raise Wrong("is no text, blank line and signature lines, each with a line feed")
    signatures: list[tuple[int, str, bytes]] = []
    for number, line in enumerate(lines, text.count(b"\n") + 2):
        match = re.fullmatch("\u2014 ([^\\s+]+) ([A-Za-z0-9+/]+=*)", line)
        raw = b64(match[2], f"signature line {number}") if match else b""
        if match is None or len(raw) < 5 or len(signatures) >= 100:
            raise Wrong(f"line {number} is no signature line")
        signatures.append((number, match[1], raw))
    return text, signatures


def note_signed(text: bytes, raw: bytes, name: str, key: bytes) -> bool:
    """Whether one raw signature of a note is the Ed25519 signature of this key under this name."""
    return raw[:4] == key_id(name, 1, key) and ed25519(key, raw[4:], text)


def note_cosigned(text: bytes, raw: bytes, name: str, key: bytes) -> bool:
    """Whether one raw signature is a cosignature/v1 of this witness."""
    if len(raw) != 76 or raw[:4] != key_id(name, 4, key):
        return False
    time = int.from_bytes(raw[4:12], "big")
    return ed25519(key, raw[12:], b"cosignature/v1\ntime %d\n" % time + text)


def read_vkey(vkey: str) -> tuple[str, int, bytes]:
    """Read a verifier key `name+id+base64`: its name, algorithm and 32 bytes."""
    name, _, rest = vkey.partition("+")
    hint, _, text = rest.partition("+")
    raw = b64(text, "the verifier key")
    if len(raw) != 33 or raw[0] not in (1, 4) or hint != key_id(name, raw[0], raw[1:]).hex():
        raise Wrong("this is no verifier key name+id+key of an Ed25519 key or witness")
    return name, raw[0], raw[1:]


def write_vkey(name: str, key: bytes) -> str:
    """Write a site's key as it is published."""
    return "{}+{}+{}".format(name, key_id(name, 1, key).hex(), base64.b64encode(b"\1" + key).decode())


# ---- Canonical JSON and the rules of section 1 -------------------------------------------------------------

KEY = re.compile(r"[a-z][a-z0-9_]{0,39}")
CONTENT = {"content", "bytes", "media"}
WEBAUTHN_KEY = re.compile(r"[a-z][A-Za-z]{0,39}")
DECIMAL = re.compile(r"-?(0|[1-9][0-9]{0,17})(\.[0-9]{1,12})?")
ZERO = re.compile(r"-0(\.0*)?")


def parse_json(body: bytes) -> Any:
    """Read JSON in canonical form (RFC 8785) that obeys the rules of section 1; anything else is Wrong."""
    try:
        value = loads(body)
        walk(value, 1, "")
        again = json.dumps(value, ensure_ascii=False, separators=(",", ":"), sort_keys=True).encode("utf-8")
    except (ValueError, RecursionError) as error:
        raise Wrong(f"is not JSON that may stand here ({plain(str(error))})") from None
    if again != body:
        raise Wrong("is not in canonical form (RFC 8785)")
    return value


def loads(body: bytes) -> Any:
    """Parse JSON without floats, big integers or keys that stand twice in one object."""

    def pairs(items: list[tuple[str, Any]]) -> Json:
        if len({key for key, _ in items}) != len(items):
            raise Wrong("holds a key twice in one object")
        return dict(items)

    def integer(text: str) -> int:
        if len(text) > 17 or abs(int(text)) >= 1 << 53:
            raise Wrong("holds an integer of 2^53 or more")
        return int(text)

    def no_float(text: str) -> float:
        raise Wrong(f"holds the number {plain(text)}, which is no integer")

    return json.loads(
        body.decode("utf-8"), object_pairs_hook=pairs, parse_int=integer, parse_float=no_float, parse_constant=no_float
    )


def walk(value: Any, depth: int, path: str) -> None:
    """Demand the rules for keys, text, depth and quantities everywhere below `value`."""
    pattern = WEBAUTHN_KEY if path == ".signature.assertion" else KEY
    if isinstance(value, (dict, list)) and depth > DEPTH_LIMIT:
        raise Wrong(f"is deeper than {DEPTH_LIMIT}")
    if isinstance(value, str) and not unicodedata.is_normalized("NFC", value):
        raise Wrong(f"holds text that is not NFC: {plain(value)}")
    if isinstance(value, list):
        for part in value:
            walk(part, depth + 1, path + "[]")
    elif isinstance(value, dict):
        for key, part in value.items():
            if not pattern.fullmatch(key):
                raise Wrong(f"holds the key {plain(key)}, which no record may have")
            walk(part, depth + 1, f"{path}.{key}")
        if set(value) == {"value", "unit"}:
            good = is_decimal(value["value"]) and text_like("[!-~]{1,40}")(value["unit"])
            if not good:
                raise Wrong(f"holds a quantity that is no decimal with a unit: {plain(value)}")
        if set(value) == CONTENT and not is_content(value):
            raise Wrong("holds a content that is no digest with size and media type")


def is_decimal(value: Any) -> bool:
    """Whether a value is a decimal string of the format, and not -0."""
    return isinstance(value, str) and bool(DECIMAL.fullmatch(value)) and not ZERO.fullmatch(value)


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
            return False
        for key in must:
            if key not in value:
                raise Wrong(f"{key} is missing")
        for key, part in value.items():
            if key not in known:
                raise Wrong(f"{plain(key)} is no field of this format")
            try:
                good = known[key](part)
            except Wrong as wrong:
                raise Wrong(f"{key}: {wrong}") from None
            if not good:
                raise Wrong(f"{key} may not be {plain(part)}")
        return True

    return rule


def is_time(value: Any) -> bool:
    """Whether a value is a UTC time with six decimals that exists."""
    if not text_like(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{6}Z")(value):
        return False
    try:
        return bool(datetime.datetime.fromisoformat(value[:-1] + "+00:00"))
    except ValueError:
        return False


def is_actor(value: Any) -> bool:
    """Whether a value names who or what recorded an entry."""
    person = fields(
        {"kind": is_text, "id": is_id, "name": is_text, "role": text_like(KEY.pattern), "terminal": is_text}
    )
    other = fields({"kind": text_like("device|system"), "id": is_id})
    return (person if isinstance(value, dict) and value.get("kind") == "person" else other)(value)


def is_operation(value: Any) -> bool:
    """Whether a value is an operation and a place within it."""
    uuid = text_like("[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
    return fields({"id": uuid, "n": whole(), "of": whole(1)})(value) and value["n"] < value["of"]


is_text: Rule = text_like("(?s).+")
is_id, is_hex, is_site, is_b64 = text_like(ID), text_like(HEX), text_like(SITE), text_like("[A-Za-z0-9+/]+=*")
is_b64url, is_list, is_object = (
    text_like("[A-Za-z0-9_-]+"),
    listed(lambda _: True),
    lambda value: isinstance(value, dict),
)
is_content = fields({"content": is_hex, "bytes": whole(), "media": is_text})
is_zone = text_like(r"[A-Za-z][A-Za-z0-9_+-]*(/[A-Za-z0-9_+-]+){0,3}")
is_offset = text_like(r"(?!-00:00)[+-](0[0-9]|1[0-4]):[0-5][0-9]")
is_stream = text_like("[a-z][a-z0-9_]{0,31}/" + ID)
PLACE: dict[str, Rule] = {"stream": is_stream, "seq": whole()}
is_ref = fields({"index": whole(), "leaf": is_hex}, {"site": is_site, "gen": whole(1)})
FACTORS = ["user_name", "badge", "password", "pin", "totp", "passkey_uv"]
is_signature = fields(
    {
        "meaning": text_like("[A-Z][A-Z0-9_]{0,63}"),
        "text": is_text,
        "person": fields({"id": is_id, "name": is_text}),
        "at": is_time,
        "tz": is_zone,
        "utc_offset": is_offset,
        "factors": listed(lambda value: value in FACTORS),
        "after": listed(fields(PLACE)),
        "shown": is_hex,
        "statement": is_hex,
    },
    {"assertion": fields(dict.fromkeys(("credential", "authenticatorData", "clientDataJSON", "signature"), is_b64url))},
)
is_entry = fields(
    {
        "v": lambda value: type(value) is int and value == 1,
        "site": is_site,
        "gen": whole(1),
        "index": whole(),
        "stream": is_stream,
        "seq": whole(),
        "type": text_like("(?=.{1,100}$)[a-z][a-z0-9_]*(:[a-z][a-z0-9_]*)+"),
        "tv": whole(1),
        "at": is_time,
        "tz": is_zone,
        "utc_offset": is_offset,
        "actor": is_actor,
        "op": is_operation,
        "data": is_object,
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
        self.entries: list[Json | None] = []
        self.lines: list[bytes] = []
        self.by_index: dict[int, int] = {}
        self.by_place: dict[tuple[str, int], int] = {}
        self.operations: dict[str, tuple[int, int]] = {}
        self.keys: list[bytes] = []
        self.signed_by: bytes | None = None
        self.size, self.root = 0, b""
        try:
            self.lines = bundle.read(folder + "record.jsonl", RECORD_LIMIT).split(b"\n")
            demand(not self.lines.pop(), self.line(len(self.lines)), "does not end with a line feed")
        except Broken as broken:
            self.fault = broken
        last: Json | None = None
        for position, line in enumerate(self.lines):
            entry = None
            try:
                entry = self._fitting(line, last)
                last = entry
                self.by_index[entry["index"]] = self.by_place[entry["stream"], entry["seq"]] = position
            except Wrong as wrong:
                self.fault = self.fault or Broken(self.line(position), wrong)
            self.entries.append(entry)
        self.leaves = [leaf_hash(line) for line in self.lines]

    def _fitting(self, line: bytes, last: Json | None) -> Json:
        """Read one line and demand that it may follow the one before."""
        if len(line) > ENTRY_LIMIT:
            raise Wrong("is longer than 64 KiB")
        entry: Json = parse_json(line)
        if not is_entry(entry):
            raise Wrong("is no object")
        self.owner = self.owner or (entry["site"], entry["gen"])
        if (entry["site"], entry["gen"]) != self.owner:
            raise Wrong("is of the ledger {}.{}, not of {}.{}".format(entry["site"], entry["gen"], *self.owner))
        if last is not None and entry["index"] <= last["index"]:
            raise Wrong("is not in ledger order: index {} after {}".format(entry["index"], last["index"]))
        if (entry["stream"], entry["seq"]) in self.by_place:
            raise Wrong("has the place of another: {} {}".format(entry["stream"], entry["seq"]))
        stepped = entry["type"] == "site:clock:stepped"
        if stepped and not fields({"from": is_time, "to": is_time})(entry["data"]):
            raise Wrong("is no step of the clock")
        if (
            last is not None
            and entry["at"] < last["at"]
            and not (stepped and entry["data"]["to"] < entry["data"]["from"])
        ):
            raise Wrong("at goes back from {} to {} without a stepped clock".format(last["at"], entry["at"]))
        op, (n, of) = entry["op"], self.operations.get(entry["op"]["id"], (-1, entry["op"]["of"]))
        if op["n"] <= n or op["of"] != of:
            raise Wrong("op: place {} of {} does not follow in its operation".format(op["n"], op["of"]))
        self.operations[op["id"]] = op["n"], op["of"]
        return entry

    @property
    def origin(self) -> str:
        """Name of the ledger in notes, as `septima/<site>/<gen>`."""
        return "septima/%s/%s" % (self.owner or ("?", 0))

    def line(self, position: int) -> str:
        """Where a line is, for people."""
        return f"{self.folder}record.jsonl line {position + 1}"

    def known(self) -> Iterator[tuple[int, Json]]:
        """Yield position and entry of every line that obeys the rules."""
        return ((position, entry) for position, entry in enumerate(self.entries) if entry is not None)

    def find(self, place: Json) -> int | None:
        """Position of the entry at {"stream","seq"}."""
        return self.by_place.get((place["stream"], place["seq"]))

    def shown(self, entry: Json) -> list[Json]:
        """Sources that the signer of `entry` saw; none if the document is missing or unfit."""
        try:
            document = parse_json(self.bundle.read("data/shown/{}.json".format(entry["signature"]["shown"])))
            is_shown(document)
        except (KeyError, Broken, Wrong):
            return []
        return [item["source"] for item in document["items"] if "source" in item]


is_shown = fields(
    {
        "items": listed(
            fields({"label": is_text, "value": text_like("(?s).*")}, {"source": fields({**PLACE, "leaf": is_hex})})
        )
    }
)


class Case:
    """Everything that one run of the program looks at."""

    def __init__(self, bundle: Bundle, keys: list[tuple[str, int, bytes]]) -> None:
        self.bundle, self.given = bundle, keys
        self.main = Ledger(bundle, "data/")
        folders = sorted(
            {name.split("/")[2] for name in bundle.sizes if PAYLOAD.fullmatch(name) and "/ledgers/" in name}
        )
        self.others = []
        for folder in folders:
            site, _, gen = folder.rpartition(".")
            self.others.append(Ledger(bundle, f"data/ledgers/{folder}/", (site, int(gen))))
        self.ledgers = [self.main, *self.others]
        self.bag_info: dict[str, str] = {}
        self.words: list[str] = []

    def seal(self) -> Json:
        """The last line of the record, which must be the seal."""
        where = self.main.line(max(0, len(self.main.entries) - 1))
        last = self.main.entries[-1] if self.main.entries else None
        demand(last is not None and last["type"] == "site:record:sealed", where, "is not the seal")
        assert last is not None
        streams = listed(fields({"stream": is_stream, "last_seq": whole()}))
        try:
            fields({"batch": is_id, "streams": streams, "telemetry_index": is_hex, "master": is_hex})(last["data"])
        except Wrong as wrong:
            raise Broken(where, wrong) from None
        return last

    def whole_streams(self) -> dict[str, int]:
        """Streams that the seal says are whole, with their last place."""
        return {part["stream"]: part["last_seq"] for part in self.seal()["data"]["streams"]}


def check_lines(case: Case) -> str:
    """Every line of every record.jsonl is canonical and within the rules."""
    for ledger in case.ledgers:
        if ledger.fault:
            raise ledger.fault
        demand(ledger.lines, ledger.folder + "record.jsonl", "is empty")
    demand(
        case.main.owner not in [other.owner for other in case.others], "data/ledgers", "holds the batch's own ledger"
    )
    return "{} entries of {}".format(
        sum(len(ledger.lines) for ledger in case.ledgers),
        ", ".join(o.origin for o in case.ledgers),
    )


def check_streams(case: Case) -> str:
    """Streams that the seal names are whole; the others are in order."""
    promised = case.whole_streams()
    seal = len(case.main.entries) - 1
    demand(len(promised) == len(case.seal()["data"]["streams"]), case.main.line(seal), "names a stream twice")
    part: dict[str, int] = {}
    for ledger in case.ledgers:
        reached: dict[str, int] = {}
        for position, entry in ledger.known():
            stream, seq = entry["stream"], entry["seq"]
            wanted = reached.get(stream, -1) + 1
            is_whole = ledger is case.main and stream in promised
            demand(
                seq == wanted if is_whole else seq >= wanted,
                ledger.line(position),
                f"{stream} jumps to {seq}, expected {wanted}",
            )
            demand(
                entry["index"] >= seq,
                ledger.line(position),
                "index {} is below its place in {}".format(entry["index"], stream),
            )
            reached[stream] = seq
            if not is_whole:
                name = stream if ledger is case.main else f"{stream} of {ledger.origin}"
                part[name] = part.get(name, 0) + 1
        if ledger is case.main:
            for stream, last in promised.items():
                found = reached.get(stream, -1)
                demand(
                    found == last,
                    ledger.folder + "record.jsonl",
                    f"{stream} ends at {found}, the seal says {last}",
                )
    case.words.append("Shown in part: {}.".format(", ".join("{} ({})".format(*item) for item in sorted(part.items()))))
    return f"{len(promised)} whole as the seal says, {len(part)} shown in part"


def check_references(case: Case) -> str:
    """`refs` and `corrects` lead to entries that are here, and nothing is here that nothing leads to."""
    by_owner = {ledger.owner: ledger for ledger in case.ledgers}
    wanted: dict[Any, set[int]] = {ledger.owner: set() for ledger in case.ledgers}
    count = 0
    for ledger in case.ledgers:
        for position, entry in ledger.known():
            where = ledger.line(position)
            for ref in entry.get("refs", []):
                owner = (ref["site"], ref["gen"]) if "site" in ref else ledger.owner
                demand("site" not in ref or owner != ledger.owner, where, "refers to its own ledger as if to another")
                other = by_owner.get(owner)
                target = other.by_index.get(ref["index"]) if other else None
                found = other is not None and target is not None and other.leaves[target].hex() == ref["leaf"]
                demand(
                    found,
                    where,
                    "refers to entry {} of {}.{}, which is not here as it says".format(
                        ref["index"], *(owner or ("?", 0))
                    ),
                )
                demand(
                    other is not ledger or ref["index"] < entry["index"], where, "refers to an entry that comes later"
                )
                if other is not ledger:
                    wanted[owner].add(target or 0)
                count += 1
            if "corrects" in entry:
                target = ledger.find(entry["corrects"])
                demand(target is not None and target < position, where, "corrects an entry that is not here before it")
                count += 1
    for ledger in case.ledgers:
        roots = wanted[ledger.owner]
        if ledger is case.main:
            promised = case.whole_streams()
            roots |= {position for position, entry in ledger.known() if entry["stream"] in promised}
            roots.add(len(ledger.entries) - 1)
        reached = closure(ledger, roots)
        for position, _ in ledger.known():
            demand(position in reached, ledger.line(position), "is no part of this record: nothing here leads to it")
        for person in sorted(people(ledger.entries) if ledger is case.main else []):
            demand(
                ("person/" + person, 0) in ledger.by_place,
                ledger.folder + "record.jsonl",
                f"person/{person} 0 is missing",
            )
    return f"{count} lead to entries that are here; nothing else is here"


def people(entries: Iterable[Json | None]) -> set[str]:
    """Ids of the persons who acted or signed in these entries."""
    found = set()
    for entry in entries:
        if entry is not None and entry["actor"]["kind"] == "person":
            found.add(entry["actor"]["id"])
        if entry is not None and "signature" in entry:
            found.add(entry["signature"]["person"]["id"])
    return found


def closure(ledger: Ledger, roots: set[int]) -> set[int]:
    """Positions that belong to the record: what the roots rely on, keys, people, clock steps, voids, removals."""
    streams: dict[str, set[int]] = {}
    holders: dict[str, set[int]] = {}
    for position, entry in ledger.known():
        streams.setdefault(entry["stream"], set()).add(position)
        for digest, _ in contents(entry["data"]):
            holders.setdefault(digest, set()).add(position)
    reached, fresh = set(), set(roots)
    for position, entry in ledger.known():
        if entry["index"] == 0 or entry["type"] in ("site:key:rotated", "site:clock:stepped"):
            fresh.add(position)
    while fresh:
        reached |= fresh
        follow: set[int | None] = set()
        for position in fresh:
            entry = ledger.entries[position] or {}
            places = [*entry.get("signature", {}).get("after", []), *ledger.shown(entry)]
            places += [entry["corrects"]] if "corrects" in entry else []
            follow |= {ledger.find(place) for place in places}
            follow |= {ledger.by_index.get(ref["index"]) for ref in entry.get("refs", []) if "site" not in ref}
        for person in people(ledger.entries[position] for position in fresh):
            follow |= streams.get("person/" + person, set())
        for position, entry in ledger.known():
            if entry["type"] == "content:removed" and holders.get(entry["data"].get("content"), set()) & reached:
                follow.add(position)
            if entry["type"] == "signature:voided" and ledger.by_index.get(entry["data"].get("index", -1)) in reached:
                follow.add(position)
        fresh = {position for position in follow if position is not None} - reached
    return reached


def contents(value: Any) -> Iterator[tuple[str, int]]:
    """Yield digest and size of every detachable content that is named below `value`."""
    if isinstance(value, dict) and set(value) == CONTENT:
        yield value["content"], value["bytes"]
    for part in value.values() if isinstance(value, dict) else value if isinstance(value, list) else []:
        yield from contents(part)


# ---- Inclusion proofs, checkpoints, cosignatures, seal -----------------------------------------------------


def check_inclusion(case: Case) -> str:
    """Every line is proven to be in the tree of its ledger's checkpoint."""
    for ledger in case.ledgers:
        name = ledger.folder + "inclusion.jsonl"
        try:
            _, ledger.size, ledger.root = read_checkpoint(case.bundle.read(ledger.folder + "checkpoint.txt"))
        except Wrong as wrong:
            raise Broken(ledger.folder + "checkpoint.txt", wrong) from None
        *lines, rest = case.bundle.read(name, INCLUSION_LIMIT).split(b"\n")
        demand(not rest, name, "does not end with a line feed")
        for position, line in enumerate(lines[: len(ledger.lines)]):
            where = f"{name} line {position + 1}"
            try:
                told = parse_json(line)
                fields({"index": whole(), "proof": listed(is_b64)})(told)
                proof = [b64(step) for step in told["proof"]]
            except Wrong as wrong:
                raise Broken(where, wrong) from None
            entry = ledger.entries[position]
            demand(
                entry is None or entry["index"] == told["index"],
                where,
                "is for another entry than that line of the record",
            )
            root = proven_root(ledger.leaves[position], told["index"], ledger.size, proof)
            if root != ledger.root:
                raise Broken(
                    where,
                    "proves nothing: {} is not entry {} of the checkpoint's tree".format(
                        ledger.line(position), told["index"]
                    ),
                )
        demand(len(lines) == len(ledger.lines), name, f"has {len(lines)} lines for {len(ledger.lines)} entries")
    return f"{sum(len(ledger.lines) for ledger in case.ledgers)} entries proven"


def read_checkpoint(body: bytes) -> tuple[str, int, bytes]:
    """Origin, size and root of a checkpoint."""
    origin, size, root, *more = read_note(body)[0].decode().split("\n")
    if more != [""] or not re.fullmatch("0|[1-9][0-9]{0,15}", size) or len(b64(root, "line 3")) != 32:
        raise Wrong("is not origin, decimal size and root, one line each")
    return origin, int(size), b64(root)


is_keys = fields(
    {
        "site": fields({"name": is_text, "alg": lambda value: value == 1, "key": is_b64}),
        "witnesses": listed(fields({"name": is_text, "alg": lambda value: value == 4, "key": is_b64})),
        "rp_id": text_like("[a-z0-9.-]*"),
        "origins": listed(is_text),
        "persons": listed(
            fields(
                {"id": is_id, "name": is_text, "passkeys": listed(fields({"credential": is_b64url, "cose": is_b64}))}
            )
        ),
    }
)


def read_keys(case: Case, ledger: Ledger) -> Json:
    """The keys.json of one ledger."""
    name = ledger.folder + "keys.json"
    try:
        keys: Json = parse_json(case.bundle.read(name))
        demand(is_keys(keys), name, "is no object")
        for known in [keys["site"], *keys["witnesses"]]:
            demand(len(b64(known["key"])) == 32, name, "{} has no key of 32 bytes".format(plain(known["name"])))
    except Wrong as wrong:
        raise Broken(name, wrong) from None
    return keys


def key_chain(ledger: Ledger) -> list[bytes]:
    """The site's keys from its first entry on, one rotation after the other, oldest first."""
    chain: list[bytes] = []
    start = ledger.by_index.get(0)
    first = ledger.entries[start] if start is not None else None
    if first is None:
        raise Broken(ledger.folder + "record.jsonl", "entry 0, which names the site's key, is missing")
    site, gen = ledger.owner or ("", 0)
    kind = "site:ledger:created" if gen == 1 else "site:ledger:continued"
    home = (kind, "site/" + site)
    for position, entry in ledger.known():
        where, data = ledger.line(position), entry["data"]
        if entry is not first and entry["type"] not in (
            "site:key:rotated",
            "site:ledger:created",
            "site:ledger:continued",
        ):
            continue
        demand(
            (entry["type"], entry["stream"]) == (home if entry is first else ("site:key:rotated", home[1])),
            where,
            "is no such entry as names a key",
        )
        try:
            key, previous = b64(data.get("key"), "key"), b64(data["previous"], "previous") if chain else b""
        except (Wrong, KeyError) as wrong:
            raise Broken(where, wrong) from None
        demand(len(key) == 32 and (not chain or previous == chain[-1]), where, "does not replace the key before it")
        if entry is first:
            before = data.get("site") == site if gen == 1 else data.get("origin") == f"septima/{site}/{gen - 1}"
            demand(before, where, "opens another ledger than its own")
        chain.append(key)
    return chain


def check_checkpoints(case: Case) -> str:
    """Each checkpoint is signed by the newest key that its own ledger names, and by the key that was given."""
    said, origins = [], {ledger.origin for ledger in case.ledgers}
    for ledger in case.ledgers:
        name = ledger.folder + "checkpoint.txt"
        body = case.bundle.read(name)
        try:
            (text, signatures), (origin, size, _) = read_note(body), read_checkpoint(body)
        except Wrong as wrong:
            raise Broken(name, wrong) from None
        demand(
            origin == ledger.origin,
            name + " line 1",
            f"is of {plain(origin)}, the entries are of {ledger.origin}",
        )
        ledger.keys, site = key_chain(ledger), read_keys(case, ledger)["site"]
        demand(site["name"] == origin, ledger.folder + "keys.json", "names another site than the checkpoint")
        demand(
            b64(site["key"]) == ledger.keys[-1],
            ledger.folder + "keys.json",
            "the site's key is not the newest of its ledger",
        )
        given = [key for told, kind, key in case.given if (told, kind) == (origin, 1)]
        must = {ledger.keys[-1], *given}
        for number, signer, raw in signatures:
            keys = [key for key in ledger.keys if signer == origin and raw[:4] == key_id(origin, 1, key)]
            good = [key for key in keys if note_signed(text, raw, origin, key)]
            demand(good or signer != origin, f"{name} line {number}", "is no signature of this site's keys")
            must -= set(good)
        demand(ledger.keys[-1] not in must, name, "is not signed by the site's newest key")
        demand(not must, name, "is not signed by the key that was given")
        ledger.signed_by = ledger.keys[-1]
        said.append(f"{origin} size {size}")
        if ((ledger.entries[ledger.by_index[0]] or {})["data"].get("clock")) == "simulated":
            case.words.append(f"{origin} ran on a SIMULATED clock.")
        if ledger is not case.main and not given:
            case.words.append(f"{origin} is signed by {write_vkey(origin, ledger.keys[-1])}, taken from this bundle.")
    for told, kind, _ in case.given:
        demand(kind == 4 or told in origins, "--key " + plain(told), "is the key of no ledger in this bundle")
    return ", ".join(said)


def check_cosignatures(case: Case) -> str:
    """Every other signature below a checkpoint is one of a witness that keys.json names."""
    count = 0
    for ledger in case.ledgers:
        name = ledger.folder + "checkpoint.txt"
        try:
            text, signatures = read_note(case.bundle.read(name))
        except Wrong as wrong:
            raise Broken(name, wrong) from None
        witnesses = {told["name"]: b64(told["key"]) for told in read_keys(case, ledger)["witnesses"]}
        must = {(told, key) for told, kind, key in case.given if kind == 4 and ledger is case.main}
        for number, signer, raw in signatures:
            if signer == ledger.origin:
                continue
            where = f"{name} line {number}"
            demand(signer in witnesses, where, f"is by {plain(signer)}, whom keys.json does not name")
            demand(note_cosigned(text, raw, signer, witnesses[signer]), where, f"is no cosignature of {plain(signer)}")
            must.discard((signer, witnesses.pop(signer)))
            count += 1
            begin = datetime.datetime(1970, 1, 1)  # noqa: DTZ001 - datetime.UTC is not in 3.8
            when = begin + datetime.timedelta(seconds=min(int.from_bytes(raw[4:12], "big"), 1 << 37))
            case.words.append(f"{ledger.origin} was cosigned by {plain(signer)[1:-1]} at {when.isoformat()}Z.")
        demand(not must, name, "is not cosigned by the witness whose key was given")
    return f"{count}" if count else "none: no witness has cosigned"


def check_seal(case: Case) -> str:
    """The seal is the last entry, the checkpoint ends with it, and it names what is here."""
    seal, bundle = case.seal(), case.bundle
    data, where = seal["data"], case.main.line(len(case.main.entries) - 1)
    demand(seal["stream"] == "site/" + seal["site"], where, "is not in the site's stream")
    try:
        _, size, _ = read_checkpoint(bundle.read("data/checkpoint.txt"))
    except Wrong as wrong:
        raise Broken("data/checkpoint.txt", wrong) from None
    demand(
        size == seal["index"] + 1,
        "data/checkpoint.txt line 2",
        "size is not that of the seal, %s" % (seal["index"] + 1),
    )
    demand("batch/" + data["batch"] in case.whole_streams(), where, "does not name the stream of its batch")
    demand(
        not bundle.is_zip or bundle.base == data["batch"] + ".ebr",
        where,
        "is of batch {}, not of {}".format(data["batch"], plain(bundle.base)),
    )
    for key, name in (("telemetry_index", "data/telemetry/index.json"), ("master", "data/master.yaml")):
        demand(sha256(bundle.read(name, INDEX_LIMIT)) == data[key], name, "is not the one that was sealed")
    demand(
        case.bag_info.get("Bagging-Date") == seal["at"][:10], "bag-info.txt", "Bagging-Date is not the day of the seal"
    )
    return "batch {}, sealed {}".format(data["batch"], seal["at"])


# ---- Electronic signatures --------------------------------------------------------------------------------

TWO_FACTORS = re.compile("(QP|OOS)_.*|CERT_WITHDRAWN|RELEASE_ASSIGNED|(MASTER|CHANGE|ACCESS)_APPROVED|BREAK_GLASS")


def check_signatures(case: Case) -> str:
    """Each signature: statement, factors, what was shown, passkey assertion; and what a correction voids."""
    count = {"signatures": 0, "by passkey": 0}
    for ledger in case.ledgers:
        keys = read_keys(case, ledger)
        enrolled: dict[tuple[str, str], str] = {}
        for position, entry in ledger.known():
            where = ledger.line(position)
            try:
                if entry["type"] == "person:passkey:enrolled":
                    fields({"person": is_id, "credential": is_b64url, "cose": is_b64})(entry["data"])
                    if entry["stream"] != "person/" + entry["data"]["person"]:
                        raise Wrong("enrols a passkey in the stream of another")
                    enrolled[entry["data"]["person"], entry["data"]["credential"]] = entry["data"]["cose"]
                if "signature" in entry:
                    count["signatures"] += 1
                    check_signature(ledger, entry)
                    check_shown(case, ledger, entry)
                    if "assertion" in entry["signature"]:
                        count["by passkey"] += 1
                        check_assertion(entry["signature"], keys, enrolled)
            except Wrong as wrong:
                raise Broken(where, wrong) from None
        name = ledger.folder + "keys.json"
        listed_keys = [
            (one["id"], key["credential"], key["cose"]) for one in keys["persons"] for key in one["passkeys"]
        ]
        for person, credential, cose in listed_keys:
            demand(enrolled.get((person, credential)) == cose, name, f"has a passkey of {person} that no entry enrols")
        strangers = {e["signature"]["person"]["id"] for _, e in ledger.known() if "signature" in e} - {
            one["id"] for one in keys["persons"]
        }
        demand(not strangers, name, f"does not name the signers {plain(sorted(strangers))}")
    voided = check_voids(case.main)
    return ", ".join(f"{number} {what}" for what, number in count.items()) + f", {voided} void"


def check_signature(ledger: Ledger, entry: Json) -> None:
    """The statement is that of this entry, and the factors are legal for its meaning."""
    signature = entry["signature"]
    told: Json = {key: entry[key] for key in ("site", "gen", "stream", "type", "data", "reason") if key in entry}
    told.update({key: signature[key] for key in ("after", "shown", "meaning", "text", "person")})
    statement = json.dumps(told, ensure_ascii=False, separators=(",", ":"), sort_keys=True).encode("utf-8")
    if sha256(statement) != signature["statement"]:
        raise Wrong("signature: its statement is not that of this entry")
    if (entry["actor"]["kind"], entry["actor"]["id"]) != ("person", signature["person"]["id"]):
        raise Wrong("signature: the signer is not who recorded the entry")
    if signature["at"] > entry["at"]:
        raise Wrong("signature: signed after it was recorded")
    factors = signature["factors"]
    secrets = [factor for factor in factors if factor in ("password", "pin", "passkey_uv")]
    names = [factor for factor in factors if factor in ("user_name", "badge")]
    if factors != [factor for factor in FACTORS if factor in factors] or len(secrets) != 1 or len(names) > 1:
        raise Wrong(f"signature: the factors {plain(factors)} are not legal")
    if "totp" in factors and secrets != ["password"]:
        raise Wrong("signature: a totp goes with a password only")
    if TWO_FACTORS.fullmatch(signature["meaning"]) and secrets != ["passkey_uv"] and "totp" not in factors:
        raise Wrong("signature: {} needs two factors".format(signature["meaning"]))
    if ("passkey_uv" in factors) != ("assertion" in signature):
        raise Wrong("signature: passkey_uv and assertion go together")


def check_shown(case: Case, ledger: Ledger, entry: Json) -> None:
    """What the signer saw is here, is what was recorded, and had not been corrected meanwhile."""
    signature, name = entry["signature"], "data/shown/{}.json".format(entry["signature"]["shown"])
    after = {place["stream"]: place["seq"] for place in signature["after"]}
    for place in signature["after"]:
        position = ledger.find(place)
        found = position is not None and ledger.entries[position]
        promised = case.whole_streams() if ledger is case.main else {}
        if (not found and place["stream"] in promised) or (found and found["index"] >= entry["index"]):
            raise Wrong(
                "signature: after names {} {}, which is not here before it".format(place["stream"], place["seq"])
            )
    if name not in case.bundle.sizes:
        if ledger is case.main:
            raise Wrong(f"signature: what the signer saw, {name}, is missing")
        case.words.append(
            "What was shown to the signer of {} entry {} is not in this bundle.".format(ledger.origin, entry["index"])
        )
        return
    body = case.bundle.read(name)
    try:
        fit = is_shown(parse_json(body)) and sha256(body) == signature["shown"]
    except Wrong as wrong:
        raise Broken(name, wrong) from None
    demand(fit, name, "is not the document that the signer of entry {} saw".format(entry["index"]))
    corrections = {}
    for _, other in ledger.known():
        if "corrects" in other and other["index"] < entry["index"]:
            corrections[other["corrects"]["stream"], other["corrects"]["seq"]] = other
    for source in ledger.shown(entry):
        position = ledger.find(source)
        found = position is not None and ledger.entries[position]
        here = found and found["index"] < entry["index"] and ledger.leaves[position or 0].hex() == source["leaf"]
        if not here and (found or ledger is case.main):
            raise Wrong(
                "signature: was shown {} {}, which is not here so before it".format(source["stream"], source["seq"])
            )
        change = corrections.get((source["stream"], source["seq"]))
        if change is not None and change["seq"] > after.get(change["stream"], change["seq"]):
            raise Wrong(
                "signature: {} {} had been corrected before it was signed".format(source["stream"], source["seq"])
            )


def check_assertion(signature: Json, keys: Json, enrolled: dict[tuple[str, str], str]) -> None:
    """The passkey assertion is over this statement, for this site, with user verification, by an enrolled key."""
    assertion = {name: b64url(text) for name, text in signature["assertion"].items()}
    cose = enrolled.get((signature["person"]["id"], signature["assertion"]["credential"]))
    if cose is None:
        raise Wrong("passkey: no entry before this one enrols it for {}".format(signature["person"]["id"]))
    try:
        client = json.loads(assertion["clientDataJSON"].decode("utf-8"), object_pairs_hook=once)
    except (ValueError, RecursionError):
        raise Wrong("passkey: its client data is no JSON") from None
    if (
        not isinstance(client, dict)
        or client.get("type") != "webauthn.get"
        or client.get("crossOrigin", False) is not False
    ):
        raise Wrong("passkey: is no assertion (type webauthn.get, same origin)")
    challenge = base64.urlsafe_b64encode(bytes.fromhex(signature["statement"])).decode().rstrip("=")
    if client.get("challenge") != challenge:
        raise Wrong("passkey: was made for another statement")
    host = re.fullmatch(r"(?:https://([a-z0-9.-]+)|http://(localhost))(?::[0-9]{1,5})?", str(client.get("origin")))
    name = (host[1] or host[2]) if host else ""
    if client["origin"] not in keys["origins"] or not (name == keys["rp_id"] or name.endswith("." + keys["rp_id"])):
        raise Wrong("passkey: was made at {}, not at this site".format(plain(client.get("origin"))))
    told, flags = assertion["authenticatorData"], (assertion["authenticatorData"] + b"\0" * 37)[32]
    if told[:32] != hashlib.sha256(keys["rp_id"].encode()).digest():
        raise Wrong("passkey: is of another relying party")
    if flags & 0x45 != 0x05 or len(told) < 37 or (len(told) > 37) != bool(flags & 0x80):
        raise Wrong("passkey: user present and verified is not asserted")
    message = told + hashlib.sha256(assertion["clientDataJSON"]).digest()
    if not cose_verifies(b64(cose), assertion["signature"], message):
        raise Wrong("passkey: the signature does not verify")


def once(items: list[tuple[str, Any]]) -> Json:
    """Object of JSON pairs, no key twice."""
    if len({key for key, _ in items}) != len(items):
        raise ValueError("a key twice")
    return dict(items)


def check_voids(ledger: Ledger) -> int:
    """A correction voids what was signed on the corrected entry, and what was signed on that, in its own operation."""
    void: dict[int, int] = {}
    named: dict[tuple[str, int], int] = {}
    signed: dict[int, list[tuple[str, int]]] = {}
    for position, entry in ledger.known():
        if entry["type"] == "signature:voided":
            target = ledger.by_index.get(entry["data"].get("index"))
            good = target is not None and target < position and "signature" in (ledger.entries[target] or {})
            demand(
                good and entry["data"].get("cause"),
                ledger.line(position),
                "voids no signature that is here, or names no cause",
            )
            named[entry["op"]["id"], target or 0] = position
        if "signature" in entry:
            signed[position] = [(source["stream"], source["seq"]) for source in ledger.shown(entry)]
    for position, entry in ledger.known():
        fallen = [(entry["corrects"]["stream"], entry["corrects"]["seq"])] if "corrects" in entry else []
        while fallen:
            place = fallen.pop()
            for other, sources in signed.items():
                if other < position and other not in void and place in sources:
                    witness = named.get((entry["op"]["id"], other))
                    where, index = ledger.line(position), (ledger.entries[other] or {}).get("index")
                    demand(
                        witness is not None,
                        where,
                        f"corrects what entry {index} was signed on, but does not void that",
                    )
                    void[other] = witness or 0
                    fallen.append(((ledger.entries[other] or {})["stream"], (ledger.entries[other] or {})["seq"]))
    return len({target for _, target in named})


# ---- Telemetry --------------------------------------------------------------------------------------------

HEADER = b"source_time,server_time,receive_time,value,unit,status,origin\n"
WHEN = rb"[0-9]{4}-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-5][0-9]:[0-5][0-9]\.[0-9]{7}Z"
ROW = re.compile(
    WHEN + rb",(?:" + WHEN + rb")?,(" + WHEN + rb"),"
    rb"(-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?|true|false|NaN|-?Infinity|\"(?:[^\"\x00-\x1f]|\"\")*\"|),"
    rb"[!#-+\--~]{0,40},([0-9A-Fa-f]{8}),(?:LIVE|REPUBLISHED|HISTORY|MANUAL|FILE)"
)
is_chunk = fields(
    {
        "device": is_id,
        "tag": is_id,
        "from": is_time,
        "to": is_time,
        "count": whole(1),
        "offset": whole(),
        "length": whole(1),
        "sha256": is_hex,
        "entry": whole(),
    }
)
is_window = fields({"device": is_id, "run": is_id, "from": is_time, "to": is_time, "count": whole(), "root": is_hex})


def gunzip(blocks: Iterator[bytes], name: str) -> Iterator[bytes]:
    """Yield what gzip members with mtime 0 and no name hold, in blocks of bounded size."""
    member, pending, ended = None, b"", False
    while pending or not ended:
        if len(pending) < 8 and not ended:
            block = next(blocks, b"")
            pending, ended = pending + block, not block
            continue
        if member is None:
            demand(pending[:8] == b"\x1f\x8b\x08\0\0\0\0\0", name, "is no gzip with mtime 0 and without a name")
            member = zlib.decompressobj(31)
        try:
            out = member.decompress(pending, BLOCK)
            while len(out) == BLOCK and not member.eof:
                yield out
                out = member.decompress(member.unconsumed_tail, BLOCK)
        except zlib.error as error:
            raise Broken(name, f"cannot be unpacked ({error})") from None
        if out:
            yield out
        pending, member = member.unused_data, None if member.eof else member
    demand(member is None, name, "ends in the middle")


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
    name = "data/telemetry/index.json"
    try:
        index = parse_json(case.bundle.read(name, INDEX_LIMIT))
        demand(fields({"chunks": listed(is_chunk)})(index), name, "is no object")
    except Wrong as wrong:
        raise Broken(name, wrong) from None
    chunks = index["chunks"]
    order = [(chunk["device"], chunk["tag"], chunk["offset"]) for chunk in chunks]
    demand(order == sorted(set(order)), name, "is not in order of device, tag and offset")
    files: dict[str, list[Json]] = {}
    windows: dict[int, list[Json]] = {}
    for chunk in chunks:
        files.setdefault("data/telemetry/{}/{}.csv.gz".format(chunk["device"], chunk["tag"]), []).append(chunk)
        windows.setdefault(chunk["entry"], []).append(chunk)
    for file in sorted({name for name in case.bundle.sizes if name.endswith(".csv.gz")} | set(files)):
        demand(file in files, file, "is not in the index")
        check_samples(case.bundle, file, files[file])
    check_windows(case, windows)
    return "{} samples in {} chunks, {} sealed windows".format(
        sum(chunk["count"] for chunk in chunks),
        len(chunks),
        len(windows),
    )


def check_samples(bundle: Bundle, name: str, chunks: list[Json]) -> None:
    """One file: the header, then its chunks end to end, every row well formed and received within its hour."""
    unpacked = Unpacked(gunzip(bundle.blocks(name), name))
    demand(unpacked.take(len(HEADER)) == HEADER, name + " line 1", "is not the header")
    at, line = len(HEADER), 2
    for chunk in chunks:
        demand(
            chunk["offset"] == at and chunk["length"] <= CHUNK_LIMIT,
            name,
            "chunk at {} does not follow the one before".format(chunk["offset"]),
        )
        body = unpacked.take(chunk["length"])
        rows = body.split(b"\n")
        where = "{} lines {} to {}".format(name, line, line + chunk["count"] - 1)
        demand(
            rows.pop() == b"" and len(rows) == chunk["count"],
            where,
            "hold {} rows, the index says {}".format(len(rows), chunk["count"]),
        )
        begin, end = (chunk[key][:-1].encode() + b"0Z" for key in ("from", "to"))
        for number, row in enumerate(rows, line):
            match = ROW.fullmatch(row)
            if match is None or (not match[2] and match[3][:1] in b"0123"):
                raise Broken(f"{name} line {number}", f"is no sample: {plain(row)}")
            demand(begin <= match[1] < end, f"{name} line {number}", "was received outside its hour")
        demand(sha256(body) == chunk["sha256"], where, "do not have the digest that the index says")
        at, line = at + chunk["length"], line + chunk["count"]
    demand(not unpacked.take(1), f"{name} line {line}", "is beyond what the index says")


def check_windows(case: Case, windows: dict[int, list[Json]]) -> None:
    """Each telemetry:window:sealed of a whole stream has all its chunks, and each chunk its entry."""
    name = "data/telemetry/index.json"
    last: dict[tuple[str, str], str] = {}
    sealed = {
        entry["index"]: position for position, entry in case.main.known() if entry["type"] == "telemetry:window:sealed"
    }
    for index in sorted(set(windows) - set(sealed)):
        raise Broken(name, f"names entry {index}, which seals no telemetry here")
    for index, position in sealed.items():
        entry, where = case.main.entries[position], case.main.line(position)
        assert entry is not None
        data, chunks = entry["data"], windows.get(index, [])
        if not chunks and entry["stream"] not in case.whole_streams():
            continue
        try:
            is_window(data)
        except Wrong as wrong:
            raise Broken(where, wrong) from None
        demand(entry["stream"] == "run/" + data["run"], where, "seals the samples of another run")
        begin, end = (datetime.datetime.fromisoformat(data[key][:-1] + "+00:00") for key in ("from", "to"))
        demand(begin < end <= begin + datetime.timedelta(hours=1), where, "is not a window of at most an hour")
        before = last.get((data["device"], data["run"]), data["from"])
        demand(before <= data["from"], where, "overlaps the window before it")
        last[data["device"], data["run"]] = data["to"]
        for chunk in chunks:
            same = all(chunk[key] == data[key] for key in ("device", "from", "to"))
            demand(same, name, "chunk of {}/{} does not fit entry {}".format(chunk["device"], chunk["tag"], index))
        tags = [chunk["tag"] for chunk in chunks]
        demand(len(tags) == len(set(tags)), name, f"has a tag twice for entry {index}")
        digests = [bytes.fromhex(chunk["sha256"]) for chunk in sorted(chunks, key=lambda chunk: chunk["tag"].encode())]
        demand(tree_root(digests).hex() == data["root"], where, "the chunks here do not have the root that was sealed")
        count = sum(chunk["count"] for chunk in chunks)
        demand(count == data["count"], where, "sealed {} samples, here are {}".format(data["count"], count))


# ---- Documents --------------------------------------------------------------------------------------------


def check_documents(case: Case) -> str:
    """What was shown, contents and node maps are the ones that entries name; the master is the sealed one."""
    bundle, removed, counts = case.bundle, {}, {"shown": 0, "content": 0, "nodemaps": 0}
    wanted: dict[str, set[str]] = {"shown": set(), "content": set(), "nodemaps": set()}
    for ledger in case.ledgers:
        for position, entry in ledger.known():
            if "signature" in entry:
                wanted["shown"].add(entry["signature"]["shown"])
            wanted["nodemaps"].update(texts(entry["data"]))
            if entry["type"] == "content:removed":
                demand(
                    is_text(entry["data"].get("ground")),
                    ledger.line(position),
                    "removes content without a legal ground",
                )
                removed[entry["data"].get("content")] = entry["index"]
            wanted["content"].update(digest for digest, _ in contents(entry["data"]))
    for name in sorted(bundle.sizes):
        match = re.fullmatch(r"data/(shown|content|nodemaps)/([0-9a-f]{64})(\.json|\.yaml)?", name)
        if match:
            demand(bundle.digest(name) == match[2], name, "does not have the digest in its name")
            demand(match[2] in wanted[match[1]], name, "is named by no entry")
            demand(
                match[1] != "content" or match[2] not in removed,
                name,
                f"was removed by entry {removed.get(match[2])}, but is here",
            )
            counts[match[1]] += 1
    for position, entry in case.main.known():
        for digest, size in contents(entry["data"]):
            name, where = "data/content/" + digest, case.main.line(position)
            if digest in removed:
                case.words.append(f"Content {digest} of {where} was removed by entry {removed[digest]}.")
                continue
            demand(name in bundle.sizes, name, f"is missing; {where} names it")
            demand(bundle.sizes[name] == size + 32, name, f"is not 32 bytes of salt and {size} bytes")
        for digest in node_maps(entry["data"]):
            name = f"data/nodemaps/{digest}.yaml"
            demand(name in bundle.sizes, name, f"is missing; {case.main.line(position)} names it")
    seal = case.seal()
    demand(
        sha256(bundle.read("data/master.yaml", INDEX_LIMIT)) == seal["data"]["master"],
        "data/master.yaml",
        "is not the sealed one",
    )
    return ", ".join(f"{number} {what}" for what, number in counts.items()) + ", the master"


def texts(value: Any) -> Iterator[str]:
    """Yield every string below `value`."""
    if isinstance(value, str):
        yield value
    for part in value.values() if isinstance(value, dict) else value if isinstance(value, list) else []:
        yield from texts(part)


def node_maps(value: Any) -> Iterator[str]:
    """Yield every digest that stands below `value` under the key node_map."""
    if isinstance(value, dict) and is_hex(value.get("node_map")):
        yield value["node_map"]
    for part in value.values() if isinstance(value, dict) else value if isinstance(value, list) else []:
        yield from node_maps(part)


# ---- The PDF: find the attached file record.jsonl ---------------------------------------------------------

SPACE = rb"(?:[\0\t\n\f\r ]|%[^\r\n]*[\r\n])*"
TOKEN = re.compile(
    SPACE + rb"(<<|>>|\[|\]|\(|<[0-9A-Fa-f\s]*>|/[^\0\t\n\f\r ()<>\[\]{}/%]*|[^\0\t\n\f\r ()<>\[\]{}/%]+)"
)
REFERENCE = re.compile(rb"[\0\t\n\f\r ]+([0-9]{1,10})[\0\t\n\f\r ]+R(?![A-Za-z0-9])")
ESCAPES = {b"n": b"\n", b"r": b"\r", b"t": b"\t", b"b": b"\b", b"f": b"\f", b"\n": b"", b"\r": b"", b"\r\n": b""}


class Pdf:
    """As much of ISO 32000 as leads to an attachment: cross-references, object streams, name trees."""

    def __init__(self, body: bytes) -> None:
        self.body = body
        self.places: dict[int, tuple[int, int]] = {}
        self.packed: dict[int, dict[int, Any]] = {}
        self.root: Any = None
        marks = list(re.finditer(rb"startxref\s+([0-9]{1,12})\s+%%EOF\s*\Z", body[-2048:]))
        if not body.startswith(b"%PDF-") or not marks:
            raise Wrong("is no PDF: its beginning or its end is missing")
        todo, seen = [int(marks[-1][1])], {-1}
        while todo:
            at = todo.pop(0)
            if at in seen or len(seen) > 256:
                raise Wrong("its cross-references run in a circle")
            seen.add(at)
            trailer = self._table(at) if re.compile(SPACE + b"xref").match(body, at) else self._stream(at)
            if "/Encrypt" in trailer:
                raise Wrong("is encrypted")
            self.root = self.root or trailer.get("/Root")
            todo += [trailer[key] for key in ("/XRefStm", "/Prev") if isinstance(trailer.get(key), int)]

    def _table(self, at: int) -> Json:
        head = re.compile(rb"\s*xref\s+").match(self.body, at)
        at = head.end() if head else at
        part = re.compile(rb"([0-9]{1,10}) ([0-9]{1,10})\s*?\r?\n?")
        row = re.compile(rb"\s*([0-9]{10}) ([0-9]{5}) ([fn])\s*")
        while True:
            section = part.match(self.body, at)
            if section is None:
                break
            at = section.end()
            for number in range(int(section[1]), int(section[1]) + int(section[2])):
                entry = row.match(self.body, at)
                if entry is None:
                    raise Wrong("has a damaged cross-reference table")
                at = entry.end()
                self.places.setdefault(number, (1, int(entry[1])) if entry[3] == b"n" else (0, 0))
        word, at = self.value(at)
        trailer, _ = self.value(at)
        if word != "trailer" or not isinstance(trailer, dict):
            raise Wrong("has no trailer")
        return trailer

    def _stream(self, at: int) -> Json:
        trailer, data = self._object_at(at)
        if not isinstance(trailer, dict) or trailer.get("/Type") != "/XRef":
            raise Wrong("has no cross-reference stream where it should be")
        body, widths = self.decode(trailer, data), trailer["/W"]
        numbers = trailer.get("/Index", [0, trailer["/Size"]])
        at, total = 0, sum(widths)
        for first, count in ((numbers[k], numbers[k + 1]) for k in range(0, len(numbers), 2)):
            for number in range(first, first + count):
                row, row_at, cells = body[at : at + total], 0, []
                if len(row) < total or not total:
                    raise Wrong("has a cross-reference stream that is cut short")
                for width in widths:
                    cells.append(int.from_bytes(row[row_at : row_at + width], "big") if width else 1)
                    row_at += width
                self.places.setdefault(number, (cells[0], cells[1]))
                at += total
        return trailer

    def value(self, at: int, depth: int = 0) -> tuple[Any, int]:
        """Parse one value: names as "/Name", strings as bytes, references as (number,), words as they are."""
        token = TOKEN.match(self.body, at)
        if token is None or depth > 60:
            raise Wrong(f"cannot be read at byte {at}")
        text, at = token[1], token.end()
        if text == b"(":
            return self._string(at)
        if text in (b"[", b"<<"):
            items: list[Any] = []
            while True:
                item, at = self.value(at, depth + 1)
                if item in ("]", ">>"):
                    break
                items.append(item)
            return (items if text == b"[" else {key: items[k + 1] for k, key in enumerate(items[:-1]) if not k % 2}), at
        if text.startswith(b"<") and text != b"<<":
            digits = re.sub(rb"\s", b"", text[1:-1]).decode()
            return bytes.fromhex(digits + "0" * (len(digits) % 2)), at
        if re.fullmatch(rb"[+-]?[0-9]{1,15}", text):
            reference = REFERENCE.match(self.body, at)
            return ((int(text),), reference.end()) if reference else (int(text), at)
        return text.decode("latin-1"), at

    def _string(self, at: int) -> tuple[bytes, int]:
        out, level = bytearray(), 1
        piece = re.compile(rb"\\([0-7]{1,3}|\r\n|.)|([()])|[^\\()]+", re.S)
        while level:
            match = piece.match(self.body, at)
            if match is None:
                raise Wrong("has a string without an end")
            at, escaped = match.end(), match[1]
            level += {b"(": 1, b")": -1}.get(match[2] or b"", 0)
            if escaped is not None:
                out += bytes([int(escaped, 8) & 255]) if escaped[:1].isdigit() else ESCAPES.get(escaped, escaped)
            elif level:
                out += match[0]
        return bytes(out), at

    def _object_at(self, at: int) -> tuple[Any, int]:
        """Value of the object at a place, and where its stream begins (-1 if it has none)."""
        head = re.compile(SPACE + rb"[0-9]{1,10}\s+[0-9]{1,5}\s+obj").match(self.body, at)
        if head is None:
            raise Wrong(f"has no object at byte {at}")
        value, at = self.value(head.end())
        stream = re.compile(SPACE + rb"stream\r?\n").match(self.body, at)
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
        if kind != 2:
            return None, -1
        if place not in self.packed:
            self.packed[place] = {}
            holder, data = self._fetch(place) if self.places.get(place, (0, 0))[0] == 1 else ({}, -1)
            inner = Pdf.__new__(Pdf)
            inner.body, first = self.decode(holder, data), holder["/First"]
            numbers = inner.body[:first].split()
            for k in range(0, 2 * holder["/N"], 2):
                self.packed[place][int(numbers[k])] = inner.value(first + int(numbers[k + 1]))[0]
        return self.packed[place].get(number), -1

    def decode(self, about: Json, start: int, limit: int = INDEX_LIMIT) -> bytes:
        """Unpack a stream that is plain or Flate, with or without a PNG predictor."""
        length, filters = self.get(about.get("/Length")), self.get(about.get("/Filter", []))
        body = self.body[start : start + length]
        if start < 0 or len(body) != length or not re.compile(rb"\s*endstream").match(self.body, start + length):
            raise Wrong("has a stream of another length than it says")
        if filters not in ([], "/FlateDecode", ["/FlateDecode"]):
            raise Wrong(f"has a stream filter that is not known here: {plain(filters)}")
        if filters:
            unpacker = zlib.decompressobj()
            body = unpacker.decompress(body, limit + 1)
            if not unpacker.eof:
                raise Wrong(f"has a stream that is cut short, or longer than {limit} bytes")
        terms = self.get(about.get("/DecodeParms")) or {}
        terms = self.get(terms[0]) or {} if isinstance(terms, list) else terms
        if terms.get("/Predictor", 1) == 1:
            return body
        return unfilter(body, terms.get("/Columns", 1))

    def attachments(self, node: Any, depth: int = 0) -> Iterator[tuple[str, Any]]:
        """Yield file name and file specification below a node of the name tree."""
        node = self.get(node) or {}
        names = self.get(node.get("/Names")) or []
        for k in range(1, len(names), 2):
            told = self.get(names[k])
            label = self.get(told.get("/UF", told.get("/F", b"")))
            wide = label[:2] == b"\xfe\xff"
            yield label[2:].decode("utf-16-be", "replace") if wide else label.decode("latin-1"), told
        for kid in self.get(node.get("/Kids")) or []:
            if depth > 20:
                raise Wrong("has a name tree in a circle")
            yield from self.attachments(kid, depth + 1)

    def attached(self, wanted: str, limit: int) -> bytes:
        """Content of the one attachment of this name."""
        catalogue = self.get(self.root) or {}
        tree = (self.get(catalogue.get("/Names")) or {}).get("/EmbeddedFiles")
        found = [told for name, told in self.attachments(tree) if name == wanted]
        if len(found) != 1:
            raise Wrong(f"has {len(found)} attachments named {wanted}, not one")
        reference = self.get(found[0].get("/EF"))["/F"]
        about, start = self._fetch(reference[0])
        return self.decode(about, start, limit)


def unfilter(body: bytes, columns: int) -> bytes:
    """Undo the PNG filters none and up, which cross-reference streams use."""
    out, before = bytearray(), bytes(columns)
    for at in range(0, len(body), columns + 1):
        kind, row = body[at], body[at + 1 : at + 1 + columns]
        if kind not in (0, 2) or len(row) != columns:
            raise Wrong("has a predictor that is not known here")
        before = row if kind == 0 else bytes((new + old) & 255 for new, old in zip(row, before))  # noqa: B905 - 3.8
        out += before
    return bytes(out)


def check_pdf(case: Case) -> str:
    """The record that is attached to the PDF is record.jsonl."""
    record = case.bundle.read("data/record.jsonl", RECORD_LIMIT)
    try:
        attached = Pdf(case.bundle.read("data/ebr.pdf", PDF_LIMIT)).attached("record.jsonl", len(record))
    except (Wrong, KeyError, IndexError, TypeError, AttributeError, ValueError, zlib.error) as error:
        raise Broken(
            "data/ebr.pdf", error if isinstance(error, Wrong) else f"cannot be read ({plain(str(error))})"
        ) from None
    if attached != record:
        lines = record.split(b"\n")
        same = next((k for k, line in enumerate(attached.split(b"\n")) if k >= len(lines) or line != lines[k]), 0)
        raise Broken("data/ebr.pdf", "its attached record differs from data/record.jsonl at line %s" % (same + 1))
    return "its attached record.jsonl is data/record.jsonl"


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
  this checkpoint, that nobody was shown another ledger, or that the whole ledger was not written anew with this key."""


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
    with open(os.path.abspath(__file__), "rb") as itself:
        print(f"verify.py for record format 1, SHA-256 {sha256(itself.read())}")
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
    print(WORDS + "\n")
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
