"""Writes a report: text, a page, figures, CSV and one JSON file per pair."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from types import MappingProxyType

import msgspec

from benchmarks.config import Config
from benchmarks.gates import evaluate_gates
from benchmarks.noise import NoiseFloors
from benchmarks.stack_record import StackAlignment
from reports.document import Background, report_tables, report_text
from reports.export import pair_json, results_csv
from reports.galleries import FOLDER as FIGURES
from reports.galleries import SUFFIXES, Awaited, Pictures
from reports.names import file_safe
from reports.noise_floor import NO_CALIBRATION
from reports.page.render import page_text
from reports.protocol import PROTOCOL, protocol_json
from reports.study import Records, Study
from reports.table_files import FOLDER as TABLES
from reports.table_files import SUFFIXES as TABLE_SUFFIXES
from reports.table_files import write_tables

PAIRS = "pairs"
PAGE = "report.html"
SELECTIONS = "selections"
STACKS = "stacks.json"


@dataclass(frozen=True)
class Meanwhile:
    """The parts of a report that another process may see to.

    Attributes
    ----------
    drawn : callable
        Waits for what :func:`draw_figures` returns.
    pairs : callable
        Waits for what :func:`write_pairs` returns.
    """

    drawn: Callable[[], Mapping[str, Pictures]]
    pairs: Callable[[], set[str]]


def build_report(
    folder: Path,
    config: Config,
    records: Records,
    *,
    descriptions: Mapping[str, str] = MappingProxyType({}),
    command: str = "",
    pending: int = 0,
    noise: NoiseFloors = NO_CALIBRATION,
    selection: Sequence[str] = (),
    stacks: Sequence[StackAlignment] = (),
    left_out: tuple[str, ...] = (),
    meanwhile: Meanwhile | None = None,
) -> Path:
    """Write ``report.md``, ``report.html``, ``results.csv``, ``tables/``, ``pairs/`` and ``figures/``.

    ``stacks.json`` and ``protocol.json`` too, where the config asks for them.

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
    selection : sequence of str
        What the records were chosen by, ``KEY=PATTERN`` each. Where there is any, the report goes to a folder of its
        own below ``folder / "selections"``, and that of the whole stays.
    stacks : sequence of StackAlignment
        How straight each run left the stacks of sections.
    left_out : tuple of str
        A sentence for each dataset of the config that was not used.
    meanwhile : Meanwhile or None
        What another process does; None leaves nothing to others.

    Returns
    -------
    Path
        The report in Markdown; the page lies beside it.
    """
    study = Study.of(config, records)
    target = report_folder(folder, selection)
    target.mkdir(parents=True, exist_ok=True)
    # What others do meanwhile is waited for as late as can be.
    meanwhile = meanwhile or Meanwhile(
        functools.cache(lambda: draw_figures(study, folder, stacks, selection)),
        lambda: write_pairs(study, folder, selection),
    )
    (target / "results.csv").write_bytes(results_csv(study))
    tables = write_tables(target, report_tables(study, noise, stacks))
    for suffix in TABLE_SUFFIXES:
        _remove_others(target, TABLES, suffix, tables)
    background = Background(
        command,
        descriptions,
        pending,
        noise,
        selection=tuple(selection),
        stacks=tuple(stacks),
        left_out=left_out,
    )
    gates = evaluate_gates(config, study.records)
    pictures = Awaited(meanwhile.drawn)
    _write_if(target / STACKS, _stacks_json(stacks) if stacks else None)
    protocol = protocol_json(study, config.protocol, gates, folder) if config.protocol else None
    _write_if(target / PROTOCOL, protocol)
    _write(target / PAGE, page_text(study, background, gates, pictures, folder, target))
    report = target / "report.md"
    _write(report, report_text(study, background, gates, pictures))
    for suffix in SUFFIXES:
        _remove_others(target, FIGURES, suffix, set().union(*(one.paths for one in pictures.values())))
    _remove_others(target, PAIRS, ".json", meanwhile.pairs())
    return report


def report_folder(folder: Path, selection: Sequence[str]) -> Path:
    """Return where the report of a results folder goes, or that of a part of it."""
    return folder / SELECTIONS / file_safe(" ".join(selection)) if selection else folder


def draw_figures(
    study: Study, folder: Path, stacks: Sequence[StackAlignment], selection: Sequence[str]
) -> dict[str, Pictures]:
    """Draw the figures of each dataset of a report, see :func:`build_report`."""
    # Matplotlib takes a second to import: whoever draws does so.
    from reports.pictures import draw_pictures

    target = report_folder(folder, selection)
    return {dataset: draw_pictures(study, folder, dataset, stacks, target) for dataset in study.datasets}


def write_pairs(study: Study, folder: Path, selection: Sequence[str]) -> set[str]:
    """Write the file of each pair of a report, see :func:`build_report`; return their paths below its folder."""
    target = report_folder(folder, selection)
    written = set()
    for key in study.results:
        path = PurePosixPath(PAIRS, file_safe(key.dataset), f"{file_safe(key.pair_id)}.json")
        (target / path).parent.mkdir(parents=True, exist_ok=True)
        (target / path).write_bytes(pair_json(study, key))
        written.add(str(path))
    return written


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8", newline="\n")


def _write_if(path: Path, text: str | None) -> None:
    """Write a file, or delete that of an older report where there is nothing to write."""
    if text is None:
        path.unlink(missing_ok=True)
    else:
        _write(path, text)


def _stacks_json(stacks: Sequence[StackAlignment]) -> str:
    return msgspec.json.format(msgspec.json.encode(stacks), indent=1).decode() + "\n"


def _remove_others(folder: Path, below: str, suffix: str, keep: set[str]) -> None:
    """Delete what an earlier report wrote and this one did not."""
    for path in (folder / below).rglob(f"*{suffix}"):
        if path.relative_to(folder).as_posix() not in keep:
            path.unlink()
