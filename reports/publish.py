"""Copies reports to where readers of the repository look: ``RESULTS.md``, ``docs/`` and the README."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from pathlib import Path

from PIL import Image

from benchmarks.config import Config
from benchmarks.records import RunRecord
from reports.build import draw_figures
from reports.document import Background
from reports.galleries import Pictures
from reports.markdown import escape, render_table
from reports.overview import overview_table, verdicts_table
from reports.published import FIGURES, MAIN, PublishedRun, load_published
from reports.study import Study
from reports.summary import summary_tables

PALETTE = 256
BEGIN, END = "<!-- results:begin -->", "<!-- results:end -->"
README, RESULTS = Path("README.md"), Path("RESULTS.md")
# Reports of the runs other than the main one.
PAGES = Path("docs", "protocols")
# Slices and colour maps: in 256 colours they would lie in flat slabs.
PICTURES = ("pairs/*",)
# Megabytes: published only where the config asks for them.
LARGE = (*PICTURES, "convergence/*")


class PublishError(LookupError):
    """A run that cannot be published, or a repository without a place for it; the message says which."""


def publish(
    folder: Path, root: Path, config: Config, records: Sequence[RunRecord], background: Background
) -> None:
    """Add a run to the published ones, or replace it, and keep its records in the repository.

    Parameters
    ----------
    folder : Path
        ``results/<name>``; its figures are drawn again.
    root : Path
        The repository: ``RESULTS.md``, what ``docs/`` has of the run and what stands between the markers of
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
        When the README has no markers, or the config asks for figures that were not drawn.
    """
    parts_of_readme(root)
    study = Study.of(config, records)
    pictures = _for_publishing(config, draw_figures(study, folder, background.stacks, ()))
    target = root / FIGURES / config.name
    shutil.rmtree(target, ignore_errors=True)
    for path in sorted(set().union(*(found.paths for found in pictures.values()))):
        # Vector graphics would be most of what a clone has to load; a report of one's own has them.
        if not path.endswith(".pdf"):
            colours_matter = _named(path, PICTURES)
            _copy(folder / path, target / Path(path).relative_to("figures"), colours_matter=colours_matter)
    PublishedRun.of(config, records, background, pictures).store(root)
    render(root)


def _for_publishing(config: Config, drawn: Mapping[str, Pictures]) -> dict[str, Pictures]:
    """Return, by dataset, the figures that the config names, else all but the large ones."""
    paths = [path for found in drawn.values() for path in found.paths if path.endswith(".png")]
    patterns = config.figures.published
    if patterns is None:
        return {dataset: found.only(lambda path: not _named(path, LARGE)) for dataset, found in drawn.items()}
    for pattern in patterns:
        if not any(_named(path, [pattern]) for path in paths):
            kinds = sorted({path.split("/")[1] for path in paths})
            raise PublishError(
                f"{config.name}: figures.published: {pattern!r} matches no figure; there are {'/*, '.join(kinds)}/*"
            )
    return {dataset: found.only(lambda path: _named(path, patterns)) for dataset, found in drawn.items()}


def _named(path: str, patterns: Sequence[str]) -> bool:
    name = path.removeprefix("figures/").removesuffix(".png")
    return any(fnmatchcase(name, pattern) for pattern in patterns)


def _copy(source: Path, target: Path, *, colours_matter: bool) -> None:
    """Copy a file; a PNG gets a palette of 256 colours, less than half its size, where that changes edges at most.

    Parameters
    ----------
    source, target : Path
        The file and its copy.
    colours_matter : bool
        Whether a colour may not be replaced by one near it: a palette then has to hold every colour.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    if source.suffix != ".png":
        shutil.copyfile(source, target)
        return
    with Image.open(source) as opened:
        picture = opened.convert("RGB")
    if not colours_matter or picture.getcolors(PALETTE):
        picture = picture.quantize(PALETTE, dither=Image.Dither.NONE)
    picture.save(target, optimize=True)


