import numpy as np
import pytest

from benchmarks.memory import KernelPeakMemory, SampledPeakMemory, peak_memory


@pytest.mark.parametrize("measure", [peak_memory, SampledPeakMemory])
def test_the_peak_includes_what_was_freed_and_forgets_what_came_before(measure):
    np.ones(64 * 2**20, np.uint8).sum()
    with measure() as small:
        before = small.peak_mib()
    with measure() as large:
        for _ in range(20):
            block = np.ones(128 * 2**20, np.uint8)
            del block
        peak = large.peak_mib()
    assert 100 < peak - before < 160


def test_linux_reads_the_mark_of_the_kernel():
    assert isinstance(peak_memory(), KernelPeakMemory)
