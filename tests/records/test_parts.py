"""The small parts of a bundle: curves, drawings, sample files, schemas, the bag, jobs."""

import gzip
import io
import json
import threading
import xml.etree.ElementTree as ET
import zipfile
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mes.batches import events as ev
from mes.equipment.samples import Sample, line_of
from mes.equipment.telemetry import SealedChunk
from mes.equipment.ticks import ticks_of
from mes.errors import Fault, Refusal
from mes.ids import EquipmentId
from mes.ledger.events import REGISTRY
from mes.records.bundle.bag import bagged, zipped
from mes.records.bundle.samples import HEADER, INDEX, sample_files
from mes.records.bundle.schemas import schema
from mes.records.charts import Curve, Limit, drawn
from mes.records.curves import curve_of, curves
from mes.records.jobs import Job, Jobs, JobState, Progress

T0 = datetime(2026, 11, 9, 10, 0, tzinfo=UTC)
SVG = "{http://www.w3.org/2000/svg}"


def row(minute: int, value: str, status: int = 0) -> str:
    """Return a canonical sample line."""
    at = ticks_of(T0 + timedelta(minutes=minute))
    return line_of(Sample(value, "Cel", status, at, at, at)) + "\n"


def chunk(tag: str, entry: int, body: str) -> SealedChunk:
    """Return a sealed chunk."""
    raw = body.encode()
    return SealedChunk(EquipmentId("d-1"), tag, T0, T0 + timedelta(hours=1), body.count("\n"), sha256(raw).hexdigest(),
                       entry, raw)  # fmt: skip


def test_sample_files_hold_the_sealed_chunks_in_order() -> None:
    one, two, other = row(0, "37.0") + row(1, "37.10"), row(2, "36.9"), row(0, "5.0")
    chunks = [chunk("t.b", 9, two), chunk("t.b", 4, one), chunk("t.a", 4, other), chunk("t.b", 11, row(3, "1"))]
    files = sample_files(chunks, {4, 9})
    assert set(files) == {"data/telemetry/d-1/t.a.csv.gz", "data/telemetry/d-1/t.b.csv.gz", INDEX}
    assert gzip.decompress(files["data/telemetry/d-1/t.b.csv.gz"]) == HEADER + (one + two).encode()
    index = json.loads(files[INDEX])["chunks"]
    assert [(part["tag"], part["entry"], part["offset"]) for part in index] == [
        ("t.a", 4, len(HEADER)), ("t.b", 4, len(HEADER)), ("t.b", 9, len(HEADER) + len(one)),
    ]  # fmt: skip
    assert files["data/telemetry/d-1/t.a.csv.gz"][:8] == b"\x1f\x8b\x08\0\0\0\0\0"
    assert sample_files(reversed(chunks), {4, 9}) == files


def test_a_record_without_samples_has_an_empty_index() -> None:
    assert sample_files([], set()) == {INDEX: b'{"chunks":[]}'}


def test_a_curve_keeps_extremes_and_holes() -> None:
    rows = HEADER.decode() + "".join(row(k, "39.25" if k == 700 else "37.0") for k in range(2000))
    rows = rows + row(2000, "12.5", status=0x80000000) + row(2001, "36.125")
    curve = curve_of(rows.encode())
    assert curve is not None
    assert (curve.count, curve.lowest, curve.highest, curve.unit) == (2002, "36.125", "39.25", "Cel")
    assert 39.25 in curve.values
    assert None in curve.values
    assert 12.5 not in curve.values
    assert len(curve.values) <= 900


@pytest.mark.parametrize("body", [HEADER.decode(), HEADER.decode() + row(0, "RUNNING")])
def test_words_make_no_curve(body: str) -> None:
    assert curve_of(body.encode()) is None


def test_only_the_wanted_signals_are_read() -> None:
    body = gzip.compress(HEADER + row(0, "1.0").encode())
    files = {"data/telemetry/d-1/a.csv.gz": body, "data/telemetry/d-1/b.csv.gz": b"unread", INDEX: b"{}"}
    assert list(curves(files, ["a", "none"])) == ["d-1/a"]


def test_a_drawing_has_limits_marks_and_pieces() -> None:
    times = [T0.timestamp() + 600 * k for k in range(6)]
    curve = Curve("%", times, [37.0, 37.1, None, 37.2, 38.4, 37.0], 6)
    limits = [Limit(Decimal("36.0")), Limit(Decimal("37.5"), is_warning=True)]
    root = ET.fromstring(drawn(curve, limits, [T0 + timedelta(minutes=40)], "+01:00"))
    paths = root.findall(f"{SVG}path")
    assert sum(1 for path in paths if path.get("fill") == "none") == 2  # a hole parts the curve
    dashed = [line for line in root.findall(f"{SVG}line") if line.get("stroke-dasharray")]
    assert len(dashed) == 2
    texts = [text.text for text in root.findall(f"{SVG}text")]
    assert {"36.0", "37.5", "%"} <= set(texts)
    assert "11:30" not in texts
    assert "11:00" in texts  # local time of 10:00 UTC


def test_marks_outside_the_time_drawn_and_empty_curves() -> None:
    curve = Curve("Cel", [0.0, 60.0], [1.0, 2.0], 2)
    assert drawn(curve, [], [datetime(2026, 1, 1, tzinfo=UTC)]).count("<path") == 1
    assert drawn(Curve("Cel", [0.0], [None], 1), []) == ""


