"""Museum: bags and zips that hold more, less or other bytes than they should."""

import zipfile

from tests.records.verifier.breaking import (
    Exhibit,
    added,
    bagged,
    false_digest,
    gone,
    hall,
    remade,
    reordered,
    retagged,
    with_member,
)

BAG, CONTAINER = "bag", "container"
CONTAINERS: list[Exhibit] = [
    *hall(
        BAG,
        "",
        ("a file that is no file of the format", "data/notes.txt: is no file of this format", added("data/notes.txt")),
        (
            "a program in the bag",
            "run.py: is no file of this format",
            bagged(lambda files: files.update({"run.py": b"x"})),
        ),
        ("a file missing", "data/README.txt: is missing", gone("data/README.txt")),
        ("no program", "verify.py: is missing", bagged(lambda files: files.pop("verify.py"))),
        (
            "a changed program",
            "verify.py: is not the file that tagmanifest-sha256.txt names",
            bagged(lambda files: files.update({"verify.py": b"print('OK')"})),
        ),
        (
            "a file changed in the bag",
            "data/README.txt: is not the file that manifest-sha256.txt names",
            bagged(lambda files: files.update({"data/README.txt": b"x"})),
        ),
        ("another bag version", "bagit.txt: is not that of BagIt 1.0", retagged("bagit.txt", b"1.0", b"0.97")),
        ("another sum of octets", "bag-info.txt: Payload-Oxum is not", retagged("bag-info.txt", b"Oxum: ", b"Oxum: 1")),
        (
            "a label twice",
            "bag-info.txt line 2: is no `Label: value`, once",
            retagged("bag-info.txt", b"Payload-Oxum", b"Bagging-Date"),
        ),
        (
            "a folded line",
            "bag-info.txt line 2: is no `Label: value`",
            retagged("bag-info.txt", b"Payload-Oxum: ", b"  "),
        ),
        (
            "a manifest without a file",
            "manifest-sha512.txt line 1: is not",
            retagged("manifest-sha512.txt", b"data/README.txt\n", b"data/README\n"),
        ),
        (
            "a manifest with one space",
            "manifest-sha256.txt line 1: is not",
            retagged("manifest-sha256.txt", b"  data/README.txt", b" data/README.txt"),
        ),
        (
            "a manifest with a false digest",
            "is not the file that manifest-sha512.txt names",
            false_digest("manifest-sha512.txt"),
        ),
        ("a manifest out of order", "manifest-sha256.txt line 2: is not", {"bagged": reordered}),
    ),
    *hall(
        CONTAINER,
        "",
        ("bytes behind the zip", "B1.ebr.zip: there are bytes behind its end", {"zipped": lambda body: body + b"\0"}),
        ("a zip behind a program", "B1.ebr.zip: ", {"zipped": lambda body: b"#!/bin/sh\n" + body}),
        ("a zip with a comment", "B1.ebr.zip: ", {"zipped": remade(comment=b"hello")}),
        (
            "a zip of today",
            "in the header (name, time, CRC-32, size) of bag-info.txt",
            {"zipped": remade(time=(2026, 11, 22, 0, 0, 0))},
        ),
        (
            "a zip without the UTF-8 flag",
            "in the header (name, time, CRC-32, size) of bag-info.txt",
            {"zipped": remade(kind=zipfile.ZipInfo)},
        ),
        ("a zip that is deflated", "is compressed or overlaps", {"zipped": remade(method=8)}),
        (
            "a program in the mode bits",
            "in the central directory",
            {
                "zipped": lambda body: body.replace(
                    (0o100644 << 16).to_bytes(4, "little"), (0o100755 << 16).to_bytes(4, "little"), 1
                )
            },
        ),
        ("a zip with an extra field", "B1.ebr.zip: byte", {"zipped": remade(extra=b"\xca\xfe\0\0")}),
        (
            "a member twice",
            "'B1.ebr/data/record.jsonl' is there twice",
            {"zipped": with_member("B1.ebr/data/record.jsonl")},
        ),
        ("a member behind the end", "B1.ebr.zip: byte", {"zipped": with_member("B1.ebr/zzz")}),
        ("a member that climbs out", "does not lie in one base folder", {"zipped": with_member("../../etc/passwd")}),
        ("a member that climbs out from within", "B1.ebr.zip: byte", {"zipped": with_member("B1.ebr/data/../../x")}),
        ("a member from the root", "does not lie in one base folder", {"zipped": with_member("/etc/passwd")}),
        ("a member of a drive", "does not lie in one base folder", {"zipped": with_member("C:\\x")}),
        ("a member in another folder", "does not lie in one base folder", {"zipped": with_member("B2.ebr/x")}),
        ("a folder as a member", "B1.ebr.zip: byte", {"zipped": with_member("B1.ebr/data/", b"")}),
        ("members out of order", "B1.ebr.zip: byte", {"zipped": remade(backwards=True)}),
        ("half a zip", "this is no zip file", {"zipped": lambda body: body[: len(body) // 2]}),
        ("nothing", "this is no zip file", {"zipped": lambda body: b""}),
    ),
]
