"""Chain of identity: donation numbers, chain-of-identity ids, scanned codes, labels, and the patient vault.

Front door: the vocabulary and the pure rules. Ledger, network and archive know a patient only by the vault's id and by
the keyed digest of their wristband.
"""

from mes.identity.codes import Code, CodeKind, bag_code, donation_barcode, product_code, read_code, wristband_code
from mes.identity.coi import EXAMPLE_FACILITY, coi_barcode, coi_printed, new_coi, parse_coi
from mes.identity.din import Din, parse_din
from mes.identity.labels import AUTOLOGOUS, LabelFacts, ProductText, label_text, rendered
from mes.identity.matching import EXPECTS, Chain, Verdict, match
from mes.identity.model import Patient, Purpose
from mes.identity.symbols import label_svg

__all__ = [
    "AUTOLOGOUS",
    "EXAMPLE_FACILITY",
    "EXPECTS",
    "Chain",
    "Code",
    "CodeKind",
    "Din",
    "LabelFacts",
    "Patient",
    "ProductText",
    "Purpose",
    "Verdict",
    "bag_code",
    "coi_barcode",
    "coi_printed",
    "donation_barcode",
    "label_svg",
    "label_text",
    "match",
    "new_coi",
    "parse_coi",
    "parse_din",
    "product_code",
    "read_code",
    "rendered",
    "wristband_code",
]
