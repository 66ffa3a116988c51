"""Names of the datasets that configs may ask for, and where they live."""

from __future__ import annotations

BUILTIN = {
    "battery2d": "datasets.battery:Battery2D",
    "bids": "datasets.bids:BidsPairs",
    "capture_range2d": "datasets.capture_range:CaptureRange2D",
    "capture_range3d": "datasets.capture_range:CaptureRange3D",
    "csv": "datasets.csv_pairs:CsvPairs",
    "ds007328": "datasets.ds007328:Ds007328",
    "fixtures2d": "datasets.fixtures2d:Fixtures2D",
    "klein2009": "datasets.klein2009:Klein2009",
    "lpba40": "datasets.lpba40:Lpba40",
    "mrbrains18": "datasets.mrbrains18:Mrbrains18",
    "oasis2d": "datasets.oasis:Oasis2D",
    "oasis3d": "datasets.oasis:Oasis3D",
    "recovery2d": "datasets.recovery:Recovery2D",
    "recovery3d": "datasets.recovery:Recovery3D",
    "shapes2d": "datasets.shapes:Shapes2D",
    "stack": "datasets.stack:StackPairs",
    "template2d": "datasets.template:Template2D",
    "template3d": "datasets.template:Template3D",
    "template_stack": "datasets.template_stack:TemplateStack",
}
