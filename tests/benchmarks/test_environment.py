import importlib.metadata
import os
import subprocess

import pytest
import scipy.linalg  # noqa: F401  (brings a copy of OpenBLAS beside that of NumPy)
from msgspec import structs
from threadpoolctl import ThreadpoolController

from benchmarks import provenance
from benchmarks.environment import describe_environment, load_environment, store_environment


@pytest.fixture(scope="module")
def environment():
    return describe_environment("0" * 40, False, "", gpu="")


def test_every_installed_package_is_listed(environment):
    assert environment.distributions["torch"] == importlib.metadata.version("torch")
    assert len(environment.distributions) > 30
    assert environment.logical_cores == os.cpu_count()
    assert environment.memory_mib > 0
    assert environment.kernel == os.uname().release


def test_it_is_kept_once_and_found_by_its_digest(environment, tmp_path):
    digests = {store_environment(tmp_path, environment) for _ in range(3)}
    (kept,) = (tmp_path / "environments").iterdir()
    assert digests == {kept.stem}
    assert load_environment(tmp_path, kept.stem) == environment
    other = structs.replace(environment, kernel="other")
    assert store_environment(tmp_path, other) not in digests


@pytest.mark.parametrize("digest", ["", "0123456789abcdef", "../records"])
def test_what_is_not_kept_is_none(digest, tmp_path):
    assert load_environment(tmp_path, digest) is None


def test_a_difference_from_the_commit_is_hashed(tmp_path, monkeypatch):
    def git(*arguments):
        identity = ("-c", "user.name=a", "-c", "user.email=a@b")
        subprocess.run(["git", *identity, *arguments], cwd=tmp_path, check=True, capture_output=True)

    git("init")
    (tmp_path / "file").write_text("one")
    git("add", "file")
    git("commit", "-m", "first")
    monkeypatch.setattr(provenance, "ROOT", tmp_path)
    clean = provenance.checkout()
    assert (len(clean.commit), clean.dirty, clean.diff_sha256) == (40, False, "")
    (tmp_path / "untracked").write_text("no part of the sources")
    assert provenance.checkout() == clean
    (tmp_path / "file").write_text("two")
    dirty = provenance.checkout()
    assert (dirty.commit, dirty.dirty, len(dirty.diff_sha256)) == (clean.commit, True, 64)
    (tmp_path / "file").write_text("three")
    assert provenance.checkout().diff_sha256 != dirty.diff_sha256


def test_of_several_copies_of_a_library_the_largest_number_of_threads_is_told():
    copies = ThreadpoolController().select(internal_api="openblas").lib_controllers
    before = [copy.num_threads for copy in copies]
    try:
        for busy in copies:
            for copy in copies:
                copy.set_num_threads(2 if copy is busy else 1)
            assert provenance.effective_threads()[f"openblas ({busy.prefix})"] == 2
    finally:
        for copy, threads in zip(copies, before, strict=True):
            copy.set_num_threads(threads)
