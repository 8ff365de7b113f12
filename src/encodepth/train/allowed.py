"""What may be trained on: the one place that keeps test pictures out of training.

Left out of `data/train`: the frames that are bundled in samples/ (people judge those pictures) and
the whole of tum_fr1_desk_9, from which one of them comes. `data/val`, `data/test` and Kodak are
never looked at.
"""

from __future__ import annotations

import os
from pathlib import Path, PurePath

from ..io.dataset import open_dataset
from ..io.pair import Pair

LEFT_OUT = (  # (sequence, frame); None is every frame. samples/README.md says why
    ("tum_fr1_desk_9", None),
    ("osd_mosd_test", "000064"),
)


def may_train(pair: Pair) -> bool:
    """Say whether a pair is not one of those that are left out."""
    name = PurePath(pair.sequence).name  # the path before it depends on what was opened
    return not any(name == sequence and frame in (None, pair.frame) for sequence, frame in LEFT_OUT)


def training_pairs(root: str | os.PathLike[str]) -> list[Pair]:
    """Return the pairs of `root`/train that may be trained on.

    Raises:
        EncodepthError: there are none.
    """
    return [pair for pair in open_dataset(Path(root) / "train") if may_train(pair)]
