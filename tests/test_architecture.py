"""The direction of imports, and what starting up may import."""

import subprocess
import sys
from pathlib import Path

from importlinter.cli import lint_imports

ROOT = Path(__file__).parent.parent
BACKENDS = {"ants", "dipy", "picsl_greedy", "torch", "lmreg"}


def test_imports_point_one_way(monkeypatch):
    monkeypatch.chdir(ROOT)
    assert lint_imports(config_filename=str(ROOT / "pyproject.toml"), no_cache=True) == 0


def test_planning_imports_no_backend():
    code = (
        "import sys; from pathlib import Path; from benchmarks.config_file import load_config;"
        "from benchmarks.plan import make_plan;"
        "make_plan(load_config(Path('configs/smoke.yaml')), Path('nowhere'), 'smoke');"
        "print(*sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert not BACKENDS & set(done.stdout.split())


def test_starting_a_command_imports_no_figures_and_no_statistics():
    code = "import sys; import benchmarks.cli; print(*(name.partition('.')[0] for name in sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert not {"reports", "matplotlib", "pandas", "scipy", "torch", "distributed"} & set(done.stdout.split())


def test_a_worker_sets_its_threads_before_anything_numerical_is_imported():
    code = "import sys; import benchmarks.__main__, benchmarks.worker; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert not {"numpy", "SimpleITK", "pydantic", *BACKENDS} & set(done.stdout.split())
