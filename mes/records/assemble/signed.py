"""Every signature with printed name, local time, zone and meaning; and the people who acted."""

from collections import Counter

from mes.people.events import RoleGranted, RoleWithdrawn
from mes.records.assemble.story import Story
from mes.records.model import Block, Cell, Heading, Note, Section, Table, Tone
from mes.records.record import people_of

INTENT = (
    "Each signature binds name, time and meaning to the exact content of its entry and to what the signer was shown "
    "(record format 1, section 2). Times are local by the offset shown, in the IANA zone of the site."
)


def signatures(story: Story) -> Section:
    """Return all signatures of the record in order. Rule: REG-P11-50, REG-A11-14."""
    own: list[tuple[Cell | str, ...]] = []
    rights: list[tuple[Cell | str, ...]] = []
    zones = set()
    for entry in story.record.entries:
        signature = entry.document.get("signature")
        if signature is None:
            continue
        zones.add(str(signature["tz"]))
        role = str(entry.document["actor"].get("role", "")).replace("_", " ")
        void = entry.index in story.state.voided
        meaning = Cell(("VOID: " if void else "") + str(signature["text"]), Tone.BAD if void else Tone.PLAIN)
        about = str(entry.data.get("step") or entry.data.get("item") or entry.stream)
        time = story.local(entry.at.fromisoformat(signature["at"]), entry)
        what = entry.type.removeprefix("batch:").replace(":", " ").replace("_", " ")
        factors = ", ".join(signature["factors"]).replace("_", " ")
        name = Cell(f"{signature['person']['name']}, {role}")
        rows = rights if entry.stream.startswith("person/") else own
        rows.append((entry.printed, name, time, meaning, f"{what} ({about})", factors))
    if not own and not rights:
        return Section("Signatures", (Note("Nothing was signed.", Tone.WARN),))
    heads = ("Entry", "Name and role", "Signed", "Meaning", "What", "Factors")
    notes = Note(f"{INTENT} Zone: {', '.join(sorted(zones))}.", Tone.MUTED)
    widths = (7, 18, 17, 29, 18, 11)
    blocks: list[Block] = [notes, Table(heads, tuple(own), widths)]
    if rights:  # apart from what was signed about the batch, which is what its reader looks for
        blocks += [
            Heading("By which the people of this record came by their rights"),
            Table(heads, tuple(rights), widths),
        ]
    return Section("Signatures", tuple(blocks))


def people(story: Story) -> Section:
    """Return who acted or signed, with the roles they were granted and how often."""
    acted: Counter[str] = Counter()
    signed: Counter[str] = Counter()
    terminals: dict[str, set[str]] = {}
    for entry in story.batch_entries:
        actor = entry.document["actor"]
        if actor["kind"] == "person":
            acted[actor["id"]] += 1
            terminals.setdefault(actor["id"], set()).add(actor["terminal"])
        if "signature" in entry.document:
            signed[entry.document["signature"]["person"]["id"]] += 1
    rows = [
        (story.name_of(person), person, ", ".join(_roles(story, person)) or "–",
         ", ".join(sorted(terminals.get(person, ()))) or "–", Cell(str(acted[person]), is_number=True),
         Cell(str(signed[person]), is_number=True))
        for person in sorted(people_of(story.record.entries), key=story.name_of)
    ]  # fmt: skip
    note = Note("Everybody who recorded or signed something in this batch, or gave those people their access. "
                "Counts are of the batch's own entries.", Tone.MUTED)  # fmt: skip
    heads = ("Name", "Id", "Roles", "Terminals", "Entries", "Signatures")
    return Section("People", (note, Table(heads, tuple(rows), (22, 16, 32, 12, 8, 10))))


def _roles(story: Story, person: str) -> list[str]:
    held: dict[str, None] = {}
    for entry in story.record.entries:
        event = story.events[entry.index]
        if isinstance(event, RoleGranted) and event.person == person:
            held[event.role.value.replace("_", " ")] = None
        elif isinstance(event, RoleWithdrawn) and event.person == person:
            held.pop(event.role.value.replace("_", " "), None)
    return list(held)
