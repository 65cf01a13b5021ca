"""What the people of the demo measure and enter. The release panel is that of batch ARI0001/01.

Source of the panel: Castella et al., Mol Ther Methods Clin Dev 2018;12:134-144, Table 2 (pre-trial validation batch).
Everything else is invented and plausible.
"""

from collections.abc import Mapping

Value = tuple[str, str | None]

VALUES: Mapping[str, Mapping[str, Value]] = {
    "A01": {
        "patient_ids_match": ("yes", None),
        "weight": ("70.0", "kg"),
        "prescribed_dose": ("1.0", "10*6{cells}/kg"),
        "prescription_version": ("RX-4711 v1", None),
    },
    "A02": {
        "anti_hiv": ("non-reactive", None),
        "hbsag": ("non-reactive", None),
        "anti_hbc": ("non-reactive", None),
        "anti_hcv": ("non-reactive", None),
        "syphilis": ("non-reactive", None),
        "bendamustine_6_months": ("no", None),
    },
    "A03": {
        "cd3_collected": ("2.6", "10*9{cells}"),
        "volume": ("187", "mL"),
        "anticoagulant_volume": ("24", "mL"),
        "adverse_event": ("no", None),
    },
    "A04": {"sample_volume": ("1.5", "mL"), "label_pair": ("yes", None)},
    "A05": {"box_min": ("3.4", "Cel"), "box_max": ("6.1", "Cel"), "logger_ok": ("yes", None)},
    "A06": {
        "bag_intact": ("yes", None),
        "volume": ("185", "mL"),
        "cd3_total": ("2.5", "10*9{cells}"),
        "wbc_total": ("9.8", "10*9{cells}"),
        "viability": ("98.2", "%"),
        "haematocrit": ("2.1", "%"),
    },
    "A07": {
        "line_cleared": ("yes", None),
        "room_ok": ("yes", None),
        "set_serial": ("TS520-104417", None),
        "integrity_test": ("pass", None),
    },
    "A08": {"hsa": ("0.5", "%"), "il7": ("155", "[IU]/mL"), "il15": ("290", "[IU]/mL")},
    "A09": {
        "recovery": ("56", "%"),
        "cd4_cd8_purity": ("97.1", "%"),
        "cd3_purity": ("96.4", "%"),
        "viability": ("95.0", "%"),
        "sample_volume": ("0.5", "mL"),
    },
    "A10": {"seeded_cells": ("100", "10*6{cells}"), "seed_volume": ("74", "mL"), "surplus": ("retain", None)},
    "A10a": {"temperature": ("37.0", "Cel"), "co2": ("5.0", "%")},
    "A11": {
        "manufacturing_in_order": ("yes", None),
        "risk_shown": ("yes", None),
        "fallback": ("out-of-specification request", None),
    },
    "A11a": {"fludarabine": ("30", "mg/m2"), "cyclophosphamide": ("300", "mg/m2")},
    "A11b": {"decision": ("continue", None), "fludarabine": ("30", "mg/m2"), "cyclophosphamide": ("300", "mg/m2")},
    "A11c": {"decision": ("continue", None), "fludarabine": ("30", "mg/m2"), "cyclophosphamide": ("300", "mg/m2")},
    "A12": {
        "moi": ("7.5", "{TU}/{cell}"),
        "vector_volume": ("9.6", "mL"),
        "vector_volume_off": ("1.2", "%"),
        "vector_thawed": ("35", "min"),
        "final_volume": ("100", "mL"),
    },
    "A13": {
        "refill_volume": ("200", "mL"),
        "viability": ("84.0", "%"),
        "viable_cells": ("118", "10*6{cells}"),
        "sample_volume": ("0.5", "mL"),
    },
    "A14": {"volume": ("250", "mL")},
    "A15": {
        "car_positive": ("24.8", "%"),
        "viability": ("90.5", "%"),
        "viable_cells": ("410", "10*6{cells}"),
        "sample_volume": ("12", "mL"),
        "bottles_loaded": ("yes", None),
        "needle_gauge": ("27G", None),
    },
    "A16": {
        "exchanged_volume": ("150", "mL"),
        "glucose": ("11.2", "mmol/L"),
        "lactate": ("9.8", "mmol/L"),
        "ph": ("7.22", "[pH]"),
        "sample_volume": ("0.5", "mL"),
    },
    "A16b": {
        "exchanged_volume": ("150", "mL"),
        "glucose": ("12.0", "mmol/L"),
        "lactate": ("8.9", "mmol/L"),
        "ph": ("7.24", "[pH]"),
        "sample_volume": ("0.5", "mL"),
    },
    "A17": {"dose_reached": ("yes", None), "sterility_to_date": ("negative to date", None)},
    "A18": {
        "harvest_volume": ("102", "mL"),
        "hold_temperature": ("20.5", "Cel"),
        "sample_volume": ("8", "mL"),
        "retain_vials": ("2", "{vial}"),
    },
    "A18a": {
        "concentration": ("61.2", "10*6{cells}/mL"),
        "viability": ("97.9", "%"),
        "car_positive": ("26.0", "%"),
        "car_cells": ("1495", "10*6{cells}"),
        "count_assay": ("NC-200 v3", None),
        "car_assay": ("CAR-FLOW v5", None),
    },
    "A18b": {
        "prescription_version": ("RX-4711 v1", None),
        "weight": ("70.0", "kg"),
        "weight_age": ("6", "d"),
        "weight_change": ("0.0", "%"),
        "dose_cells": ("70", "10*6{cells}"),
        "dose_of_prescribed": ("100", "%"),
        "fill_volume": ("50", "mL"),
        "surplus": ("back-up cryopreservation", None),
    },
    "A18c": {
        "filled_volume": ("50", "mL"),
        "hsa": ("2.5", "%"),
        "appearance": ("yes", None),
        "bag_tight": ("yes", None),
    },
    "A19": {"dose_matches": ("yes", None), "expiry_matches": ("yes", None), "identity_matches": ("yes", None)},
    "A20": {},
    "A23": {"box_min": ("18.9", "Cel"), "box_max": ("21.7", "Cel"), "logger_ok": ("yes", None)},
    "A23a": {
        "patient_present": ("yes", None),
        "no_infection": ("yes", None),
        "lymphodepletion_given": ("yes", None),
        "line_patent": ("yes", None),
        "premedication": ("yes", None),
        "tocilizumab": ("yes", None),
        "temperature": ("36.8", "Cel"),
    },
    "A24": {"outcome": ("complete", None), "volume_infused": ("50", "mL"), "reaction": ("no", None)},
    "A25": {},
}
