"""What the datasets share whose scans are files that the user has."""

from __future__ import annotations

import hashlib
from functools import cached_property

from datasets.analyze import files_of
from datasets.base import refuse_source
from datasets.cache import sha256
from datasets.fetching import FetchRequest
from datasets.preparation.dataset import ParamsT
from datasets.scan_pairs import ScanPairs


class LocalPairs(ScanPairs[ParamsT]):
    """Pairs of scans that lie on this disk and stay where they are."""

    @property
    def version(self) -> str:
        """Hash of every file that takes part and of the code that reads them."""
        return self._version

    def fetch(self, request: FetchRequest) -> None:
        """Check that the files are there; nothing is downloaded.

        Raises
        ------
        DatasetError
            Naming what is missing.
        """
        refuse_source(request, self.name)
        self.source_pairs()

    @cached_property
    def _version(self) -> str:
        digest = hashlib.sha256(self.code_digest().encode())
        scans = {scan for pair in self.list_pairs() for scan in (pair.fixed, pair.moving)}
        paths = {path for scan in scans for path in (scan.image, scan.labels) if path is not None}
        for file in sorted(file for path in paths for file in files_of(path)):
            digest.update(f"{file.name} {sha256(file)}\n".encode())
        return digest.hexdigest()[:16]
