"""Museum: telemetry, contents, master, node maps and PDFs that are not the ones that were sealed."""

import gzip

from tests.records.verifier.breaking import (
    Exhibit,
    added,
    before_seal,
    chunk,
    circle,
    data,
    drop_tag,
    edit,
    filed,
    gone,
    hall,
    incremental,
    on,
    other_window,
    put,
    spoiled_row,
    unzip,
)
from tests.records.verifier.story import NODE_MAP, NOTE, PHOTO, content
from tests.records.verifier.writer import HEADER, plain_pdf, sha

TELEMETRY, DOCUMENTS, PDF, SEAL = "telemetry", "documents", "PDF", "seal"
CLOCK = "data/telemetry/prodigy-1/device.clock.csv.gz"
DATA_FILES: list[Exhibit] = [
    *hall(
        SEAL,
        "",
        (
            "a seal in another stream",
            "is not in the site's stream",
            on("site:record:sealed", lambda doc: doc.update(stream="site/other", seq=0)),
        ),
        (
            "a seal of another batch",
            "does not name the stream of its batch",
            {"base": "B9.ebr", "sealing": lambda story, told: told.update(batch="B9")},
        ),
        ("another master", "data/master.yaml: is not the one that was sealed", put("data/master.yaml", b"id: m-2\n")),
        (
            "another index",
            "data/telemetry/index.json: is not the one that was sealed",
            edit("data/telemetry/index.json", b'"count":4', b'"count":3'),
        ),
        ("a bag of another day", "bag-info.txt: Bagging-Date is not the day of the seal", {"day": "2026-11-23"}),
        ("another base folder", "is of batch B1, not of 'B2.ebr'", {"base": "B2.ebr"}),
    ),
    *hall(
        TELEMETRY,
        "",
        (
            "a sample changed",
            CLOCK + " lines 2 to 5: do not have the digest",
            unzip(CLOCK, lambda body: body.replace(b"37.1", b"37.2", 1)),
        ),
        (
            "a sample dropped",
            CLOCK + " lines 2 to 5",
            unzip(
                CLOCK, lambda body: b"".join(line for k, line in enumerate(body.splitlines(keepends=True)) if k != 2)
            ),
        ),
        (
            "a sample too many",
            CLOCK + " line 11: is beyond what the index says",
            unzip(CLOCK, lambda body: body + body.splitlines(keepends=True)[-1]),
        ),
        (
            "another header",
            CLOCK + " line 1: is not the header",
            unzip(CLOCK, lambda body: body.replace(b"origin", b"source", 1)),
        ),
        ("a gzip with a name", "is no gzip with mtime 0", put(CLOCK, lambda body: b"\x1f\x8b\x08\x08" + body[4:])),
        (
            "a gzip with a time",
            "is no gzip with mtime 0",
            put(CLOCK, lambda body: gzip.compress(gzip.decompress(body), mtime=1)),
        ),
        ("a gzip cut short", CLOCK + ": ends in the middle", put(CLOCK, lambda body: body[:-5])),
        ("a gzip with bytes behind it", "is no gzip with mtime 0", put(CLOCK, lambda body: body + b"\0" * 9)),
        (
            "a gzip with a wrong check sum",
            CLOCK + ": cannot be unpacked",
            put(CLOCK, lambda body: body[:-8] + bytes(4) + body[-4:]),
        ),
        ("a gzip bomb", CLOCK + " lines 2 to 5", put(CLOCK, gzip.compress(HEADER + b"\n" * 50_000_000, mtime=0))),
        (
            "a file that no chunk names",
            "data/telemetry/prodigy-1/extra.csv.gz: is not in the index",
            added("data/telemetry/prodigy-1/extra.csv.gz", gzip.compress(HEADER, mtime=0)),
        ),
        ("a file of samples missing", CLOCK + ": is missing", gone(CLOCK)),
        (
            "a value with a comma",
            CLOCK + " line 3: is no sample",
            spoiled_row(lambda line: line.replace(b"1.5e-07", b"1,5")),
        ),
        (
            "a value without quotes",
            CLOCK + " line 3: is no sample",
            spoiled_row(lambda line: line.replace(b"1.5e-07", b"warm")),
        ),
        (
            "a good status without value",
            CLOCK + " line 3: is no sample",
            spoiled_row(lambda line: line.replace(b"1.5e-07", b"")),
        ),
        (
            "a time with six decimals",
            CLOCK + " line 3: is no sample",
            spoiled_row(lambda line: line.replace(b"1234567Z", b"123456Z")),
        ),
        (
            "an origin that is not",
            CLOCK + " line 3: is no sample",
            spoiled_row(lambda line: line.replace(b"LIVE", b"GUESSED")),
        ),
        (
            "a sample of another hour",
            CLOCK + " line 3: was received outside its hour",
            spoiled_row(lambda line: line.replace(b"T00:", b"T02:")),
        ),
        ("a window of another count", "sealed 99 samples, here are 8", other_window(count=99)),
        ("a window of another root", "line 13: the chunks here do not have the root", other_window(root="0" * 64)),
        ("a window of another run", "line 13: seals the samples of another run", other_window(run="B1.R2")),
        (
            "a window of another device",
            "chunk of prodigy-1/device.clock does not fit entry",
            other_window(device="rotea-1"),
        ),
        ("a window of no time", "is not a window of at most an hour", other_window(to="2026-11-22T00:00:00.000000Z")),
        ("a window of a day", "is not a window of at most an hour", other_window(to="2026-11-23T00:00:00.000000Z")),
        (
            "a chunk left out of index and file",
            "is beyond what the index says",
            before_seal(lambda story: story.telemetry.chunks.pop()),
        ),
        (
            "a tag left out everywhere",
            "line 13: the chunks here do not have the root",
            before_seal(lambda story: drop_tag(story)),
        ),
        ("a window with a field too many", "line 13: 'more' is no field", other_window(more=1)),
        ("an hour twice", "line 14: overlaps the window before it", {"hours": (0, 0)}),
        ("a tag twice in an hour", "has a tag twice for entry 13", chunk(2, entry=13)),
        (
            "an index out of order",
            "data/telemetry/index.json: is not in order",
            before_seal(lambda story: setattr(story.telemetry, "backwards", True)),
        ),
        (
            "a chunk of no entry",
            "data/telemetry/index.json: names entry 0, which seals no telemetry",
            chunk(0, entry=0),
        ),
        ("a chunk of another hour", "line 13: the chunks here do not have the root", chunk(0, entry=14)),
        ("a chunk of another place", "chunk at 7 does not follow", chunk(0, offset=7)),
        ("a chunk without rows", "count may not be 0", chunk(0, count=0)),
    ),
    *hall(
        DOCUMENTS,
        "",
        (
            "a content changed",
            f"data/content/{sha(NOTE)}: does not have the digest in its name",
            put(f"data/content/{sha(NOTE)}", NOTE + b"!"),
        ),
        (
            "a content missing",
            f"data/content/{sha(NOTE)}: is missing; data/record.jsonl line 15",
            gone(f"data/content/{sha(NOTE)}"),
        ),
        (
            "a content removed, but here",
            "was removed by entry 21, but is here",
            added(f"data/content/{sha(PHOTO)}", PHOTO),
        ),
        ("a content of another size", "is not 32 bytes of salt and 5 bytes", data(note=content(NOTE) | {"bytes": 5})),
        ("a content that no entry names", "is named by no entry", added(f"data/content/{sha(b'x')}", b"x")),
        (
            "a content removed without a ground",
            "removes content without a legal ground",
            {"on_entry": lambda doc: doc["data"].pop("ground", None) and None},
        ),
        (
            "a node map changed",
            "does not have the digest in its name",
            put(f"data/nodemaps/{sha(NODE_MAP)}.yaml", b"x"),
        ),
        ("a node map missing", "is missing; data/record.jsonl line 7", gone(f"data/nodemaps/{sha(NODE_MAP)}.yaml")),
        ("a node map that no entry names", "is named by no entry", added(f"data/nodemaps/{sha(b'x')}.yaml", b"x")),
        ("a shown document too many", "is named by no entry", added(f"data/shown/{sha(b'{}')}.json", b"{}")),
    ),
    *hall(
        "signatures",
        "",
        (
            "what was shown is missing",
            "what the signer saw, data/shown/",
            filed(lambda story, files: [files.pop(name) for name in list(files) if "shown" in name]),
        ),
        (
            "what was shown is changed",
            "is not the document that the signer of entry",
            filed(
                lambda story, files: [
                    files.update({name: files[name].replace(b"37.1", b"37.3")})
                    for name in list(files)
                    if "shown" in name
                ]
            ),
        ),
    ),
    *hall(
        PDF,
        "",
        (
            "a PDF with another record",
            "differs from data/record.jsonl at line 22",
            {"pdf": lambda record: plain_pdf(record.replace(b'"70"', b'"71"'))},
        ),
        (
            "a PDF without attachment",
            "has 0 attachments named record.jsonl",
            {"pdf": lambda record: plain_pdf(record, b"(other.jsonl)")},
        ),
        (
            "a PDF with two attachments",
            "has 2 attachments",
            {"pdf": lambda record: plain_pdf(record, names=b"(a) 3 0 R (b) 3 0 R")},
        ),
        ("a PDF with a second revision", "differs from data/record.jsonl at line 1", {"pdf": incremental}),
        (
            "an encrypted PDF",
            "is encrypted",
            {"pdf": lambda record: plain_pdf(record).replace(b"/Root", b"/Encrypt 9 0 R /Root")},
        ),
        ("a PDF in a circle", "run in a circle", {"pdf": lambda record: circle(record)}),
        ("a PDF cut short", "is no PDF", {"pdf": lambda record: plain_pdf(record)[:-40]}),
        ("a PDF that is a text", "is no PDF", {"pdf": lambda record: b"hello"}),
        (
            "a PDF with a wrong length",
            "a stream of another length",
            {"pdf": lambda record: plain_pdf(record).replace(b"5 0 obj\n", b"5 0 obj\n1")},
        ),
        ("a PDF of brackets", "cannot be read at byte", {"pdf": lambda record: plain_pdf(record, names=b"[" * 99)}),
    ),
]
