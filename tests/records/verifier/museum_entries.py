"""Museum: ledgers whose entries do not belong together, or whose signatures do not hold."""

from tests.records.verifier.breaking import (
    Exhibit,
    before_seal,
    filled,
    hall,
    leave_out,
    on,
    over_correction,
    passkey,
    removal,
    signature,
    signed,
    signed_by_a_removed_passkey,
)
from tests.records.verifier.story import OP
from tests.records.verifier.writer import b64, b64url, key_of, public

FILLED = "data/record.jsonl line 22: "
STREAMS, REFERENCES, LINES, SIGNATURES, CERTIFIED = (
    "streams",
    "references",
    "lines and rules",
    "signatures",
    "batch:certified",
)
TWO_FACTORS = (
    "QP_PRELIM_CERTIFIED",
    "QP_FINAL_CERTIFIED",
    "QP_REFUSED",
    "CERT_WITHDRAWN",
    "RELEASE_ASSIGNED",
    "OOS_RISK_EVALUATED",
    "OOS_REQUESTED",
    "OOS_ACCEPTED",
    "MASTER_APPROVED",
    "CHANGE_APPROVED",
    "ACCESS_APPROVED",
    "BREAK_GLASS",
)
STREAM_RULES: list[Exhibit] = [
    *hall(
        STREAMS,
        "",
        ("a stream's middle left out", "run/B1.R1 jumps to 2, expected 1", leave_out("telemetry:window:sealed")),
        ("a stream's end left out", "certificate/C1 ends at -1, the seal says 0", leave_out("certificate:issued")),
        (
            "a place beyond its index",
            "index is below its place 50 in equipment/prodigy-1",
            on("equipment:node_map:approved", lambda doc: doc.update(seq=50)),
        ),
        ("a gap made by the ledger", "container/K1 jumps to 3, expected 0", filled(seq=3)),
        (
            "a seal that says less",
            "batch/B1 ends at 8, the seal says 1",
            {"sealing": lambda story, told: told["streams"][0].update(last_seq=1)},
        ),
        (
            "a seal that names a stream twice",
            "names a stream twice",
            {"sealing": lambda story, told: told["streams"].append(told["streams"][0])},
        ),
        ("a seal with a field too many", "'note' is no field", {"sealing": lambda story, told: told.update(note="x")}),
    ),
    *hall(
        REFERENCES,
        "",
        (
            "a seal without its batch",
            "data/record.jsonl line 6: is no part of this record",
            {"sealing": lambda story, told: told["streams"].pop(0)},
        ),
        (
            "a wrong leaf",
            FILLED + "refers to entry 0 of site-a.1, which is not here as it says",
            filled(refs=[{"index": 0, "leaf": "0" * 64}]),
        ),
        (
            "a reference to what comes later",
            FILLED + "refers to an entry that comes later",
            filled(refs=[{"index": 25, "leaf": "0" * 64}]),
        ),
        ("a reference to nowhere", FILLED + "refers to entry 6", filled(refs=[{"index": 6, "leaf": "0" * 64}])),
        (
            "a reference to an unknown ledger",
            FILLED + "refers to entry 0 of site-z.1",
            filled(refs=[{"index": 0, "leaf": "0" * 64, "site": "site-z", "gen": 1}]),
        ),
        (
            "a reference abroad that is home",
            FILLED + "refers to its own ledger",
            filled(refs=[{"index": 0, "leaf": "0" * 64, "site": "site-a", "gen": 1}]),
        ),
        (
            "a correction of nothing",
            FILLED + "corrects an entry that is not here",
            filled(corrects={"stream": "batch/B1", "seq": 99}),
        ),
        (
            "a correction of what comes later",
            FILLED + "corrects an entry that is not here",
            filled(corrects={"stream": "certificate/C1", "seq": 0}),
        ),
        (
            "an entry of another order",
            "data/record.jsonl line 7: is no part of this record",
            before_seal(lambda story: story.left_out.clear()),
        ),
        ("a person without beginning", "person/op 0 is missing", leave_out("person:enrolled", 1)),
    ),
    *hall(
        "checkpoints",
        "",
        ("no first entry", "entry 0, which names the site's key, is missing", leave_out("site:ledger:created")),
        ("no rotation", "data/keys.json: the site's key is not the newest", leave_out("site:key:rotated")),
        (
            "a rotation in another stream",
            "data/record.jsonl line 11: is no such entry as names a key",
            on("site:key:rotated", lambda doc: doc.update(stream="batch/B1", seq=1)),
        ),
        (
            "a rotation of another key",
            "line 11: does not replace the key before it",
            on("site:key:rotated", lambda doc: doc["data"].update(previous=b64(public(key_of("x"))))),
        ),
        (
            "a first entry of another site",
            "line 1: opens another ledger",
            on("site:ledger:created", lambda doc: doc["data"].update(site="site-b")),
        ),
        (
            "a generation that continues another ledger",
            "line 1: opens another ledger than its own",
            {"gen": 2} | on("site:ledger:continued", lambda doc: doc["data"].update(origin="septima/site-a/2")),
        ),
        (
            "a first entry with a short key",
            "line 1: names a key that is not 32 bytes",
            on("site:ledger:created", lambda doc: doc["data"].update(key="AAAA")),
        ),
        (
            "the ledger opened twice",
            "line 25: is no such entry as names a key",
            before_seal(
                lambda story: story.ledger.append(
                    "batch/B1", "site:ledger:created", {"site": "site-a", "key": b64(public(key_of("x")))}
                )
            ),
        ),
    ),
    *hall(
        LINES,
        "",
        (
            "an unknown factor",
            "data/record.jsonl line 12: signature: factors may not be",
            signature("batch:step:confirmed", factors=["face"]),
        ),
        (
            "a signature without text",
            "data/record.jsonl line 12: signature: text may not be",
            signature("batch:step:confirmed", text=""),
        ),
    ),
]

