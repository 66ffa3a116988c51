"""What OpenNeuro answers to openneuro-py and to the harness, with small scans in the true structure of ds007328."""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Callable

import nibabel as nib
import numpy as np
import pytest

GRAPHQL = "/crn/graphql"
SCANS = (
    "ses-2024110601/anat/sub-001_ses-2024110601_run-2_T1w.nii.gz",
    "ses-2024110601/anat/sub-001_ses-2024110601_run-1_T1w.nii.gz",
    "ses-2024110602/anat/sub-001_ses-2024110602_T1w.nii.gz",
    "ses-2024110601std/anat/sub-001_ses-2024110601std_T1w.nii.gz",
    "ses-2024111501/anat/sub-001_ses-2024111501_T1w.nii.gz",
    "ses-2024120101std/anat/sub-001_ses-2024120101std_T1w.nii.gz",
    "ses-2024120103/anat/sub-001_ses-2024120103_run-10_T1w.nii.gz",
    "ses-2024120103/anat/sub-001_ses-2024120103_run-9_T1w.nii.gz",
    "ses-2024120701/anat/sub-001_ses-2024120701_T1w.nii.gz",
)
OTHERS = (
    "sub-001/ses-2024110601/func/sub-001_ses-2024110601_task-rest_bold.nii.gz",
    "sub-001/ses-2024110601/anat/sub-001_ses-2024110601_T1w.json",
    "sub-001/ses-pilot/anat/sub-001_ses-pilot_T1w.nii.gz",
    "derivatives/x/sub-001/ses-2024120701/anat/sub-001_ses-2024120701_T1w.nii.gz",
)
DESCRIPTION = {
    "Name": "An imitation",
    "BIDSVersion": "1.9.0",
    "DatasetDOI": "doi:10.18112/openneuro.ds007328.v1.0.0",
}


def scan(seed: int) -> bytes:
    """A head of 2 mm voxels, turned and moved a little by the seed, as compressed NIfTI."""
    rng = np.random.default_rng(seed)
    shift_mm = rng.uniform(-4, 4, 3)
    axes = np.meshgrid(*(np.arange(n) * 2.0 - (n - 1) for n in (48, 56, 44)), indexing="ij")
    points = np.stack(axes) - shift_mm[:, None, None, None]
    distance = np.sqrt(((points / np.array([38.0, 46.0, 36.0])[:, None, None, None]) ** 2).sum(axis=0))
    head = 400 * (distance < 1) + 250 * (distance < 0.7) * (
        1 + 0.5 * np.sin(points[0] / 6) * np.cos(points[1] / 7)
    )
    image = np.maximum(head + rng.normal(0, 10, head.shape), 0).astype(np.int16)
    affine = np.diag([2.0, 2.0, 2.0, 1.0])
    affine[:3, 3] = [-47.0, -55.0, -43.0]
    return gzip.compress(nib.Nifti1Image(image, affine).to_bytes(), 1)


class OpenNeuro:
    """A server with snapshots of ds007328; ``snapshots[tag]`` maps paths to contents."""

    def __init__(self, server) -> None:
        self.server = server
        self.snapshots: dict[str, dict[str, bytes]] = {}
        server.answers[GRAPHQL] = self.answer

    @property
    def graphql_url(self) -> str:
        return self.server.url(GRAPHQL)

    def path(self, tag: str, name: str) -> str:
        return f"/{tag}/{name}"

    def add(self, tag: str, files: dict[str, bytes]) -> None:
        self.snapshots[tag] = files
        for name, content in files.items():
            self.server.files[self.path(tag, name)] = content

    def downloads(self) -> list[str]:
        return [one.path for one in self.server.asked if one.method == "GET"]

    def answer(self, body: bytes) -> bytes:
        query = json.loads(body)["query"]
        if asked := re.search(r'snapshot\(datasetId: "ds007328", tag: "([^"]+)"\)', query):
            answer = {"snapshot": self._snapshot(asked[1])}
        elif "latestSnapshot" in query:
            answer = {"dataset": {"latestSnapshot": self._snapshot(list(self.snapshots)[-1])}}
        else:
            answer = {"dataset": {"snapshots": [{"id": f"ds007328:{tag}"} for tag in self.snapshots]}}
        return json.dumps({"data": answer}).encode()

    def _snapshot(self, tag: str) -> dict[str, object]:
        files = [
            {
                "id": name,
                "filename": name,
                "size": len(content),
                "urls": [self.server.url(self.path(tag, name))],
            }
            for name, content in self.snapshots[tag].items()
        ]
        return {"id": f"ds007328:{tag}", "files": files}


@pytest.fixture(scope="session")
def ds007328_files() -> dict[str, bytes]:
    """The files of a snapshot."""
    files = {f"sub-001/{name}": scan(seed) for seed, name in enumerate(SCANS)}
    files |= dict.fromkeys(OTHERS, b"not wanted")
    return {
        **files,
        "dataset_description.json": json.dumps(DESCRIPTION).encode(),
        "README": b"An imitation.\n",
    }


@pytest.fixture
def openneuro(server, ds007328_files) -> OpenNeuro:
    """OpenNeuro with an old and a new snapshot."""
    made = OpenNeuro(server)
    made.add("1.0.0", {"README": b"Nothing yet.\n"})
    made.add("1.0.1", ds007328_files)
    return made


@pytest.fixture
def write_bids(ds007328_files) -> Callable[..., None]:
    """Write the dataset below a folder, as a user has it who downloaded it."""

    def write(folder, names=None) -> None:
        for name in names or ds007328_files:
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(ds007328_files[name])

    return write
