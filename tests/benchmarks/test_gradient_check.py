"""Known gradients of known functions: right ones pass, wrong ones are caught, and noise is not taken for either."""

import numpy as np
import pytest
import SimpleITK as sitk
from msgspec import structs

from adapters.interface import Gradients, Problem
from benchmarks.gradient_check import (
    SHORTER,
    OutOfTimeError,
    TimeLeft,
    check_gradient,
    perturbed,
    smooth_direction,
    summarise,
)
from benchmarks.gradient_record import DirectionalDerivative, GradientCheckRequest
from benchmarks.records import Status

REQUEST = GradientCheckRequest(directions=8, seed=3, step=0.004, version="1")
FOREVER = TimeLeft(float("inf"))
IMAGES = ("moving", "fixed")


def array(image):
    return sitk.GetArrayFromImage(image).astype(np.float64)


@pytest.fixture
def problem():
    random = np.random.default_rng(0)
    images = [sitk.GetImageFromArray(random.random((24, 20)).astype(np.float32)) for _ in range(2)]
    return Problem(*images)


def squares(problem):
    """A curved loss of both images."""
    fixed, moving = array(problem.fixed), array(problem.moving)
    return float(np.mean((moving**2 - fixed) ** 2))


def gradients_of_squares(problem):
    fixed, moving = array(problem.fixed), array(problem.moving)
    residual = 2 * (moving**2 - fixed) / fixed.size
    return Gradients(moving=2 * residual * moving, fixed=-residual, parameters=np.ones(1))


def scaled(gradients, moving, fixed):
    return Gradients(moving * gradients.moving, fixed * gradients.fixed, gradients.parameters)


def test_a_right_gradient_has_cosine_and_norm_ratio_one(problem):
    check = check_gradient(squares, problem, gradients_of_squares(problem), REQUEST, FOREVER)
    assert check.cosine == pytest.approx(1, abs=1e-6)
    assert check.norm_ratio == pytest.approx(1, abs=1e-3)
    assert check.uncertainty < 1e-3
    assert (check.resolved, check.note) == (8, "")
    assert [direction.image for direction in check.directions] == ["moving", "fixed"] * 4


def test_a_gradient_of_another_length_is_caught(problem):
    wrong = scaled(gradients_of_squares(problem), 0.8, 0.8)
    check = check_gradient(squares, problem, wrong, REQUEST, FOREVER)
    assert check.cosine == pytest.approx(1, abs=1e-6)
    assert check.norm_ratio == pytest.approx(0.8, abs=1e-3)


@pytest.mark.parametrize(("moving", "fixed"), [(1, -1), (1, 0), (-1, -1), (0, 1)])
def test_a_gradient_that_points_elsewhere_is_caught(problem, moving, fixed):
    wrong = scaled(gradients_of_squares(problem), moving, fixed)
    check = check_gradient(squares, problem, wrong, REQUEST, FOREVER)
    assert check.cosine < 0.98


def test_a_zero_gradient_is_said_to_be_one(problem):
    check = check_gradient(squares, problem, scaled(gradients_of_squares(problem), 0, 0), REQUEST, FOREVER)
    assert (check.cosine, check.norm_ratio, check.note) == (None, 0.0, "the gradient is zero")


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_gradient_that_is_not_finite_is_said_to_be_one(problem, bad):
    check = check_gradient(squares, problem, scaled(gradients_of_squares(problem), bad, 1), REQUEST, FOREVER)
    assert (check.cosine, check.note) == (None, "the gradient is not finite")


@pytest.mark.parametrize("step", [1e-4, 1e-3, 1e-2])
def test_a_loss_that_moves_in_steps_gives_no_verdict(problem, step):
    def staircase(changed):
        return step * round(squares(changed) / step)

    check = check_gradient(staircase, problem, gradients_of_squares(problem), REQUEST, FOREVER)
    assert check.cosine is None
    assert check.norm_ratio is None
    assert check.note.startswith("unreliable")


def test_noise_gives_no_verdict(problem):
    random = np.random.default_rng(5)

    def noisy(changed):
        return squares(changed) + 1e-3 * random.standard_normal()

    check = check_gradient(noisy, problem, gradients_of_squares(problem), REQUEST, FOREVER)
    assert check.cosine is None
    assert check.note.startswith("unreliable")


def test_steps_are_shortened_until_none_ends_in_another_minimum(problem):
    start = array(problem.moving)[12, 10]

    def jumping(changed):
        return squares(changed) + (0.01 if array(changed.moving)[12, 10] - start > 1e-3 else 0.0)

    check = check_gradient(jumping, problem, gradients_of_squares(problem), REQUEST, FOREVER)
    assert check.cosine == pytest.approx(1, abs=1e-4)
    assert check.norm_ratio == pytest.approx(1, abs=0.03)
    assert min(d.step for d in check.directions) < max(d.step for d in check.directions)


