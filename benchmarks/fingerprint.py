"""What a number depends on: versions of installed packages, hashes of sources."""

from __future__ import annotations

import ast
import hashlib
import importlib.metadata
import sys
from collections.abc import Iterable, Iterator
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from adapters.interface import Adapter

ROOT = Path(__file__).resolve().parent.parent
GRADIENT_CHECK_SOURCES = ("gradient_check.py", "gradient_record.py")
EVALUATION_SOURCES = ("metrics", "evaluation.py", "normalisation.py", "resampling.py")
# What adapters are is declared there, and nothing is computed: every backend would depend on it.
CONTRACT = "adapters.interface"


@cache
def _distributions() -> dict[str, list[str]]:
    return dict(importlib.metadata.packages_distributions())


@cache
def package_version(import_name: str) -> str:
    """Return the version of an installed package, or a source hash where it lies in this checkout.

    Raises
    ------
    ModuleNotFoundError
        When there is no such package.
    """
    spec = find_spec(import_name)
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError(f"No module named {import_name!r}", name=import_name)
    origin = Path(spec.origin).resolve()
    if origin.is_relative_to(ROOT) and "site-packages" not in origin.parts:
        return source_hash([origin.parent if origin.name == "__init__.py" else origin])
    names = _distributions().get(import_name, [])
    return importlib.metadata.version(names[0]) if names else source_hash([origin])


def source_hash(paths: Iterable[Path]) -> str:
    """Return a hash over Python files, given one by one or by folder; names and contents count."""
    digest = hashlib.sha256()
    for path in paths:
        for file in sorted(path.rglob("*.py")) if path.is_dir() else [path]:
            digest.update(f"{file.relative_to(path.parent)}\0".encode())
            digest.update(file.read_bytes())
    return f"source-{digest.hexdigest()[:12]}"


@cache
def evaluation_version() -> str:
    """Return a hash of everything that computes a metric."""
    return source_hash([ROOT / "benchmarks" / name for name in EVALUATION_SOURCES])


@cache
def gradient_check_version() -> str:
    """Return a hash of everything that checks gradients."""
    return source_hash([ROOT / "benchmarks" / name for name in GRADIENT_CHECK_SOURCES])


def backend_version(adapter: type[Adapter[Any]]) -> dict[str, str]:
    """Return versions of all that a backend's numbers depend on; ``missing`` for what is not installed."""
    versions = {}
    for name in adapter.requires:
        try:
            versions[name] = package_version(name)
        except ModuleNotFoundError:
            versions[name] = "missing"
    source = getattr(sys.modules[adapter.__module__], "__file__", None)
    if source:
        versions["adapter"] = source_hash(adapter_sources(adapter.__module__, Path(source)))
    return versions


def adapter_sources(module: str, source: Path) -> list[Path]:
    """Return the file of an adapter and those of its neighbours that its code imports, directly or not.

    Neighbours are the other modules of its outermost package: helpers that numbers depend on and that have no version.

    Parameters
    ----------
    module : str
        Dotted name of the adapter's module.
    source : Path
        Its file.
    """
    package = module if source.name == "__init__.py" else module.rpartition(".")[0]
    root = source.parents[len(package.split("."))] if package else source.parent
    found = {source}
    waiting = [source]
    while waiting:
        for name in _imported(root, waiting.pop()):
            outermost, *inner = name.split(".")
            file = root.joinpath(outermost, *inner).with_suffix(".py")
            near = outermost == package.partition(".")[0] if package else not inner
            if near and name != CONTRACT and file not in found and file.is_file():
                found.add(file)
                waiting.append(file)
    return sorted(found)


def _imported(root: Path, source: Path) -> Iterator[str]:
    """Name all that a module below a folder may import, inside its functions too."""
    package = ".".join(source.parent.relative_to(root).parts)
    for node in ast.walk(ast.parse(source.read_bytes(), str(source))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = f"{package}.{node.module or ''}".strip(".") if node.level == 1 else node.module or ""
            yield base
            yield from (f"{base}.{alias.name}" for alias in node.names)
