import io
from dataclasses import dataclass, field

import pytest
from rich.console import Console

from adapters.registry import BUILTIN as ADAPTERS
from benchmarks import listing
from benchmarks.catalogue import METRICS
from datasets.registry import BUILTIN as DATASETS


def printed(tables, width=80):
    console = Console(file=io.StringIO(), width=width)
    for table in tables:
        console.print(table)
    return console.file.getvalue()


def test_names_that_one_has_to_type_are_whole_at_80_columns():
    text = printed(listing.overview())
    assert {*ADAPTERS, *DATASETS, *METRICS} <= {line.partition(" ")[0] for line in text.splitlines()}
    assert "…" not in text
    assert "`" not in text


def test_descriptions_of_datasets_differ():
    described = {name: listing._first_line(listing.dataset_class(name)) for name in DATASETS}
    assert len(set(described.values())) == len(described)
    for name in ("capture_range2d", "capture_range3d", "recovery2d", "recovery3d"):
        assert "solution" in described[name]


def test_an_entry_is_of_a_backend_a_dataset_or_a_metric():
    assert "similarity" in printed(listing.entry("torch_lm"))
    assert "directions" in printed(listing.entry("csv"))
    rows = printed(listing.entry("tre_mm")).splitlines()
    assert rows[-1].split() == ["tre_mm", "TRE", "(mm)", "lower"]
    assert "`" not in printed(listing.entry("csv"))


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("templte2d", "(did you mean 'template2d'?)"),
        ("tre_m", "(did you mean 'tre_mm'?)"),
        ("simpleitc", "(did you mean 'simpleitk'?)"),
        ("lmreg", "(did you mean 'torch_lm'?)"),
        ("oasis", "(did you mean 'oasis2d' or 'oasis3d'?)"),
        ("zzzz", "(all names: python -m benchmarks list)"),
        ("[/x]", "(all names: python -m benchmarks list)"),
    ],
)
def test_a_wrong_name_is_answered_from_all_that_is_listed(name, hint):
    with pytest.raises(LookupError) as caught:
        listing.entry(name)
    assert str(caught.value) == (
        f"no backend, dataset or metric named {name!r} {hint}; or give package.module:Class"
    )


def test_documentation_is_shown_as_it_is():
    @dataclass
    class Params:
        """Of ``x``: [bold]one[/y]

        and \x1b[2Janother line.
        """

        a: str = field(default="[/z]")

    text = printed(listing._parameters("Parameters of [b]", Params))
    assert "Parameters of [b]" in text
    assert "'[/z]'" in text
    assert "[bold]one[/y]" in text
    assert "and [2Janother" in " ".join(text.split())
