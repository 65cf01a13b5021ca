"""Museum: files of a ledger that were changed behind it: record, proofs, checkpoint, keys."""

from tests.records.verifier.breaking import (
    Exhibit,
    edit,
    extra_key,
    filed,
    gone,
    hall,
    one_more,
    put,
    resigned,
    swapped,
    twice,
)
from tests.records.verifier.writer import b64, key_of, public, vkey

INCLUSION, CHECKPOINTS, COSIGNATURES, SEAL = "inclusion proofs", "checkpoints", "cosignatures", "seal"
BAG = "bag"
STRANGER = vkey("septima/site-a/1", key_of("stranger"))
LEDGER_FILES: list[Exhibit] = [
    *hall(
        "lines and rules",
        "",
        ("the batch's own ledger twice", "data/ledgers: holds the batch's own ledger", filed(twice)),
        (
            "a record without final line feed",
            "data/record.jsonl line 25: does not end",
            put("data/record.jsonl", lambda body: body[:-1]),
        ),
        (
            "a record with a carriage return",
            "data/record.jsonl line 1: is not in canonical form",
            put("data/record.jsonl", lambda body: body.replace(b"\n", b"\r\n", 1)),
        ),
        ("an empty record", "data/record.jsonl: is empty", put("data/record.jsonl", b"")),
        ("two lines swapped", "data/record.jsonl line 2: is not in ledger order", put("data/record.jsonl", swapped)),
        (
            "a line twice",
            "data/record.jsonl line 2: is another site/site-a 0",
            put("data/record.jsonl", lambda body: body[: body.index(b"\n") + 1] + body),
        ),
        (
            "the other ledger under another name",
            "data/ledgers/other.1/record.jsonl line 1: is of the ledger control.1",
            filed(
                lambda story, files: [
                    files.update({name.replace("control.1", "other.1"): files.pop(name)})
                    for name in list(files)
                    if "control.1" in name
                ]
            ),
        ),
    ),
    *hall(
        "streams",
        "",
        (
            "the seal cut off",
            "is not the seal",
            put("data/record.jsonl", lambda body: body[: body[:-1].rindex(b"\n") + 1]),
        ),
    ),
    *hall(
        INCLUSION,
        "",
        (
            "a value changed in the record",
            "data/inclusion.jsonl line 22: proves nothing",
            edit("data/record.jsonl", b'"value":"70"', b'"value":"71"'),
        ),
        (
            "a proof changed",
            "data/inclusion.jsonl line 1:",
            put("data/inclusion.jsonl", lambda body: body.replace(b'["', b'["AA', 1).replace(b'=", "', b'","', 1)),
        ),
        (
            "a proof of another line",
            "data/inclusion.jsonl line 1: is for another entry",
            put("data/inclusion.jsonl", swapped),
        ),
        (
            "a proof with white space",
            "data/inclusion.jsonl line 1: is not in canonical form",
            edit("data/inclusion.jsonl", b'{"index":0', b'{"index": 0'),
        ),
        (
            "a proof too long",
            "data/inclusion.jsonl line 1: proves nothing",
            edit("data/inclusion.jsonl", b"]", b',"' + b64(b"0" * 32).encode() + b'"]'),
        ),
        (
            "a proof missing",
            "data/inclusion.jsonl: has 24 lines for 25",
            put("data/inclusion.jsonl", lambda body: body[: body[:-1].rindex(b"\n") + 1]),
        ),
        (
            "a proof without a line feed",
            "data/inclusion.jsonl line 25: does not end with a line feed",
            put("data/inclusion.jsonl", lambda body: body[:-1]),
        ),
        (
            "a proof too many",
            "has 26 lines for 25",
            put("data/inclusion.jsonl", lambda body: body + b'{"index":99,"proof":[]}\n'),
        ),
        (
            "a checkpoint of another root",
            "data/checkpoint.txt: is not origin",
            edit("data/checkpoint.txt", b"\n27\n", b"\n27\nAAAA"),
        ),
        (
            "a checkpoint with a line more",
            "data/checkpoint.txt: is not origin",
            resigned(lambda text: text + b"more\n"),
        ),
        (
            "a checkpoint with a padded size",
            "data/checkpoint.txt: is not origin",
            resigned(lambda text: text.replace(b"\n27\n", b"\n027\n")),
        ),
        ("a checkpoint of a smaller tree", "proves nothing", resigned(lambda text: text.replace(b"\n27\n", b"\n26\n"))),
        (
            "a checkpoint with CRLF",
            "control characters",
            put("data/checkpoint.txt", lambda body: body.replace(b"\n", b"\r\n")),
        ),
        (
            "no signature at all",
            "is no text, blank line and signature lines",
            put("data/checkpoint.txt", lambda body: body.partition(b"\n\n")[0] + b"\n\n"),
        ),
    ),
    *hall(
        "references",
        "",
        (
            "a proof of the other ledger changed",
            "refers to entry 3 of control.1",
            edit("data/ledgers/control.1/record.jsonl", b'"order":"O1"', b'"order":"O2"'),
        ),
    ),
    *hall(
        CHECKPOINTS,
        "",
        (
            "a checkpoint of another ledger",
            "data/checkpoint.txt line 1: is of 'septima/site-b/1'",
            resigned(lambda text: text.replace(b"site-a", b"site-b")),
        ),
        (
            "a signature by a stranger",
            "data/checkpoint.txt line 8: is no signature of this site's keys",
            filed(extra_key),
        ),
        (
            "only the former key signs",
            "is not signed by the site's newest key",
            put(
                "data/checkpoint.txt", lambda body: b"".join(body.splitlines(keepends=True)[k] for k in (0, 1, 2, 3, 5))
            ),
        ),
        (
            "keys.json with a stranger's key",
            "data/keys.json: site: 'key_' is no field",
            edit(
                "data/keys.json",
                b'"alg":1,"key":"',
                b'"alg":1,"key":"' + b64(public(key_of("x"))).encode() + b'","key_":"',
            ),
        ),
        (
            "keys.json with a short key",
            "data/keys.json: 'witness.example/w1' has no key of 32 bytes",
            edit("data/keys.json", b64(public(key_of("witness.example/w1"))).encode(), b"AAAA"),
        ),
        (
            "keys.json with the former key",
            "data/keys.json: the site's key is not the newest",
            filed(
                lambda story, files: files.update(
                    {
                        "data/keys.json": files["data/keys.json"].replace(
                            b64(public(story.ledger.key)).encode(), b64(public(key_of("site-a"))).encode()
                        )
                    }
                )
            ),
        ),
        (
            "keys.json of another site",
            "data/keys.json: names another site",
            edit("data/keys.json", b"septima/site-a/1", b"septima/site-b/1"),
        ),
        (
            "keys.json with white space",
            "data/keys.json: is not in canonical form",
            put("data/keys.json", lambda body: body + b"\n"),
        ),
        (
            "a key that did not sign",
            "data/checkpoint.txt: is not signed by the key that was given",
            {"arguments": ["--key", STRANGER]},
        ),
        (
            "a key of another ledger",
            "is the key of no ledger in this bundle",
            {"arguments": ["--key", vkey("septima/site-z/1", key_of("z"))]},
        ),
    ),
    *hall(
        SEAL,
        "",
        (
            "a checkpoint beyond the seal",
            "data/checkpoint.txt line 2: size is not that of the seal, 27",
            filed(one_more),
        ),
    ),
    *hall(
        "signatures",
        "",
        (
            "keys.json without the signer",
            "data/keys.json: does not name the signers ['op']",
            edit("data/keys.json", b'{"id":"op","name":"Op","passkeys":[]},', b""),
        ),
        (
            "keys.json with an unknown passkey",
            "data/keys.json: has a passkey of op that no entry enrols",
            edit("data/keys.json", b'"Op","passkeys":[]', b'"Op","passkeys":[{"cose":"AAAA","credential":"abc"}]'),
        ),
        (
            "keys.json with another origin",
            "passkey: was made at",
            edit("data/keys.json", b"https://mes.example", b"https://mes.example.evil"),
        ),
    ),
    *hall(
        COSIGNATURES,
        "",
        (
            "a witness that did not sign",
            "is not cosigned by the witness whose key was given",
            {"arguments": ["--key", vkey("witness.example/w2", key_of("w2"), 4)]},
        ),
        (
            "a witness unknown to keys.json",
            "data/checkpoint.txt line 7: is by 'witness.example/w1'",
            edit("data/keys.json", b"witness.example/w1", b"witness.example/w2"),
        ),
        (
            "a witness of another key",
            "data/checkpoint.txt line 7: is no cosignature",
            edit(
                "data/keys.json", b64(public(key_of("witness.example/w1"))).encode(), b64(public(key_of("x"))).encode()
            ),
        ),
    ),
    *hall(
        BAG,
        "",
        (
            "a folder without its files",
            "data/ledgers/control.1/keys.json: is missing",
            gone("data/ledgers/control.1/keys.json"),
        ),
    ),
]
