"""The museum of bad master files: each breaks the good one in one place and gets one sentence, with what to do."""

import re

import pytest

from mes.errors import Refusal
from mes.masters.closed_yaml import MOST_BYTES, MOST_LEVELS
from mes.masters.findings import SENTENCES
from mes.masters.lint import lint
from mes.masters.reader import read_master
from tests.masters.builders import GOOD, MUSEUM, changed

TEMPERATURE = 'unit: Cel, low: "36.5", high: "37.5", severity: critical, source'
CELLS = 'unit: "10*6{cells}", low: 80, high: 120,'

UNREADABLE = [
    # what, old, new, where, the sentence
    ("unknown unit", CELLS, "unit: cells, low: 80, high: 120,", "S2.parameters.cells.unit",
     "The unit cells is not on the list of units. Use a UCUM code of that list, e.g. Cel, mL, %."),
    ("incompatible unit", TEMPERATURE, TEMPERATURE.replace("Cel", "bar"), "S2.parameters.temperature.unit",
     "A limit in bar cannot be compared with a signal in Cel. Change one of them."),
    ("no unit", CELLS, "low: 80, high: 120,", "S2.parameters.cells.unit",
     "A number needs a unit. Add one; a pure number has the unit 1."),
    ("unit on a flag", "kind: flag, expected: yes", "kind: flag, expected: yes, unit: h", "S2.parameters.cleared.unit",
     "Only a number has a unit and limits. Remove them, or make it a number."),
    ("float", CELLS, CELLS.replace("80", "80.5"), "",
     'Line 29: 80.5 is a bare decimal number, whose digits a parser may change. Write it in quotes: "80.5".'),
    ("bare 1e999999", CELLS, CELLS.replace("80", "1e999999"), "",
     "Line 29: 1e999999 is a bare decimal number, whose digits a parser may change. "
     'Write it in quotes: "1e999999".'),
    ("quoted 1e999999", CELLS, CELLS.replace("80", '"1e999999"'), "S2.parameters.cells.low",
     "1e999999 is not a number as the record writes it (digits, a decimal point, no exponent, no comma, no leading "
     "zeros). Write it like 37.5."),
    ("comma decimal", '"36.5"', '"36,5"', "S2.parameters.temperature.low",
     "36,5 is not a number as the record writes it (digits, a decimal point, no exponent, no comma, no leading "
     "zeros). Write it like 37.5."),
    ("NaN", '"36.5"', "NaN", "S2.parameters.temperature.low",
     "NaN is not a number as the record writes it (digits, a decimal point, no exponent, no comma, no leading "
     "zeros). Write it like 37.5."),
    ("a list as number", CELLS, CELLS.replace("80", "[80]"), "S2.parameters.cells.low",
     "[80] is not a number as the record writes it (digits, a decimal point, no exponent, no comma, no leading "
     "zeros). Write it like 37.5."),
    ("true as number", CELLS, CELLS.replace("80", "true"), "S2.parameters.cells.low",
     "True is not a number as the record writes it (digits, a decimal point, no exponent, no comma, no leading "
     "zeros). Write it like 37.5."),
    ("low above high", CELLS, CELLS.replace("80", "121"), "S2.parameters.cells.low",
     "The lower limit 121 lies above the upper limit 120. Exchange or correct them."),
    ("equal and open", CELLS, CELLS.replace("80", "120") + " low_inclusive: false,", "S2.parameters.cells.low",
     "The lower limit 120 lies above the upper limit 120. Exchange or correct them."),
    ("duplicate key", "title: Dose", "title: Dose\n    title: Dosage", "",
     "Line 43: the key title stands twice. Remove one of the two."),
    ("unknown field", "title: Dose", "title: Dose\n    titel: Dose", "S3.titel",
     "This field is not known here. Remove it, or correct its name."),
    ("missing field", "    title: Dose\n", "", "S3.title", "This field is missing. Add it."),
    ("anchor", "title: Dose", "title: &t Dose", "",
     "Line 42: anchors, aliases and tags (& * !) are not allowed. Write the value out."),
    ("tag", "title: Dose", "title: !!python/name:os.system x", "",
     "Line 42: anchors, aliases and tags (& * !) are not allowed. Write the value out."),
    ("merge key", "title: Dose", "title: Dose\n    <<: {after: [S1]}", "S3.<<",
     "This field is not known here. Remove it, or correct its name."),
    ("list as key", "title: Dose", "title: Dose\n    ? [a]\n    : b", "",
     "Line 43: every key must be a plain word. Correct the key."),
    ("no YAML", "title: Dose", "title: ]", "",
     "Line 42: expected the node content, but found ']'. Correct the YAML there."),
    ("deep", "title: Dose", f"title: {'[' * 1000}", "",
     f"Line 42: more than {MOST_LEVELS} levels. Flatten the structure."),
    ("unknown signal", "tag: culture.temperature, basis", "tag: culture.temp, basis", "S2.parameters.temperature.tag",
     "The device signal culture.temp is not known. Use one of: culture.temperature, culture.co2, culture.volume, "
     "supply.air_pressure, supply.co2_pressure, process.centrifuge_speed, process.pump_flow, process.line_pressure, "
     "unit.state, unit.mains, unit.door_open."),
    ("words as numbers", "tag: culture.temperature, basis", "tag: unit.state, basis", "S2.parameters.temperature.tag",
     "The signal unit.state gives words. Give it expected words, no unit and no limits."),
    ("watched without limit", "unit: Cel, low: 36, high: 38,", "unit: Cel,", "S2.monitored.0.low",
     "A watched signal needs a lower or an upper limit. Add one."),
    ("watched words with limits", "unit: Cel, low: 36, high: 38,", "low: 36,", "S2.monitored.0.unit",
     "A number needs a unit. Add one; a pure number has the unit 1."),
    ("one choice", "[pass, fail]", "[pass]", "S2.parameters.test.choices",
     "A choice needs at least two different answers. Add them."),
    ("answer outside the choices", "expected: pass", "expected: passed", "S2.parameters.test.expected",
     "passed is not among the answers (pass, fail). Correct it, or add the answer."),
    ("true as expected flag", "expected: yes", "expected: true", "S2.parameters.cleared.expected",
     "Not a valid string. Correct the value."),
    ("unknown role", "performed: qp", "performed: boss", "S6.signatures.performed",
     "The role boss is not known. Use one of: administrator, auditor, clinician, collection_nurse, control_site, "
     "courier, master_author, operator, pharmacist, qa, qc_analyst, qc_reviewer, qp, security_officer, supervisor, "
     "verifier."),
    ("unknown meaning", "QA_REVIEWED", "LIKED", "S5.signatures.also.0.meaning",
     "The signature meaning LIKED is not on the closed list. Use a meaning of that list."),
    ("unknown act", "act: label", "act: sticker", "S4.act",
     "Must be one of: record, order, intake, lymphodepletion, label, results, review, certify_preliminary, "
     "certify_final, handover, infusion, harvest_decision. Correct the value."),
    ("invented basis", "published (Somebody 2018)", "well known", "S2.parameters.cells.basis",
     "The basis must read default, or published (source). Correct it."),
    ("window without anchor", "{after: S3, edge: completed, min_h: 0,", "{min_h: 0,", "S4.windows.0",
     "A window is either absolute, or after a step and its edge (started or completed), and it has min_h or max_h. "
     "Correct it."),
    ("window with two anchors", "{absolute: true,", "{absolute: true, after: S1, edge: started,", "S2.windows.0",
     "A window is either absolute, or after a step and its edge (started or completed), and it has min_h or max_h. "
     "Correct it."),
    ("window reversed", 'after: S3, edge: completed, min_h: 0,', 'after: S3, edge: completed, min_h: 3,',
     "S4.windows.0.min_h", "The window opens at 3 h and closes at 0.5 h. Exchange or correct them."),
    ("parameter twice", "{id: cells,", "{id: temperature,", "S2.parameters",
     "The id temperature stands twice. Give one of them another id."),
    ("two lines in a title", "title: Dose", 'title: "Do\\nse"', "S3.title",
     "This must be one line. Correct the value."),
    ("control character", "title: Dose", 'title: "Do\\u0007se"', "S3.title",
     "This holds a control character. Correct the value."),
    ("malformed id", "- id: S3", "- id: S 3", "S 3.id", "This is no id. Correct the value."),
    ("format of the future", "format: 1", "format: 2", "format", "Must be equal to 1. Correct the value."),
    ("0 as false", "- id: S6", "- optional: 0\n    id: S6", "S6.optional",
     "This must be true or false. Correct the value."),
]  # fmt: skip


