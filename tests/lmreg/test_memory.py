"""Peak memory of a whole process, as the system counts it, against the number of iterations."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
STATUS = Path("/proc/self/status")
# What other heaps keep of freed memory depends on which thread asked for it.
ONE_HEAP = os.environ | {"MALLOC_ARENA_MAX": "1", "OMP_NUM_THREADS": "1"}
# Gauss-Newton on a pair with a residual converges slowly enough for every step to be accepted.
PROGRAM = """
import re, sys, torch, lmreg
torch.set_num_threads(1)
adjoint = {"implicit": lmreg.Implicit(), "unroll": lmreg.Unroll()}[sys.argv[1]]
iterations = int(sys.argv[2])
x, y = torch.meshgrid(*[torch.linspace(0, 1, 448, dtype=torch.float64)] * 2, indexing="ij")
fixed = torch.sin(9 * x) * torch.cos(7 * y)
moving = torch.sin(9 * x + 0.3 * y) * torch.cos(7 * y + 0.3 * x * x) + 0.4 * torch.cos(20 * x * y)
result = lmreg.register(
    fixed[None, None],
    moving[None, None].requires_grad_(),
    levels=1,
    control_points=6,
    bending=0.1,
    interpolation="linear",
    adjoint=adjoint,
    iterations=iterations,
    tolerance=1e-30,
)
result.warped.square().mean().backward()
peak_kib = int(re.search(r"VmHWM:\\s+(\\d+) kB", open("/proc/self/status").read()).group(1))
print(len(result.trace[0][0]) - 1, peak_kib / 1024)
"""


def peak_mib(adjoint: str, iterations: int) -> float:
    """Peak of a process that registers and goes back, with exactly so many accepted steps."""
    # The warning that a solve cut short gives is the point here.
    command = [sys.executable, "-W", "ignore", "-c", PROGRAM, adjoint, str(iterations)]
    printed = subprocess.run(
        command, capture_output=True, text=True, check=True, cwd=ROOT, env=ONE_HEAP
    ).stdout
    steps, peak = printed.split()
    assert int(steps) == iterations
    return float(peak)


@pytest.mark.skipif(not STATUS.exists(), reason="no /proc: the system tells no peak memory")
def test_implicit_is_flat_in_the_iterations_and_unrolling_is_linear() -> None:
    implicit = [peak_mib("implicit", iterations) for iterations in (4, 12)]
    unrolled = [peak_mib("unroll", iterations) for iterations in (4, 8, 12)]
    first, second = unrolled[1] - unrolled[0], unrolled[2] - unrolled[1]
    assert first > 30
    assert second == pytest.approx(first, rel=0.2)
    assert abs(implicit[1] - implicit[0]) < 0.1 * (unrolled[2] - unrolled[0])
