"""How the museum breaks things: one spoiled place in a story, with everything above it made to fit again."""

import gzip
import io
import warnings
import zipfile
from collections.abc import Callable
from typing import Any

import rfc8785

from tests.records.verifier.story import Story
from tests.records.verifier.writer import Member, Passkey, b64, b64url, key_of, note_id, plain_pdf, public, sha

Exhibit = tuple[str, dict[str, Any], str, str]
"""Name, hooks of `build`, the check that must answer first, and words of its answer."""


def hall(check: str, where: str, *exhibits: tuple[str, str, dict[str, Any]]) -> list[Exhibit]:
    """Return exhibits that the same check must find: name, words of its answer behind `where`, hooks."""
    return [(name, hooks, check, where + words) for name, words, hooks in exhibits]


def on(kind: str, change: Callable[[dict[str, Any]], Any]) -> dict[str, Any]:
    """Change entries of one type before they are hashed; bytes that `change` returns are stored as they are."""

    def hook(doc: dict[str, Any]) -> bytes | None:
        answer = change(doc) if doc["type"] == kind else None
        return answer if isinstance(answer, bytes) else None

    return {"on_entry": hook}


def filled(**changes: Any) -> dict[str, Any]:
    """Change fields of the entry container:filled; None removes."""

    def change(doc: dict[str, Any]) -> None:
        for key, value in changes.items():
            doc.pop(key) if value is ... else doc.update({key: value})

    return on("container:filled", change)


def data(**fields: Any) -> dict[str, Any]:
    return filled(data=fields)


def raw(old: bytes, new: bytes) -> dict[str, Any]:
    """Change the stored bytes of container:filled."""
    return on("container:filled", lambda doc: rfc8785.dumps(doc).replace(old, new, 1))


def deep(levels: int) -> Any:
    return [deep(levels - 1)] if levels else []


def signature(kind: str, **changes: Any) -> dict[str, Any]:
    return on(kind, lambda doc: doc["signature"].update(changes))


def before_seal(act: Callable[[Story], Any]) -> dict[str, Any]:
    return {"before_seal": act}


def signed(story: Story, **more: Any) -> None:
    """One more signed entry at the end."""
    by, stated = more.pop("by", "qp"), more.pop("stated", {})
    story.ledger.append("batch/B1", "batch:step:reviewed", {"step": "s9"}, by=by, sign=more, **stated)


def passkey(**change: Any) -> dict[str, Any]:
    return {"passkey": Passkey("EdDSA", change)}


def removal(person: str = "qp") -> tuple[str, dict[str, str]]:
    """The passkey of qp is taken away."""
    return "person:passkey:removed", {"person": person, "credential": b64url(b"credential-1")}


def signed_by_a_removed_passkey(story: Story) -> None:
    """Take the passkey away, and sign with it nevertheless."""
    story.ledger.append("person/qp", *removal(), by="qp")
    signed(story, passkey=story.passkey)


def leave_out(kind: str, nth: int = 0) -> dict[str, Any]:
    """Do not export the nth entry of a type."""

    def hook(story: Story) -> None:
        indices = [entry.doc["index"] for entry in story.ledger.entries if entry.doc["type"] == kind]
        story.left_out.add(indices[nth])

    return before_seal(hook)


def over_correction(story: Story) -> None:
    """Sign what had been corrected, having read only up to the entry before the correction."""
    batch = [entry for entry in story.ledger.entries if entry.doc["stream"] == "batch/B1"]
    item = {"label": "Reading", "value": "37.10", "source": batch[1].source}
    signed(story, items=[item], after=[batch[4].place])


def filed(change: Callable[[Story, dict[str, bytes]], Any]) -> dict[str, Any]:
    """Change the payload before the bag is made."""
    return {"filed": change}


def edit(name: str, old: bytes, new: bytes, count: int = 1) -> dict[str, Any]:
    """Replace bytes in one file of the payload."""

    def change(story: Story, files: dict[str, bytes]) -> None:
        assert old in files[name]
        files[name] = files[name].replace(old, new, count)

    return filed(change)


def put(name: str, body: bytes | Callable[[bytes], bytes]) -> dict[str, Any]:
    return filed(lambda story, files: files.update({name: body(files[name]) if callable(body) else body}))


def gone(name: str) -> dict[str, Any]:
    return filed(lambda story, files: files.pop(name))


def resigned(change: Callable[[bytes], bytes]) -> dict[str, Any]:
    """Sign another text as checkpoint with the site's true keys."""

    def hook(story: Story, files: dict[str, bytes]) -> None:
        text = change(files["data/checkpoint.txt"].partition(b"\n\n")[0] + b"\n")
        key, name = story.ledger.key, story.ledger.origin
        line = f"— {name} {b64(note_id(name, 1, public(key)) + key.sign(text))}\n"
        files["data/checkpoint.txt"] = text + b"\n" + line.encode()

    return filed(hook)


def swapped(body: bytes) -> bytes:
    lines = body.splitlines(keepends=True)
    return b"".join([lines[1], lines[0], *lines[2:]])


def unzip(name: str, change: Callable[[bytes], bytes]) -> dict[str, Any]:
    """Change what a gzip holds."""
    return put(name, lambda body: gzip.compress(change(gzip.decompress(body)), mtime=0))


def one_more(story: Story, files: dict[str, bytes]) -> None:
    """Sign a checkpoint that goes beyond the seal."""
    indices = [k for k in range(len(story.ledger.entries)) if k not in story.left_out]
    story.ledger.append("order/other", "order:noted", {})
    keep = files["data/keys.json"]
    files.update(story.ledger.files("data/", indices))
    files["data/keys.json"] = keep


