"""What is wrong with a master file, said so that its author can put it right: code, place and sentence."""

from collections.abc import Mapping
from dataclasses import dataclass

SENTENCES: Mapping[str, str] = {
    # the file
    "file-too-large": "The file has {bytes} bytes, at most {most} are read. Split or shorten it.",
    "file-not-text": "The file is not UTF-8 text in composed form (NFC). Save it as UTF-8 and import it again.",
    "file-not-yaml": "Line {line}: {problem}. Correct the YAML there.",
    "file-anchors": "Line {line}: anchors, aliases and tags (& * !) are not allowed. Write the value out.",
    "file-too-deep": "Line {line}: more than {most} levels. Flatten the structure.",
    "file-duplicate-key": "Line {line}: the key {key} stands twice. Remove one of the two.",
    "file-key-not-text": "Line {line}: every key must be a plain word. Correct the key.",
    "number-is-float": "Line {line}: {given} is a bare decimal number, whose digits a parser may change. "
    'Write it in quotes: "{given}".',
    # fields
    "field-unknown": "This field is not known here. Remove it, or correct its name.",
    "field-missing": "This field is missing. Add it.",
    "field-wrong": "{detail} Correct the value.",
    "number-malformed": "{given} is not a number as the record writes it (digits, a decimal point, no exponent, "
    "no comma, no leading zeros). Write it like 37.5.",
    "unit-unknown": "The unit {unit} is not on the list of units. Use a UCUM code of that list, e.g. Cel, mL, %.",
    "unit-incompatible": "A limit in {given} cannot be compared with a signal in {wanted}. Change one of them.",
    "unit-missing": "A number needs a unit. Add one; a pure number has the unit 1.",
    "unit-unfit": "Only a number has a unit and limits. Remove them, or make it a number.",
    "signal-unknown": "The device signal {tag} is not known. Use one of: {known}.",
    "signal-kind": "The signal {tag} gives {gives}. Give it {wanted}.",
    "limit-reversed": "The lower limit {low} lies above the upper limit {high}. Exchange or correct them.",
    "limit-missing": "A watched signal needs a lower or an upper limit. Add one.",
    "choice-unfit": "{given} is not among the answers ({choices}). Correct it, or add the answer.",
    "choices-missing": "A choice needs at least two different answers. Add them.",
    "role-unknown": "The role {role} is not known. Use one of: {known}.",
    "meaning-unknown": "The signature meaning {meaning} is not on the closed list. Use a meaning of that list.",
    "basis-malformed": "The basis must read default, or published (source). Correct it.",
    "window-malformed": "A window is either absolute, or after a step and its edge (started or completed), "
    "and it has min_h or max_h. Correct it.",
    "window-reversed": "The window opens at {low} h and closes at {high} h. Exchange or correct them.",
    "duplicate-id": "The id {id} stands twice. Give one of them another id.",
    "item-limit-unfit": "The operator {operator} and the limit do not fit: ge, gt, le, lt have a limit, no other has. "
    "Add or remove the limit.",
    "item-members": "any_of needs at least two members, and no other operator has members. Correct them.",
    "item-membership": "{group} and {member} do not name each other (members, member_of). Correct one of the two.",
    # order
    "step-dangling": "The step {named} does not exist. Correct the id, or add the step.",
    "step-cycle": "These steps wait for one another: {steps}. Remove one of the predecessors.",
    "step-unreachable": "The step waits for a cycle or for a step that does not exist. Correct its predecessors.",
    "step-needed": "The step {named} is named by the master and may not be optional. Make it obligatory.",
    "role-of-step-missing": "A master with a label needs {field}. Name the step.",
    "lymphodepletion-before-manufacturing": "This manufacturing step waits for the lymphodepletion step {named}. "
    "Lymphodepletion is a lane of the clinic: remove it from the predecessors.",
    "label-before-dose": "The label is printed before the dose is known (step {named}). Let it follow that step.",
    "infusion-without-go": "The infusion does not follow the preliminary certification. Add the predecessor.",
    "window-absolute": "Only transport, intake and the start of selection may hold hours since H0. "
    "Give a window after an earlier step.",
    "window-not-after": "The window hangs on {named}, which need not be done before this step. Add it to the "
    "predecessors.",
    "window-on-optional": "The window hangs on the optional step {named}, which may be skipped. "
    "Hang it on an obligatory step.",
    "signature-missing": "There is a verifier but no performer. Name who performs the step.",
    "signature-one-on-duty": "Performer and verifier are both {role}, of whom one is on duty. Choose another role.",
    "signature-twice": "The signature {meaning} by {role} stands twice. Remove one.",
    # time
    "window-empty": "If {late} is done at its last allowed minute, no time is left: the earliest moment by {lower} "
    "lies {short_h} h after the latest by {upper}. Widen this window or tighten an earlier one.",
    "window-unbounded": "{late} has no latest time, so the window by {upper} can pass before this step may start. "
    "Give {late} a window.",
    "plan-outside-window": "As planned, the step falls {off_h} h outside its window by {upper}. Correct plan_h or "
    "the window.",
    "critical-path-too-long": "The planned way takes {planned_h} h from vein to vein, the target is {target_h} h "
    "({path}). Shorten a step of this path.",
    "infusion-unplanned": "No path of steps leads from {start} to {infusion}. Correct the predecessors.",
}


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong: `where` is a path such as `A09.parameters.recovery.low`, facts fill the sentence."""

    code: str
    where: str
    facts: tuple[tuple[str, str], ...] = ()

    @classmethod
    def of(cls, code: str, where: str, **facts: object) -> "Finding":
        """Make a finding; facts are kept as text."""
        return cls(code, where, tuple((name, str(value)[:200]) for name, value in facts.items()))

    @property
    def sentence(self) -> str:
        """Return the English sentence, with what to do next."""
        return SENTENCES[self.code].format_map(dict(self.facts))

    def __str__(self) -> str:
        return f"{self.where}: {self.sentence}" if self.where else self.sentence

    def as_fact(self) -> dict[str, str]:
        """Return what a Refusal hands to the page or the API."""
        return {"code": self.code, "where": self.where, "sentence": self.sentence}
