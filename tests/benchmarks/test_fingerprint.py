import importlib.metadata
import sys

import pytest

from adapters.adam_affine.adapter import AdamAffine
from adapters.torch_lm import TorchLM
from benchmarks.fingerprint import ROOT, backend_version, evaluation_version, package_version, source_hash


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


def test_an_adapter_of_several_modules_is_known_by_all_of_them():
    assert backend_version(TorchLM)["adapter"] == source_hash([ROOT / "adapters" / "torch_lm.py"])
    assert backend_version(AdamAffine)["adapter"] == source_hash([ROOT / "adapters" / "adam_affine"])
