"""The parameters of runs: checked, swept, and overridden on some pairs."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass
from fnmatch import fnmatchcase
from functools import cache
from typing import Any

from pydantic import TypeAdapter, ValidationError

from benchmarks.config import RunConfig
from benchmarks.config_file import ConfigError, first_problem
from benchmarks.names import nearest_hint
from benchmarks.plain_data import plain
from benchmarks.plugins import adapter_class
from datasets.pair import PairInfo


@dataclass(frozen=True)
class ParameterSet:
    """A run with its sweep resolved.

    Attributes
    ----------
    label : str
        The run's label, and the values swept.
    run : RunConfig
        Where it comes from.
    given : mapping
        The adapter's parameters as the run and its sweep give them, before any override.
    place : str
        Where the run stands, for messages.
    """

    label: str
    run: RunConfig
    given: Mapping[str, Any]
    place: str

    def params_by_pair(self, pairs: Sequence[PairInfo]) -> dict[str, dict[str, Any]]:
        """Return the adapter's parameters on each pair, overrides applied in their order and defaults resolved.

        Raises
        ------
        ConfigError
            When the parameters that result for a pair are invalid.
        """
        resolved: dict[tuple[int, ...], dict[str, Any]] = {}
        found = {}
        for pair in pairs:
            applying = tuple(
                number
                for number, override in enumerate(self.run.overrides)
                if any(fnmatchcase(pair.pair_id, pattern) for pattern in override.pairs)
            )
            if applying not in resolved:
                resolved[applying] = self._resolve(applying, pair.pair_id)
            found[pair.pair_id] = resolved[applying]
        return found

    def _resolve(self, applying: Sequence[int], pair_id: str) -> dict[str, Any]:
        given, place = dict(self.given), f"{self.place}.params"
        for number in applying:
            given |= self.run.overrides[number].params
            place = f"{self.place}, on pair {pair_id}: overrides[{number}].params"
        return dumped(build_params(adapter_class(self.run.backend).Params, given, place))


def parameter_sets(index: int, run: RunConfig, source: str) -> Iterator[ParameterSet]:
    """Expand the sweep of a run, and check what can be checked before pairs are known.

    Raises
    ------
    ConfigError
        When the backend or a parameter does not exist or has a bad value, or when an override sets what is swept.
    """
    place = f"{source}: runs[{index}]"
    try:
        adapter = adapter_class(run.backend)
    except LookupError as error:
        raise ConfigError(f"{place}.backend: {error}") from None
    for number, override in enumerate(run.overrides):
        _check_names(adapter.Params, override.params, f"{place}.overrides[{number}].params")
        if swept := sorted(set(override.params) & set(run.sweep)):
            raise ConfigError(f"{place}.overrides[{number}].params: {swept[0]!r} is swept in this run")
    for values in itertools.product(*run.sweep.values()):
        swept_values = dict(zip(run.sweep, values, strict=True))
        given = {**run.params, **swept_values}
        build_params(adapter.Params, given, f"{place}.params")
        suffix = ", ".join(f"{key}={_short(value)}" for key, value in swept_values.items())
        yield ParameterSet(f"{run.label} [{suffix}]" if suffix else run.label, run, given, place)


def check_overrides(runs: Sequence[RunConfig], pairs: Mapping[str, Sequence[PairInfo]], source: str) -> None:
    """Require of every pattern of an override that it matches a pair of the datasets that its run is for.

    Pairs that the config leaves out count too, so that a part of a benchmark can be run under the same overrides.

    Parameters
    ----------
    runs : sequence of RunConfig
        The runs of a config.
    pairs : mapping of str to sequence of PairInfo
        All pairs of each dataset, by name.
    source : str
        The config's file name, for messages.

    Raises
    ------
    ConfigError
        Naming the first pattern that matches none.
    """
    for index, run in enumerate(runs):
        ids = [
            pair.pair_id
            for dataset, listed in pairs.items()
            if run.datasets is None or dataset in run.datasets
            for pair in listed
        ]
        for number, override in enumerate(run.overrides):
            for pattern in override.pairs:
                if not any(fnmatchcase(pair_id, pattern) for pair_id in ids):
                    raise ConfigError(
                        f"{source}: runs[{index}].overrides[{number}].pairs: no pair matches "
                        f"{pattern!r}{nearest_hint(pattern, ids)}"
                    )


def build_params(params_class: type[Any], given: Mapping[str, Any], place: str) -> Any:
    """Validate parameters of a backend or a dataset.

    Raises
    ------
    ConfigError
        For an unknown name or a bad value; the message starts with ``place``.
    """
    _check_names(params_class, given, place)
    try:
        # mypy does not know that classes can be hashed.
        return _type_adapter(params_class).validate_python(dict(given))  # type: ignore[arg-type]
    except ValidationError as error:
        raise ConfigError(first_problem(error, place)) from None


@cache
def _type_adapter(params_class: Any) -> TypeAdapter[Any]:
    return TypeAdapter(params_class)


def _check_names(params_class: type[Any], given: Mapping[str, Any], place: str) -> None:
    valid = {field.name: field for field in fields(params_class)} if is_dataclass(params_class) else {}
    for key, value in given.items():
        if key not in valid:
            raise ConfigError(f"{place}: unknown parameter {key!r}{nearest_hint(str(key), valid)}")
        block = type(valid[key].default)
        if is_dataclass(block) and isinstance(value, Mapping):
            _check_names(block, value, f"{place}.{key}")


def dumped(params: Any) -> dict[str, Any]:
    """Return validated parameters as plain data, defaults resolved."""
    found: dict[str, Any] = plain(TypeAdapter(type(params)).dump_python(params, mode="json"))
    return found


def _short(value: Any) -> str:
    return "x".join(map(str, value)) if isinstance(value, list) else str(value)
