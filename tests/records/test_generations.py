"""A batch whose ledger had to be continued after a loss: sealed, exported, and found whole by the verifier, or not."""

import json
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from mes.batches import events as ev
from mes.equipment.tables import PROJECTION as EQUIPMENT
from mes.ids import PersonId, Stream
from mes.ledger.checkpoints import Checkpoint
from mes.ledger.database import open_engine
from mes.ledger.entry import Draft, Entry
from mes.ledger.events import encode, time_text
from mes.ledger.site_events import LedgerContinued
from mes.ledger.store import Ledger
from mes.people.model import Person, Role
from mes.records.assemble import tell
from mes.records.assemble.audit import audit
from mes.records.assemble.document import assemble
from mes.records.assemble.generations import continued as told_continued
from mes.records.bundle.bag import bagged, zipped
from mes.records.gather import gather, sealed_entry
from mes.records.model import Cell, Facts, Listing
from mes.signatures.decide import statement
from mes.signatures.meanings import TEXTS, Meaning
from mes.signatures.model import ShownItem, shown_document
from tests.records.conftest import a_service
from tests.records.house import KEY, PEOPLE, SITE, House, a_house
from tests.records.tale import BATCH, DEVICE, RUN, STREAM, Tale, rows_of, the_specification
from tests.records.test_export import members
from tests.records.verifier.bundles import asked, offences
from tests.records.verifier.writer import ORIGIN, RP_ID, Passkey, b64, b64url

LOST, REASON = 7, "The disk of last night is lost"
FOLDER = f"data/ledgers/{SITE}.1/"


class Sequel(Tale):
    """Tells the rest of a batch after a step."""

    def told_after(self, last: str) -> None:
        """Tell what follows a step, with one more hour of samples."""
        start = self.house.clock.now().replace(minute=0, second=0, microsecond=0)
        self.house.later(2)
        self.house.seal_hour(DEVICE, RUN, start, list(rows_of(start, 0, 1)))
        hold_by_passkey(self.house)
        names = [step.id for step in self.master.steps]
        for step in self.master.steps[names.index(last) + 1 :]:
            self.step(step)
            if step.id == "A18":
                self.end_run()
        self.results()


def enrol_passkey(house: House) -> None:
    """Enrol a passkey of the Qualified Person."""
    person = PEOPLE[Role.QP][0]
    data = {"person": person, "credential": b64url(b"credential-1"), "cose": b64(Passkey().cose)}
    house.append(
        f"person/{person}", Draft("person:passkey:enrolled", {**data, "name": "key", "aaguid": "00"}), by=Role.QP
    )


def hold_by_passkey(house: House) -> None:
    """Hold the batch, signed by that passkey, and go on."""
    draft, shown = house.signed(STREAM, ev.BatchHeld("loss"), Role.QP, Meaning.QA_REVIEWED, reason="What is lost?")
    assert draft.signature is not None
    assertion = Passkey().assertion(bytes.fromhex(draft.signature["statement"]))
    signature = {**draft.signature, "factors": ["user_name", "passkey_uv"], "assertion": assertion}
    house.append(STREAM, replace(draft, signature=signature), by=Role.QP, shown=[shown])
    house.sign(STREAM, ev.BatchResumed("executing"), Role.QA, Meaning.QA_REVIEWED, reason="Nothing that matters.")


def signed(event: LedgerContinued, house: House) -> tuple[dict[str, Any], bytes]:
    """Sign the continuation as QA does at the console."""
    ident, name = PEOPLE[Role.QA]
    seen = shown_document([ShownItem("Entries that are here", str(house.ledger.size))])
    text, meaning = TEXTS[Meaning.CHANGE_APPROVED], Meaning.CHANGE_APPROVED
    digest = statement(
        site=SITE, gen=house.ledger.gen + 1, stream=house.ledger.site_stream, type=event.tag, after=[],
        shown=seen.digest, meaning=meaning, text=text, person=Person(PersonId(ident), name, ""), data=encode(event),
        reason=REASON,
    )  # fmt: skip
    document = {
        "meaning": meaning.value, "text": text, "person": {"id": ident, "name": name},
        "at": time_text(house.clock.now()), "tz": "Europe/Brussels", "utc_offset": "+01:00",
        "factors": ["user_name", "password", "totp"], "after": [], "shown": seen.digest, "statement": digest,
    }  # fmt: skip
    return document, seen.body


