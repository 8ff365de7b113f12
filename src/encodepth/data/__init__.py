"""RGB-D data: readers of the published datasets, their check, and generated scenes."""

from .check import Report, check, usable
from .dataset import Dataset, open_dataset
from .found import Problem
from .pair import Pair
from .training import training_pairs

__all__ = [
    "Dataset",
    "Pair",
    "Problem",
    "Report",
    "check",
    "open_dataset",
    "training_pairs",
    "usable",
]