@pytest.mark.parametrize(
    ("old", "new", "where", "sentence"), [row[1:] for row in UNREADABLE], ids=[r[0] for r in UNREADABLE]
)
def test_a_wrong_file_is_refused_with_one_sentence(old: str, new: str, where: str, sentence: str) -> None:
    with pytest.raises(Refusal) as refused:
        read_master(changed(old, new))
    assert (refused.value.code, refused.value.status) == ("master-file-wrong", 422)
    assert [(one["where"], one["sentence"]) for one in refused.value.facts["problems"]] == [(where, sentence)]


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"\xff\xfe", "file-not-text"),
        ("title: e\u0301".encode(), "file-not-text"),
        (b"a: \x00", "file-not-yaml"),
        (b"--- {}\n--- {}\n", "file-not-yaml"),
        (b"#" * (MOST_BYTES + 1), "file-too-large"),
        (b"", "field-wrong"),
        (b"- 1", "field-wrong"),
    ],
)
def test_bytes_that_are_no_master_are_refused(body: bytes, code: str) -> None:
    with pytest.raises(Refusal) as refused:
        read_master(body)
    assert [one["code"] for one in refused.value.facts["problems"]] == [code]


def test_all_wrong_fields_are_said_at_once() -> None:
    text = GOOD.replace("unit: Cel, low: 36,", "unit: warm, low: 36,").replace("title: Dose", "titel: Dose")
    with pytest.raises(Refusal) as refused:
        read_master(text.encode())
    codes = [one["code"] for one in refused.value.facts["problems"]]
    assert sorted(codes) == ["field-missing", "field-unknown", "unit-unknown"]


