from __future__ import annotations

from collections.abc import Callable

from msgspec import structs

from benchmarks.config import Config
from benchmarks.records import RunRecord, Status
from reports.recommendation import recommendation

Make = Callable[..., RunRecord]
MakeConfig = Callable[..., Config]


def made(
    make: Make,
    run: str,
    dice: float,
    pairs: int = 15,
    *,
    seconds: float = 1.0,
    subjects: int = 99,
    **others: float,
) -> list[RunRecord]:
    """Return records of a run whose scores scatter in a way of its own."""
    records = []
    for index in range(pairs):
        jitter = 0.01 * ((index * 7 + len(run) * 3) % 5 - 2)
        record = make(run, f"p{index}", dice=dice + jitter, seconds={"forward": seconds}, **others)
        identity = structs.replace(record.identity, subjects=(f"s{index % subjects}",))
        records.append(structs.replace(record, identity=identity))
    return records


def said(make_config: MakeConfig, records: list[RunRecord], *runs: str) -> tuple[str, ...]:
    found = recommendation(make_config(*runs), records, "set")
    assert 1 <= len(found) <= 5
    return found


def test_clear_winner(make: Make, make_config: MakeConfig) -> None:
    records = made(make, "good", 0.9) + made(make, "bad", 0.5, seconds=0.1)
    (accuracy,) = said(make_config, records, "good", "bad")
    assert accuracy.startswith(
        "Choose good for accuracy: a mean Dice of 0.900 over 15 pairs, significantly better"
    )


def test_the_lead_on_the_next_is_told_with_its_interval(make: Make, make_config: MakeConfig) -> None:
    records = made(make, "good", 0.9) + made(make, "better than bad", 0.6) + made(make, "bad", 0.5)
    (accuracy,) = said(make_config, records, "good", "better than bad", "bad")
    assert "ahead of the next, better than bad, by 0.300 [95 % interval 0.2" in accuracy


def test_a_distance_has_its_unit(make: Make, make_config: MakeConfig) -> None:
    records = [make(run, f"p{i}", tre_mm=tre) for run, tre in (("a", 0.5), ("b", 2.0)) for i in range(2)]
    accuracy = said(make_config, records, "a", "b")[0]
    assert "a has the best average, a mean TRE of 0.500 mm, before b with 2.000 mm." in accuracy


def test_where_doing_nothing_is_better_none_is_chosen(make: Make, make_config: MakeConfig) -> None:
    records = [
        make(run, f"p{i}", dice=dice, before={"dice": 0.8})
        for run, dice in (("a", 0.7), ("b", 0.6))
        for i in range(9)
    ]
    (sentence,) = said(make_config, records, "a", "b")
    assert sentence == (
        "Choose none of them here: with nothing done the mean Dice over 9 pairs is 0.800, and the best average of a "
        "run, that of a, is 0.700."
    )


def test_what_nothing_is_concluded_on_is_no_group_of_equals(make: Make, make_config: MakeConfig) -> None:
    records = made(make, "good", 0.9, 2, seconds=5.0) + made(make, "bad", 0.5, 2)
    _, speed = said(make_config, records, "good", "bad")
    assert speed.startswith("The fastest is bad, with an average of 0.5")


def test_tie_is_called_one_and_decided_by_time(make: Make, make_config: MakeConfig) -> None:
    records = made(make, "slow", 0.801, seconds=10.0) + made(make, "swift", 0.8) + made(make, "bad", 0.4)
    accuracy, speed = said(make_config, records, "slow", "swift", "bad")
    assert "cannot be told from swift" in accuracy
    assert "Choose" not in accuracy
    assert "from 1 other it can" in accuracy
    assert speed == (
        "Of these, swift is the fastest, with an average of 0.800: slow takes 10 times as long on the median pair "
        "(medians 1 s and 10 s), more than the 1.25× taken as noise, since none was measured."
    )


def test_times_within_noise_are_not_told_apart(make: Make, make_config: MakeConfig) -> None:
    records = made(make, "slow", 0.801, seconds=1.1) + made(make, "swift", 0.8)
    _, speed = said(make_config, records, "slow", "swift")
    assert speed.startswith("No other of these is clearly faster")


