"""What a number depends on: versions of installed packages, hashes of sources."""

from __future__ import annotations

import ast
import hashlib
import importlib.metadata
import sys
from collections.abc import Collection, Iterable, Iterator
from contextlib import suppress
from functools import cache
from importlib.util import find_spec, resolve_name
from pathlib import Path
from typing import Any

from adapters.interface import Adapter

ROOT = Path(__file__).resolve().parent.parent
GRADIENT_CHECK_SOURCES = ("gradient_check.py", "gradient_record.py")
EVALUATION_SOURCES = ("metrics", "evaluation.py", "normalisation.py", "resampling.py")
# What adapters are is declared there, and nothing is computed: every backend would depend on it.
CONTRACT = "adapters.interface"
# Folders whose modules belong to many packages, each with a version.
INSTALLED = ("site-packages", "dist-packages")


@cache
def _distributions() -> dict[str, list[str]]:
    return dict(importlib.metadata.packages_distributions())


@cache
def package_version(import_name: str) -> str:
    """Return the version of an installed package, or a source hash where it lies in this checkout or is not installed.

    Raises
    ------
    ModuleNotFoundError
        When there is no such package.
    """
    spec = find_spec(import_name)
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError(f"No module named {import_name!r}", name=import_name)
    origin = Path(spec.origin).resolve()
    here = origin.is_relative_to(ROOT) and "site-packages" not in origin.parts
    names = [] if here else _distributions().get(import_name, [])
    if names:
        return importlib.metadata.version(names[0])
    return source_hash([origin.parent if origin.name == "__init__.py" else origin])


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
        versions["adapter"] = source_hash(adapter_sources(adapter.__module__, Path(source), adapter.requires))
    return versions


def adapter_sources(module: str, source: Path, versioned: Collection[str] = ()) -> list[Path]:
    """Return the file of an adapter and those of its neighbours that its code imports, directly or not.

    Neighbours lie where its outermost package lies, or itself where it is in none: helpers that numbers depend on and
    that have no version. Of an adapter that is installed they are the modules of its own package alone. Sources are
    parsed, not imported. An ``__init__.py`` without a statement is left out.

    Parameters
    ----------
    module : str
        Dotted name of the adapter's module.
    source : Path
        Its file.
    versioned : collection of str
        Outermost names of what has a version of its own.
    """
    package = module if source.name == "__init__.py" else module.rpartition(".")[0]
    root = source.parents[len(package.split("."))] if package else source.parent
    own = module.partition(".")[0]
    alone = root.name in INSTALLED
    seen, found = {source}, []
    waiting = [source]

    def add(name: str) -> None:
        outermost = name.partition(".")[0]
        if (alone and outermost != own) or outermost in versioned or f"{name}.".startswith(f"{CONTRACT}."):
            return
        for file in _files(root, name):
            if file not in seen:
                seen.add(file)
                waiting.append(file)

    add(package or module)
    while waiting:
        file = waiting.pop()
        tree = _parsed(file)
        if file.name != "__init__.py" or any(not _is_text(statement) for statement in tree.body):
            found.append(file)
        for name in _imported(tree, ".".join(file.parent.relative_to(root).parts)):
            add(name)
    return sorted(found)


def _files(root: Path, name: str) -> Iterator[Path]:
    """Name the files that an import of a module below a folder reads: those of its packages, and its own."""
    place = root
    for part in name.split("."):
        place /= part
        candidates = (place / "__init__.py", place.with_name(f"{part}.py"))
        if file := next((file for file in candidates if file.is_file()), None):
            yield file


def _parsed(source: Path) -> ast.Module:
    """Return the syntax tree of a source; an empty one of what Python cannot read, and so cannot import."""
    try:
        return ast.parse(source.read_bytes(), str(source))
    except (SyntaxError, ValueError):
        return ast.Module([], [])


def _is_text(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)


def _imported(tree: ast.Module, package: str) -> Iterator[str]:
    """Name all that a module of a package may import, inside its functions too."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            # A relative import that leaves the outermost package fails when it is run.
            with suppress(ImportError):
                base = resolve_name("." * node.level + (node.module or ""), package)
                yield from (f"{base}.{alias.name}" for alias in node.names)
