"""Museum: entries that break a rule of section 1, proven and signed all the same."""

import json

from tests.records.verifier.breaking import Exhibit, data, deep, filled, hall, on, raw
from tests.records.verifier.story import OP, content

FILLED = "data/record.jsonl line 22: "
QUANTITY = {"value": "1", "unit": "Cel"}
ACTOR = {"kind": "person", "id": "op", "name": "Op", "role": "qa", "terminal": "t1"}
RULES: list[Exhibit] = [
    *hall(
        "lines and rules",
        FILLED,
        ("a float", "holds the number '70.5'", raw(b'"70"', b"70.5")),
        ("a number with an exponent", "holds the number '7e1'", raw(b'"70"', b"7e1")),
        ("NaN", "holds the number 'NaN'", raw(b'"70"', b"NaN")),
        ("a huge integer", "holds an integer of 2^53", raw(b'"70"', b"9007199254740992")),
        ("a number of 30,000 digits", "holds an integer of 2^53", raw(b'"70"', b"9" * 30_000)),
        ("minus zero", "", raw(b'"70"', b"-0")),
        ("a key twice", "holds a key twice", raw(b'"v":1', b'"v":1,"v":1')),
        ("a key twice, deep", "holds a key twice", raw(b'{"unit"', b'{"unit":"x","unit"')),
        ("white space", "is not in canonical form", raw(b'"v":1', b'"v": 1')),
        (
            "keys out of order",
            "is not in canonical form",
            on(
                "container:filled",
                lambda doc: json.dumps(dict(sorted(doc.items(), reverse=True)), separators=(",", ":")).encode(),
            ),
        ),
        ("an escape too many", "is not in canonical form", raw(b'"70"', b'"\\u0037"')),
        ("a lone surrogate", "", raw(b'"70"', b'"\\ud800"')),
        ("a byte order mark", "is not JSON", raw(b'{"actor"', b'\xef\xbb\xbf{"actor"')),
        ("no UTF-8", "is not JSON", raw(b'"70"', b'"\xff"')),
        ("no JSON", "is not JSON", raw(b'{"actor"', b'["actor"')),
        ("nesting without end", "is not JSON", on("container:filled", lambda doc: b"[" * 60_000)),
        ("no object", "is no object", on("container:filled", lambda doc: b"[]")),
        ("an empty line", "is not JSON", on("container:filled", lambda doc: b"")),
        ("text that is not NFC", "holds text that is not NFC", data(note="A\u030a")),
        ("a key with a capital", "holds the key 'stepName'", data(stepName="x")),
        ("a key of 41 letters", "holds the key", data(**{"k" * 41: 1})),
        ("an assertion elsewhere", "holds the key 'clientDataJSON'", data(assertion={"clientDataJSON": "x"})),
        ("depth 17", "is deeper than 16", data(deep=deep(14))),
        ("more than 64 KiB", "is longer than 64 KiB", data(text="x" * 65_536)),
        ("a quantity of minus zero", "holds a quantity", data(volume=QUANTITY | {"value": "-0.0"})),
        ("a decimal comma", "holds a quantity", data(volume=QUANTITY | {"value": "1,5"})),
        ("a leading zero", "holds a quantity", data(volume=QUANTITY | {"value": "01"})),
        ("thirteen places", "holds a quantity", data(volume=QUANTITY | {"value": "0." + "1" * 13})),
        ("a quantity that is a number", "holds a quantity", data(volume=QUANTITY | {"value": 1})),
        ("a unit with a space", "holds a quantity", data(volume=QUANTITY | {"unit": "m l"})),
        ("a content without a digest", "", data(note=content(b" " * 33) | {"content": "abc"})),
        ("a missing field", "tv is missing", filled(tv=...)),
        ("a field too many", "'extra' is no field of this format", filled(extra=1)),
        ("a reason of null", "reason may not be None", filled(reason=None)),
        ("another version", "v may not be 2", filled(v=2)),
        ("true instead of 1", "v may not be True", filled(v=True)),
        ("data that is a list", "data may not be []", filled(data=[])),
        ("another site", "is of the ledger site-b.1", filled(site="site-b")),
        ("another generation", "is of the ledger site-a.2", filled(gen=2)),
        ("an index twice", "is not in ledger order", filled(index=5)),
        ("a stream without id", "stream may not be", filled(stream="container/")),
        ("a path for an id", "stream may not be", filled(stream="container/../x")),
        ("a type with one part", "type may not be", filled(type="filled")),
        ("a day that is not", "at may not be", filled(at="2026-02-30T00:00:00.000000Z")),
        ("a time without zone", "at may not be", filled(at="2026-11-22T10:00:00.000000")),
        ("a time in seconds", "at may not be", filled(at="2026-11-22T10:00:00Z")),
        ("Arabic digits", "at may not be", filled(at="2026-11-22T1٠:00:00.000000Z")),
        ("an offset of minus zero", "utc_offset may not be", filled(utc_offset="-00:00")),
        ("a zone with a space", "tz may not be", filled(tz="Europe Brussels")),
        (
            "a person without terminal",
            "actor: terminal is missing",
            filled(actor={k: v for k, v in ACTOR.items() if k != "terminal"}),
        ),
        ("a device with a name", "actor: 'name' is no field", filled(actor={"kind": "device", "id": "d", "name": "D"})),
        ("an operation out of range", "op may not be", filled(op={"id": OP[:-1] + "0", "n": 1, "of": 1})),
        ("an operation that is no UUID", "op: id may not be", filled(op={"id": "op-1", "n": 0, "of": 1})),
        ("an operation's place twice", "op: place 2 of 3", filled(op={"id": OP, "n": 2, "of": 3})),
        ("an operation of another size", "op: place 3 of 4", filled(op={"id": OP, "n": 3, "of": 4})),
        (
            "a fact by nobody known",
            "occurred: by may not be",
            filled(occurred={"at": "2026-11-22T00:00:00.000000Z", "by": "god"}),
        ),
        ("half a reference abroad", "refs may not be", filled(refs=[{"index": 0, "leaf": "0" * 64, "gen": 1}])),
        ("a clock that goes back", "at goes back", filled(at="2026-11-22T00:00:01.000000Z")),
        (
            "a step that steps forward",
            "at goes back",
            filled(
                type="site:clock:stepped",
                data={"from": "2026-11-22T00:00:01.000000Z", "to": "2026-11-22T00:00:02.000000Z"},
                at="2026-11-22T00:00:01.000000Z",
            ),
        ),
        ("a step without times", "from may not be", filled(type="site:clock:stepped", data={"from": "x", "to": "y"})),
    ),
]