UNFIT = [
    ("dangling predecessor", "after: [S2]\n", "after: [S2, S9]\n", "step-dangling", "S3",
     "The step S9 does not exist. Correct the id, or add the step."),
    ("dangling end of watching", "until: S3", "until: S9", "step-dangling", "S2",
     "The step S9 does not exist. Correct the id, or add the step."),
    ("dangling dose step", "dose_step: S3", "dose_step: S9", "step-dangling", "dose_step",
     "The step S9 does not exist. Correct the id, or add the step."),
    ("cycle", "after: [S3]\n", "after: [S3, S6]\n", "step-cycle", "S4",
     "These steps wait for one another: S4 > S6 > S4. Remove one of the predecessors."),
    ("waits for itself", "after: [S3]\n", "after: [S3, S4]\n", "step-cycle", "S4",
     "These steps wait for one another: S4 > S4. Remove one of the predecessors."),
    ("step twice", "- id: S6", "- id: S5", "duplicate-id", "S5",
     "The id S5 stands twice. Give one of them another id."),
    ("lymphodepletion before manufacturing", "after: [S2]\n", "after: [S2, S5]\n",
     "lymphodepletion-before-manufacturing", "S3",
     "This manufacturing step waits for the lymphodepletion step S5. Lymphodepletion is a lane of the clinic: remove "
     "it from the predecessors."),
    ("label before dose", "    after: [S3]\n", "    after: [S2]\n", "label-before-dose", "S4",
     "The label is printed before the dose is known (step S3). Let it follow that step."),
    ("no dose step", "dose_step: S3\n", "", "role-of-step-missing", "dose_step",
     "A master with a label needs dose_step. Name the step."),
    ("infusion without certificate", "act: certify_preliminary\n", "act: record\n", "infusion-without-go", "S7",
     "The infusion does not follow the preliminary certification. Add the predecessor."),
    ("late hours since H0", "{after: S6, edge: completed, min_h: 0, max_h: 2}", "{absolute: true, min_h: 0, max_h: 99}",
     "window-absolute", "S7.windows.0",
     "Only transport, intake and the start of selection may hold hours since H0. Give a window after an earlier step."),
    ("dose step optional", "    title: Dose\n", "    title: Dose\n    optional: true\n", "step-needed", "dose_step",
     "The step S3 is named by the master and may not be optional. Make it obligatory."),
    ("window on an optional step", "    title: Certify\n", "    title: Certify\n    optional: true\n",
     "window-on-optional", "S7.windows.0",
     "The window hangs on the optional step S6, which may be skipped. Hang it on an obligatory step."),
    ("verifier without performer", "{performed: clinician, verified: clinician}", "{verified: clinician}",
     "signature-missing", "S7.signatures", "There is a verifier but no performer. Name who performs the step."),
    ("the one QP verifies the QP", "{performed: qp}", "{performed: qp, verified: qp}", "signature-one-on-duty",
     "S6.signatures", "Performer and verifier are both qp, of whom one is on duty. Choose another role."),
    ("the same signature twice", "[{meaning: QA_REVIEWED, role: qa}]",
     "[{meaning: QA_REVIEWED, role: qa}, {meaning: QA_REVIEWED, role: qa}]", "signature-twice", "S5.signatures",
     "The signature QA_REVIEWED by qa stands twice. Remove one."),
    ("window empty", 'after: S3, edge: completed, min_h: 0, max_h: "0.5"', 'after: S2, edge: completed, max_h: "1.4"',
     "window-empty", "S4",
     "If S3 is done at its last allowed minute, no time is left: the earliest moment by S3 completed lies 0.1 h after "
     "the latest by S2 completed + 1.4 h. Widen this window or tighten an earlier one."),
    ("window after a step without one", "    windows:\n      - {after: S2, edge: completed, min_h: 0, max_h: 1}\n",
     "", "window-unbounded", "S7",
     "S6 has no latest time, so the window by expiry, S2 completed + 6 h can pass before this step may start. Give S6 "
     "a window."),
    ("infusion after expiry", "shelf_life_h: 6", "shelf_life_h: 3", "window-empty", "S7",
     "If S6 is done at its last allowed minute, no time is left: the earliest moment by S6 completed lies 0.5 h after "
     "the latest by expiry, S2 completed + 3 h. Widen this window or tighten an earlier one."),
    ("plan outside its window", "max_h: 2, plan_h: 1}", "max_h: 2, plan_h: 3}", "plan-outside-window", "S2",
     "As planned, the step falls 1 h outside its window by H+2. Correct plan_h or the window."),
    ("critical path too long", "target_vein_to_vein_h: 10", "target_vein_to_vein_h: 3", "critical-path-too-long",
     "target_vein_to_vein_h",
     "The planned way takes 4.0 h from vein to vein, the target is 3 h (S1 > S2 > S3 > S4 > S6 > S7). Shorten a step "
     "of this path."),
    ("window on a step that need not be done", "    after: [S1]\n    windows:", "    windows:", "window-not-after",
     "S5.windows.0", "The window hangs on S1, which need not be done before this step. Add it to the predecessors."),
]  # fmt: skip