@contextmanager
def continued(house: House, url: str, lost: int) -> Iterator[House]:
    """Open the next generation; `lost` entries more than are here had been signed."""
    old, now = house.ledger, house.clock.now()
    root = old.root() if not lost else bytes(32)
    previous, key = Checkpoint(old.origin, old.size + lost, root), KEY.named(f"septima/{SITE}/{old.gen + 1}")
    event = Ledger.continued(previous, SITE, key, "simulated", "septima-mes 0.1.0", "ledger-older-copy")
    signature, shown = signed(event, house)
    engine = open_engine(url)
    ledger = Ledger.continue_generation(
        engine, site=SITE, tz="Europe/Brussels", key=key, now=now, clock="simulated", software=event.software,
        previous=previous, evidence=event.evidence, actor=house.actor(Role.QA), signature=signature, reason=REASON,
        shown=[shown], projectors=[EQUIPMENT[1]],
    )  # fmt: skip
    after = House(ledger, house.folder)
    after.clock, after._steps = house.clock, 1000 * ledger.gen
    try:
        yield after
    finally:
        ledger.close()
        engine.dispose()


@dataclass(frozen=True)
class Exported:
    """The house of the next generation, and a bundle that it exported."""

    house: House
    seal: Entry
    path: Path

    @property
    def files(self) -> dict[str, bytes]:
        """Return the payload."""
        return {name: body for name, body in members(self.path).items() if name.startswith("data/")}


def exported(house: House) -> Exported:
    """Seal and export the batch."""
    service = a_service(house, rp_id=RP_ID, origins=[ORIGIN])
    seal = service.seal(house.acting(Role.QA), BATCH)
    path = service.export(seal, house.folder / "exports", house.actor(Role.QA))
    service.close()
    return Exported(house, house.ledger.entry(seal), path)


@contextmanager
def spanning(folder: Path, url: str, lost: int) -> Iterator[House]:
    """Give a batch begun in generation 1; where a tail was lost, the last checkpoint there is older than the end."""
    with a_house(folder, url=url) as before:
        Tale(before, hours=2, upto="A06").told()
        enrol_passkey(before)
        before.ledger.checkpoint(before.clock.now())
        rest = Tale(before, hours=2)
        for step in rest.master.steps[6:11]:
            if step.id == "A07":
                rest.begin_run()
            rest.step(step)
        rest.culture()
        if not lost:
            before.ledger.checkpoint(before.clock.now())
        with continued(before, url, lost) as after:
            Sequel(after, hours=1).told_after("A11")
            yield after


@pytest.fixture(scope="module", params=[0, LOST], ids=["whole", "tail lost"])
def spans(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Exported]:
    folder = tmp_path_factory.mktemp("spans")
    with spanning(folder, f"sqlite:///{folder / 'site.sqlite'}", request.param) as house:
        yield exported(house)


@pytest.fixture(scope="module")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Exported]:
    """Give a batch of generation 2 with the people, the device and the master of generation 1."""
    folder = tmp_path_factory.mktemp("fresh")
    url = f"sqlite:///{folder / 'site.sqlite'}"
    with a_house(folder, url=url) as before:
        Tale(before).device_and_master()
        before.ledger.checkpoint(before.clock.now())
        with continued(before, url, LOST) as after:
            tale = Tale(after, hours=1, upto="A11")
            tale.device_and_master = lambda: None
            tale.told()
            yield exported(after)


def lines_of(files: dict[str, bytes], name: str) -> list[Any]:
    return [json.loads(line) for line in files[name].splitlines()]


def key_of_gen(gen: int) -> str:
    return KEY.named(f"septima/{SITE}/{gen}").vkey


@pytest.mark.rule("REL-P5", "REG-A11-08", "REG-P11-30")
def test_a_batch_that_spans_generations_verifies(spans: Exported) -> None:
    code, lines = asked(spans.path, "--key", key_of_gen(2), "--key", key_of_gen(1))
    assert (code, offences(lines)) == (0, [])
    assert lines[-1] == "ALL CHECKS HOLD; signed by the key that was given"
    text = "\n".join(lines)
    first = spans.house.ledger.entry(0).data
    assert f"septima/{SITE}/2 continues septima/{SITE}/1, signed up to size {first['size']}" in text
    assert REASON in text
    lost = first["root"] == bytes(32).hex()
    assert ("later ones were lost" in text) is lost
    assert ("the seal vouches for them" in text) is lost