SIGNATURE_RULES: list[Exhibit] = [
    *hall(
        SIGNATURES,
        "",
        (
            "another statement",
            "line 12: signature: its statement is not that of this entry",
            signature("batch:step:confirmed", statement="0" * 64),
        ),
        (
            "data changed behind the signature",
            "line 12: signature: its statement",
            on("batch:step:confirmed", lambda doc: doc["data"].update(step="s2")),
        ),
        (
            "a reason changed behind the signature",
            "signature: its statement",
            on("batch:step:corrected", lambda doc: doc.update(reason="other")),
        ),
        (
            "a name changed behind the signature",
            "signature: its statement",
            on("batch:step:confirmed", lambda doc: doc["signature"]["person"].update(name="Eve")),
        ),
        (
            "a signer who is not the actor",
            "the signer is not who recorded the entry",
            on("batch:step:confirmed", lambda doc: doc["actor"].update(id="qp")),
        ),
        (
            "signed after it was recorded",
            "signed after it was recorded",
            signature("batch:step:confirmed", at="2027-01-01T00:00:00.000000Z"),
        ),
        ("a badge alone", "the factors ['badge'] are not legal", signature("batch:step:verified", factors=["badge"])),
        ("no factor", "the factors [] are not legal", signature("batch:step:verified", factors=[])),
        ("a factor twice", "are not legal", signature("batch:step:verified", factors=["badge", "pin", "pin"])),
        ("two names", "are not legal", signature("batch:step:verified", factors=["user_name", "badge", "pin"])),
        ("two secrets", "are not legal", signature("batch:step:verified", factors=["password", "pin"])),
        ("factors out of order", "are not legal", signature("batch:step:verified", factors=["pin", "badge"])),
        ("a totp alone", "are not legal", signature("batch:step:verified", factors=["totp"])),
        (
            "a totp with a pin",
            "a totp goes with a password only",
            signature("batch:step:verified", factors=["pin", "totp"]),
        ),
        (
            "a passkey without assertion",
            "passkey_uv and assertion go together",
            signature("batch:step:verified", factors=["passkey_uv"]),
        ),
        (
            "an assertion without passkey",
            "passkey_uv and assertion go together",
            signature(CERTIFIED, factors=["password", "totp"]),
        ),
        (
            "a badge and a pin for a QP",
            "needs two factors",
            before_seal(lambda story: signed(story, meaning="QP_REFUSED", factors=["badge", "pin"])),
        ),
        (
            "after what is not here",
            "after names batch/B1 99",
            before_seal(lambda story: signed(story, after=[{"stream": "batch/B1", "seq": 99}])),
        ),
        (
            "shown what is not here",
            "was shown batch/B1 99",
            before_seal(
                lambda story: signed(
                    story,
                    items=[{"label": "a", "value": "b", "source": {"stream": "batch/B1", "seq": 99, "leaf": "0" * 64}}],
                )
            ),
        ),
        (
            "shown with another leaf",
            "was shown batch/B1 0",
            before_seal(
                lambda story: signed(
                    story,
                    items=[{"label": "a", "value": "b", "source": {"stream": "batch/B1", "seq": 0, "leaf": "0" * 64}}],
                )
            ),
        ),
        (
            "shown a field too many",
            "'more' is no field",
            before_seal(lambda story: signed(story, items=[{"label": "a", "value": "b", "more": "c"}])),
        ),
        (
            "signed over a correction",
            "batch/B1 1 had been corrected before it was signed",
            before_seal(lambda story: over_correction(story)),
        ),
        (
            "a correction without a void",
            "corrects what entry 16 was signed on, but does not void that",
            on("signature:voided", lambda doc: doc["op"].update(id=OP[:-1] + "0")),
        ),
        (
            "a void of the second only",
            "corrects what entry 16 was signed on",
            on("signature:voided", lambda doc: doc["data"].update(index=17)),
        ),
        (
            "a void that is not passed on",
            "corrects what entry 17 was signed on",
            on("signature:voided", lambda doc: doc["data"].update(index=16)),
        ),
        ("a void without cause", "names no cause", on("signature:voided", lambda doc: doc["data"].pop("cause"))),
        (
            "a void of no signature",
            "voids no signature",
            on("signature:voided", lambda doc: doc["data"].update(index=0)),
        ),
        (
            "a passkey for a registration",
            "line 6: passkey: is no assertion",
            passkey(client={"type": "webauthn.create"}),
        ),
        ("a passkey from a frame", "passkey: is no assertion", passkey(client={"crossOrigin": True})),
        (
            "a passkey for another statement",
            "passkey: was made for another statement",
            passkey(client={"challenge": b64url(b"0" * 32)}),
        ),
        (
            "a passkey from another origin",
            "passkey: was made at 'https://evil.example'",
            passkey(client={"origin": "https://evil.example"}),
        ),
        ("a passkey of another relying party", "passkey: is of another relying party", passkey(rp_id="evil.example")),
        ("a passkey without verification", "passkey: user present and verified is not asserted", passkey(flags=1)),
        ("a passkey without presence", "passkey: user present and verified is not asserted", passkey(flags=4)),
        ("a passkey with attested data", "passkey: user present and verified is not asserted", passkey(flags=0x45)),
        (
            "a passkey with bytes behind it",
            "passkey: user present and verified is not asserted",
            passkey(extension=b"\xa0"),
        ),
        ("a passkey signature with one bit changed", "passkey: the signature does not verify", passkey(spoil=1)),
        (
            "a passkey that nobody enrolled",
            "passkey: no entry before this one enrols it for qp",
            passkey(credential=b64url(b"credential-2")),
        ),
        (
            "a passkey enrolled for another",
            "line 5: enrols a passkey in the stream of another",
            on("person:passkey:enrolled", lambda doc: doc["data"].update(person="op")),
        ),
        (
            "a passkey enrolled with a field too many",
            "line 5: 'more' is no field",
            on("person:passkey:enrolled", lambda doc: doc["data"].update(more=1)),
        ),
        (
            "a passkey enrolled with a text for a key",
            "the COSE key",
            on("person:passkey:enrolled", lambda doc: doc["data"].update(cose="AAAA")),
        ),
        (
            "a passkey that had been removed",
            "passkey: it had been removed before it signed",
            before_seal(signed_by_a_removed_passkey),
        ),
        (
            "a passkey removed for another",
            "removes a passkey in the stream of another",
            before_seal(lambda story: story.ledger.append("person/qp", *removal("op"), by="qp")),
        ),
        (
            "a passkey of an unknown kind",
            "neither EdDSA nor ES256 nor RS256",
            on("person:passkey:enrolled", lambda doc: doc["data"].update(cose=b64(b"\xa1\x01\x04"))),
        ),
    ),
    *hall(
        "signatures",
        "",
        *(
            (
                f"{meaning} by password alone",
                f"{meaning} needs two factors",
                before_seal(lambda story, meaning=meaning: signed(story, meaning=meaning)),
            )
            for meaning in TWO_FACTORS
        ),
    ),
]
