"""What a results folder tells of its run."""

import shlex

import pytest

from benchmarks.results_folder import Manifest


@pytest.mark.parametrize(
    ("source", "overrides"),
    [
        ("configs/smoke.yaml", ()),
        ("my configs/a'b.yaml", ("title=Two words; $HOME", "datasets=[{name: toy}]", "resources.threads=4")),
    ],
)
def test_a_shell_takes_the_command_as_it_was_given(source, overrides):
    command = Manifest(source=source, overrides=overrides, jobs=(), descriptions={}).command
    options = [word for override in overrides for word in ("--set", override)]
    assert shlex.split(command) == ["python", "-m", "benchmarks", "run", source, *options]


def test_a_command_without_anything_special_has_no_quotes():
    manifest = Manifest(
        source="configs/smoke.yaml", overrides=("timing.repeats=3",), jobs=(), descriptions={}
    )
    assert manifest.command == "python -m benchmarks run configs/smoke.yaml --set timing.repeats=3"
