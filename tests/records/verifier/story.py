"""One complete batch told with the small writer: people, keys, run, telemetry, correction, certification, seal."""

from collections.abc import Callable
from typing import Any

from .writer import Entry, Ledger, Passkey, Telemetry, b64, b64url, plain_pdf, sha

MASTER = b"id: m-1\nversion: 1\n"
NODE_MAP = b"nodes: []\n"
SALT = bytes(range(32))
NOTE, PHOTO = SALT + "Beutel blass, Größe ok".encode(), SALT + b"removed"
OP = "aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee"


def content(body: bytes) -> dict[str, Any]:
    return {"content": sha(body), "bytes": len(body) - 32, "media": "text/plain"}


def saw(entry: Entry, value: str) -> dict[str, Any]:
    """What a signer was shown of one entry."""
    return {"items": [{"label": "Reading", "value": value, "source": entry.source}]}


class Story:
    """`batch()` tells it all; hooks named after their moment may change what happens."""

    def __init__(self, **hooks: Any) -> None:
        self.hooks = hooks
        self.passkey: Passkey = hooks.get("passkey") or Passkey()
        self.ledger = Ledger("site-a", hooks.get("gen", 1), on_entry=hooks.get("on_entry"))
        self.control = Ledger("control", on_entry=hooks.get("on_control"))
        self.telemetry = Telemetry(**({"row": hooks["row"]} if "row" in hooks else {}))
        self.left_out: set[int] = set()
        self.streams = ["batch/B1", "order/O1", "run/B1.R1", "container/K1", "certificate/C1"]

    def moment(self, name: str, *about: Any) -> None:
        hook: Callable[..., None] | None = self.hooks.get(name)
        if hook:
            hook(self, *about)

    def people(self) -> None:
        add = self.ledger.append
        for person in ("admin", "op", "qp"):
            add(
                f"person/{person}",
                "person:enrolled",
                {"person": person, "name": person.title()},
                by=None if person == "admin" else "admin",
            )
        enrolled = {"person": "qp", "credential": b64url(b"credential-1"), "cose": b64(self.passkey.cose)}
        add("person/qp", "person:passkey:enrolled", enrolled, by="qp")

    def elsewhere(self) -> Entry:
        """Another ledger's contribution: a signed release by the control site."""
        self.control.append("person/boss", "person:enrolled", {"person": "boss", "name": "Boss"})
        self.control.append("order/other", "order:noted", {})
        return self.control.append(
            "order/O1", "order:released", {"order": "O1"}, by="boss", sign={"meaning": "QA_REVIEWED"}
        )

    def batch(self) -> "Story":
        """Tell it all but the seal."""
        self.people()
        self.opening()
        result = self.making()
        self.ending(self.correcting(result))
        self.moment("before_seal")
        return self

    def opening(self) -> None:
        """A master, a device, an order, and a batch that relies on them and on another ledger's release."""
        add, far = self.ledger.append, {"site": "control", "gen": 1, **self.elsewhere().ref}
        approval = {"meaning": "MASTER_APPROVED", "passkey": self.passkey}
        master = add("master/m-1", "master:approved", {"digest": sha(MASTER)}, by="qp", sign=approval)
        other = add("order/other", "order:opened", {"order": "other"})
        self.left_out.add(other.doc["index"])
        device = add("equipment/prodigy-1", "equipment:node_map:approved", {"node_map": sha(NODE_MAP)}, by="admin")
        add("order/O1", "order:opened", {"order": "O1"}, by="op")
        refs = [master.ref, device.ref, far]
        add("batch/B1", "batch:opened", {"batch": "B1", "master": sha(MASTER)}, by="op", refs=refs)
        before = {"at": "2026-11-22T00:05:00.000000Z", "by": "device"}
        add("run/B1.R1", "run:allocated", {"device": "prodigy-1"}, refs=[device.ref], occurred=before)

    def making(self) -> Entry:
        """A step with a reading, two hours of telemetry, a note and a photo."""
        add = self.ledger.append
        self.ledger.rotate()
        reading = {"step": "s1", "reading": {"value": "37.10", "unit": "Cel"}, "depth": [[1]]}
        result = add("batch/B1", "batch:step:confirmed", reading, by="op", sign={})
        for hour in self.hooks.get("hours", (0, 1)):
            self.telemetry.seal(add("run/B1.R1", "telemetry:window:sealed", self.telemetry.window(hour)))
        add("batch/B1", "batch:note:written", {"note": content(NOTE), "photo": content(PHOTO)}, by="op")
        return result

    def correcting(self, result: Entry) -> Entry:
        """The reading is verified and reviewed, then corrected, which voids both; a photo is removed."""
        add, step = self.ledger.append, {"step": "s1"}
        sign = {"meaning": "VERIFIED", "factors": ["badge", "pin"], **saw(result, "37.10"), "after": [result.place]}
        checked = add("batch/B1", "batch:step:verified", step, by="qp", sign=sign)
        sign = {"meaning": "QA_REVIEWED", "factors": ["password"], **saw(checked, "yes")}
        twice = add("batch/B1", "batch:step:reviewed", step, by="qp", sign=sign)
        told = {"reason": "misread", "corrects": result.place, "op": (OP, 0, 3)}
        sign = {"meaning": "CORRECTED", **saw(result, "37.10"), "after": [twice.place]}
        reading = {"reading": {"value": "37.2", "unit": "Cel"}}
        fixed = add("batch/B1", "batch:step:corrected", reading, by="op", sign=sign, **told)
        for number, fallen in enumerate((checked, twice), 1):
            data = {"index": fallen.doc["index"], "cause": fixed.place}
            add("batch/B1", "signature:voided", data, op=(OP, number, 3))
        add("site/site-a", "content:removed", {"content": sha(PHOTO), "ground": "GDPR Art. 17(1)(b)"}, by="admin")
        beat = add("site/site-a", "site:ledger:heartbeat", {"previous_size": 3, "root": "0" * 64})
        self.left_out.add(beat.doc["index"])
        return fixed

    def ending(self, fixed: Entry) -> None:
        """A filled bag, the certification by passkey, the certificate."""
        add = self.ledger.append
        add("container/K1", "container:filled", {"volume": {"value": "70", "unit": "mL"}})
        sign = {"meaning": "QP_FINAL_CERTIFIED", "passkey": self.passkey, **saw(fixed, "37.2"), "after": [fixed.place]}
        add("batch/B1", "batch:certified", {"batch": "B1"}, by="qp", sign=sign)
        sign = {"meaning": "RELEASE_ASSIGNED", "factors": ["password", "totp"]}
        add("certificate/C1", "certificate:issued", {"batch": "B1"}, by="qp", sign=sign)

    def files(self) -> dict[str, bytes]:
        """Seal, and write everything below data/."""
        index = self.telemetry.index()
        whole = [{"stream": name, "last_seq": self.ledger.seq(name) - 1} for name in self.streams]
        data = {"batch": "B1", "streams": whole, "telemetry_index": sha(index), "master": sha(MASTER)}
        self.moment("sealing", data)
        self.ledger.append("site/site-a", "site:record:sealed", data, by="admin")
        keys = [{"credential": b64url(b"credential-1"), "cose": b64(self.passkey.cose)}]
        persons = [{"id": "op", "name": "Op", "passkeys": []}, {"id": "qp", "name": "Qp", "passkeys": keys}]
        boss = [{"id": "boss", "name": "Boss", "passkeys": []}]
        lines = [k for k in range(len(self.ledger.entries)) if k not in self.left_out]
        far = [k for k, entry in enumerate(self.control.entries) if entry.doc["stream"] != "order/other"]
        files = {
            **self.ledger.files(
                "data/", lines, persons=persons, witnesses=self.hooks.get("witnesses", ("witness.example/w1",))
            ),
            **self.control.files("data/ledgers/control.1/", far, persons=boss),
            **{f"data/shown/{name}.json": body for name, body in {**self.ledger.shown, **self.control.shown}.items()},
            **self.telemetry.files,
            "data/telemetry/index.json": index,
            "data/master.yaml": MASTER,
            f"data/nodemaps/{sha(NODE_MAP)}.yaml": NODE_MAP,
            f"data/content/{sha(NOTE)}": NOTE,
            "data/schemas/batch:opened.1.json": b"{}",
            "data/README.txt": b"read me\n",
        }
        files["data/ebr.pdf"] = self.hooks.get("pdf", plain_pdf)(files["data/record.jsonl"])
        self.moment("filed", files)
        return files
