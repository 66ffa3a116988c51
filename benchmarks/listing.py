"""What a config may name: tables of backends, datasets, metrics and their parameters."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import MISSING, fields, is_dataclass
from difflib import get_close_matches
from importlib.util import find_spec
from inspect import cleandoc
from typing import Any

from rich import box
from rich.table import Table

from adapters.interface import Adapter, DifferentiableAdapter
from adapters.registry import BUILTIN as ADAPTERS
from benchmarks.catalogue import METRICS, Metric
from benchmarks.fingerprint import package_version
from benchmarks.plugins import adapter_class, dataset_class
from benchmarks.terminal import literal
from datasets.registry import BUILTIN as DATASETS


def overview() -> list[Table]:
    """Return one table each of backends, datasets and metrics."""
    return [_backends(), _datasets(), _metrics(METRICS.values())]


def entry(name: str) -> list[Table]:
    """Return the parameters of a backend or dataset, or what is known of a metric.

    Raises
    ------
    LookupError
        When there is nothing of that name.
    """
    if name in METRICS:
        return [_metrics([METRICS[name]])]
    if name in DATASETS:
        return _parameters(f"Parameters of {name}", dataset_class(name).Params)
    if name in ADAPTERS or ":" in name:
        return _parameters(f"Parameters of {name}", adapter_class(name).Params)
    raise LookupError(
        f"no backend, dataset or metric named {name!r}{_hint(name)}; or give package.module:Class"
    )


def _hint(wrong: str) -> str:
    """Return the names whose description has that word, else the nearest name, else where all names are."""
    described = {name: _first_line(adapter_class(name)) for name in ADAPTERS}
    described |= {name: _first_line(dataset_class(name)) for name in DATASETS}
    word = re.compile(rf"\b{re.escape(wrong)}\b", re.IGNORECASE)
    near = [name for name, text in described.items() if word.search(text)]
    near = near or get_close_matches(wrong, [*described, *METRICS], n=1, cutoff=0.5)
    if near:
        return f" (did you mean {' or '.join(map(repr, near))}?)"
    return " (all names: python -m benchmarks list)"


def _parameters(title: str, params: type[Any]) -> list[Table]:
    """Return a table of parameters, and one of each block among them."""
    table = _table(title)
    table.caption_justify = "left"
    for column in ("parameter", "type", "default"):
        table.add_column(column, overflow="fold")
    tables = [table]
    for field in fields(params):
        default = field.default_factory() if field.default_factory is not MISSING else field.default
        shown = "required" if default is MISSING else repr(default)
        if is_dataclass(default):
            shown = "see below"
            tables += _parameters(f"{title}: {field.name}", type(default))
        table.add_row(*map(literal, (field.name, _type_name(field.type), shown)))
    table.caption = literal(_documentation(params), "table.caption")
    return tables


def _table(title: str) -> Table:
    return Table(
        title=literal(title, "table.title"),
        title_justify="left",
        box=box.SIMPLE_HEAD,
        show_edge=False,
        padding=(0, 1, 0, 0),
        pad_edge=False,
    )


def _backends() -> Table:
    table = _table("Backends")
    table.add_column("name", no_wrap=True)
    table.add_column("installed", overflow="fold", max_width=13)
    for column in ("images", "devices", "gradients", "what it is"):
        table.add_column(column, overflow="fold")
    for name in ADAPTERS:
        adapter = adapter_class(name)
        table.add_row(
            name,
            _installed(adapter),
            ", ".join(f"{dimension}D" for dimension in adapter.dimensions),
            ", ".join(adapter.devices),
            "yes" if issubclass(adapter, DifferentiableAdapter) else "no",
            _first_line(adapter),
        )
    return table


def _datasets() -> Table:
    table = _table("Datasets")
    table.add_column("name", no_wrap=True)
    table.add_column("what it is", overflow="fold")
    for name in DATASETS:
        table.add_row(name, _first_line(dataset_class(name)))
    return table


def _metrics(metrics: Iterable[Metric]) -> Table:
    table = _table("Metrics")
    table.add_column("name", no_wrap=True)
    for column in ("title", "better"):
        table.add_column(column, overflow="fold")
    for metric in metrics:
        table.add_row(metric.name, metric.title, metric.better)
    return table


def _installed(adapter: type[Adapter[Any]]) -> str:
    missing = [name for name in adapter.requires if find_spec(name) is None]
    if missing:
        return f"no: {', '.join(missing)}"
    return ", ".join(package_version(name) for name in adapter.requires) or "built in"


def _first_line(found: type[Any]) -> str:
    return _documentation(found).partition("\n")[0]


def _documentation(found: type[Any]) -> str:
    """Return a docstring without the marks of literals, which a terminal does not set apart."""
    return cleandoc(found.__doc__ or "").replace("``", "")


def _type_name(annotation: Any) -> str:
    return annotation if isinstance(annotation, str) else getattr(annotation, "__name__", str(annotation))
