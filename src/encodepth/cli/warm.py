"""`encodepth warm`: compile what is compiled on first use, so that nobody waits for it later."""

from __future__ import annotations

import io
import time
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path

import click
import numpy as np

from ..cores import usable_cores
from .shared import quiet_option

Job = tuple[str, Callable[[], object]]

_SIDE = 96  # pixels
_MOST = 4  # processes, each of some 250 MB


@click.command("warm")
@click.option(
    "--effort",
    type=click.IntRange(1, 9),
    help="Compile only what encoding a pair at that effort needs, and decoding it.",
)
@click.option(
    "--package",
    type=click.Path(file_okay=False, path_type=Path),
    help="Compile for any processor of this kind into a folder that a package is made from.",
)
@click.option(
    "-j",
    "--jobs",
    type=click.IntRange(1),
    help="How many processes compile side by side; default: a core each, at most four.",
)
@quiet_option
def command(effort: int | None, package: Path | None, jobs: int | None, quiet: bool) -> None:
    """Compile now what is otherwise compiled when it is first used.

    The compiled code is kept beside the package, or where NUMBA_CACHE_DIR says. A minute once.
    """
    from ..native import store

    if package is not None:
        store.for_a_package(package)
    for name, seconds in _done(effort, jobs or min(usable_cores(), _MOST)):
        if not quiet:
            click.echo(f"{name}: {seconds:.1f} s", err=True)


def _done(effort: int | None, jobs: int) -> Iterable[tuple[str, float]]:
    """Do all that an effort needs; yield each job's name and seconds as it is done."""
    count = len(_jobs(effort))
    if jobs == 1:
        yield from (_do(effort, k) for k in range(count))
        return
    from concurrent.futures import ProcessPoolExecutor, as_completed
    from multiprocessing import get_context

    with ProcessPoolExecutor(min(jobs, count), get_context("spawn")) as pool:
        for future in as_completed([pool.submit(_do, effort, k) for k in range(count)]):
            yield future.result()


def _do(effort: int | None, number: int) -> tuple[str, float]:
    name, do = _jobs(effort)[number]
    began = time.monotonic()
    do()
    return name, time.monotonic() - began


def _jobs(effort: int | None) -> list[Job]:
    return list(_of_everything() if effort is None else _of_effort(effort))


def _of_effort(effort: int) -> Iterator[Job]:
    from ..plan import EXACT, LOSSY, plan

    tried = {name for ask in (EXACT, LOSSY) for name in plan("depth", ask, effort).codings}
    yield from (_exact(name) for name in _exact_codings() if name in tried)
    yield "mask by contexts", _mask


def _of_everything() -> Iterator[Job]:
    """Yield all jobs, long ones first, and apart those that need the same functions."""
    from ..modalities import PLANES

    yield "depth by surface-learned, all networks", _networks
    yield "depth by surface-inter", partial(_record, lossless="depth")
    yield "depth by surface-learned-inter", partial(_record, lossless="depth", effort=8)
    yield "mask by contexts-inter", _record
    yield "depth of ROS by RVL", _rvl
    yield from map(_exact, _exact_codings())
    yield "mask by contexts", _mask
    yield f"{PLANES[0]} by planes", partial(_code, planes={PLANES[0]: _depth()})
    yield "color by av1-groups", _color
    yield "tensors", _tensors


def _depth() -> np.ndarray:
    depth = np.add.outer(np.arange(_SIDE), np.arange(_SIDE)).astype(np.uint16) * 7 + 900
    depth[10:20, 30:50] = 0
    return depth


def _exact_codings() -> list[str]:
    from .. import codings

    return [name for name in codings.names("depth") if codings.find(name, "depth").exact]


def _exact(name: str) -> Job:
    def do() -> None:
        _code(coding={"depth": name}, depth=_depth())
        _code(coding={"depth": name}, depth=_depth(), max_depth_error=5, smooth=True)

    return f"depth by {name}", do


def _mask() -> None:
    _code(coding="av1", depth=_depth())


def _code(
    *, depth: np.ndarray | None = None, planes: dict[str, np.ndarray] | None = None, **asked: object
) -> None:
    from ..codec import Codec
    from ..frame import RgbdImage

    codec, picture = Codec(), RgbdImage(depth=depth, planes=planes or {})
    codec.decode(codec.encode(picture, **asked))  # type: ignore[arg-type]


def _networks() -> None:
    from ..codings.learning import decode_learning, encode_learning
    from ..codings.learning_ways import WAYS, way

    values, plane = np.unique(_depth(), return_inverse=True)
    plane, steps = plane.reshape(_SIDE, _SIDE).astype(np.int32), values[1:].astype(np.int64)
    for number in range(WAYS):
        payload = encode_learning(plane, steps, way(number))
        assert payload is not None
        decode_learning(payload, _SIDE, _SIDE, steps, way(number))


def _record(**asked: object) -> None:
    from ..frame import RgbdImage
    from ..sequence.reader import Reader
    from ..sequence.writer import Writer

    out = io.BytesIO()
    with Writer(out, rate=30, **asked) as writer:  # type: ignore[arg-type]
        for shift in range(3):
            writer.append(RgbdImage(depth=np.roll(_depth(), shift, 1)))
    with Reader(out.getvalue()) as reader:
        for frame in reader:
            assert frame.image.depth is not None


def _color() -> None:
    from ..codings import ycbcr

    ycbcr.to_rgb(ycbcr.to_planes(np.zeros((16, 16, 3), np.uint8)))


def _tensors() -> None:
    from ..planar import scale_depth, split_channels

    picture = np.zeros((_SIDE, _SIDE, 3), np.uint8)
    for kind in (np.uint8, np.float32):
        split_channels(picture, np.empty((3, _SIDE, _SIDE), kind))
    scale_depth(_depth(), np.empty((_SIDE, _SIDE), np.float32), 0.001, 0)


def _rvl() -> None:
    from ..io.ros import rvl

    rvl.decompress(rvl.compress(_depth()), _SIDE, _SIDE)
