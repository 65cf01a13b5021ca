"""Data Matrix symbols as inline SVG."""

import re

import zxingcpp

from mes.errors import Refusal
from mes.identity.codes import MAX_LENGTH

_PROLOG = re.compile(r"\A.*?(?=<svg)", re.DOTALL)
_DESCRIPTION = re.compile(r"\s*<desc>.*?</desc>", re.DOTALL)


def label_svg(payload: str) -> str:
    """Return a Data Matrix of `payload` (ASCII, up to 160 characters) as an `<svg>` element with its quiet zone.

    Refuses `payload-unfit`. The element scales: it has a viewBox and no fixed size.
    """
    if not 1 <= len(payload) <= MAX_LENGTH or not (payload.isascii() and payload.isprintable()):
        raise Refusal("payload-unfit", status=422, length=len(payload), longest=MAX_LENGTH)
    symbol = zxingcpp.create_barcode(payload, zxingcpp.BarcodeFormat.DataMatrix)
    drawn = _DESCRIPTION.sub("", _PROLOG.sub("", zxingcpp.write_barcode_to_svg(symbol)))
    return re.sub(r'<svg width="(\d+)" height="(\d+)"', r'<svg viewBox="0 0 \1 \2" class="symbol"', drawn, count=1)
