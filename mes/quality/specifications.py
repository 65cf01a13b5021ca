"""The specifications that come with the product, read once and held by digest."""

from mes.errors import Fault
from mes.masters.reader import read_specification
from mes.masters.specification import Specification
from mes.masters.vendored import specification_bytes


class VendoredSpecifications:
    """Implements SpecificationSource on the files of `batch_templates/specifications`."""

    def __init__(self) -> None:
        self._read: dict[str, Specification] = {}

    def specification(self, reference: str) -> Specification:
        """Return the specification `<id>.<version>`; refuses `template-unknown`, Fault if the file names another."""
        found = self._read.get(reference)
        if found is None:
            found = read_specification(specification_bytes(reference))
            if found.reference != reference:
                raise Fault("specification-misnamed", asked=reference, found=found.reference)
            self._read[reference] = found
        return found
