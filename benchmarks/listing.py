"""What a config may name: tables of backends, datasets, metrics and their parameters."""

from __future__ import annotations

from dataclasses import MISSING, fields, is_dataclass
from importlib.util import find_spec
from inspect import cleandoc
from typing import Any

from rich.markup import escape
from rich.table import Table

from adapters.interface import Adapter, DifferentiableAdapter
from adapters.registry import BUILTIN as ADAPTERS
from benchmarks.catalogue import METRICS
from benchmarks.fingerprint import package_version
from benchmarks.plugins import adapter_class, dataset_class
from datasets.registry import BUILTIN as DATASETS


def overview() -> list[Table]:
    """Return one table each of backends, datasets and metrics."""
    return [_backends(), _datasets(), _metrics()]


def parameters(name: str) -> list[Table]:
    """Return the parameters of a backend or dataset.

    Raises
    ------
    LookupError
        When there is neither a backend nor a dataset of that name.
    """
    found = dataset_class(name) if name in DATASETS else adapter_class(name)
    return _parameters(f"Parameters of {name}", found.Params)


def _parameters(title: str, params: type[Any]) -> list[Table]:
    """Return a table of parameters, and one of each block among them."""
    table = Table(title=title, title_justify="left", caption_justify="left")
    for column in ("parameter", "type", "default"):
        table.add_column(column, overflow="fold")
    tables = [table]
    for field in fields(params):
        default = field.default_factory() if field.default_factory is not MISSING else field.default
        shown = "required" if default is MISSING else repr(default)
        if is_dataclass(default):
            shown = "see below"
            tables += _parameters(f"{title}: {field.name}", type(default))
        table.add_row(field.name, escape(_type_name(field.type)), escape(shown))
    table.caption = escape(cleandoc(params.__doc__ or ""))
    return tables


def _backends() -> Table:
    table = Table(title="Backends", title_justify="left")
    for column in ("name", "installed", "dimensions", "devices", "differentiable", "what it is"):
        table.add_column(column)
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
    table = Table(title="Datasets", title_justify="left")
    table.add_column("name")
    table.add_column("what it is")
    for name in DATASETS:
        table.add_row(name, _first_line(dataset_class(name)))
    return table


def _metrics() -> Table:
    table = Table(title="Metrics", title_justify="left")
    for column in ("name", "title", "better"):
        table.add_column(column)
    for metric in METRICS.values():
        table.add_row(metric.name, metric.title, metric.better)
    return table


def _installed(adapter: type[Adapter[Any]]) -> str:
    missing = [name for name in adapter.requires if find_spec(name) is None]
    if missing:
        return f"no: {', '.join(missing)}"
    return ", ".join(package_version(name) for name in adapter.requires) or "built in"


def _first_line(found: type[Any]) -> str:
    return escape(cleandoc(found.__doc__ or "").partition("\n")[0])


def _type_name(annotation: Any) -> str:
    return annotation if isinstance(annotation, str) else getattr(annotation, "__name__", str(annotation))
