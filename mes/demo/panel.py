"""The release panel that the demo enters: real values of batch ARI0001/01.

Source: Castella et al., Mol Ther Methods Clin Dev 2018;12:134-144, doi 10.1016/j.omtm.2018.11.010, Table 2
(PMC6319086). Pre-trial validation batch. The in-process sterility reading is not part of that table.
"""

RAPID = (
    {"item": "appearance", "value": "cloudy liquid"},
    {"item": "car_pos_cells_total", "value": "1495", "unit": "10*6{cells}"},
    {"item": "car_pos_fraction", "value": "26.0", "unit": "%"},
    {"item": "cd3_pos_fraction", "value": "97.9", "unit": "%"},
    {"item": "viability", "value": "97.9", "unit": "%"},
    {"item": "sterility_in_process", "value": "negative to date"},
    {"item": "mycoplasma", "value": "absent"},
    {"item": "endotoxin", "value": "<=0.5", "unit": "[EU]/mL"},
    {"item": "transgene_copies_per_cell", "value": "1.45", "unit": "{copies}/{cell}"},
)
DEFERRED = (
    {"item": "sterility", "value": "sterile"},
    {"item": "adventitious_viruses", "value": "absent"},
    {"item": "rcl", "value": "absent"},
    {"item": "potency_a", "value": "14.9", "unit": "%"},
    {"item": "potency_b", "value": "90.9", "unit": "%"},
)
