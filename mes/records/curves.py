"""From the frozen sample files of a record to curves that can be drawn."""

import gzip
from collections.abc import Iterable, Mapping
from datetime import datetime

import numpy as np

from mes.equipment.samples import Sample, decimal_in, sample_of
from mes.equipment.telemetry import extremes
from mes.equipment.ticks import time_of
from mes.records.charts import MOST_POINTS, Curve

FOLDER, ENDING = "data/telemetry/", ".csv.gz"


def curves(files: Mapping[str, bytes], tags: Iterable[str]) -> dict[str, Curve]:
    """Return the curves of some tags by `device/tag`, from the files as they lie in the bundle."""
    wanted = set(tags)
    found: dict[str, Curve] = {}
    for name in sorted(files):
        place = name.removeprefix(FOLDER).removesuffix(ENDING)
        if name.startswith(FOLDER) and name.endswith(ENDING) and place.partition("/")[2] in wanted:
            curve = curve_of(gzip.decompress(files[name]))
            if curve is not None:
                found[place] = curve
    return found


def curve_of(rows: bytes) -> Curve | None:
    """Return the curve of one unpacked sample file; None if it holds no number."""
    samples = [sample_of(line) for line in rows.decode().splitlines()[1:]]
    samples.sort(key=lambda sample: sample.at)
    texts = [sample.value if sample.good and decimal_in(sample.value) is not None else None for sample in samples]
    values = np.array([float(text) if text is not None else np.nan for text in texts], dtype=np.float64)
    if not len(values) or np.isnan(values).all():
        return None
    kept = [int(place) for place in extremes(values, MOST_POINTS)]
    return Curve(
        unit=samples[-1].unit,
        times=[_moment(samples[place]).timestamp() for place in kept],
        values=[None if np.isnan(values[place]) else float(values[place]) for place in kept],
        count=len(samples),
        lowest=str(texts[int(np.nanargmin(values))]),
        highest=str(texts[int(np.nanargmax(values))]),
    )


def _moment(sample: Sample) -> datetime:
    return time_of(sample.at)
