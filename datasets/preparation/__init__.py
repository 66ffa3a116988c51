"""What is done to the images of a dataset before any backend sees them, as configured steps."""

from datasets.preparation.dataset import PreparedDataset
from datasets.preparation.pipeline import prepare, version
from datasets.preparation.settings import Preparation

__all__ = ["Preparation", "PreparedDataset", "prepare", "version"]
