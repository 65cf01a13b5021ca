"""RFC 3161: a time-stamping authority says that a checkpoint existed at a time, so that the site's clock is not alone.

Optional. The SHA-256 of the stored note is stamped; the authority's answer is checked on arrival against the roots
that the site trusts, and again by `mes ledger verify`. An authority that cannot be reached stops nothing.
"""

import http.client
import ssl
from base64 import b64decode, b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from urllib.parse import urlsplit

from cryptography.x509 import Certificate, load_pem_x509_certificates
from rfc3161_client import (
    HashAlgorithm,
    TimestampRequestBuilder,
    TimeStampResponse,
    VerificationError,
    VerifierBuilder,
    decode_timestamp_response,
)

from mes.errors import Fault, IntegrityBreach
from mes.ids import Stream
from mes.ledger.reader import LedgerReader
from mes.ledger.site_events import TimeStamped

MAX_ANSWER_BYTES = 32 * 1024
"""An answer of a few certificates has 2 to 8 kB; base64 of this fits an entry of 64 KiB."""
ANSWER_S = 10.0
REPLY = "application/timestamp-reply"


@dataclass(frozen=True, slots=True)
class Authority:
    """A time-stamping authority by address, and the root certificates by which its answers are trusted."""

    url: str
    roots: tuple[Certificate, ...]

    @classmethod
    def of(cls, url: str, ca_path: Path) -> "Authority":
        """Read the roots; Fault `time-stamp-ca-unusable` if the file is missing or holds none."""
        return cls(url, roots_in(ca_path))

    def stamped(self, origin: str, size: int, note: str) -> TimeStamped:
        """Have a stored note stamped, and return the fact once the answer was checked.

        Fault `time-stamp-unreachable` (network, HTTP status, size, time) and `time-stamp-wrong` (anything else).
        """
        digest = sha256(note.encode()).digest()
        request = TimestampRequestBuilder().data(note.encode()).hash_algorithm(HashAlgorithm.SHA256).build()
        raw = _posted(self.url, request.as_bytes())
        answer = checked(raw, digest, self.roots, request.nonce)
        when = answer.tst_info.gen_time.astimezone(UTC)
        return TimeStamped(origin, size, digest.hex(), when, b64encode(raw).decode())


def roots_in(path: Path) -> tuple[Certificate, ...]:
    """Return the certificates in a PEM file; Fault `time-stamp-ca-unusable`."""
    try:
        return tuple(load_pem_x509_certificates(path.read_bytes()))
    except (OSError, ValueError) as error:
        raise Fault("time-stamp-ca-unusable", path=str(path), cause=str(error)[:200]) from error


def checked(raw: bytes, digest: bytes, roots: Sequence[Certificate], nonce: int | None = None) -> TimeStampResponse:
    """Return an answer that stamps `digest` under one of `roots`; Fault `time-stamp-wrong`."""
    try:
        answer = decode_timestamp_response(raw)
        builder = VerifierBuilder(roots=list(roots), nonce=nonce)
        builder.build().verify(answer, digest)
    except (VerificationError, ValueError, TypeError, AttributeError) as error:
        raise Fault("time-stamp-wrong", cause=str(error)[:200]) from error
    return answer


def check_time_stamps(reader: LedgerReader, site: str, roots: Sequence[Certificate] | None) -> int:
    """Return how many recorded time stamps stand; IntegrityBreach names the first entry whose stamp does not.

    Without `roots` only that each stamps the note that lies here is checked, not whom to trust.
    """
    count = 0
    for entry in reader.stream(Stream(f"site/{site}")):
        if entry.type != TimeStamped.tag:
            continue
        note = reader.checkpoint_at(int(entry.data["size"]))
        digest = sha256((note or "").encode()).digest()
        try:
            if note is None or digest.hex() != entry.data["digest"]:
                raise Fault("time-stamp-wrong", cause="another checkpoint lies here")
            raw = b64decode(entry.data["response"], validate=True)
            answer = checked(raw, digest, roots) if roots is not None else decode_timestamp_response(raw)
            info = answer.tst_info
            if info.message_imprint.message != digest or info.gen_time.astimezone(UTC) != _time(entry.data["stamped"]):
                raise Fault("time-stamp-wrong", cause="it stamps something else")
        except (Fault, ValueError) as error:
            raise IntegrityBreach(
                f"entry {entry.index}: its time stamp does not stand", index=entry.index, cause=error
            ) from error
        count += 1
    return count


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text)


def _posted(url: str, body: bytes) -> bytes:
    """Send one request: no redirect is followed, and neither time nor size of the answer is the other side's choice."""
    parts = urlsplit(url)
    secure = parts.scheme == "https"
    host, port = str(parts.hostname), parts.port
    connection = (
        http.client.HTTPSConnection(host, port, timeout=ANSWER_S, context=ssl.create_default_context())
        if secure
        else http.client.HTTPConnection(host, port, timeout=ANSWER_S)
    )
    try:
        headers = {"Content-Type": "application/timestamp-query", "Accept": REPLY}
        connection.request("POST", parts.path or "/", body, headers)
        answer = connection.getresponse()
        raw = answer.read(MAX_ANSWER_BYTES + 1)
        kind = (answer.getheader("Content-Type") or "").partition(";")[0].strip().lower()
    except (OSError, http.client.HTTPException) as error:
        raise Fault("time-stamp-unreachable", url=url, cause=str(error)[:200]) from error
    finally:
        connection.close()
    if answer.status != 200 or kind != REPLY or len(raw) > MAX_ANSWER_BYTES:
        raise Fault("time-stamp-unreachable", url=url, cause=f"status {answer.status}, {kind[:60]}, {len(raw)} bytes")
    return raw
