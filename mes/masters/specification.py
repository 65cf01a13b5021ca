"""A release specification as frozen data: which results a product needs, their limits, and which may come later.

How a result is judged against it belongs to quality.
"""

from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum

from mes.errors import Refusal
from mes.masters.model import DEFAULT_BASIS


class Operator(StrEnum):
    """How a result is compared with the limit; `report` has none, `any_of` needs one of its `members`."""

    EQ = "eq"
    GE = "ge"
    GT = "gt"
    LE = "le"
    LT = "lt"
    ANY_OF = "any_of"
    REPORT = "report"


class Sample(StrEnum):
    """What is tested: the final product, or a sample taken during the process."""

    PRODUCT = "final product"
    IN_PROCESS = "in process"


@dataclass(frozen=True, slots=True)
class SpecificationItem:
    """One test. A number has `unit` and `limit`; words have `choices` and `wanted` (the answer that passes).

    `deferrable`: may be pending at preliminary certification. `member_of`: judged only within that any_of item.
    `safety`: a failure endangers the patient at once (PRA-05). `min_incubation_h`: a reading `negative to date`
    counts only after so many hours; `method_h`: planned hours from the start of the test to its result (PRA-16).
    """

    id: str
    label: str
    method: str
    operator: Operator
    limit_text: str
    unit: str | None = None
    limit: Decimal | None = None
    choices: tuple[str, ...] = ()
    wanted: str | None = None
    members: tuple[str, ...] = ()
    member_of: str | None = None
    deferrable: bool = False
    safety: bool = False
    sample: Sample = Sample.PRODUCT
    min_incubation_h: Decimal | None = None
    method_h: Decimal | None = None
    basis: str = DEFAULT_BASIS
    note: str = ""


@dataclass(frozen=True, slots=True)
class Specification:
    """A whole release specification. `body` is its flattened YAML, `digest` the SHA-256 (hex) of `body`."""

    id: str
    version: int
    product: str
    title: str
    source: str
    items: tuple[SpecificationItem, ...]
    digest: str = ""
    body: bytes = field(default=b"", repr=False)

    @property
    def reference(self) -> str:
        """Return `<id>.<version>`, by which a master names it."""
        return f"{self.id}.{self.version}"

    def item(self, item_id: str) -> SpecificationItem:
        """Return one item, or refuse with `specification-item-unknown`."""
        found = next((one for one in self.items if one.id == item_id), None)
        if found is None:
            raise Refusal("specification-item-unknown", status=404, specification=self.reference, item=item_id)
        return found

    def top_items(self) -> tuple[SpecificationItem, ...]:
        """Return the items that are judged by themselves, without the members of any_of items."""
        return tuple(one for one in self.items if one.member_of is None)
