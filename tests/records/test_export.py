"""A bundle stands before the independent verifier, falls with any flipped byte, and comes out the same again."""

import gzip
import json
import shutil
import subprocess
import zipfile
import zlib
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

import pytest

from mes.errors import Refusal
from mes.people.model import Role
from mes.records.bundle.bag import bagged, zipped
from tests.records.conftest import Exported
from tests.records.tale import BATCH
from tests.records.verifier.bundles import asked, offences, run_alone
from tests.records.verifier.writer import plain_pdf

Forgery = Callable[[bytes], bytes]


def repacked(change: Forgery) -> Forgery:
    """Return a forgery of the unpacked samples, packed again as a bundle packs them."""

    def forge(body: bytes) -> bytes:
        packer = zlib.compressobj(9, zlib.DEFLATED, 31)
        return packer.compress(change(gzip.decompress(body))) + packer.flush()

    return forge


FORGERIES: dict[str, tuple[Forgery, str]] = {  # what a forger changes, who packs the bag anew; which check notices
    "data/record.jsonl": (lambda body: body.replace(b'"156.00"', b'"157.00"'), "inclusion proofs"),
    "data/inclusion.jsonl": (lambda body: body[: body.rindex(b"{")], "inclusion proofs"),
    "data/checkpoint.txt": (lambda body: body.replace(b"\n3", b"\n4", 1), "checkpoints"),
    "data/keys.json": (lambda body: body.replace(b'"key":"', b'"key":"AAAA', 1), "checkpoints"),
    "data/master.yaml": (lambda body: body.replace(b"37.5", b"38.5"), "seal"),
    "data/telemetry/index.json": (lambda body: body.replace(b'"count":60', b'"count":61', 1), "seal"),
    "data/telemetry/prodigy-1/culture.temperature.csv.gz": (
        repacked(lambda rows: rows.replace(b",38.", b",37.")), "telemetry",
    ),
    "data/ebr.pdf": (lambda body: plain_pdf(b"another record\n"), "PDF"),
}  # fmt: skip


def members(path: Path) -> dict[str, bytes]:
    """Return the files of a bundle without the base folder."""
    with zipfile.ZipFile(path) as bundle:
        return {name.partition("/")[2]: bundle.read(name) for name in bundle.namelist()}


@pytest.mark.rule("REG-A11-08", "REG-P11-30")
def test_the_verifier_accepts_a_bundle(exported: Exported) -> None:
    code, lines = asked(exported.path, "--key", exported.house.ledger.key.vkey)
    assert (code, offences(lines)) == (0, [])
    assert lines[-1] == "ALL CHECKS HOLD; signed by the key that was given"
    assert any("113 signatures, 0 by passkey, 1 void" in line for line in lines)
    assert any("SIMULATED clock" in line for line in lines)


@pytest.mark.rule("REG-P11-10b")
def test_the_verifier_in_the_bundle_runs_alone(exported: Exported, tmp_path: Path) -> None:
    own = tmp_path / "verify.py"
    own.write_bytes(members(exported.path)["verify.py"])
    ended = run_alone(exported.path, program=own)
    assert ended.returncode == 0, ended.stdout + ended.stderr


@pytest.mark.rule("REG-P11-30", negative=True)
def test_the_key_of_another_site_is_noticed(exported: Exported) -> None:
    other = exported.house.ledger.key.named("septima/site-two/1").vkey
    code, lines = asked(exported.path, "--key", other)
    assert code == 1
    assert offences(lines)[0].startswith("checkpoints")


def forged(files: dict[str, bytes]) -> bytes:
    """Return the zip of changed files, bagged so well that only what they say can give the forger away."""
    payload = {name: body for name, body in files.items() if name.startswith("data/")}
    info = dict(line.split(": ") for line in files["bag-info.txt"].decode().splitlines())
    return zipped(bagged(payload, {"verify.py": files["verify.py"]}, info), f"{BATCH}.ebr")


def test_the_bag_made_anew_from_its_files_is_the_same(exported: Exported) -> None:
    assert forged(members(exported.path)) == exported.path.read_bytes()


@pytest.mark.rule("REG-P11-10b", negative=True)
@pytest.mark.parametrize("name", FORGERIES)
def test_a_forged_file_is_noticed_though_the_bag_is_whole(exported: Exported, tmp_path: Path, name: str) -> None:
    change, check = FORGERIES[name]
    files = members(exported.path)
    changed = change(files[name])
    assert changed != files[name]
    broken = tmp_path / exported.path.name
    broken.write_bytes(forged({**files, name: changed}))
    code, lines = asked(broken)
    assert code == 1
    found = {line.partition(":")[0] for line in offences(lines)}
    assert check in found
    assert not {"container", "bag"} & found


