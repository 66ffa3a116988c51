"""Published runs as the repository keeps them: records, config and what the report says beyond them."""

from __future__ import annotations

import lzma
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import msgspec
import yaml
from msgspec import structs
from pydantic import TypeAdapter

from benchmarks.config import Config
from benchmarks.frozen import Frozen, Value, decoded, indented
from benchmarks.gates import GateResult, evaluate_gates
from benchmarks.noise import Calibration, NoiseFloors
from benchmarks.records import RunRecord
from benchmarks.stack_record import StackAlignment
from reports.document import Background, report_text
from reports.galleries import Pictures
from reports.private_paths import without_paths
from reports.study import Study

# Each with a folder per run, named by its config.
FOLDER = Path("docs", "results")
FIGURES = Path("docs", "figures")
# The run that the README shows.
MAIN = "embedded"
RECORDS, CONFIG, RUN = "records.jsonl.xz", "config.yaml", "run.json"
_PICTURES = TypeAdapter(dict[str, Pictures])


class RunFacts(Frozen, kw_only=True):
    """What a published run is, beside its config and records.

    Attributes
    ----------
    command : str
        What repeats the run.
    descriptions : dict of str to str
        What each dataset says of itself.
    calibrations : tuple of Calibration
        Those that hold for its records.
    stacks : tuple of StackAlignment
        How straight each run left the stacks of sections.
    pictures : dict
        Title, caption and place of every published figure, by dataset.
    left_out : tuple of str
        A sentence for each dataset of the config that was not used.
    """

    command: str
    descriptions: dict[str, str]
    calibrations: tuple[Calibration, ...]
    stacks: tuple[StackAlignment, ...] = ()
    pictures: dict[str, Any]
    left_out: tuple[str, ...] = ()


@dataclass(frozen=True)
class PublishedRun:
    """A run without what is private in it: host names, paths and tracebacks.

    Attributes
    ----------
    config : Config
        What was asked for.
    records : tuple of RunRecord
        What came out.
    facts : RunFacts
        The rest.
    """

    config: Config
    records: tuple[RunRecord, ...]
    facts: RunFacts

    @classmethod
    def of(
        cls,
        config: Config,
        records: Sequence[RunRecord],
        background: Background,
        pictures: Mapping[str, Pictures],
    ) -> PublishedRun:
        """Take what may be published of a run."""
        hosts = sorted({record.provenance.host for record in records})
        names = {host: f"machine {number}" for number, host in enumerate(hosts, start=1)}
        calibrations = tuple(
            structs.replace(one, host=names[one.host])
            for one in background.noise.calibrations
            if one.host in names
        )
        facts = RunFacts(
            command=background.command,
            descriptions=dict(background.descriptions),
            calibrations=calibrations,
            stacks=background.stacks,
            pictures=_PICTURES.dump_python(dict(pictures), mode="json"),
            left_out=background.left_out,
        )
        subjects = _public_subjects(records)
        kept = tuple(_public(record, names, subjects) for record in records)
        shown = Config.model_validate(without_paths(config.model_dump(mode="json")))
        return cls(shown, kept, _without_paths(facts))

    @property
    def name(self) -> str:
        """What the run is called: that of its config."""
        return self.config.name

    @cached_property
    def gates(self) -> tuple[GateResult, ...]:
        """What became of the config's gates."""
        return tuple(evaluate_gates(self.config, self.records))

    def report(self, figures: str) -> str:
        """Return the report as Markdown.

        Parameters
        ----------
        figures : str
            Folder of the run's figures, as seen from the file that the text is for.
        """
        noise = NoiseFloors(self.facts.calibrations)
        facts = self.facts
        background = Background(
            facts.command, facts.descriptions, 0, noise, stacks=facts.stacks, left_out=facts.left_out
        )
        pictures = _PICTURES.validate_python(facts.pictures)
        text = report_text(Study.of(self.config, self.records), background, self.gates, pictures)
        text = re.sub(r"\[PDF\]\(figures/[^)]+\) · ", "", text)
        return text.replace("](figures/", f"]({figures}/")

    def store(self, root: Path) -> None:
        """Keep it below ``docs/results/`` of a repository."""
        folder = root / FOLDER / self.name
        folder.mkdir(parents=True, exist_ok=True)
        lines = b"".join(msgspec.json.encode(record) + b"\n" for record in self.records)
        (folder / RECORDS).write_bytes(lzma.compress(lines, preset=9))
        config = yaml.safe_dump(self.config.model_dump(mode="json", exclude_defaults=True), sort_keys=False)
        (folder / CONFIG).write_text(config, encoding="utf-8", newline="\n")
        (folder / RUN).write_bytes(indented(self.facts))


def load_published(root: Path) -> tuple[PublishedRun, ...]:
    """Read the runs that a repository keeps: the one that the README shows, then the others by name.

    Raises
    ------
    FileNotFoundError
        When a run lacks a file.
    ValueError
        When one was stored by another version.
    """
    names = [folder.name for folder in (root / FOLDER).glob("*") if folder.is_dir()]
    return tuple(_load(root / FOLDER / name) for name in sorted(names, key=lambda name: (name != MAIN, name)))


def _load(folder: Path) -> PublishedRun:
    lines = lzma.decompress((folder / RECORDS).read_bytes()).splitlines()
    return PublishedRun(
        Config.model_validate(yaml.safe_load((folder / CONFIG).read_text(encoding="utf-8"))),
        tuple(decoded(line, RunRecord) for line in lines),
        decoded((folder / RUN).read_bytes(), RunFacts),
    )


def _public(record: RunRecord, hosts: Mapping[str, str], subjects: Mapping[str, str]) -> RunRecord:
    failure = structs.replace(record.failure, detail="") if record.failure else None
    shown = structs.replace(
        record,
        failure=failure,
        identity=structs.replace(
            record.identity, subjects=tuple(subjects[name] for name in record.identity.subjects)
        ),
        provenance=structs.replace(record.provenance, host=hosts[record.provenance.host], environment=""),
        trace=(),
    )
    return _without_paths(shown)


def _public_subjects(records: Sequence[RunRecord]) -> dict[str, str]:
    """Return what each subject is called without the folders of its files; numbered where several are called alike."""
    subjects = sorted({name for record in records for name in record.identity.subjects})
    alike: dict[str, list[str]] = {}
    for name in subjects:
        alike.setdefault(without_paths(name), []).append(name)
    return {
        name: shown if len(names) == 1 else f"{shown} ({number})"
        for shown, names in alike.items()
        for number, name in enumerate(names, start=1)
    }


def _without_paths(value: Value) -> Value:
    return msgspec.convert(without_paths(msgspec.to_builtins(value)), type(value))
