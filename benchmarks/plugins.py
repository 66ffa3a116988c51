"""Classes by name: built-in backends and datasets, or anyone's own as ``package.module:Class``."""

from __future__ import annotations

import sys
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

from adapters.interface import Adapter
from adapters.registry import BUILTIN as ADAPTERS
from benchmarks.names import nearest_hint
from datasets.base import Dataset
from datasets.registry import BUILTIN as DATASETS


def adapter_class(name: str) -> type[Adapter[Any]]:
    """Return the adapter class of a backend.

    Raises
    ------
    LookupError
        When there is no such name, module, class or subclass of ``Adapter``, or the module cannot be imported; the
        message says which.
    """
    return _load(name, ADAPTERS, Adapter, "backend")


def dataset_class(name: str) -> type[Dataset[Any]]:
    """Return the class of a dataset.

    Raises
    ------
    LookupError
        When there is no such name, module, class or subclass of ``Dataset``, or the module cannot be imported; the
        message says which.
    """
    return _load(name, DATASETS, Dataset, "dataset")


def _load(name: str, builtin: dict[str, str], base: type[Any], role: str) -> type[Any]:
    module_name, _, class_name = builtin.get(name, name).partition(":")
    if not all(part.isidentifier() for part in (*module_name.split("."), class_name)):
        raise LookupError(
            f"no {role} named {name!r}{nearest_hint(name, builtin)}; or give package.module:Class"
        )
    if (here := str(Path.cwd())) not in sys.path:
        sys.path.append(here)
    found = getattr(_imported(module_name, f"{role} {name!r}"), class_name, None)
    if found is None:
        raise LookupError(f"{role} {name!r}: module {module_name} has no class {class_name}")
    if not (isinstance(found, type) and issubclass(found, base)):
        raise LookupError(
            f"{role} {name!r}: {class_name} is not a subclass of {base.__module__}.{base.__name__}"
        )
    return found


def _imported(module_name: str, what: str) -> ModuleType:
    try:
        return import_module(module_name)
    except (Exception, SystemExit) as error:
        if isinstance(error, ModuleNotFoundError) and f"{module_name}.".startswith(f"{error.name}."):
            raise LookupError(f"{what}: no module named {error.name!r}") from error
        # Anyone's own module may raise anything, that of a module which it needs and lacks included.
        said = " ".join(f"{type(error).__name__}: {error}".split())
        raise LookupError(f"{what}: module {module_name} cannot be imported: {said}") from error
