"""What the datasets share whose scans come in one archive."""

from __future__ import annotations

import hashlib
import zlib
from abc import abstractmethod
from functools import cached_property
from pathlib import Path
from typing import ClassVar

from datasets.base import DatasetError
from datasets.compressed import check_compressed
from datasets.contents import Contents
from datasets.fetching import FetchRequest, Licence
from datasets.pair import Pair
from datasets.preparation.dataset import ParamsT
from datasets.raw import RawFolder
from datasets.reading import reading_fetched
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
        contents = Contents(_FOLDER, self.wanted, self._check_files)
        self._raw.obtain(self.archive, contents, request)
        self.forget()

    def forget(self) -> None:
        """Forget what was listed and the version: the files are others now."""
        super().forget()
        vars(self).pop("_version", None)

    def _check_files(self, tree: Path) -> None:
        """Refuse torn files too: no checksum of a tar archive or of a user's folder covers them."""
        self.check(tree)
        for path in sorted(tree.rglob("*.gz")):
            try:
                check_compressed(path)
            except (OSError, EOFError, zlib.error) as error:
                name = path.relative_to(tree).as_posix()
                raise DatasetError(f"{name} is torn or damaged ({error})") from None

    def read(self, pair_id: str) -> Pair:
        """Read and check one pair.

        Raises
        ------
        ImageError
            When a file cannot be used.
        """
        with reading_fetched(self.name):
            return super().read(pair_id)

    @property
    def tree(self) -> Path:
        """The folder below which the archive's files lie.

        Raises
        ------
        DatasetError
            When the dataset was not fetched.
        """
        if not self._raw.has_folder(_FOLDER):
            if _FOLDER in self._raw.manifest.folders:
                raise DatasetError(
                    f"{self._raw.path}: files are missing or damaged; python -m benchmarks verify {self.name} names "
                    f"them, fetch {self.name} mends it"
                )
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
