"""What the signer saw, as bytes that can be checked for ever."""

from datetime import UTC, datetime
from hashlib import sha256

import pytest
import rfc8785

from mes.errors import Refusal
from mes.ids import Op, Stream
from mes.ledger.entry import Entry
from mes.signatures import Credentials, ShownItem, Source, shown_document


def test_the_document_by_hand() -> None:
    shown = shown_document(
        [ShownItem("Volume", "98.5 mL", Source(Stream("batch/B-1"), 4, "ab" * 32)), ShownItem("Step", "Activation")]
    )
    by_hand = {
        "items": [
            {"label": "Volume", "value": "98.5 mL", "source": {"stream": "batch/B-1", "seq": 4, "leaf": "ab" * 32}},
            {"label": "Step", "value": "Activation"},
        ]
    }
    assert shown.body == rfc8785.dumps(by_hand)
    assert shown.digest == sha256(shown.body).hexdigest()


def test_an_entry_is_a_source() -> None:
    at = datetime(2026, 3, 2, tzinfo=UTC)
    entry = Entry(9, Stream("batch/B-1"), 4, "a:b", 1, at, Op("o"), b"{}", {"data": {}}, b"\xab" * 32)
    by_entry = shown_document([ShownItem("Volume", "98.5 mL", entry)])
    by_source = shown_document([ShownItem("Volume", "98.5 mL", Source(Stream("batch/B-1"), 4, "ab" * 32))])
    assert by_entry.body == by_source.body


def test_order_and_every_character_count() -> None:
    one, two = ShownItem("a", "1"), ShownItem("b", "2")
    digests = {
        shown_document(items).digest for items in ([one, two], [two, one], [one], [], [ShownItem("a", "1 "), two])
    }
    assert len(digests) == 5


@pytest.mark.parametrize("value", ["Zoe\u0308", "\ud800"])
def test_what_no_record_may_hold_is_not_shown(value: str) -> None:
    with pytest.raises(Refusal) as refused:
        shown_document([ShownItem("Name", value)])
    assert refused.value.code == "entry-malformed"


def test_credentials_never_print_what_was_typed() -> None:
    typed = Credentials("avisser", "Kestrel over the fen", "123456", "ab" * 32)
    assert not any(secret in f"{typed!r} {typed}" for secret in ("avisser", "Kestrel", "123456"))
