"""Detachable content: free text and images lie outside the entry, which holds a salted digest of them."""

import os
from collections.abc import Iterator
from hashlib import sha256
from typing import Any

from mes.ledger.entry import Content

SALT_BYTES = 32
MAX_CONTENT_BYTES = 32 * 1024 * 1024
TEXT = "text/plain; charset=utf-8"


def content_digest(salt: bytes, body: bytes) -> str:
    """Return the digest (hex) under which an entry refers to content."""
    return sha256(salt + body).hexdigest()


def new_content(body: bytes | str, media: str = TEXT) -> Content:
    """Wrap content under a fresh salt, so that a removed short text cannot be guessed from its digest."""
    raw = body.encode() if isinstance(body, str) else body
    if len(raw) > MAX_CONTENT_BYTES:
        raise ValueError(f"content of {len(raw)} bytes; the form must refuse it before")
    salt = os.urandom(SALT_BYTES)
    return Content(content_digest(salt, raw), salt, raw, media)


def checked_content(content: Content) -> Content:
    """Return `content` if digest and salt agree; ValueError otherwise, since only a program makes one."""
    if len(content.salt) != SALT_BYTES or content_digest(content.salt, content.body) != content.digest:
        raise ValueError("content does not match its digest")
    return content


def content_references(value: Any) -> Iterator[str]:
    """Yield the digest of every content reference in (part of) an entry."""
    for reference in content_places(value):
        yield reference["content"]


def content_places(value: Any) -> Iterator[dict[str, Any]]:
    """Yield every content reference in (part of) an entry: digest, bytes, media."""
    if isinstance(value, dict):
        if value.keys() == {"content", "bytes", "media"}:
            yield value
        else:
            for item in value.values():
                yield from content_places(item)
    elif isinstance(value, list):
        for item in value:
            yield from content_places(item)