def extra_key(story: Story, files: dict[str, bytes]) -> None:
    """Let a stranger sign the checkpoint too, under the site's name."""
    text = files["data/checkpoint.txt"].partition(b"\n\n")[0] + b"\n"
    key, name = key_of("stranger"), story.ledger.origin
    files["data/checkpoint.txt"] += f"— {name} {b64(note_id(name, 1, public(key)) + key.sign(text))}\n".encode()


def twice(story: Story, files: dict[str, bytes]) -> None:
    """Put the batch's own ledger among the others."""
    for name in ("record.jsonl", "inclusion.jsonl", "checkpoint.txt", "keys.json"):
        files[f"data/ledgers/site-a.1/{name}"] = files[f"data/{name}"]


def other_window(**changes: Any) -> dict[str, Any]:
    def hook(doc: dict[str, Any]) -> None:
        if doc["type"] == "telemetry:window:sealed":
            doc["data"].update(changes)

    return {"on_entry": hook}


def chunk(number: int, **changes: Any) -> dict[str, Any]:
    """Change one chunk of the index, which the seal then names."""
    return before_seal(lambda story: story.telemetry.chunks[number].update(changes))


def spoiled_row(change: Callable[[bytes], bytes]) -> dict[str, Any]:
    """Change the second row of the first hour of device.clock, digests and all."""
    return {
        "row": lambda tag, hour, minute, line: change(line) if (tag, hour, minute) == ("device.clock", 0, 1) else line
    }


def remade(**more: Any) -> Callable[[bytes], bytes]:
    """Write the zip anew with something about its members changed."""

    def change(body: bytes) -> bytes:
        out = io.BytesIO()
        with zipfile.ZipFile(io.BytesIO(body)) as source, zipfile.ZipFile(out, "w") as target:
            old = source.infolist()
            for number, one in enumerate(reversed(old) if more.get("backwards") else old):
                new = more.get("kind", Member)(one.filename, more.get("time", (1980, 1, 1, 0, 0, 0)))
                new.external_attr, new.create_system = 0o100644 << 16, more.get("system", 3)
                new.compress_type = more.get("method", 0)
                new.extra = more.get("extra", b"") if number == 3 else b""
                target.writestr(new, source.read(one))
            target.comment = more.get("comment", b"")
        return out.getvalue()

    return change


def with_member(name: str, body: bytes = b"x") -> Callable[[bytes], bytes]:
    """Append one more member to the zip."""

    def change(packed: bytes) -> bytes:
        out = io.BytesIO(packed)
        with warnings.catch_warnings(), zipfile.ZipFile(out, "a") as archive:
            warnings.simplefilter("ignore")  # zipfile warns of what this exhibit is about
            archive.writestr(zipfile.ZipInfo(name), body)
        return out.getvalue()

    return change


def added(name: str, body: bytes = b"x") -> dict[str, Any]:
    """Add a file to the payload, bag and all."""
    return filed(lambda story, files: files.update({name: body}))


def bagged(change: Callable[[dict[str, bytes]], Any]) -> dict[str, Any]:
    return {"bagged": lambda files: change(files) and None}


def retagged(name: str, old: bytes, new: bytes) -> dict[str, Any]:
    """Change a tag file and let the tag manifest fit."""

    def change(files: dict[str, bytes]) -> None:
        before = sha(files[name])
        assert old in files[name]
        files[name] = files[name].replace(old, new)
        files["tagmanifest-sha256.txt"] = files["tagmanifest-sha256.txt"].replace(
            before.encode(), sha(files[name]).encode()
        )

    return {"bagged": change}


def false_digest(name: str) -> dict[str, Any]:
    """Change the first digit of a manifest, the tag manifest fitting."""

    def change(files: dict[str, bytes]) -> None:
        before = sha(files[name])
        files[name] = (b"1" if files[name][:1] == b"0" else b"0") + files[name][1:]
        files["tagmanifest-sha256.txt"] = files["tagmanifest-sha256.txt"].replace(
            before.encode(), sha(files[name]).encode()
        )

    return {"bagged": change}


def reordered(files: dict[str, bytes]) -> None:
    """Put the manifest's lines in another order, the tag manifest fitting."""
    before = sha(files["manifest-sha256.txt"])
    files["manifest-sha256.txt"] = swapped(files["manifest-sha256.txt"])
    told = files["tagmanifest-sha256.txt"].replace(before.encode(), sha(files["manifest-sha256.txt"]).encode())
    files["tagmanifest-sha256.txt"] = told


def incremental(record: bytes) -> bytes:
    """A PDF whose second revision swaps the attachment for another one."""
    first = plain_pdf(record)
    start = first[: first.rindex(b"startxref")].rindex(b"xref\n0")
    swap = b"4 0 obj\n<</Type /EmbeddedFile /Length 3>>\nstream\n{}\n\nendstream\nendobj\n"
    table = b"xref\n4 1\n%010d 00000 n \ntrailer\n<</Size 6 /Root 1 0 R /Prev %d>>\n" % (len(first), start)
    return first + swap + table + b"startxref\n%d\n%%%%EOF\n" % (len(first) + len(swap))


def drop_tag(story: Story) -> None:
    """Leave one tag out of the index and of the files."""
    story.telemetry.chunks = [chunk for chunk in story.telemetry.chunks if chunk["tag"] != "unit.temperature"]
    story.telemetry.files = {name: body for name, body in story.telemetry.files.items() if "temperature" not in name}


def circle(record: bytes) -> bytes:
    body = plain_pdf(record)
    start = body[: body.rindex(b"startxref")].rindex(b"xref\n0")
    return body.replace(b"/Size 6", b"/Prev %d" % start)
