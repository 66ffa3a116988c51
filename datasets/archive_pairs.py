"""What the datasets share whose scans come in one archive."""

from __future__ import annotations

import hashlib
from abc import abstractmethod
from functools import cached_property
from pathlib import Path
from typing import ClassVar

from datasets.base import DatasetError
from datasets.contents import Contents
from datasets.fetching import FetchRequest, Licence
from datasets.preparation.dataset import ParamsT
from datasets.raw import RawFolder
from datasets.scan_pairs import ScanPairs
from datasets.transfer import RemoteFile

_FOLDER = "files"


class ArchivePairs(ScanPairs[ParamsT]):
    """Pairs of scans from an archive, fetched once under terms that the user accepts.

    Attributes
    ----------
    archive : RemoteFile
        Where the archive is.
    archive_version : str
        Version of its content.
    licence : Licence
        Terms of its use.
    """

    archive: ClassVar[RemoteFile]
    archive_version: ClassVar[str]
    licence: ClassVar[Licence]

    @abstractmethod
    def wanted(self, name: str) -> bool:
        """Return whether a file of a user's folder belongs to the dataset; the name is relative, with ``/``."""

    @abstractmethod
    def check(self, tree: Path) -> None:
        """Raise a ``DatasetError`` unless the dataset lies complete below a folder."""

    @property
    def version(self) -> str:
        """Hash of the files as fetched and of the code that reads them."""
        return self._version

    def complete(self) -> bool:
        """Return whether the archive was fetched and all of its files have their sizes."""
        return self._raw.has_folder(_FOLDER)

    def fetch(self, request: FetchRequest) -> None:
        """Download and unpack the archive, or take over the one or the folder that the user has.

        Raises
        ------
        FetchError
            When that is not possible; the message says what to do.
        DatasetError
            When what was found is not the dataset.
        """
        contents = Contents(_FOLDER, self.wanted, self.check)
        self._raw.obtain(self.archive, contents, request)
        self.forget()

    def forget(self) -> None:
        """Forget what was listed and the version: the files are others now."""
        super().forget()
        vars(self).pop("_version", None)

    @property
    def tree(self) -> Path:
        """The folder below which the archive's files lie.

        Raises
        ------
        DatasetError
            When the dataset was not fetched.
        """
        if not self._raw.has_folder(_FOLDER):
            raise DatasetError(
                f"{self.name}: is not in {self._raw.path} yet: read its terms ({self.licence.url}), then "
                f"python -m benchmarks fetch {self.name} --accept-licence, or --from PATH where you have a copy"
            )
        return self._raw.path / _FOLDER

    @property
    def content(self) -> str:
        """Hash of the names and contents of the archive's files."""
        return self._raw.digest(_FOLDER)

    @cached_property
    def _raw(self) -> RawFolder:
        return RawFolder(self.cache_root, self.name, self.archive_version, self.licence)

    @cached_property
    def _version(self) -> str:
        parts = (self.archive_version, self.content, self.code_digest())
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]
