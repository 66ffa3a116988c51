import importlib.metadata
import sys

import pytest

from benchmarks.fingerprint import ROOT, adapter_sources, evaluation_version, package_version, source_hash


def test_an_installed_package_is_known_by_its_version():
    assert package_version("torch") == importlib.metadata.version("torch")
    assert package_version("ants") == importlib.metadata.version("antspyx")


def test_a_package_of_this_checkout_is_known_by_its_sources():
    assert package_version("lmreg").startswith("source-")


def test_a_missing_package_raises():
    with pytest.raises(ModuleNotFoundError, match="surely_not_installed"):
        package_version("surely_not_installed")


def test_the_hash_changes_with_content_and_name_alone(tmp_path):
    def folder(name, **files):
        root = tmp_path / name / "package"
        root.mkdir(parents=True)
        for stem, text in files.items():
            (root / f"{stem}.py").write_text(text)
        return source_hash([root])

    assert folder("1", a="x = 1") == folder("2", a="x = 1")
    assert folder("3", a="x = 2") != folder("4", a="x = 1")
    assert folder("5", b="x = 1") != folder("6", a="x = 1")


def test_finding_a_version_imports_nothing():
    before = set(sys.modules)
    package_version("dipy")
    assert "dipy" in before or "dipy" not in sys.modules


def test_metrics_have_a_version():
    assert evaluation_version().startswith("source-")


def test_an_adapter_depends_on_the_neighbours_that_it_imports_and_on_no_others(tmp_path):
    def write(folder, **modules):
        for name, text in modules.items():
            (folder / f"{name}.py").write_text(text)

    def names(module, file):
        return [path.name for path in adapter_sources(module, file)]

    write(
        tmp_path,
        alone="import numpy.fft\n",
        backend="import json\nfrom helper import f\n\ndef g():\n    import late\n",
        fft="",
        helper="import backend\nimport deep as other\n",
        deep="",
        late="",
    )
    assert names("alone", tmp_path / "alone.py") == ["alone.py"]
    assert names("backend", tmp_path / "backend.py") == ["backend.py", "deep.py", "helper.py", "late.py"]

    package = tmp_path / "package"
    package.mkdir()
    write(
        package,
        __init__="from .one import X\n",
        one="from . import two\n",
        two="import package.three\n",
        three="",
    )
    assert names("package.one", package / "one.py") == ["__init__.py", "one.py", "three.py", "two.py"]
    assert names("package", package / "__init__.py") == ["__init__.py", "one.py", "three.py", "two.py"]


def test_no_backend_depends_on_what_only_declares_adapters():
    folder = ROOT / "adapters"
    found = {path.name for path in adapter_sources("adapters.simpleitk", folder / "simpleitk.py")}
    assert found == {"coordinates.py", "options.py"} | {
        f"simpleitk{part}.py" for part in ("", "_demons", "_method", "_params")
    }


def test_an_adapter_in_a_folder_of_its_own_depends_on_helpers_outside_it_too():
    folder = ROOT / "adapters"
    found = adapter_sources("adapters.adam_affine.adapter", folder / "adam_affine" / "adapter.py")
    assert folder / "coordinates.py" in found
    assert {file for file in folder.glob("adam_affine/*.py") if file.name != "__init__.py"} <= set(found)


@pytest.fixture
def plugins(tmp_path):
    """Write two adapters and what they import: one in a package of packages, one beside its helpers."""
    sources = {
        "pk/__init__.py": "GAIN = 1\n",
        "pk/shared.py": "B = 1\n",
        "pk/backends/__init__.py": '"""Adapters."""\n',
        "pk/backends/one.py": "from pk.core import solve\nfrom pk import GAIN\nfrom ..shared import B\n",
        "pk/core/__init__.py": "from . import deep\n",
        "pk/core/deep.py": "from ... import beyond\nimport beside\n",
        "pk/core/unused.py": "",
        "beside.py": "from .flat_core import Y\n",
        "flat.py": "import flat_core, numpy.fft\nfrom flat_core.inner import X\n",
        "flat_core/__init__.py": "Y = 1\n",
        "flat_core/inner.py": "import old\n",
        "old.py": "print 1\n",
        "unused.py": "",
    }
    for name, text in sources.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path


def below(root, module, versioned=()):
    file = root.joinpath(*module.split(".")).with_suffix(".py")
    return [path.relative_to(root).as_posix() for path in adapter_sources(module, file, versioned)]


def test_packages_on_the_way_and_those_further_up_count(plugins):
    assert below(plugins, "pk.backends.one") == [
        "beside.py", "pk/__init__.py", "pk/backends/one.py", "pk/core/__init__.py", "pk/core/deep.py", "pk/shared.py",
    ]  # fmt: skip


def test_packages_beside_an_adapter_count_unless_they_have_a_version(plugins):
    assert below(plugins, "flat") == ["flat.py", "flat_core/__init__.py", "flat_core/inner.py", "old.py"]
    assert below(plugins, "flat", ["flat_core"]) == ["flat.py"]


def test_of_an_installed_adapter_its_own_package_alone_counts(plugins):
    installed = plugins / "site-packages"
    installed.mkdir()
    for name in ("pk", "flat_core", "flat.py", "beside.py"):
        (plugins / name).rename(installed / name)
    assert below(installed, "flat") == ["flat.py"]
    assert below(installed, "pk.backends.one") == [
        "pk/__init__.py", "pk/backends/one.py", "pk/core/__init__.py", "pk/core/deep.py", "pk/shared.py",
    ]  # fmt: skip


def test_all_of_a_package_that_is_not_installed_counts(plugins, monkeypatch):
    monkeypatch.syspath_prepend(plugins)
    before = package_version("flat_core")
    (plugins / "flat_core" / "inner.py").write_text("X = 2\n")
    package_version.cache_clear()
    assert package_version("flat_core") != before
