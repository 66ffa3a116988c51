import runpy
from pathlib import Path
from typing import Any

EXAMPLES = Path(__file__).parents[2] / "examples"


def load(name: str) -> dict[str, Any]:
    return runpy.run_path(str(EXAMPLES / f"{name}.py"))


def test_register_two_images(capsys):
    result = load("register_two_images")["main"]()
    assert "converged" in capsys.readouterr().out
    assert 3.0 < float(result.displacement_mm.abs().max()) < 15.0


def test_learn_through_the_solve():
    losses, layer = load("learn_through_the_solve")["main"](steps=12)
    assert losses[-1] < 0.5 * losses[0]
    assert float(layer.log_gamma.detach().exp()) > 1.2


def test_downstream_loss():
    losses = load("downstream_loss")["main"](steps=20)
    assert losses[-1] < 0.7 * losses[0]
