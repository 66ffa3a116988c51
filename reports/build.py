"""Writes a report: text, a page, figures, CSV and one JSON file per pair."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from types import MappingProxyType

from benchmarks.config import Config
from benchmarks.gates import evaluate_gates
from benchmarks.noise import NoiseFloors
from reports.document import Background, report_tables, report_text
from reports.export import pair_json, results_csv
from reports.figures.drawing import FOLDER as FIGURES
from reports.figures.drawing import SUFFIXES
from reports.names import file_safe
from reports.noise_floor import NO_CALIBRATION
from reports.page.render import page_text
from reports.pictures import draw_pictures
from reports.study import Records, Study
from reports.table_files import FOLDER as TABLES
from reports.table_files import SUFFIXES as TABLE_SUFFIXES
from reports.table_files import write_tables

PAIRS = "pairs"
PAGE = "report.html"


def build_report(
    folder: Path,
    config: Config,
    records: Records,
    *,
    descriptions: Mapping[str, str] = MappingProxyType({}),
    command: str = "",
    pending: int = 0,
    noise: NoiseFloors = NO_CALIBRATION,
    left_out: tuple[str, ...] = (),
) -> Path:
    """Write ``report.md``, ``report.html``, ``results.csv``, ``tables/``, ``pairs/`` and ``figures/``.

    Those of an older report are deleted; records and kept slices are only read. The same input gives the same bytes.

    Parameters
    ----------
    folder : Path
        ``results/<name>``; the paths of artefacts in the records are relative to it.
    config : Config
        What was asked for.
    records : iterable of RunRecord, or Study
        All records; of several with the same run, pair and repeat the last counts.
    descriptions : mapping of str to str
        What each dataset says of itself.
    command : str
        What repeats the run.
    pending : int
        Jobs planned that have no record yet.
    noise : NoiseFloors
        How far times of equals lie apart: a smaller difference is not called one.
    left_out : tuple of str
        A sentence for each dataset of the config that was not used.

    Returns
    -------
    Path
        The report in Markdown; the page lies beside it.
    """
    study = Study.of(config, records)
    folder.mkdir(parents=True, exist_ok=True)
    pictures = {dataset: draw_pictures(study, folder, dataset) for dataset in study.datasets}
    numbers = _write_numbers(study, folder)
    drawn = [found.paths for found in pictures.values()]
    for suffix in SUFFIXES:
        _remove_others(folder, FIGURES, suffix, set().union(*drawn))
    _remove_others(folder, PAIRS, ".json", numbers)
    tables = write_tables(folder, report_tables(study, noise))
    for suffix in TABLE_SUFFIXES:
        _remove_others(folder, TABLES, suffix, tables)
    background = Background(command, descriptions, pending, noise, left_out)
    report = folder / "report.md"
    gates = evaluate_gates(config, study.records)
    _write(report, report_text(study, background, gates, pictures))
    _write(folder / PAGE, page_text(study, background, gates, pictures, folder))
    return report


def _write_numbers(study: Study, folder: Path) -> set[str]:
    _write(folder / "results.csv", results_csv(study))
    written = set()
    for key in study.results:
        path = PurePosixPath(PAIRS, file_safe(key.dataset), f"{file_safe(key.pair_id)}.json")
        _write(folder / path, pair_json(study, key))
        written.add(str(path))
    return written


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8", newline="\n")


def _remove_others(folder: Path, below: str, suffix: str, keep: set[str]) -> None:
    """Delete what an earlier report wrote and this one did not."""
    for path in (folder / below).rglob(f"*{suffix}"):
        if path.relative_to(folder).as_posix() not in keep:
            path.unlink()
