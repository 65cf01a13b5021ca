"""Before the play: master approved, device registered and qualified, patient and order entered, batch opened."""

from collections.abc import Mapping
from datetime import datetime, timedelta

from mes.demo.client import DemoPerson
from mes.demo.script import BATCH, MASTER, ORDER, WRISTBAND
from mes.demo.stage import DEVICE

PRODUCT = "Autologous CD19 CAR-T cells, fresh (ARI-0001 specification)"
QUALIFIED_FOR = timedelta(days=365)
TRAINED_FOR = timedelta(days=365)
NOT_AT_WORK = ("admin", "author", "auditor")
"""Who never works on a batch."""


def approve_master(people: Mapping[str, DemoPerson]) -> None:
    """The author imports the shipped master, QA approves it, and everybody who works by it is trained on it."""
    people["author"].act("/api/masters", master=MASTER, version=1)
    people["qa"].act(f"/api/masters/{MASTER}/1/approve")
    train(people)


def train(people: Mapping[str, DemoPerson]) -> None:
    """The supervisor trains everybody who works on a batch; QA trains the supervisor."""
    now = datetime.fromisoformat(people["qa"].get("/api/status")["now"])
    for key, person in people.items():
        if key in NOT_AT_WORK:
            continue
        trainer = people["qa" if key == "supervisor" else "supervisor"]
        trainer.act(
            "/api/training", person=person.id, subject=MASTER, version=1,
            valid_until=(now + TRAINED_FOR).isoformat(),
        )  # fmt: skip


def register_device(
    people: Mapping[str, DemoPerson], binding: str, endpoint: str | None, thumbprint: str | None, now: datetime
) -> None:
    """The administrator registers the device, QA approves its node map and qualifies it."""
    bound = binding == "opcua"
    made = people["admin"].act(
        "/api/equipment", equipment=DEVICE, device_class="cell_processor", model="prodigy_like simulator",
        serial="SIM-0001", binding=binding, simulated=True, endpoint=endpoint if bound else None,
        nodemap="prodigy_like" if bound else None, server_thumbprint=thumbprint if bound else None,
    )  # fmt: skip
    if bound:
        # Another QA person, whose authenticator has a fresh code: the first one has just approved the master.
        people["qa2"].act(f"/api/equipment/{DEVICE}/nodemap", digest=made["nodemap"])
    people["qa2"].act(f"/api/equipment/{DEVICE}/qualify", until=(now + QUALIFIED_FOR).isoformat())


def open_batch(people: Mapping[str, DemoPerson], binding: str) -> None:
    """The clinician enters patient and order, QA opens the batch."""
    clinician = people["clinician"]
    patient = clinician.act(
        "/api/patients", name="Testpatient Demo", birth_date="1961-04-12", hospital_number="H-0093311",
        wristband=WRISTBAND,
    )["patient"]  # fmt: skip
    clinician.act(
        "/api/orders", order=ORDER, product=PRODUCT, patient=patient, wristband=WRISTBAND,
        weight={"value": "70.0", "unit": "kg"}, dose={"value": "1.0", "unit": "10*6{cells}/kg"},
    )  # fmt: skip
    people["qa"].act(f"/api/orders/{ORDER}/accept", batch=BATCH, master=MASTER, version=1, binding=binding)
