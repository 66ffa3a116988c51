"""Copies a report to where readers of the repository look: ``RESULTS.md``, ``docs/figures`` and the README."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

from PIL import Image

from benchmarks.config import Config
from benchmarks.records import RunRecord
from reports.document import Background
from reports.markdown import escape, render_table
from reports.pictures import draw_pictures
from reports.published import FIGURES, PublishedRun, load_published
from reports.study import Study
from reports.summary import summary_tables

PALETTE = 256
BEGIN, END = "<!-- results:begin -->", "<!-- results:end -->"


class PublishError(LookupError):
    """The repository lacks a place for the results; the message says which."""


def publish(
    folder: Path, root: Path, config: Config, records: Sequence[RunRecord], background: Background
) -> None:
    """Replace the published results by those of a run, and keep its records in the repository.

    Parameters
    ----------
    folder : Path
        ``results/<name>``; its figures are drawn again.
    root : Path
        The repository: ``RESULTS.md``, ``docs/figures/``, ``docs/results/`` and what stands between the markers of
        ``README.md`` change.
    config : Config
        What was asked for.
    records : sequence of RunRecord
        What came out.
    background : Background
        What the report says beyond them.

    Raises
    ------
    PublishError
        When the README has no markers.
    """
    parts_of_readme(root)
    study = Study.of(config, records)
    pictures = {
        dataset: draw_pictures(study, folder, dataset, background.stacks) for dataset in study.datasets
    }
    target = root / FIGURES
    shutil.rmtree(target, ignore_errors=True)
    # Vector graphics would be most of what a clone has to load; a report of one's own has them.
    shutil.copytree(folder / "figures", target, ignore=shutil.ignore_patterns("*.pdf"))
    for path in target.rglob("*.png"):
        _shrink(path)
    PublishedRun.of(config, records, background, pictures).store(root)
    render(root)


def _shrink(path: Path) -> None:
    """Keep a picture in a palette of 256 colours: a third of its size, and hardly a difference to see."""
    with Image.open(path) as picture:
        small = picture.convert("RGB").quantize(PALETTE, dither=Image.Dither.NONE)
    small.save(path, optimize=True)


def render(root: Path) -> None:
    """Write ``RESULTS.md`` and the README's part again from the run that a repository keeps.

    Raises
    ------
    PublishError
        When the README has no markers.
    """
    before, _, after = parts_of_readme(root)
    run = load_published(root)
    (root / "RESULTS.md").write_text(run.results, encoding="utf-8", newline="\n")
    text = f"{before}{BEGIN}\n{published_part(root)}\n{END}{after}"
    (root / "README.md").write_text(text, encoding="utf-8", newline="\n")


def parts_of_readme(root: Path) -> tuple[str, str, str]:
    """Return the README before, between and after its markers.

    Raises
    ------
    PublishError
        When it has none.
    """
    readme = root / "README.md"
    before, begin, rest = readme.read_text(encoding="utf-8").partition(BEGIN)
    between, end, after = rest.partition(END)
    if not (begin and end):
        raise PublishError(f"{readme}: has no part between {BEGIN} and {END}")
    return before, between.strip("\n"), after


def published_part(root: Path) -> str:
    """Return what has to stand between the markers of the README, from the run that a repository keeps."""
    run = load_published(root)
    return readme_part(run.config, run.records, run.facts.command, _pictures(root))


def readme_part(config: Config, records: Sequence[RunRecord], command: str, pictures: Sequence[Path]) -> str:
    """Return the summary tables with what made them, and the pictures that go with them."""
    commits = sorted({record.provenance.commit[:12] for record in records})
    machines = sorted({f"{record.provenance.cpu}, {record.identity.threads} threads" for record in records})
    made = f"`{command}` at commit {', '.join(commits)} on {'; '.join(map(escape, machines))}."
    parts = [made]
    for table in summary_tables(config, records):
        parts += [f"**{escape(table.title)}**", render_table(table)]
    parts += [f"![{picture.stem}]({picture.as_posix()})" for picture in pictures]
    return "\n\n".join(parts)


def _pictures(root: Path) -> list[Path]:
    """Choose the first comparison and the first accuracy-time plot, as paths relative to the root."""
    chosen = []
    for pattern in ("accuracy-time/*.png", "pairs/*/*/panels*.png"):
        chosen += sorted((root / FIGURES).glob(pattern))[:1]
    return [path.relative_to(root) for path in chosen]