def test_of_a_sweep_over_threads_the_first_count_is_judged(make: Make, make_config: MakeConfig) -> None:
    records = [
        record
        for threads, speed_up in ((1, 1.0), (4, 3.0))
        for record in (
            *made(make, "slow", 0.801, seconds=10.0 / speed_up, threads=threads),
            *made(make, "swift", 0.8, seconds=1.0 / speed_up, threads=threads),
        )
    ]
    found = recommendation(make_config("slow", "swift", resources={"threads": [1, 4]}), records, "set")
    assert found[0].startswith("slow has the best average")
    assert "threads=" not in found[0]
    assert found[1].startswith("Of these, swift is the fastest with 1 thread, with an average of 0.800")
    assert "(medians 1 s and 10 s)" in found[1]


def test_overlapping_jobs_name_nobody_fast(make: Make, make_config: MakeConfig) -> None:
    records = made(make, "slow", 0.801, seconds=10.0) + made(make, "swift", 0.8)
    overlapped = [
        structs.replace(record, provenance=structs.replace(record.provenance, concurrent_jobs=2))
        for record in records
    ]
    _, speed = said(make_config, overlapped, "slow", "swift")
    assert "not comparable" in speed
    assert "fastest" not in speed


def test_two_pairs_conclude_nothing(make: Make, make_config: MakeConfig) -> None:
    records = made(make, "good", 0.9, 2) + made(make, "bad", 0.5, 2)
    accuracy = said(make_config, records, "good", "bad")[0]
    assert accuracy.startswith("Nothing can be concluded beyond these 2 pairs")
    assert "Choose" not in accuracy


def test_one_pair_concludes_nothing(make: Make, make_config: MakeConfig) -> None:
    records = made(make, "good", 0.9, 1) + made(make, "bad", 0.5, 1)
    accuracy = said(make_config, records, "good", "bad")[0]
    assert accuracy.startswith("Nothing can be concluded beyond this pair (1 pair cannot tell 2 runs apart")
    assert "on it good has the best average" in accuracy


def test_many_pairs_of_one_subject_conclude_nothing(make: Make, make_config: MakeConfig) -> None:
    records = made(make, "good", 0.9, subjects=1) + made(make, "bad", 0.5, subjects=1)
    accuracy = said(make_config, records, "good", "bad")[0]
    assert accuracy.startswith(
        "Nothing can be concluded beyond these 15 pairs (pairs of 1 subject say nothing"
    )


def test_a_run_that_fails_is_not_chosen_and_is_named(make: Make, make_config: MakeConfig) -> None:
    records = made(make, "good", 0.9) + made(make, "bad", 0.5)
    records += [*made(make, "brilliant", 0.99, 14), make("brilliant", "p14", status=Status.TIMEOUT)]
    found = said(make_config, records, "good", "bad", "brilliant")
    assert found[0].startswith("Choose good")
    assert any("brilliant (not ok on 1 of 15)" in sentence for sentence in found)


def test_nobody_succeeds(make: Make, make_config: MakeConfig) -> None:
    records = [make("a", status=Status.FAILED), make("b", status=Status.TIMEOUT)]
    assert said(make_config, records, "a", "b")[0].startswith("No run succeeded on all 1 pair")


def test_only_one_run_is_compared_with_nothing(make: Make, make_config: MakeConfig) -> None:
    assert "no other to compare it with" in said(make_config, made(make, "a", 0.5), "a")[0]


def test_without_labels_the_evidence_is_called_weak(make: Make, make_config: MakeConfig) -> None:
    records = [make(run, f"p{i}", rmse=rmse) for run, rmse in (("a", 0.1), ("b", 0.2)) for i in range(3)]
    assert "neither labels nor known points" in said(make_config, records, "a", "b")[-1]


def test_folding_of_the_best_is_told(make: Make, make_config: MakeConfig) -> None:
    records = made(make, "good", 0.9, folding_fraction=0.02) + made(make, "bad", 0.5, folding_fraction=0.0)
    assert any(
        "good folds tissue: on its worst pair, 2.00% of the voxels" in s
        for s in said(make_config, records, "good", "bad")
    )


def test_ranks_over_some_pairs_alone_tell_nothing_of_averages_over_all(
    make: Make, make_config: MakeConfig
) -> None:
    records = made(make, "good", 0.9) + made(make, "bad", 0.5) + [make("begun", "p0", dice=0.99)]
    assert not any(
        "Pair by pair" in sentence for sentence in said(make_config, records, "good", "bad", "begun")
    )


def test_averages_that_a_few_pairs_decide_are_told(make: Make, make_config: MakeConfig) -> None:
    wild = [*made(make, "wild", 0.81, 14), make("wild", "p14", dice=0.0)]
    found = said(make_config, wild + made(make, "tame", 0.79), "wild", "tame")
    assert found[0].startswith("tame has the best average")
    assert "Pair by pair another leads: wild has the best average rank" in found[-1]