def test_the_batch_is_whole_over_both_generations(spans: Exported) -> None:
    files, here = spans.files, spans.house.ledger
    for name, gen in (("data/record.jsonl", 2), (FOLDER + "record.jsonl", 1)):
        own = [one for one in lines_of(files, name) if one["stream"] == STREAM]
        assert [one["seq"] for one in own] == list(range(len(own)))
        assert {one["gen"] for one in lines_of(files, name)} == {gen}
    everything = here.stream(Stream(STREAM))
    stored = files["data/record.jsonl"].splitlines() + files[FOLDER + "record.jsonl"].splitlines()
    assert all(entry.body in stored for entry in everything)
    refs = spans.seal.document["refs"]
    ends = [entry for entry in everything if entry.is_earlier][-1]
    assert {"index": ends.document["index"], "leaf": ends.leaf.hex(), "site": SITE, "gen": 1} in refs
    assert {part["stream"] for part in spans.seal.data["streams"]} >= {STREAM, f"run/{RUN}"}
    chunks = json.loads(files["data/telemetry/index.json"])["chunks"]
    assert {chunk.get("gen") for chunk in chunks} == {None, 1}


def test_the_pdf_says_that_the_ledger_was_continued(spans: Exported) -> None:
    ledger = spans.house.ledger
    record = gather(ledger, sealed_entry(ledger, spans.seal.index))
    story = tell(record, Tale(spans.house).master, specification=the_specification())
    (section,) = told_continued(story)
    facts = next(block for block in section.blocks if isinstance(block, Facts))
    told = {name: value.text if isinstance(value, Cell) else value for name, value in facts.pairs}
    assert (told["Why"], told["What stood against going on"]) == (REASON, "ledger-older-copy")
    assert told["Signed by"].startswith(f"{PEOPLE[Role.QA][1]} (qa), ")
    assert "totp" in told["Signed by"]
    document = assemble(story)
    assert document.sections[0] == section
    assert "LEDGER CONTINUED AFTER A LOSS" in document.marks
    listing = next(block for block in audit(story).blocks if isinstance(block, Listing))
    assert any(line.lstrip().startswith("1/") for line in listing.lines)
    assert not any(line.lstrip().startswith("-") for line in listing.lines)
    times = [entry.at for entry in story.batch_entries]
    assert times == sorted(times)
    assert len(times) == len(ledger.stream(Stream(STREAM)))


@pytest.mark.rule("REL-P5")
def test_a_new_batch_relies_on_people_and_master_of_before(fresh: Exported) -> None:
    code, lines = asked(fresh.path, "--key", key_of_gen(2))
    assert (code, offences(lines)) == (0, [])
    kinds = {one["stream"].partition("/")[0] for one in lines_of(fresh.files, FOLDER + "record.jsonl")}
    assert kinds == {"site", "person", "master", "equipment"}
    record = gather(fresh.house.ledger, fresh.seal)
    story = tell(record, Tale(fresh.house).master, specification=the_specification())
    assert assemble(story).sections[0].title == "The ledger was continued"
    assert "LEDGER CONTINUED AFTER A LOSS" not in assemble(story).marks


def test_the_same_seal_gives_the_same_bytes(spans: Exported) -> None:
    first, service = spans.path.read_bytes(), a_service(spans.house)
    again = service.export(spans.seal.index, spans.house.folder / "again", spans.house.actor(Role.QA))
    service.close()
    assert again.read_bytes() == first


@pytest.mark.rule("REL-P5")
def test_a_spanning_batch_on_postgresql(tmp_path: Path, postgres_url: str) -> None:
    with spanning(tmp_path, postgres_url, LOST) as house:
        code, lines = asked(exported(house).path, "--key", key_of_gen(2))
        assert (code, offences(lines)) == (0, [])


@pytest.mark.rule("REL-P5")
def test_a_batch_over_three_generations(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'site.sqlite'}"
    with spanning(tmp_path, url, 0) as second, continued(second, url, LOST) as third:
        found = exported(third)  # nothing of the batch stands in generation 3; it is whole even so
        assert not any(part["stream"] == STREAM for part in found.seal.data["streams"])
        code, lines = asked(found.path, "--key", key_of_gen(3))
        assert (code, offences(lines)) == (0, [])
        files = found.files
        assert {name.split("/")[2] for name in files if name.startswith("data/ledgers/")} == {f"{SITE}.1", f"{SITE}.2"}
        without_generation(files)
        assert any(one.startswith("references: ") for one in offences_of(files, found, tmp_path, key_of_gen(3)))


