"""Chains of sections composed by hand, and the drift and the crop that follow from them."""

import gc

import numpy as np
import pytest
import tifffile

from benchmarks.config import Config
from benchmarks.config_file import ConfigError
from benchmarks.execution import Executor
from benchmarks.kept_transforms import Frame, KeptTransform, LinearMap, SampledMap, kept_name, write_kept
from benchmarks.plan import make_plan
from benchmarks.records import Failure, Status
from benchmarks.runner import run_settings
from benchmarks.section_chain import Step, follow, ways
from benchmarks.stack_alignment import align_stacks
from benchmarks.stack_record import Crop
from benchmarks.worker_settings import WorkerSettings
from datasets.pair import PairInfo

SHAPE = (8, 10)
FRAME = Frame(SHAPE, np.eye(2), np.zeros(2))
TURN = np.array([[0.0, -1.0], [1.0, 0.0]])
# Where five sections lie along x: what joins two of them is the difference.
OFFSETS_MM = (0.0, 1.0, 3.0, 3.0, 7.0)
STILL = LinearMap(np.eye(2), np.zeros(2))


def shift(x, y=0.0):
    return LinearMap(np.eye(2), np.array([x, y]))


def link(sections, found, true=None):
    mask = np.zeros(SHAPE, dtype=bool)
    mask[2:6, 3:7] = True
    return KeptTransform(FRAME, FRAME, mask, found, true, sections)


def true_links(step=1):
    last = len(OFFSETS_MM) - step
    return [((i, i + step), shift(OFFSETS_MM[i + step] - OFFSETS_MM[i])) for i in range(last)]


@pytest.fixture
def stored(tmp_path, make_record):
    """Keep the links of runs and return their records."""

    def store(**runs):
        records = []
        for run, links in runs.items():
            for kept in links:
                pair = "-".join(map(str, kept.sections))
                name = kept_name(f"{run}-{pair}")
                write_kept(tmp_path / name, kept)
                identity = {"run": run, "pair_id": pair, "dataset": "toy"}
                records.append(make_record(f"{run}-{pair}", identity=identity, artefacts={"transform": name}))
        return records

    return store


def config_of(*runs):
    return Config.model_validate(
        {
            "name": "toy",
            "dataset": {"name": "toy"},
            "runs": [{"label": run, "backend": run} for run in runs],
            "stacks": ["toy"],
        }
    )


def drifts(aligned):
    return {one.section: one.drift_mm for one in aligned.sections}


def test_five_sections_are_composed_by_hand():
    """One shift, a doubling, a quarter turn and another shift, from the middle outwards."""
    maps = {
        0: shift(1.0),
        1: LinearMap(2 * np.eye(2), np.zeros(2)),
        2: LinearMap(TURN, np.zeros(2)),
        3: shift(0, -3),
    }
    after, before = ways({first: first + 1 for first in maps}, 2)
    assert after == (Step(2, 3, "forward"), Step(3, 4, "forward"))
    assert before == (Step(1, 1, "inverse"), Step(0, 0, "inverse"))
    links = {first: link((first, first + 1), one) for first, one in maps.items()}
    point = np.array([[4.0, 2.0]])
    found = {
        one.section: one.found_mm[0].tolist()
        for way in (after, before)
        for one in follow(way, links.__getitem__, point)
    }
    assert found == {3: [-2.0, 4.0], 4: [-2.0, 1.0], 1: [2.0, 1.0], 0: [1.0, 1.0]}


def test_two_sections_are_one_pair(stored, tmp_path):
    records = stored(ours=[link((0, 1), shift(1.0, 1.0), true=shift(4.0, 5.0))])
    (stack,) = align_stacks(config_of("ours"), records, tmp_path)
    assert (stack.sections, stack.reference) == ((0, 1), 0)
    assert drifts(stack.runs[0]) == {0: 0.0, 1: pytest.approx(5.0)}
    assert stack.runs[0].crop == Crop(column=0, row=0, columns=9, rows=7, share=63 / 80)
    assert stack.true_crop == Crop(column=0, row=0, columns=6, rows=3, share=18 / 80)


