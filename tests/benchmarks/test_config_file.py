"""What a user may get wrong in a config, and the one line that says so."""

import math

import pytest
import yaml

from benchmarks.config import Config
from benchmarks.config_file import ConfigError, load_config
from benchmarks.gate_config import BoundGate, GradientGate, OracleGate

MINIMAL = {
    "name": "minimal",
    "dataset": {"name": "toy:ToyDataset"},
    "runs": [{"label": "shift", "backend": "toy:Shift"}],
}


@pytest.fixture
def write(tmp_path):
    def write(content):
        path = tmp_path / "x.yaml"
        path.write_text(content if isinstance(content, str) else yaml.safe_dump(content))
        return path

    return write


def problem(path, *overrides):
    with pytest.raises(ConfigError) as caught:
        load_config(path, overrides)
    message = str(caught.value)
    assert "\n" not in message
    return message.replace(str(path), "x.yaml")


def test_a_minimal_config_gets_the_defaults(write):
    config = load_config(write(MINIMAL))
    assert config.resources.threads == 2
    assert config.timing.repeats == 1
    assert config.all_datasets[0].name == "toy:ToyDataset"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"runz": []}, "x.yaml: top level: unknown key 'runz' (did you mean 'runs'?)"),
        (
            {"runs": [{"label": "a", "backnd": "toy:Shift"}]},
            "x.yaml: runs[0]: unknown key 'backnd' (did you mean 'backend'?)",
        ),
        (
            {"resources": {"threads": 0}},
            "x.yaml: resources.threads: Input should be greater than or equal to 1 (got 0)",
        ),
        (
            {"resources": {"threads": [1, 0]}},
            "x.yaml: resources.threads[1]: Input should be greater than or equal to 1 (got 0)",
        ),
        (
            {"limits": {"timeout_s": math.inf}},
            "x.yaml: limits.timeout_s: Input should be a finite number (got inf)",
        ),
        (
            {"resources": {"threads": [1, 2, 1]}},
            "x.yaml: resources.threads: a count is given twice in [1, 2, 1]",
        ),
        (
            {"datasets": [{"name": "toy:ToyDataset"}]},
            "x.yaml: top level: give exactly one of 'dataset' (one) and 'datasets' (a list)",
        ),
        (
            {"runs": [{"label": "a", "backend": "b"}] * 2},
            "x.yaml: top level: runs: label 'a' is given twice",
        ),
        (
            {"gates": [{"metric": "rsme", "backend": "shift", "oracle": "shift"}]},
            "x.yaml: gates[0].metric: no metric named 'rsme' (did you mean 'rmse'?) (got 'rsme')",
        ),
        (
            {"gates": [{"metric": "rmse", "backend": "shift", "orcale": "shift"}]},
            "x.yaml: gates[0]: unknown key 'orcale' (did you mean 'oracle'?)",
        ),
        (
            {"gates": [{"metric": "rmse", "backend": "shift"}]},
            "x.yaml: gates[0].oracle: Field required",
        ),
        (
            {"gates": [{"metric": "rmse", "backend": "shift", "bound": "low"}]},
            "x.yaml: gates[0].bound: Input should be a valid number, unable to parse string as a number (got 'low')",
        ),
        (
            {"gates": [{"metric": "rmse", "backend": "shift", "aggregate": "mean_ratio", "bound": 0}]},
            "x.yaml: gates[0].oracle: Field required",
        ),
        (
            {"gates": [{"differentiable": "shift", "min_cosine": 2}]},
            "x.yaml: gates[0].min_cosine: Input should be less than or equal to 1 (got 2)",
        ),
        (
            {"gates": [{"differentiable": 5}]},
            "x.yaml: gates[0].differentiable: Input should be a valid string (got 5)",
        ),
        (
            {"gates": [{"recovers": "shift", "share": 5}]},
            "x.yaml: gates[0].share: Input should be less than or equal to 1 (got 5)",
        ),
        (
            {"gates": [{"differentiable": "shift"}, 5]},
            "x.yaml: gates[1]: Input should be a valid dictionary or instance of OracleGate (got 5)",
        ),
        (
            {"gates": ["x"]},
            "x.yaml: gates[0]: Input should be a valid dictionary or instance of OracleGate (got 'x')",
        ),
    ],
)
def test_a_mistake_is_one_line_with_place_and_nearest_name(write, change, message):
    assert problem(write(MINIMAL | change)) == message


