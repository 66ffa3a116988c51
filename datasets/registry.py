"""Names of the datasets that configs may ask for, and where they live."""

from __future__ import annotations

BUILTIN = {
    "csv": "datasets.csv_pairs:CsvPairs",
    "template2d": "datasets.template:Template2D",
    "template3d": "datasets.template:Template3D",
}