def test_truth_does_not_drift_and_doing_nothing_drifts_by_the_jitter(stored, tmp_path):
    links = true_links()
    records = stored(
        identity=[link(sections, STILL, true) for sections, true in links],
        truth=[link(sections, true, true) for sections, true in links],
    )
    (stack,) = align_stacks(config_of("truth", "identity"), records, tmp_path)
    truth, identity = stack.runs
    assert (truth.run, identity.run) == ("truth", "identity")
    assert stack.reference == 2
    assert drifts(truth) == pytest.approx(dict.fromkeys(range(5), 0.0), abs=1e-12)
    assert drifts(identity) == pytest.approx({0: 3.0, 1: 2.0, 2: 0.0, 3: 0.0, 4: 4.0})
    # Section 0 has no data left of column 3 of the reference, section 4 none right of column 5.
    cut = Crop(column=3, row=0, columns=3, rows=8, share=24 / 80)
    assert truth.crop == stack.true_crop == cut
    assert identity.crop == Crop(column=0, row=0, columns=10, rows=8, share=1.0)


def test_a_displacement_field_is_composed_as_the_matrix_it_samples(stored, tmp_path):
    links = true_links()

    def sampled(one):
        return SampledMap(np.broadcast_to(one.offset_mm, (*SHAPE, 2)).astype(np.float32), FRAME)

    records = stored(fields=[link(sections, sampled(true), true) for sections, true in links])
    (stack,) = align_stacks(config_of("fields"), records, tmp_path)
    assert drifts(stack.runs[0]) == pytest.approx(dict.fromkeys(range(5), 0.0), abs=2e-3)


def test_without_truth_there_is_no_drift_but_a_crop(stored, tmp_path):
    records = stored(ours=[link(sections, true) for sections, true in true_links()])
    (stack,) = align_stacks(config_of("ours"), records, tmp_path)
    assert stack.true_crop is None
    assert drifts(stack.runs[0]) == dict.fromkeys(range(5))
    assert stack.runs[0].crop == Crop(column=3, row=0, columns=3, rows=8, share=24 / 80)


def test_a_failed_pair_ends_the_chain_of_its_run_alone(stored, tmp_path, make_record):
    links = [link(sections, true, true) for sections, true in true_links()]
    records = stored(ours=links, theirs=links)
    failed = make_record(
        "again",
        status=Status.TIMEOUT,
        identity={"run": "ours", "pair_id": "3-4", "dataset": "toy"},
        failure=Failure(stage="worker", message="after 5 s"),
    )
    (tmp_path / kept_name("theirs-0-1")).write_bytes(b"damaged")
    (stack,) = align_stacks(config_of("ours", "theirs"), [*records, failed], tmp_path)
    ours, theirs = stack.runs
    assert drifts(ours) == pytest.approx({0: 0.0, 1: 0.0, 2: 0.0, 3: 0.0}, abs=1e-12)
    assert (ours.crop, ours.note) == (None, "3-4: timeout")
    assert drifts(theirs) == pytest.approx({1: 0.0, 2: 0.0, 3: 0.0, 4: 0.0}, abs=1e-12)
    assert theirs.note == "0-1: artefacts/theirs-0-1-transform.npz cannot be read"
    assert stack.true_crop is not None


def test_a_pair_that_no_run_kept_is_named(stored, tmp_path, make_record):
    records = stored(ours=[link(sections, true, true) for sections, true in true_links()[:2]])
    lost = make_record("lost", identity={"run": "ours", "pair_id": "2-3", "dataset": "toy"})
    (stack,) = align_stacks(config_of("ours"), [*records, lost], tmp_path)
    assert stack.sections == (0, 1, 2)
    assert stack.unlinked == ("2-3",)


def test_pairs_two_sections_apart_are_chains_of_their_own(stored, tmp_path):
    records = stored(ours=[link(sections, true, true) for sections, true in true_links(step=2)])
    (stack,) = align_stacks(config_of("ours"), records, tmp_path)
    assert (stack.sections, stack.reference) == ((0, 2, 4), 2)


def test_a_transform_without_an_inverse_has_no_drift(stored, tmp_path):
    nowhere = LinearMap(np.zeros((2, 2)), np.zeros(2))
    links = true_links()
    maps = [nowhere, *(true for _, true in links[1:])]
    records = stored(ours=[link(s, one, true) for one, (s, true) in zip(maps, links, strict=True)])
    (stack,) = align_stacks(config_of("ours"), records, tmp_path)
    assert drifts(stack.runs[0])[0] is None
    assert drifts(stack.runs[0])[1] == pytest.approx(0.0, abs=1e-12)
    assert stack.runs[0].crop is None
    assert "section 0" in stack.runs[0].note


