"""`encodepth warm`: compile what is compiled on first use, so that nobody waits for it later."""

from __future__ import annotations

import io
import time

import click

from .shared import quiet_option


@click.command("warm")
@click.option(
    "--effort",
    type=click.IntRange(1, 9),
    help="Compile only what encoding a pair at that effort needs, and decoding it.",
)
@quiet_option
def command(effort: int | None, quiet: bool) -> None:
    """Compile the exact codings now instead of when they are first used.

    The compiled code is kept beside the package, or where NUMBA_CACHE_DIR says. Half a minute once.
    """
    import numpy as np

    from .. import codings
    from ..codec import Codec
    from ..frame import RgbdImage
    from ..modalities import PLANES
    from ..plan import EXACT, LOSSY, plan
    from ..sequence.reader import Reader
    from ..sequence.writer import Writer

    depth = np.add.outer(np.arange(96), np.arange(96)).astype(np.uint16) * 7 + 900
    depth[10:20, 30:50] = 0
    codec = Codec()

    def code(kind: str, name: str) -> None:
        if kind == "depth":
            picture = RgbdImage(depth=depth)
            codec.decode(codec.encode(picture, coding={"depth": name}))
            codec.decode(
                codec.encode(picture, coding={"depth": name}, max_depth_error=5, smooth=True)
            )
        else:
            codec.decode(codec.encode(RgbdImage(planes={kind: depth}), effort=9))

    def record(lossless: tuple[str, ...]) -> None:
        out = io.BytesIO()
        with Writer(out, lossless=lossless, rate=30) as writer:
            for shift in range(3):
                writer.append(RgbdImage(depth=np.roll(depth, shift, 1)))
        with Reader(out.getvalue()) as reader:
            for frame in reader:
                assert frame.image.depth is not None

    exact = [name for name in codings.names("depth") if codings.find(name, "depth").exact]
    if effort is not None:
        tried = {n for ask in (EXACT, LOSSY) for n in plan("depth", ask, effort).codings}
        exact = [name for name in exact if name in tried]
    jobs = [("depth", name) for name in exact]
    if effort is None:
        jobs.append((PLANES[0], "planes"))
        jobs += [("depth", "surface-inter"), ("mask", "contexts-inter")]
    jobs.append(("mask", "contexts"))
    for kind, name in jobs:
        began = time.monotonic()
        if name.endswith("-inter"):
            record(("depth",) if kind == "depth" else ())
        elif kind == "mask":
            codec.decode(codec.encode(RgbdImage(depth=depth), coding="av1"))
        else:
            code(kind, name)
        if not quiet:
            click.echo(f"{kind} by {name}: {time.monotonic() - began:.1f} s", err=True)