@pytest.mark.rule("REG-DI-03", "REG-P11-10b", negative=True)
@pytest.mark.parametrize("folder", ["data/shown/", "data/content/", "data/telemetry/", "data/schemas/"])
def test_a_file_that_is_left_out_is_noticed(exported: Exported, tmp_path: Path, folder: str) -> None:
    files = members(exported.path)
    gone = next(name for name in files if name.startswith(folder))
    broken = tmp_path / exported.path.name
    broken.write_bytes(forged({name: body for name, body in files.items() if name != gone}))
    assert asked(broken)[0] == (0 if folder == "data/schemas/" else 1)  # schemas explain; nothing binds them


@pytest.mark.parametrize("part", [0, 0.2, 0.5, 0.9, 0.9999])
def test_any_flipped_byte_is_noticed(exported: Exported, tmp_path: Path, part: float) -> None:
    body = bytearray(exported.path.read_bytes())
    body[int(part * len(body))] ^= 0x01
    broken = tmp_path / exported.path.name
    broken.write_bytes(body)
    assert asked(broken)[0] != 0


def test_the_same_seal_gives_the_same_bytes(exported: Exported, tmp_path: Path) -> None:
    before = exported.house.ledger.size
    again = exported.service.export(exported.seal, tmp_path, exported.house.actor(Role.QA))
    assert again.read_bytes() == exported.path.read_bytes()
    entry = exported.house.ledger.entry(before)
    assert entry.type == "record:exported"
    assert entry.data["seal"] == exported.seal
    assert entry.data["sha256"] == sha256(again.read_bytes()).hexdigest()
    assert entry.index > exported.seal


@pytest.mark.rule("REG-DI-03")
def test_what_stands_in_a_bundle(exported: Exported) -> None:
    found = members(exported.path)
    record = [json.loads(line) for line in found["data/record.jsonl"].splitlines()]
    seal = record[-1]
    assert seal["type"] == "site:record:sealed"
    assert seal["data"]["batch"] == BATCH
    assert {part["stream"] for part in seal["data"]["streams"]} == {
        f"batch/{BATCH}", "order/O-2026-007", f"run/{BATCH}.R1"
    }  # fmt: skip
    assert seal["data"]["telemetry_index"] == sha256(found["data/telemetry/index.json"]).hexdigest()
    assert seal["data"]["master"] == sha256(found["data/master.yaml"]).hexdigest()
    types = {entry["type"] for entry in record}
    # what vouches for master and device is here, and who came and went is not
    assert {"master:version:approved", "equipment:nodemap:approved", "person:role:granted"} <= types
    assert not {"person:session:started", "site:ledger:heartbeat"} & types
    assert json.loads(found["data/schemas/batch:value:corrected.1.json"])["required"] == [
        "step",
        "old",
        "new",
        "master",
    ]
    assert found["bag-info.txt"].decode().splitlines()[0] == f"Bagging-Date: {seal['at'][:10]}"


def test_the_checkpoint_of_a_seal_cannot_be_parted_from_it(exported: Exported) -> None:
    note = exported.house.ledger.checkpoint_at(exported.seal + 1)
    assert note is not None
    assert note.split("\n")[1] == str(exported.seal + 1)


def test_the_readme_can_be_followed_by_hand(exported: Exported) -> None:
    text = members(exported.path)["data/README.txt"].decode()
    assert exported.house.ledger.key.vkey in text
    assert "PAdES" in text
    assert "*** SIMULATED DEVICE ***" in text
    assert "{" not in text.replace("{print $3}", "")


def test_the_steps_of_the_readme_check_the_signature_with_openssl(exported: Exported, tmp_path: Path) -> None:
    if shutil.which("openssl") is None:
        pytest.skip("no openssl is installed")
    files = members(exported.path)
    (tmp_path / "data").mkdir()
    for name in ("data/checkpoint.txt", "data/record.jsonl"):
        (tmp_path / name).write_bytes(files[name])
    text = files["data/README.txt"].decode()
    steps = [line.strip() for line in text.splitlines() if line.startswith("     ")]
    leaf = next(line for line in steps if "sed -n 1p" in line)
    found = subprocess.run(["bash", "-c", leaf], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert found.stdout.split()[0] == exported.house.ledger.entry(0).leaf.hex()
    start = next(nth for nth, line in enumerate(steps) if line.startswith("head -3"))
    script = "\n".join(["set -e", *steps[start : start + 5]])
    ended = subprocess.run(["bash", "-c", script], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert "Signature Verified Successfully" in ended.stdout, ended.stderr


def test_the_pdf_is_given_and_unknown_seals_are_not(exported: Exported) -> None:
    assert exported.service.pdf(exported.seal) == members(exported.path)["data/ebr.pdf"]
    assert exported.service.bundle(exported.seal) == exported.path
    for wrong in (0, exported.seal + 10_000, -1):
        with pytest.raises(Refusal) as refused:
            exported.service.pdf(wrong)
        assert (refused.value.code, refused.value.status) == ("seal-unknown", 404)


def test_seals_are_listed(exported: Exported) -> None:
    (row,) = exported.service.seals(BATCH)
    assert (row.seal, row.by, row.complete) == (exported.seal, "Ingrid de Wit", True)
    assert exported.service.seals("B-OTHER") == ()
