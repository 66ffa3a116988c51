"""Copies a report to where readers of the repository look: ``RESULTS.md``, ``docs/figures`` and the README."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

from benchmarks.config import Config
from benchmarks.records import RunRecord
from reports.markdown import escape, render_table
from reports.summary import summary_tables

BEGIN, END = "<!-- results:begin -->", "<!-- results:end -->"
FIGURES = Path("docs", "figures")


class PublishError(Exception):
    """The repository lacks a place for the results; the message says which."""


def publish(folder: Path, root: Path, config: Config, records: Sequence[RunRecord], command: str) -> None:
    """Replace the published results by those of a report.

    Parameters
    ----------
    folder : Path
        ``results/<name>`` with its report written.
    root : Path
        The repository: ``RESULTS.md``, ``docs/figures/`` and what stands between the markers of ``README.md`` change.
    config : Config
        What was asked for.
    records : sequence of RunRecord
        What the report was made from.
    command : str
        What repeats the run.

    Raises
    ------
    PublishError
        When the README has no markers.
    """
    readme = root / "README.md"
    text = readme.read_text(encoding="utf-8")
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        raise PublishError(f"{readme}: has no part between {BEGIN} and {END}")
    target = root / FIGURES
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(folder / "figures", target)
    report = (folder / "report.md").read_text(encoding="utf-8")
    (root / "RESULTS.md").write_text(
        report.replace("](figures/", f"]({FIGURES.as_posix()}/"), encoding="utf-8"
    )
    part = readme_part(config, records, command, _pictures(root))
    readme.write_text(f"{before}{BEGIN}\n{part}\n{END}{after}", encoding="utf-8")


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
