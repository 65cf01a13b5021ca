"""The bag around the payload (BagIt 1.0, RFC 8493) and the one zip file that its files give. Pure."""

import struct
import zlib
from collections.abc import Mapping
from hashlib import sha256, sha512

from mes.errors import Refusal

BAGIT = b"BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n"
MOST_BYTES = 0xFFFFFFFF
MOST_MEMBERS = 0xFFFF
_FLAGS, _TIME, _DATE, _MODE = 0x0800, 0, 0x0021, 0o100644 << 16
"""UTF-8 names; 1980-01-01 00:00:00; a plain file that its owner writes and everybody reads."""


def bagged(payload: Mapping[str, bytes], tags: Mapping[str, bytes], info: Mapping[str, str]) -> dict[str, bytes]:
    """Return all files of the bag: `payload` (names below data/), further tag files, manifests and bag-info."""
    size = sum(len(body) for body in payload.values())
    told = {**info, "Payload-Oxum": f"{size}.{len(payload)}"}
    outside = {
        **tags,
        "bagit.txt": BAGIT,
        "bag-info.txt": "".join(f"{label}: {value}\n" for label, value in told.items()).encode(),
        "manifest-sha256.txt": _manifest(payload, "sha256"),
        "manifest-sha512.txt": _manifest(payload, "sha512"),
    }
    return {**payload, **outside, "tagmanifest-sha256.txt": _manifest(outside, "sha256")}


def _manifest(files: Mapping[str, bytes], kind: str) -> bytes:
    digest = sha256 if kind == "sha256" else sha512
    return "".join(f"{digest(files[name]).hexdigest()}  {name}\n" for name in sorted(files, key=str.encode)).encode()


def zipped(files: Mapping[str, bytes], base: str) -> bytes:
    """Return the zip of these files below one folder: stored, in byte order, nothing in it that may vary.

    Refuses `record-too-large` beyond what a zip without its 64-bit form can hold.
    """
    out, centre = bytearray(), bytearray()
    names = sorted(files, key=str.encode)
    for name in names:
        raw, body, offset = f"{base}/{name}".encode(), files[name], len(out)
        if offset + len(body) > MOST_BYTES or len(names) > MOST_MEMBERS:
            raise Refusal("record-too-large", members=len(names))
        fixed = struct.pack("<5H3L2H", 20, _FLAGS, 0, _TIME, _DATE, zlib.crc32(body), len(body), len(body), len(raw), 0)
        out += b"PK\3\4" + fixed + raw
        out += body
        centre += b"PK\1\2\x14\3" + fixed + struct.pack("<3HLL", 0, 0, 0, _MODE, offset) + raw
    end = struct.pack("<4H2LH", 0, 0, len(names), len(names), len(centre), len(out), 0)
    return bytes(out + centre + b"PK\5\6" + end)
