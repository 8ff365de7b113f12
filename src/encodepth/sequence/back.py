"""What is shown of the coded planes of a track, be they of a file or still being encoded."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from .. import codings
from ..codings.base import Coded, References
from ..codings.smoothing import shown


def decoded(
    row: codings.Row,
    name: str,
    coded: Sequence[Coded],
    shape: tuple[int, int],
    seen: Sequence[References],
) -> Iterator[np.ndarray]:
    """Yield the planes of a modality in order, each decoded when it is asked for.

    Args:
        row: the coding of all of them.
        name: the modality.
        coded: its planes.
        shape: height and width.
        seen: what a decoder has at each of them.

    Raises:
        CorruptFileError: a payload is not such a plane.
    """
    module = codings.module(row)
    planes = (
        module.decode_group(name, coded, shape, seen)
        if row.groups
        else (module.decode(name, one, shape, here) for one, here in zip(coded, seen, strict=True))
    )
    for one, plane in zip(coded, planes, strict=True):
        yield shown(plane, module.facts(name, one))


def decoded_depth(
    made: Mapping[int, Coded], shape: tuple[int, int], seen: Sequence[References]
) -> Iterator[np.ndarray]:
    """Yield planes of depth that were just coded.

    Args:
        made: by their places in the group, all by one coding.
        shape: height and width.
        seen: what a decoder has at each place of the group.
    """
    coded = list(made.values())
    row = codings.find(coded[0].coding, "depth")
    return decoded(row, "depth", coded, shape, [seen[i] for i in made])
