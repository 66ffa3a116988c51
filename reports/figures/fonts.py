"""The font of all figures, without the letters that figures hardly ever need.

A PDF holds the letters that it shows. To pick them out, matplotlib reads the whole font anew for every file, thousands
of letters of all scripts, which takes longer than the drawing itself. With some hundred letters it does not. Other
letters still come from the whole font, which is the next in the list of families.
"""

from __future__ import annotations

import hashlib
import io
from functools import cache
from pathlib import Path

import fontTools
import matplotlib as mpl
from fontTools import subset
from matplotlib import font_manager

from benchmarks.whole_files import write_whole

WHOLE = "DejaVu Sans"
CUT = "Regbench Sans"
_FILES = ("DejaVuSans.ttf", "DejaVuSans-Bold.ttf")
# Unicode: Latin, Greek, punctuation, raised and lowered digits, arrows, mathematical operators.
_RANGES = (
    (0x20, 0x17F),
    (0x391, 0x3C9),
    (0x2010, 0x2033),
    (0x2070, 0x209C),
    (0x2190, 0x2193),
    (0x2202, 0x2265),
)
_FAMILY_NAME_IDS = (1, 16)


@cache
def families() -> tuple[str, str]:
    """Return the font families of all figures, known to matplotlib; letters come from the first that has them."""
    # What the cut font follows from; matplotlib's own folder of what it can make anew is the place for it.
    recipe = repr((mpl.__version__, fontTools.version, _RANGES))
    folder = Path(mpl.get_cachedir(), f"regbench-fonts-{hashlib.sha256(recipe.encode()).hexdigest()[:12]}")
    for name in _FILES:
        if not (folder / name).exists():
            _cut(Path(mpl.get_data_path(), "fonts", "ttf", name), folder / name)
        font_manager.fontManager.addfont(folder / name)
    return CUT, WHOLE


def _cut(source: Path, target: Path) -> None:
    """Write a font with the letters of ``_RANGES`` alone, under a name of its own, whole or not at all."""
    options = subset.Options(name_IDs=["*"], notdef_outline=True)
    options.drop_tables += ["FFTM"]  # when the font was made with which program
    with subset.load_font(source, options) as font:
        cutter = subset.Subsetter(options)
        cutter.populate(unicodes=[code for first, last in _RANGES for code in range(first, last + 1)])
        cutter.subset(font)
        for record in font["name"].names:
            if record.nameID in _FAMILY_NAME_IDS:
                record.string = CUT
        content = io.BytesIO()
        font.save(content)
    write_whole(target, content.getvalue())