def test_a_label_cannot_become_a_path(write):
    runs = [{"label": "../../etc", "backend": "toy:Shift"}]
    assert problem(write(MINIMAL | {"runs": runs})).startswith("x.yaml: runs[0].label: ")
    assert problem(write(MINIMAL | {"name": "a/b"})).startswith("x.yaml: name: ")


def test_gates_are_told_apart_by_their_keys(write):
    gates = [
        {"metric": "rmse", "backend": "shift", "oracle": "shift", "rel": 0.15},
        {"metric": "tre_mm", "backend": "*", "bound": 0.5},
        {"differentiable": "shift"},
    ]
    config = load_config(write(MINIMAL | {"gates": gates}))
    assert [type(gate) for gate in config.gates] == [OracleGate, BoundGate, GradientGate]
    assert Config.model_validate({**MINIMAL, "gates": config.gates}).gates == config.gates


def test_overrides_reach_mappings_and_list_items(write):
    path = write(MINIMAL)
    config = load_config(path, ["dataset.params.count=3", "runs.0.track=matched", "timing.repeats=5"])
    assert config.dataset.params == {"count": 3}
    assert config.runs[0].track == "matched"
    assert config.timing.repeats == 5


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("threads", "--set threads: must look like key.key=value"),
        ("runs.7.label=x", "--set runs.7.label=x: '7' must be a number below 1"),
        ("name.first=x", "--set name.first=x: 'name' is a value, not a mapping"),
        ("resources.thread=1", "x.yaml: resources: unknown key 'thread' (did you mean 'threads'?)"),
        ("report.columns=[dize]", "x.yaml: report.columns: no metric named 'dize' (did you mean 'dice'?)"),
        ("report.columns=[ncc, ncc]", "x.yaml: report.columns: 'ncc' is given twice"),
        ("runs.-1.label=x", "--set runs.-1.label=x: '-1' must be a number below 1"),
        (
            "timing={repeats: 1, repeats: 3}",
            "--set timing={repeats: 1, repeats: 3}: not valid YAML: key 'repeats' is given twice (line 1)",
        ),
        (
            "name=2024-13-45",
            "--set name=2024-13-45: not valid YAML: '2024-13-45' cannot be read as timestamp (line 1); "
            "put it in quotes if it is text",
        ),
        (
            "title=" + "[" * 3000,
            "--set title=" + "[" * 74 + "...: nested too deeply or refers to itself",
        ),
    ],
)
def test_a_bad_override_is_one_line(write, override, message):
    assert problem(write(MINIMAL), override) == message


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "must be a mapping"),
        ("- 1\n- 2\n", "must be a mapping"),
        ("name: [", "not valid YAML"),
        ("name: a\nname: b\n", "key 'name' is given twice (line 2)"),
        ("!!python/object/apply:os.system ['true']", "not valid YAML"),
        ("a: &x [1]\nb: &y [*x,*x]\n" * 1 + "c: &z [*z]\n", "refers to itself"),
        ("name: a\n? [a, b]\n: 1\n", "a list or a mapping cannot be a key (line 2)"),
        ("name: a\nlimits: {{a: b}: 1}\n", "a list or a mapping cannot be a key (line 2)"),
    ],
)
def test_what_is_no_config_is_refused(write, text, message):
    assert message in problem(write(text))


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        ("2024-13-45", "timestamp"),
        ("0x_", "int"),
        ("!!int ''", "int"),
        ("!!float x", "float"),
        ("!!bool x", "bool"),
        ("!!timestamp x", "timestamp"),
        ("1" * 5000, "int"),
        ("0x" + "f" * 5000, "int"),
        (":".join(["1"] * 300) + ".0", "float"),
    ],
)
def test_a_value_that_is_not_what_it_looks_like_is_named_with_its_line(write, value, kind):
    found = problem(write(f"name: a\nseed: {value}\n"))
    assert found.startswith("x.yaml: not valid YAML: ")
    assert f" cannot be read as {kind} (line 2); put it in quotes if it is text" in found
    assert len(found) < 200


def test_an_alias_bomb_is_refused_before_it_expands(write):
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 12)]
    assert "expand to more than" in problem(write("\n".join(lines)))


def test_a_missing_file_is_named(tmp_path):
    path = tmp_path / "none.yaml"
    with pytest.raises(ConfigError, match=r"none\.yaml: no such file"):
        load_config(path)
