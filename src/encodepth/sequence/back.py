"""What a decoder makes of a track of a group that is still being encoded."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from .. import codings
from ..codings.base import Coded, References
from ..codings.smoothing import shown


def decoded(
    name: str, made: Mapping[int, Coded], shape: tuple[int, int], seen: Sequence[References]
) -> Iterator[np.ndarray]:
    """Yield the planes of a modality in order, as they are shown.

    Args:
        name: the modality.
        made: its coded planes by their places in the group, all by one coding.
        shape: height and width.
        seen: what a decoder has at each place of the group.
    """
    coded, places = list(made.values()), list(made)
    row = codings.find(coded[0].coding, name)
    module = codings.module(row)
    planes = (
        module.decode_group(name, coded, shape, [seen[i] for i in places])
        if row.groups
        else (module.decode(name, one, shape, seen[i]) for i, one in made.items())
    )
    for one, plane in zip(coded, planes, strict=True):
        yield shown(plane, module.facts(name, one))