def render(root: Path) -> None:
    """Write ``RESULTS.md``, the pages below ``docs/`` and the README's part again from the runs kept.

    Raises
    ------
    PublishError
        When the README has no markers, or no run is kept.
    """
    texts = published_texts(root, load_published(root))
    for path in (root / PAGES).glob("*.md"):
        if path.relative_to(root) not in texts:
            path.unlink()
    for path, text in texts.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text, encoding="utf-8", newline="\n")


def published_texts(root: Path, runs: Sequence[PublishedRun]) -> dict[Path, str]:
    """Return every text that shows published runs, by its path relative to the repository.

    Parameters
    ----------
    root : Path
        The repository, whose README is read.
    runs : sequence of PublishedRun
        As :func:`load_published` returns them.

    Raises
    ------
    PublishError
        When the README has no markers, or there is no run.
    """
    if not runs:
        raise PublishError(f"{root}: keeps no published run: python -m benchmarks publish CONFIG adds one")
    before, _, after = parts_of_readme(root)
    texts = {
        README: f"{before}{BEGIN}\n{_readme_part(root, runs)}\n{END}{after}",
        RESULTS: _results(runs),
    }
    for run in _protocols(runs):
        up = "../" * (len(PAGES.parts))
        figures = f"{up}{(FIGURES / run.name).as_posix()}"
        texts[_page(run)] = f"[All published runs]({up}{RESULTS})\n\n{run.report(figures)}"
    return texts


def parts_of_readme(root: Path) -> tuple[str, str, str]:
    """Return the README before, between and after its markers.

    Raises
    ------
    PublishError
        When it has none.
    """
    readme = root / README
    before, begin, rest = readme.read_text(encoding="utf-8").partition(BEGIN)
    between, end, after = rest.partition(END)
    if not (begin and end):
        raise PublishError(f"{readme}: has no part between {BEGIN} and {END}")
    return before, between.strip("\n"), after


def _protocols(runs: Sequence[PublishedRun]) -> list[PublishedRun]:
    return [run for run in runs if run.name != MAIN]


def _page(run: PublishedRun) -> Path:
    """Return where the report of a run is: the main one's in ``RESULTS.md`` itself."""
    return RESULTS if run.name == MAIN else PAGES / f"{run.name}.md"


def _results(runs: Sequence[PublishedRun]) -> str:
    """Return all runs beside each other, then the whole report of the main one."""
    pages = ["" if run.name == MAIN else _page(run).as_posix() for run in runs]
    parts = ["# Published results", render_table(overview_table(runs, pages))]
    parts += [run.report((FIGURES / run.name).as_posix()).rstrip("\n") for run in runs if run.name == MAIN]
    return "\n\n".join(parts) + "\n"


def _readme_part(root: Path, runs: Sequence[PublishedRun]) -> str:
    """Return the main run's summary tables with what made them and a few pictures, and the others' verdicts."""
    parts = []
    for run in runs:
        if run.name == MAIN:
            parts.append(_made_by(run))
            for table in summary_tables(run.config, run.records):
                parts += [f"**{escape(table.title)}**", render_table(table)]
            parts += [f"![{picture.stem}]({picture.as_posix()})" for picture in _pictures(root)]
    if protocols := _protocols(runs):
        table = verdicts_table(protocols, [_page(run).as_posix() for run in protocols])
        parts += [f"**{escape(table.title)}**", render_table(table)]
    return "\n\n".join(parts)


def _made_by(run: PublishedRun) -> str:
    commits = sorted({record.provenance.commit[:12] for record in run.records})
    machines = sorted(
        {f"{record.provenance.cpu}, {record.identity.threads} threads" for record in run.records}
    )
    return f"`{run.facts.command}` at commit {', '.join(commits)} on {'; '.join(map(escape, machines))}."


def _pictures(root: Path) -> list[Path]:
    """Choose the main run's first comparison and first accuracy-time plot, as paths relative to the root."""
    chosen = []
    for pattern in ("accuracy-time/*.png", "pairs/*/*/panels*.png"):
        chosen += sorted((root / FIGURES / MAIN).glob(pattern))[:1]
    return [path.relative_to(root) for path in chosen]