@pytest.mark.rule("PRA-02")
@pytest.mark.rule("PRA-03")
@pytest.mark.rule("PRA-14")
@pytest.mark.parametrize(
    ("old", "new", "code", "where", "sentence"), [row[1:] for row in UNFIT], ids=[row[0] for row in UNFIT]
)
def test_an_unfit_master_is_found_out(old: str, new: str, code: str, where: str, sentence: str) -> None:
    found = lint(read_master(changed(old, new)))
    assert (code, where, sentence) in [(one.code, one.where, one.sentence) for one in found]


def test_the_good_master_is_clean() -> None:
    assert lint(read_master(GOOD.encode())) == ()


@pytest.mark.rule("PRA-14")
def test_the_table_as_first_written_fails() -> None:
    master = read_master((MUSEUM / "first-table.yaml").read_bytes())
    found = {(one.code, one.where) for one in lint(master)}
    assert {
        ("lymphodepletion-before-manufacturing", "A12"),
        ("role-of-step-missing", "dose_step"),
        ("window-absolute", "A13.windows.1"),
        ("window-empty", "A12"),
        ("window-empty", "A24"),
    } <= found


def test_every_sentence_says_what_to_do() -> None:
    ends = {code: len(re.findall(r"[.!?](?=\s|$)", text)) for code, text in SENTENCES.items()}
    assert {code for code, count in ends.items() if count < 2} == {"field-wrong"}  # its detail is the first sentence
