import os
import time

import numpy as np
import pytest

from benchmarks.memory import KernelPeakMemory, SampledPeakMemory, peak_memory


def hold_until_sampled(measure):
    """Take 128 MiB and give them back, after a sample has seen them where samples are taken."""
    block = np.ones(128 * 2**20, np.uint8)
    if isinstance(measure, SampledPeakMemory):
        seen, give_up = measure.sample_count, time.monotonic() + 60
        while measure.sample_count < seen + 2:  # the first may have begun before the block was whole
            assert time.monotonic() < give_up
            os.sched_yield()
    del block


@pytest.mark.parametrize("measure", [peak_memory, SampledPeakMemory])
def test_the_peak_includes_what_was_freed_and_forgets_what_came_before(measure):
    np.ones(64 * 2**20, np.uint8).sum()
    with measure() as small:
        before = small.peak_mib()
    with measure() as large:
        hold_until_sampled(large)
        peak = large.peak_mib()
    assert 100 < peak - before < 160


def test_linux_reads_the_mark_of_the_kernel():
    assert isinstance(peak_memory(), KernelPeakMemory)
