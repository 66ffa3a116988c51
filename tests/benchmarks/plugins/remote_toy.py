"""A dataset that is fetched: an archive of two images at an address, under a licence."""

import os

import SimpleITK as sitk
from toy import NoParams, ToyDataset

from datasets.contents import Contents
from datasets.fetching import Licence
from datasets.pair import Pair, PairInfo
from datasets.raw import RawFolder
from datasets.transfer import RemoteFile


def complete(folder):
    assert {path.name for path in folder.iterdir()} == {"fixed.nii", "moving.nii"}


CONTENTS = Contents("images", lambda name: name.endswith(".nii"), complete)


class RemoteToy(ToyDataset):
    """Two images from an archive."""

    name = "remote_toy"
    Params = NoParams
    url = os.environ.get("REMOTE_TOY_URL", "http://127.0.0.1:1/toy.zip")

    def fetch(self, request):
        self.raw.obtain(RemoteFile(self.url, "toy.zip"), CONTENTS, request)

    @property
    def raw(self):
        return RawFolder(self.cache_root, self.name, "1", Licence("Toy terms", "https://example.org/terms"))

    def pairs(self):
        return (PairInfo("one", 2, ("s",), "toy"),)

    def load(self, pair_id):
        (info,) = self.pairs()
        images = (
            sitk.ReadImage(str(self.raw.path / "images" / f"{side}.nii")) for side in ("fixed", "moving")
        )
        return Pair(info, *images)