def test_runs_stand_in_the_order_of_the_config_and_swept_values_in_that_of_numbers(stored, tmp_path):
    links = [link((0, 1), STILL)]
    records = stored(**dict.fromkeys(("x [n=10]", "x [n=2]", "w"), links))
    (stack,) = align_stacks(config_of("x", "w"), records, tmp_path)
    assert [one.run for one in stack.runs] == ["x [n=2]", "x [n=10]", "w"]


def test_without_a_stack_nothing_is_read(stored, tmp_path):
    config = config_of("ours").model_copy(update={"stacks": ()})
    assert align_stacks(config, stored(ours=[link((0, 1), STILL)]), tmp_path) == ()


def run_here(config, folder):
    """Run every job in this process and return the records; what is kept lies below ``folder / "results"``."""
    plan = make_plan(config, folder / "cache", "small.yaml")
    settings = run_settings(config, folder / "cache", folder / "results")
    executor = Executor(WorkerSettings("all", 1, folder / "results" / "tmp", settings))
    try:
        return [executor.run(job) for job in plan.jobs]
    finally:
        gc.unfreeze()  # an executor expects the process to be its own


def small_config(dataset, params, *references):
    return Config.model_validate(
        {
            "name": "small",
            "dataset": {"name": dataset, "params": params},
            "runs": [{"label": one, "backend": one, "track": "reference"} for one in references],
            "figures": {"keep_all_up_to": 0, "pairs": ["none"]},
            "stacks": [dataset],
        }
    )


@pytest.mark.parametrize("sections", [(1, 0), (2, 2)])
def test_a_stack_that_is_numbered_backwards_is_refused_before_anything_runs(
    toy_config, tmp_path, monkeypatch, sections
):
    import toy

    class Backwards(toy.ToyDataset):
        def pairs(self):
            return (PairInfo("b-a", 2, ("s",), "consecutive", sections=sections),)

    monkeypatch.setattr(toy, "Backwards", Backwards, raising=False)
    config = toy_config("Shift", dataset={"name": "toy:Backwards"}, stacks=["toy:Backwards"])
    with pytest.raises(ConfigError) as caught:
        make_plan(config, tmp_path, "x.yaml")
    fixed, moving = sections
    assert str(caught.value) == (
        f"x.yaml: stacks: pair 'b-a' of 'toy:Backwards' has section {fixed} as its fixed image and {moving} as its "
        "moving one, which has to come after it: number the sections the other way round"
    )


@pytest.mark.filterwarnings("default")  # as in a worker: third parties warn
def test_a_stack_of_the_template_from_its_jobs_to_its_drift(tmp_path):
    """The true transforms of a real dataset undo its jitter all along the stack; doing nothing does not."""
    config = small_config("template_stack", {"sections": 4}, "identity", "truth")
    records = run_here(config, tmp_path)
    (stack,) = align_stacks(config, records, tmp_path / "results")
    identity, truth = stack.runs
    assert drifts(truth) == pytest.approx(dict.fromkeys(range(4), 0.0), abs=1e-9)
    (error,) = [
        record.after["tre_mm"]
        for record in records
        if (record.identity.run, record.identity.pair_id) == ("identity", "1-2")
    ]
    assert drifts(identity)[2] == pytest.approx(error, rel=1e-9)
    assert drifts(identity)[3] > 1.0
    assert identity.crop.share == 1.0
    assert truth.crop == stack.true_crop
    assert 0.6 < truth.crop.share < 0.95


@pytest.mark.filterwarnings("default")  # as in a worker: third parties warn
def test_a_stack_of_ones_own_has_a_chain_and_a_crop_but_no_drift(tmp_path):
    pages = np.random.default_rng(0).integers(0, 60000, (4, 24, 20)).astype(np.uint16)
    tifffile.imwrite(tmp_path / "mine.tif", pages, photometric="minisblack")
    config = small_config(
        "stack", {"path": str(tmp_path / "mine.tif"), "voxel_mm": [0.5, 0.5, 2.0]}, "identity"
    )
    (stack,) = align_stacks(config, run_here(config, tmp_path), tmp_path / "results")
    assert (stack.sections, stack.reference, stack.true_crop) == ((0, 1, 2, 3), 1, None)
    assert drifts(stack.runs[0]) == dict.fromkeys(range(4))
    assert stack.runs[0].crop == Crop(column=0, row=0, columns=20, rows=24, share=1.0)
