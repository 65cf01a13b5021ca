"""Finding a form on a page, and filling it in by the names of its fields as a person with a keyboard does."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from playwright.sync_api import Locator, Page

CONTROLS = """forms => forms.map(form => [...form.elements].filter(one => one.name).map(one => ({
    name: one.name, kind: one.tagName === 'SELECT' ? 'select' : one.type, value: one.value, fixed: one.readOnly === true
})))"""
CHOSEN_BEFORE = frozenset({"equipment"})
"""Fields that a form asks for only once: the device of a batch."""


@dataclass(frozen=True)
class Control:
    """One field of a form as it stands on the page."""

    name: str
    kind: str
    value: str
    fixed: bool


@dataclass(frozen=True)
class Form:
    """One form on a page."""

    place: Locator
    controls: tuple[Control, ...]

    def hidden(self) -> dict[str, str]:
        """Return what the form carries without showing it."""
        return {one.name: one.value for one in self.controls if one.kind == "hidden"}

    def suits(self, told: Mapping[str, Any]) -> bool:
        """Say whether the form is about what is told: no hidden field of it says anything else."""
        hidden = self.hidden()
        return all(hidden.get(name, value) == value for name, value in told.items() if isinstance(value, str))

    def fill(self, told: Mapping[str, Any]) -> None:
        """Fill in everything told; a field that the form does not have is an error, so is a hidden one that differs."""
        for name, value in self._named(told):
            of_name = [one for one in self.controls if one.name == name]
            if not of_name and name in CHOSEN_BEFORE:
                continue
            assert of_name, f"no field {name} for {value!r} among {sorted({one.name for one in self.controls})}"
            self._put(of_name, value)

    def send(self) -> None:
        """Press the form's button."""
        self.place.locator("button[type=submit]").click()

    def _put(self, of_name: Sequence[Control], value: str) -> None:
        one = of_name[0]
        field = self.place.locator(f"[name='{one.name}']")
        if one.kind == "hidden" or one.fixed:
            assert one.value == value, f"the page says {one.value!r} for {one.name}, not {value!r}"
        elif one.kind == "select":
            field.select_option(value)
        elif one.kind in ("radio", "checkbox"):
            self.place.locator(f"[name='{one.name}'][value='{value}']").check()
        else:
            field.fill(value)

    def _named(self, told: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
        """Name every field as the page does: `weight.value`, `lots.0.lot`, `checks[]`."""
        for name, value in told.items():
            if isinstance(value, Mapping):
                yield from ((f"{name}.{inner}", str(one)) for inner, one in value.items())
            elif isinstance(value, list | tuple):
                for one in value:
                    yield from self._row(name, one) if isinstance(one, Mapping) else [(f"{name}[]", str(one))]
            else:
                yield name, str(value)

    def _row(self, name: str, told: Mapping[str, str]) -> Iterator[tuple[str, str]]:
        """Name the fields of the row that is about what is told: its hidden first field says so."""
        key, about = next(iter(told.items()))
        rows = [field for field, value in self.hidden().items() if field.endswith(f".{key}") and value == about]
        found = [field for field in rows if field.startswith(f"{name}.")]
        assert found, f"no row of {name} about {about}"
        row = found[0].rpartition(".")[0]
        yield from ((f"{row}.{inner}", str(value)) for inner, value in told.items())


def find_form(page: Page, path: str, told: Mapping[str, Any]) -> Form | None:
    """Return the form of the page that sends to `path` and is about what is told, unfolding what hides it."""
    places = page.locator(f"main form[hx-post='{path}']")
    for place, controls in zip(places.all(), places.evaluate_all(CONTROLS), strict=True):
        form = Form(place, tuple(Control(**one) for one in controls))
        if form.suits(told):
            for folded in place.locator("xpath=ancestor::details[not(@open)]/summary").all():
                folded.click()
            return form
    return None
