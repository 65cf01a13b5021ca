"""Importing and approving masters on a real ledger: what is signed, frozen, kept, and shown."""

import json
from hashlib import sha256

import pytest
from sqlalchemy import delete, select, update

from mes.errors import IntegrityBreach, Refusal
from mes.ids import new_op
from mes.masters.service import MasterService
from mes.masters.tables import PROJECTION, master_file, master_version, register
from tests.masters.builders import GOOD, changed, good
from tests.masters.conftest import Office

FILE = GOOD.encode()
SECOND = changed("version: 1", "version: 2")


def code_of(refused: pytest.ExceptionInfo[Refusal]) -> str:
    return refused.value.code


def stored_digests(office: Office) -> set[str]:
    with office.house.ledger.read() as connection:
        return {row.digest for row in connection.execute(select(master_file.c.digest))}


def test_a_master_is_imported_approved_and_frozen(office: Office) -> None:
    assert office.imports(FILE) == ()
    office.approves()
    master = office.masters.approved("small", 1)
    assert master == good()
    assert master is office.masters.approved("small", 1)
    assert office.masters.get("small", 1) is office.masters.startable("small", 1)
    assert MasterService(office.house.ledger, office.house.clock, office.house.signing).approved("small", 1) == master
    assert office.house.types_of("master", "small.1") == ["master:version:imported", "master:version:approved"]
    assert stored_digests(office) == {master.digest, sha256(FILE).hexdigest()}


def test_the_approval_is_signed_over_what_qa_saw(office: Office) -> None:
    office.imports(FILE)
    office.approves()
    imported, approved = office.house.ledger.stream("master/small.1")
    signature = approved.document["signature"]
    assert (signature["meaning"], signature["factors"]) == ("MASTER_APPROVED", ["user_name", "password", "totp"])
    assert signature["after"] == [{"stream": "master/small.1", "seq": 0}]
    assert approved.document["actor"]["role"] == "qa"
    shown = json.loads(office.house.ledger.shown(signature["shown"]) or b"")
    told = {item["label"]: item["value"] for item in shown["items"]}
    assert told["SHA-256 of the master"] == good().digest == approved.data["digest"]
    assert told["Planned vein to vein"] == "4.0 h, target 10 h"
    assert told["Deciding path"] == "S1 > S2 > S3 > S4 > S6 > S7"
    assert shown["items"][0]["source"] == {"stream": "master/small.1", "seq": 0, "leaf": imported.leaf.hex()}


@pytest.mark.rule("PRA-14")
def test_a_master_with_findings_is_a_draft_and_no_more(office: Office) -> None:
    late = changed("target_vein_to_vein_h: 10", "target_vein_to_vein_h: 3")
    assert office.imports(late) == ("critical-path-too-long",)
    with pytest.raises(Refusal) as refused:
        office.masters.approve(office.qa, None, "small", 1, new_op())
    assert code_of(refused) == "master-not-clean"
    with pytest.raises(Refusal) as unapproved:
        office.masters.approved("small", 1)
    assert code_of(unapproved) == "master-not-approved"
    assert [one.code for one in office.masters.draft("small", 1)[1]] == ["critical-path-too-long"]


def test_a_wrong_file_leaves_nothing_behind(office: Office) -> None:
    size = office.house.ledger.size
    with pytest.raises(Refusal) as refused:
        office.imports(changed("title: Dose", "titel: Dose"))
    assert code_of(refused) == "master-file-wrong"
    assert (office.house.ledger.size, stored_digests(office)) == (size, set())


def test_the_author_never_approves(office: Office) -> None:
    office.imports(FILE)
    with pytest.raises(Refusal) as refused:
        office.masters.approve(office.author, None, "small", 1, new_op())
    assert code_of(refused) == "master-own"


def test_roles_are_needed(office: Office) -> None:
    with pytest.raises(Refusal) as importing:
        office.masters.import_master(office.qa, FILE, new_op())
    office.house.employ("olaf")
    office.imports(FILE)
    with pytest.raises(Refusal) as approving:
        office.masters.approve(office.house.signed_in("olaf"), None, "small", 1, new_op())
    assert [code_of(importing), code_of(approving)] == ["role-missing", "role-missing"]


def test_an_approved_version_never_changes(office: Office) -> None:
    office.imports(FILE)
    office.approves()
    for again in (FILE, changed("title: Dose", "title: Dosage")):
        with pytest.raises(Refusal) as refused:
            office.imports(again)
        assert code_of(refused) == "master-approved-already"
    assert office.masters.approved("small", 1).digest == good().digest


def test_a_draft_may_be_corrected_before_approval(office: Office) -> None:
    office.imports(FILE)
    office.imports(changed("title: Dose", "title: Dosage"))
    office.approves()
    assert office.masters.approved("small", 1).step("S3").title == "Dosage"


def test_a_new_version_supersedes_the_old_one(office: Office) -> None:
    for file, version in ((FILE, 1), (SECOND, 2)):
        office.imports(file)
        office.approves(version=version)
    assert office.masters.startable("small", 2).version == 2
    assert office.masters.approved("small", 1).version == 1
    with pytest.raises(Refusal) as refused:
        office.masters.startable("small", 1)
    assert code_of(refused) == "master-superseded"
    rows = [(row["version"], row["superseded_by"]) for row in office.masters.masters()]
    assert rows == [(2, None), (1, 2)]


def test_a_repeated_operation_changes_nothing(office: Office) -> None:
    first, second = new_op(), new_op()
    office.imports(FILE, first)
    office.imports(FILE, first)
    office.approves(op=second)
    size = office.house.ledger.size
    assert office.masters.approve(office.qa, None, "small", 1, second) == good()
    assert office.house.ledger.size == size


def test_an_unknown_master_is_refused(office: Office) -> None:
    for ask in (office.masters.approved, office.masters.draft, office.masters.startable):
        with pytest.raises(Refusal) as refused:
            ask("nobody", 1)
        assert (code_of(refused), refused.value.status) == ("master-unknown", 404)


@pytest.mark.parametrize("tampered", [b"format: 1", None])
def test_other_bytes_under_the_digest_are_a_breach(office: Office, tampered: bytes | None) -> None:
    office.imports(FILE)
    office.approves()
    here = master_file.c.digest == good().digest
    with office.engine.begin() as connection:
        if tampered is None:
            connection.execute(delete(master_file).where(here))
        else:
            connection.execute(update(master_file).where(here).values(body=tampered))
    fresh = MasterService(office.house.ledger, office.house.clock, office.house.signing)
    with pytest.raises(IntegrityBreach) as breach:
        fresh.approved("small", 1)
    assert breach.value.stream == "master/small.1"


def test_the_register_rebuilt_is_the_register_kept(office: Office) -> None:
    for file, version in ((FILE, 1), (SECOND, 2)):
        office.imports(file)
        office.approves(version=version)
    kept = office.masters.masters()
    assert len(kept) == 2
    with office.engine.begin() as connection:
        connection.execute(delete(master_version))
        for entry in office.house.ledger.entries():
            PROJECTION[1](connection, entry)
        assert register(connection, "site-a") == kept