def test_what_agreed_on_a_larger_scale_is_measured_again_at_two_neighbouring_steps(problem):
    """The other lines leave a jump behind at the third step, on whose scale the first no longer agrees."""
    settled = [5.0, 1.6, 0.6, 0.6, 0.6, 0.6]
    quotients = {0: [1.0, 1.015, None, 1.016, 3.3, 3.3], 1: settled, 2: settled, 3: settled}
    region = np.ones((24, 20), dtype=bool)
    directions = {n: smooth_direction(region, np.random.default_rng([REQUEST.seed, n])) for n in quotients}

    def loss(changed):
        by_image = {name: array(getattr(changed, name)) - array(getattr(problem, name)) for name in IMAGES}
        name = max(IMAGES, key=lambda one: float(np.abs(by_image[one]).max()))
        change = by_image[name]
        steps = {n: float(np.mean(change * directions[n])) for n in quotients if IMAGES[n % 2] == name}
        number, step = max(steps.items(), key=lambda item: abs(item[1]))
        shortened = round(np.log(abs(step) / REQUEST.step) / np.log(SHORTER))
        return quotients[number][shortened] * step

    asked = structs.replace(REQUEST, directions=len(quotients))
    first, *others = check_gradient(loss, problem, gradients_of_squares(problem), asked, FOREVER).directions
    assert first.difference == pytest.approx(3.3, rel=1e-3)
    assert first.step == pytest.approx(REQUEST.step * SHORTER**5)
    assert first.discrepancy == pytest.approx(0, abs=1e-3)
    assert [other.step for other in others] == pytest.approx([REQUEST.step * SHORTER**3] * 3)


def test_a_loss_that_is_not_finite_is_an_error(problem):
    with pytest.raises(ValueError, match=r"not finite when the moving image changes by 0\.004"):
        check_gradient(lambda _: float("nan"), problem, gradients_of_squares(problem), REQUEST, FOREVER)


def test_the_check_ends_before_the_time_of_the_job_does(problem):
    solves = []

    def counted(changed):
        solves.append(changed)
        return squares(changed)

    check = check_gradient(counted, problem, gradients_of_squares(problem), REQUEST, TimeLeft(-1.0))
    assert check.note == "given up after 0 solves: the time limit of the job was near"
    assert not solves


def test_a_solve_that_may_not_end_in_time_is_not_begun(problem, monkeypatch):
    clock = iter([0.0, 4.0, 4.0, 7.0, 7.0])
    monkeypatch.setattr("benchmarks.gradient_check.time.monotonic", lambda: next(clock))
    time_left = TimeLeft(14.0)
    assert time_left.run(squares, problem) == time_left.run(squares, problem)
    with pytest.raises(OutOfTimeError):
        time_left.run(squares, problem)


def test_directions_are_seeded_smooth_and_inside():
    region = np.zeros((40, 40), dtype=bool)
    region[12:28, 12:28] = True
    direction, same, other = (smooth_direction(region, np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert np.array_equal(direction, same)
    assert not np.allclose(direction, other)
    assert np.mean(direction[region] ** 2) == pytest.approx(1)
    assert np.abs(direction[0]).max() < 1e-3
    slope = np.abs(np.diff(direction, axis=0)).max()
    assert slope < 0.5 * np.abs(direction).max()


def test_a_perturbed_problem_keeps_geometry_and_leaves_the_original_alone(problem):
    problem.fixed.SetSpacing((2.0, 3.0))
    before = array(problem.fixed)
    changed = perturbed(problem, "fixed", np.ones_like(before))
    assert changed.fixed.GetSpacing() == (2.0, 3.0)
    assert array(changed.fixed) == pytest.approx(before + 1, abs=1e-6)
    assert np.array_equal(array(problem.fixed), before)
    assert changed.moving is problem.moving


def line(gradient, difference, discrepancy=0.0):
    return DirectionalDerivative(
        image="moving", gradient=gradient, difference=difference, discrepancy=discrepancy, step=0.001
    )


def test_numbers_of_known_vectors():
    check = summarise([line(3.0, 0.0), line(0.0, 4.0, 0.1), line(4.0, 3.0), line(9.0, None, 50.0)])
    assert check.cosine == pytest.approx(12 / 25)  # (3, 0, 4) and (0, 4, 3)
    assert check.norm_ratio == pytest.approx(1)
    assert check.uncertainty == pytest.approx(0.1 / 5)
    assert check.note == "over 3 of 4 directions: along the others the solve jumps"


def test_few_directions_or_large_discrepancies_carry_no_numbers():
    few = summarise([line(1.0, 1.0), line(1.0, None), line(1.0, None)])
    assert (few.cosine, few.norm_ratio) == (None, None)
    assert few.note.endswith("along 1 of 3 directions only")
    apart = summarise([line(1.0, 1.0, 0.06), line(1.0, 0.0)])
    assert (apart.cosine, apart.norm_ratio, apart.uncertainty) == (None, None, pytest.approx(0.06))


CHECKED = {
    "dataset": {"name": "toy:ToyDataset", "params": {"count": 1}},
    "gradient_check": {"pairs": 1},
}


def test_toy_solves_are_told_right_from_wrong_and_keep_their_scores(toy_config, run_toy):
    records = {
        record.identity.run: record
        for record in run_toy(
            toy_config(
                "Shift", "Differentiable", "IgnoresTheSolve", "TooLong", "Jumps", "FailsAgain", **CHECKED
            )
        )
    }
    assert all(record.status is Status.OK for record in records.values())
    assert all(record.after["tre_mm"] == pytest.approx(0.0, abs=1e-9) for record in records.values())
    assert records["shift"].gradient_check is None
    right = records["differentiable"]
    assert right.value("gradient_cosine") == pytest.approx(1, abs=1e-4)
    assert right.value("gradient_norm_ratio") == pytest.approx(1, abs=0.01)
    assert right.seconds["gradient_check"] > 0
    elsewhere = records["ignoresthesolve"]
    assert elsewhere.gradient.usable
    assert elsewhere.value("gradient_cosine") < 0.98
    assert records["toolong"].value("gradient_norm_ratio") == pytest.approx(1.5, abs=0.01)
    assert records["jumps"].value("gradient_cosine") is None
    assert "differences agree along" in records["jumps"].gradient_check.note
    assert records["failsagain"].gradient_check.note == "failed: RuntimeError: enough"