# ---- what a forger may try, with the bag packed anew ------------------------------------------------------


def resigned(size: int, root: bytes | None = None) -> Callable[[dict[str, bytes]], None]:
    """Let the site's own key sign another size or root of generation 1."""

    def forge(files: dict[str, bytes]) -> None:
        known = files[FOLDER + "checkpoint.txt"].decode().split("\n")
        checkpoint = Checkpoint(known[0], int(known[1]) + size, root or b64decode(known[2]))
        files[FOLDER + "checkpoint.txt"] = KEY.signed_note(checkpoint.text).encode()

    return forge


def edited(name: str, old: bytes, new: bytes) -> Callable[[dict[str, bytes]], None]:
    def forge(files: dict[str, bytes]) -> None:
        assert old in files[name]
        files[name] = files[name].replace(old, new, 1)

    return forge


def without_generation(files: dict[str, bytes]) -> None:
    for name in [name for name in files if name.startswith(FOLDER)]:
        del files[name]


def without_last_of_batch(files: dict[str, bytes]) -> None:
    """Cut the last entry of the batch in generation 1, with its proof."""
    lines = files[FOLDER + "record.jsonl"].splitlines(keepends=True)
    last = max(nth for nth, line in enumerate(lines) if json.loads(line)["stream"] == STREAM)
    for name in ("record.jsonl", "inclusion.jsonl"):
        kept = files[FOLDER + name].splitlines(keepends=True)
        files[FOLDER + name] = b"".join(kept[:last] + kept[last + 1 :])


def without_proof(files: dict[str, bytes]) -> None:
    """Say of a proven entry that it is behind the checkpoint."""
    lines = lines_of(files, FOLDER + "inclusion.jsonl")
    lines[3]["proof"] = []
    dumped = [json.dumps(line, separators=(",", ":")).encode() + b"\n" for line in lines]
    files[FOLDER + "inclusion.jsonl"] = b"".join(dumped)


FORGERIES = {
    "an earlier entry": (edited(FOLDER + "record.jsonl", b'"product":"', b'"product":"X'), "inclusion proofs"),
    "a missing generation": (without_generation, "references"),
    "a missing last entry": (without_last_of_batch, "references"),
    "a proof left out": (without_proof, "inclusion proofs"),
    "a checkpoint of another size": (resigned(400), "checkpoints"),
    "a checkpoint of another root": (resigned(0, bytes(31) + b"1"), "inclusion proofs"),
    "another key of before": (
        edited(FOLDER + "keys.json", b64encode(KEY.public), b64encode(bytes(range(1, 33)))), "checkpoints",
    ),
    "samples of before said to be of now": (
        edited("data/telemetry/index.json", b',"gen":1', b""), "telemetry",
    ),
}  # fmt: skip


@pytest.mark.rule("REL-P5", "TE-13", negative=True)
@pytest.mark.parametrize(("forge", "check"), FORGERIES.values(), ids=FORGERIES)
def test_a_forgery_of_the_earlier_generation_is_found(
    spans: Exported, tmp_path: Path, forge: Callable[[dict[str, bytes]], None], check: str
) -> None:
    files = spans.files
    forge(files)
    found = offences_of(files, spans, tmp_path)
    assert any(one.startswith(f"{check}: ") for one in found), found
    assert not any("cannot be checked" in one for one in found), found


@pytest.mark.rule("REL-P5", negative=True)
@pytest.mark.parametrize("forge", [without_generation, resigned(400)], ids=["missing", "another size"])
def test_nor_does_a_new_batch_stand_without_them(
    fresh: Exported, tmp_path: Path, forge: Callable[[dict[str, bytes]], None]
) -> None:
    files = fresh.files
    forge(files)
    assert offences_of(files, fresh, tmp_path)


def offences_of(files: dict[str, bytes], bundle: Exported, folder: Path, key: str = key_of_gen(2)) -> list[str]:
    day = str(bundle.seal.document["at"])[:10]
    whole = bagged(files, {"verify.py": members(bundle.path)["verify.py"]}, {"Bagging-Date": day})
    path = folder / "forged.zip"
    path.write_bytes(zipped(whole, f"{BATCH}.ebr"))
    code, lines = asked(path, "--key", key)
    assert code == 1, lines
    return offences(lines)
