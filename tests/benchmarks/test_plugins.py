"""Names of classes that lead nowhere, and modules that cannot be imported."""

import sys

import pytest

from benchmarks.plugins import adapter_class, dataset_class


@pytest.mark.parametrize(
    "name", [":X", "toy:", ".toy:Shift", "toy.:Shift", "toy:Shift:Shift", "a b:C", ":", ""]
)
@pytest.mark.parametrize(("find", "role"), [(adapter_class, "backend"), (dataset_class, "dataset")])
def test_what_is_no_name_of_a_class_is_told_what_one_looks_like(find, role, name):
    with pytest.raises(LookupError, match=f"no {role} named .*; or give package.module:Class"):
        find(name)


@pytest.mark.parametrize("name", ["nowhere:X", "nowhere.deep:X", "nowhere.deep.down:X"])
def test_a_module_that_is_not_there_is_named(name):
    with pytest.raises(LookupError, match=f"^backend '{name}': no module named 'nowhere'$"):
        adapter_class(name)


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("x = = 1", "SyntaxError: invalid syntax"),
        ("import surely_not_installed", "ModuleNotFoundError: No module named 'surely_not_installed'"),
        ("import sys; sys.not_there", "AttributeError: module 'sys' has no attribute 'not_there'"),
        ("1 / 0", "ZeroDivisionError: division by zero"),
        ("raise ValueError('two\\nlines')", "ValueError: two lines"),
        ("raise SystemExit(3)", "SystemExit: 3"),
    ],
)
def test_what_a_module_raises_while_it_is_imported_is_told(tmp_path, monkeypatch, source, said):
    (tmp_path / "broken_plugin.py").write_text(source)
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(LookupError) as caught:
        adapter_class("broken_plugin:X")
    message = str(caught.value)
    assert message.startswith(f"backend 'broken_plugin:X': module broken_plugin cannot be imported: {said}")
    assert "\n" not in message
    assert "broken_plugin" not in sys.modules
