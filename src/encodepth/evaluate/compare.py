"""Compare codecs by their records: means by kind of scene, BD-rates per frame, times.

    comparison = compare(["results/ours.jsonl", "anchors/public.jsonl"], metric="rmse")
    print(comparison.text())

Frames are known by sequence and name, so records of one frame from several files meet.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence

from ..errors import EncodepthError
from .comparison import Comparison, Delta, Matrix
from .curves import Curves
from .load import load_records
from .means import means, times
from .measures import ANCHORS, Metric, by_scenes, find_metric, select
from .over_time import by_sequence, courses
from .records import Record


def compare(
    paths: Iterable[str | os.PathLike[str]],
    metric: str = "psnr",
    anchor: str | None = None,
    *,
    codecs: Sequence[str] | None = None,
) -> Comparison:
    """Compare the codecs in some record files.

    Args:
        paths: record files, ours and the anchors' alike, or folders of them.
        metric: one of METRICS.
        anchor: codec that the BD-rates refer to; AVIF if it is among the records.
        codecs: only these, and the anchor.

    Raises:
        EncodepthError: unknown metric or anchor, no record with that metric, or a bad file.
    """
    names = [os.fspath(path) for path in paths]
    chosen = find_metric(metric)
    records = select(load_records(names), chosen)
    if not records:
        raise EncodepthError(f"no {chosen.modality} record with {chosen.field} in these files")
    present = sorted({r["codec"] for r in records})
    usual = ANCHORS[chosen.modality]
    anchor = anchor or (usual if usual in present else present[0])
    for name in (anchor, *(codecs or ())):
        if name not in present:
            raise EncodepthError(
                f'no codec "{name}" in these files; there are {", ".join(present)}'
            )
    if codecs:
        records = [r for r in records if r["codec"] in {*codecs, anchor}]
    return Comparison(
        metric=chosen,
        anchor=anchor,
        means=means(records, chosen),
        deltas=deltas(records, chosen, anchor),
        matrices=matrices(records, chosen),
        times=times(records),
        sources=names,
        by_sequence=by_sequence(records, chosen, anchor),
        courses=courses(records, chosen),
    )


def deltas(records: Sequence[Record], metric: Metric, anchor: str) -> list[Delta]:
    """BD-rate and BD-quality of every codec against the anchor, per frame, then averaged."""
    found = []
    for kind, group in by_scenes(records):
        curves = Curves.of(group, metric)
        for codec in sorted(curves.points):
            if codec != anchor and anchor in curves.points:
                rate, compared, frames = curves.bd_rate(anchor, codec)
                quality = curves.bd_quality(anchor, codec)
                found.append(Delta(kind, codec, anchor, frames, compared, rate, quality))
    return found


def matrices(records: Sequence[Record], metric: Metric) -> dict[str, Matrix]:
    """BD-rate of every codec (inner) against every other (outer), by kind of scene."""
    return {kind: _matrix(Curves.of(group, metric)) for kind, group in by_scenes(records)}


def _matrix(curves: Curves) -> Matrix:
    codecs = curves.codecs()
    return {
        anchor: {t: 0.0 if t == anchor else curves.bd_rate(anchor, t)[0] for t in codecs}
        for anchor in codecs
    }
