"""Makers of records, configs and slices with known numbers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from benchmarks.config import Config
from benchmarks.gradient_record import GradientCheck, GradientCheckRequest
from benchmarks.panels import FloatArray, Panel
from benchmarks.records import Failure, Gradient, Identity, Provenance, RunRecord, Status

REQUEST = GradientCheckRequest(directions=8, seed=0, step=0.004, version="1")


@pytest.fixture(scope="session")
def make() -> Callable[..., RunRecord]:
    """Return a maker of records: ``seconds`` by stage, other numbers as scores after registration."""

    def build(
        run: str,
        pair: str = "p1",
        *,
        repeat: int = 0,
        dataset: str = "set",
        kind: str = "kind",
        dimension: int = 2,
        track: str = "matched",
        backend: str = "",
        status: Status = Status.OK,
        message: str = "it broke",
        seconds: dict[str, float] | None = None,
        before: dict[str, float | None] | None = None,
        gradient: Gradient | None = None,
        peak_rss_mib: float | None = None,
        artefacts: dict[str, str] | None = None,
        device: str = "cpu",
        threads: int = 2,
        effective: dict[str, Any] | None = None,
        params: dict[str, Any] | None = None,
        check: GradientCheck | None = None,
        provenance: dict[str, Any] | None = None,
        conditions: dict[str, float] | None = None,
        undisturbed: str = "",
        probes_mm: tuple[tuple[float, ...], ...] = (),
        **scores: float | None,
    ) -> RunRecord:
        identity = Identity(
            run=run,
            backend=backend or run,
            backend_version={backend or run: "1.2"},
            params=params or {},
            track=track,
            dataset=dataset,
            dataset_version="1",
            dataset_params={},
            evaluation_version="1",
            pair_id=pair,
            kind=kind,
            subjects=("s1", "s2"),
            dimension=dimension,
            seed=0,
            repeat=repeat,
            threads=threads,
            device=device,
            gradient_check=REQUEST if check else None,
            conditions=conditions or {},
            undisturbed=undisturbed,
        )
        circumstances: dict[str, Any] = {
            "commit": "0123456789abcdef",
            "dirty": False,
            "python": "3.11.7",
            "platform": "Linux",
            "cpu": "Some CPU",
            "cores": 2,
            "memory_mib": 2048,
            "gpu": "",
            "packages": {"numpy": "2.0"},
            "effective_threads": {"openblas": 2},
            "load_average": 0.5,
            "concurrent_jobs": 1,
            "warmup": 1,
            "fresh_workers": False,
            "host": "host",
            "started_utc": "2026-01-02T03:04:05.678+00:00",
        }
        return RunRecord(
            job_id=f"{run}|{dataset}|{pair}|{threads}|{repeat}",
            identity=identity,
            status=status,
            failure=None if status is Status.OK else Failure(stage="register", message=message),
            seconds=seconds or {},
            peak_rss_mib=peak_rss_mib,
            before=before or {},
            after=scores,
            gradient=gradient,
            gradient_check=check,
            effective=effective or {},
            artefacts=artefacts or {},
            probes_mm=probes_mm,
            provenance=Provenance(**(circumstances | (provenance or {}))),
        )

    return build


@pytest.fixture(scope="session")
def make_config() -> Callable[..., Config]:
    """Return a maker of configs with the given run labels, in their order."""

    def build(*labels: str, datasets: tuple[str, ...] = ("set",), **others: Any) -> Config:
        return Config.model_validate(
            {
                "name": "test",
                "datasets": [{"name": name} for name in datasets],
                "runs": [{"label": label, "backend": label} for label in labels or ("a",)],
                **others,
            }
        )

    return build


@pytest.fixture(scope="session")
def make_panel() -> Callable[..., Panel]:
    """Return a maker of slices: a bright disc, shifted in ``moving`` and partly back in ``warped``."""

    def build(
        *,
        shape: tuple[int, int] = (40, 30),
        spacing_mm: tuple[float, float] = (1.0, 1.0),
        left_over: float = 1.0,
        fold: bool = False,
    ) -> Panel:
        rows, columns = np.mgrid[: shape[0], : shape[1]].astype(float)
        centre = (shape[0] / 2, shape[1] / 2)

        def disc(shift: float) -> FloatArray:
            distance = np.hypot(rows - centre[0], columns - centre[1] - shift)
            return np.asarray(1 / (1 + np.exp(distance - min(shape) / 4)), dtype=np.float32)

        jacobian = (1 + 0.2 * np.sin(columns / 4)).astype(np.float32)
        if fold:
            jacobian[int(centre[0]), int(centre[1])] = -0.5
        displacement = np.zeros((2, *shape), dtype=np.float32)
        displacement[1] = 4 - left_over
        labels = np.zeros(shape, dtype=np.uint16)
        return Panel(
            fixed=disc(0),
            moving=disc(4),
            warped=disc(left_over),
            mask=np.hypot(rows - centre[0], columns - centre[1]) < min(shape) / 3,
            fixed_labels=labels,
            moving_labels=labels,
            warped_labels=labels,
            displacement_mm=displacement,
            jacobian=jacobian,
            spacing_mm=np.array(spacing_mm),
        )

    return build