@given(
    st.lists(st.floats(min_value=-1e6, max_value=1e6, allow_nan=False), min_size=1, max_size=20),
    st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), max_size=8),
)
def test_every_drawing_is_well_formed(values: list[float], unit: str) -> None:
    times = [float(3600 * k) for k in range(len(values))]
    root = ET.fromstring(drawn(Curve(unit, times, values, len(values)), [Limit(Decimal("0.5"))]))
    for path in root.findall(f"{SVG}path"):
        assert "nan" not in path.get("d", "")


def test_schemas_tell_types_and_what_may_be_left_out() -> None:
    made = json.loads(schema(ev.CustodyTakenOver, "batch:custody:taken_over", 1))
    assert made["description"] == "Another person took the container over; temperatures as read from the logger."
    assert made["required"] == ["handover", "container", "place", "condition"]
    assert made["properties"]["within"] == {"type": "boolean"}
    assert made["additionalProperties"] is False
    values = json.loads(schema(ev.StepPerformed, "batch:step:performed", 1))["properties"]["values"]
    assert values["type"] == "array"
    assert values["items"]["properties"]["judgement"]["properties"]["within"] == {"type": "boolean"}
    expiry = json.loads(schema(ev.ContainerFilled, "x", 1))["properties"]["expiry"]
    assert expiry["pattern"].startswith("^[0-9]{4}-")


def test_every_known_event_has_a_schema() -> None:
    for (kind, tv), cls in REGISTRY.items():
        assert json.loads(schema(cls, kind, tv))["title"] == kind


def test_a_bag_names_all_its_files_and_a_zip_has_nothing_that_varies() -> None:
    files = bagged({"data/a": b"1", "data/é": b"22"}, {"verify.py": b"x"}, {"Bagging-Date": "2026-11-11"})
    assert files["bag-info.txt"] == b"Bagging-Date: 2026-11-11\nPayload-Oxum: 3.2\n"
    assert files["manifest-sha256.txt"].decode().splitlines()[0] == f"{sha256(b'1').hexdigest()}  data/a"
    assert "verify.py" in files["tagmanifest-sha256.txt"].decode()
    packed = zipped(files, "B.ebr")
    assert packed == zipped(dict(reversed(files.items())), "B.ebr")
    with zipfile.ZipFile(io.BytesIO(packed)) as bundle:
        assert bundle.testzip() is None
        infos = bundle.infolist()
        assert [one.filename for one in infos] == sorted((f"B.ebr/{name}" for name in files), key=str.encode)
        assert {(one.date_time, one.external_attr >> 16, one.extra) for one in infos} == {
            ((1980, 1, 1, 0, 0, 0), 0o100644, b"")
        }


def test_more_members_than_a_plain_zip_holds_are_refused() -> None:
    with pytest.raises(Refusal) as refused:
        zipped({f"data/{k}": b"" for k in range(65_536)}, "B.ebr")
    assert refused.value.code == "record-too-large"


def test_a_job_is_told_from_waiting_to_ready() -> None:
    jobs, go = Jobs(), threading.Event()

    def work(progress: Progress) -> str:
        progress("rendering")
        go.wait(10)
        progress("packing")
        return "done.zip, 5 bytes"

    started = jobs.start(Job("j-1", "B-1", 4), work)
    assert (started.state, started.is_over) == (JobState.WAITING, False)
    assert jobs.start(Job("j-1", "B-1", 4), work).id == "j-1"
    with pytest.raises(Refusal) as refused:
        jobs.start(Job("j-2", "B-1", 4), work)
    assert refused.value.code == "record-busy"
    go.set()
    ended = jobs.wait("j-1", 10)
    assert (ended.state, ended.detail, ended.error) == (JobState.READY, "done.zip, 5 bytes", None)
    jobs.close()


@pytest.mark.parametrize("error", [Fault("record-render-failed", cause="x"), Refusal("record-too-long", pages=301)])
def test_a_job_that_fails_says_why(error: Exception) -> None:
    jobs = Jobs()

    def work(_: Progress) -> str:
        raise error

    jobs.start(Job("j-1", "B-1", 4), work)
    ended = jobs.wait("j-1", 10)
    assert (ended.state, ended.error) == (JobState.FAILED, error)
    assert jobs.start(Job("j-1", "B-1", 4), lambda _: "now").id == "j-1"  # a failed job may be tried again
    assert jobs.wait("j-1", 10).state is JobState.READY
    jobs.close()


def test_a_mistake_of_the_program_is_not_hidden() -> None:
    jobs = Jobs()

    def work(_: Progress) -> str:
        raise KeyError("mistake")

    jobs.start(Job("j-1", "B-1", 4), work)
    with pytest.raises(KeyError):
        jobs.wait("j-1", 10)
    with pytest.raises(KeyError):
        jobs.job("j-1")
    jobs.close()


def test_an_unknown_job() -> None:
    jobs = Jobs()
    with pytest.raises(Refusal) as refused:
        jobs.job("none")
    assert (refused.value.code, refused.value.status) == ("job-unknown", 404)
    jobs.close()
