"""Names of the datasets that configs may ask for, and where they live."""

from __future__ import annotations

BUILTIN = {
    "bids": "datasets.bids:BidsPairs",
    "csv": "datasets.csv_pairs:CsvPairs",
    "ds007328": "datasets.ds007328:Ds007328",
    "klein2009": "datasets.klein2009:Klein2009",
    "lpba40": "datasets.lpba40:Lpba40",
    "mrbrains18": "datasets.mrbrains18:Mrbrains18",
    "oasis2d": "datasets.oasis:Oasis2D",
    "oasis3d": "datasets.oasis:Oasis3D",
    "shapes2d": "datasets.shapes:Shapes2D",
    "stack": "datasets.stack:StackPairs",
    "template2d": "datasets.template:Template2D",
    "template3d": "datasets.template:Template3D",
}
