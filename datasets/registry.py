"""Names of the datasets that configs may ask for, and where they live."""

from __future__ import annotations

BUILTIN = {
    "csv": "datasets.csv_pairs:CsvPairs",
    "ds007328": "datasets.ds007328:Ds007328",
    "template2d": "datasets.template:Template2D",
    "template3d": "datasets.template:Template3D",
}
