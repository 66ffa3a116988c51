"""Tables of gates and of failures."""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks.aggregation import TIMES
from benchmarks.config import Config
from benchmarks.gates import GateResult
from benchmarks.noise import NoiseFloors
from benchmarks.records import Status
from reports.noise_floor import NO_CALIBRATION, noise_floor
from reports.study import Records, Study, once_per_study
from reports.table import Cell, Column, Row, Table, plain_row, text_columns

NAMED_PAIRS = 3


def gates_table(results: Sequence[GateResult], study: Study, noise: NoiseFloors = NO_CALIBRATION) -> Table:
    """Return one row per gate: PASS or FAIL, and the numbers that decided.

    Parameters
    ----------
    results : sequence of GateResult
        What became of the gates of the study's config.
    study : Study
        What they judged.
    noise : NoiseFloors
        How far times of equals lie apart, which gates on times do not know of.
    """
    return Table(
        "Gates",
        (
            *text_columns("Result", "Gate"),
            Column("Pairs"),
            *text_columns("Evidence"),
        ),
        tuple(
            Row(
                (
                    Cell("PASS" if result.passed else "FAIL", bold=not result.passed),
                    Cell(result.text),
                    Cell(str(result.pairs)),
                    Cell(result.reason),
                )
            )
            for result in results
        ),
        f"A gate without an ok result on each of its pairs fails.{_noise_of_gates(study, noise)}",
    )


def _noise_of_gates(study: Study, noise: NoiseFloors) -> str:
    """Return a sentence on gates that judge times, with a space before it; empty where there are none."""
    if not any(getattr(gate, "metric", "") in TIMES for gate in study.config.gates):
        return ""
    floors = {dataset: noise_floor(study, dataset, noise) for dataset in study.datasets}
    known = [f"{floor:.3g}× on {dataset}" for dataset, floor in floors.items() if floor is not None]
    if not known:
        return " Gates on times: the noise floor was not measured (python -m benchmarks calibrate)."
    return (
        f" Gates on times: forward times of a run and itself lie up to {', '.join(known)} apart; within that, PASS and "
        "FAIL are chance."
    )


@once_per_study
def failures_table(config: Config, records: Records) -> Table:
    """Return the jobs that did not end ``ok``, counted by run, status, stage and message."""
    study = Study.of(config, records)
    order = {(d, run.label): i for d in study.datasets for i, run in enumerate(study.runs(d))}
    groups: dict[tuple[str, str, str, str, str], list[str]] = {}
    for record in study.records:
        if record.status is Status.OK:
            continue
        identity, failure = record.identity, record.failure
        stage, message = (failure.stage, failure.message) if failure else ("", "")
        key = (identity.dataset, identity.run, str(record.status), stage, message)
        groups.setdefault(key, []).append(identity.pair_id)
    ranked = sorted(groups, key=lambda key: (study.datasets.index(key[0]), order[key[:2]], key))
    return Table(
        "Failures",
        (
            *text_columns("Dataset", "Run", "Status", "Stage"),
            Column("Jobs"),
            *text_columns("Pairs", "Message"),
        ),
        tuple(plain_row((*key[:4], str(len(groups[key])), _some(groups[key]), key[4])) for key in ranked),
        f"Jobs that did not end ok, of {len(study.records)} in all.",
    )


def _some(pairs: Sequence[str]) -> str:
    distinct = list(dict.fromkeys(pairs))
    more = ", …" if len(distinct) > NAMED_PAIRS else ""
    return ", ".join(distinct[:NAMED_PAIRS]) + more
