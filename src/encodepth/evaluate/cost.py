"""What a model costs: parameters, multiply-accumulates, time and memory (thesis Tables 14, 15).

Counts are exact: the network runs once, padded as it would be, and every convolution and matrix
product is counted. Times are wall-clock of whole calls, bytes included.
"""

from __future__ import annotations

import ctypes
import os
import resource
import statistics
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from ..networks.base import BaseModel, load_model
from ..networks.context import Guide
from ..networks.plane import ALIGN as PLANE_ALIGN
from ..networks.plane import PlaneModel
from ..networks.restorer import Restorer
from ..thesis.model import TcmModel
from ..thesis.random import random_tcm
from ..thesis.rows import ROWS, TcmConfig, config_of
from ..thesis.tcm import ALIGN as TCM_ALIGN
from ..thesis.tcm import TCM
from ..thesis.weights import is_tcm, load_tcm

CONVENTION = (
    "a MAC is one multiply-accumulate of a convolution or matrix product, attention and padding "
    "included; FLOPs = 2 x MACs; norms, softmax and other element-wise work are not counted"
)
_TCM_PARTS = {
    "g_a": ("g_a",),
    "g_s": ("g_s",),
    "h_a": ("h_a",),
    "h_s": ("h_mean_s", "h_scale_s"),
    "SWAtten": ("slices.mean_attention", "slices.scale_attention"),
    "slices": ("slices.mean", "slices.scale"),
    "LRP": ("slices.lrp",),
}
_PLANE_PARTS = {
    "g_a": ("g_a",),
    "g_s": ("g_s",),
    "entropy model": ("context",),
}


@dataclass(frozen=True)
class Times:
    """Seconds of repeated calls, after one to warm up."""

    median: float
    low: float
    high: float
    runs: int


@dataclass(frozen=True)
class Part:
    """One module's share."""

    name: str
    parameters: int
    macs: int


@dataclass(frozen=True)
class Profile:
    """A model's costs at one size; None where it was not measured."""

    model: str
    width: int
    height: int
    parameters: int
    macs: int
    parts: tuple[Part, ...]
    device: str
    threads: int
    precision: str
    weights: str  # "trained", or "random" where only the architecture is known
    encode: Times | None = None
    decode: Times | None = None
    encode_memory: int | None = None  # bytes above the loaded model, at the peak
    decode_memory: int | None = None
    payload: int | None = None  # bytes of the coded picture
    load: float | None = None  # of the machine before, its average over a minute

    def as_dict(self) -> dict[str, Any]:
        """The profile as JSON holds it."""
        return asdict(self) | {"flops": 2 * self.macs, "convention": CONVENTION}


@dataclass(frozen=True)
class _Subject:
    """A model with the two calls that are timed."""

    parameters: int
    parts: tuple[Part, ...]
    macs: int
    weights: str
    encode: Callable[[], Any]
    decode: Callable[[Any], object]
    size_of: Callable[[Any], int]


def profile(
    name: str,
    width: int = 640,
    height: int = 480,
    *,
    runs: int = 3,
    device: str = "cpu",
    precision: str = "fp32",
) -> Profile:
    """Measure one model.

    Args:
        name: a row of the thesis's table ("rgb", ..., also with "-light" or "-small"), a weights
            file, or an installed model such as "base".
        width: of the picture, in pixels; padding is the model's business and is counted.
        height: likewise.
        runs: timed calls after one to warm up; 0 only counts.
        device: "cpu" or "cuda".
        precision: "fp32", or "bf16" for the transforms.

    Raises:
        ModelNotFoundError: no such model.
    """
    subject = _subject(name, width, height, device, precision)
    measured: dict[str, Any] = {}
    if runs:
        measured["load"] = round(os.getloadavg()[0], 1) if hasattr(os, "getloadavg") else None
        coded = subject.encode()
        subject.decode(coded)
        times: dict[str, list[float]] = {"encode": [], "decode": []}
        for _ in range(runs):
            times["encode"].append(_seconds(subject.encode, device))
            times["decode"].append(_seconds(lambda: subject.decode(coded), device))
        for way, t in times.items():
            measured[way] = Times(statistics.median(t), min(t), max(t), runs)
        measured["encode_memory"] = _peak(subject.encode, device)
        measured["decode_memory"] = _peak(lambda: subject.decode(coded), device)
        measured["payload"] = subject.size_of(coded)
    return Profile(
        name,
        width,
        height,
        subject.parameters,
        subject.macs,
        subject.parts,
        device,
        torch.get_num_threads(),
        precision,
        subject.weights,
        **measured,
    )


def _subject(name: str, width: int, height: int, device: str, precision: str) -> _Subject:
    if Path(name).is_file() and is_tcm(name):
        model = load_tcm(name, device)
        return _tcm_subject(model.config, lambda: model, "trained", width, height, precision)
    if name.split("-")[0] in ("rgb", "depth") and not Path(name).exists():
        config = config_of(name)

        def build() -> TCM:
            return random_tcm(config).requires_grad_(False).to(device)

        return _tcm_subject(config, build, "random", width, height, precision)
    loaded = load_model(name, device)
    if isinstance(loaded, Restorer):
        return _restorer_subject(loaded, width, height)
    assert isinstance(loaded, BaseModel)  # the other family was taken above
    loaded.use_low_precision(precision == "bf16")
    return _base_subject(loaded, width, height)


def _tcm_subject(
    config: TcmConfig,
    build: Callable[[], TCM],
    weights: str,
    width: int,
    height: int,
    precision: str,
) -> _Subject:
    with torch.device("meta"):
        ghost = TCM(config).eval()
        padded = (-(-height // TCM_ALIGN) * TCM_ALIGN, -(-width // TCM_ALIGN) * TCM_ALIGN)
        x = torch.empty(1, config.target, *padded)
        guide = torch.empty(1, config.guide, *padded) if config.guide else None
    parts, macs = _count(ghost, _TCM_PARTS, lambda: ghost(x, guide))
    rgb, plane, valid = _pictures(height, width)
    seen: dict[str | None, NDArray[Any]] = {"color": rgb, "depth": plane}

    @cache
    def at_work() -> TcmModel:
        model = TcmModel(build())
        model.use_low_precision(precision == "bf16")
        return model

    def encode() -> Any:
        model = at_work()
        guide = seen.get(model.guide)
        if model.kind == "color":
            return model.encode_color(rgb, 50, guide=guide)
        return model.encode_depth(plane, valid, 50, guide=guide)

    def decode(coded: Any) -> object:
        model = at_work()
        if model.kind == "color":
            return model.decode_color(coded.payload, height, width, 50, coded.check)
        return model.decode_depth(coded.payload, height, width, 50, coded.check, valid)

    return _Subject(
        _parameters(ghost), parts, macs, weights, encode, decode, lambda c: len(c.payload)
    )


def _base_subject(model: BaseModel, width: int, height: int) -> _Subject:
    """Colour, and depth if the model has a network for it, of one frame, as a file holds them."""
    rgb, plane, valid = _pictures(height, width)
    parts: list[Part] = []
    macs, latent = 0, None
    padded = (-(-height // PLANE_ALIGN) * PLANE_ALIGN, -(-width // PLANE_ALIGN) * PLANE_ALIGN)
    for kind, coder in model.coders.items():
        counted, own, latent = _count_plane(coder.model, padded, latent)
        parts += [Part(f"{kind} {p.name}", p.parameters, p.macs) for p in counted]
        macs += own

    def encode() -> Any:
        color = model.encode_color(rgb, 50)
        if "depth" not in model.codes:
            return (color,)
        return color, model.encode_depth(plane, valid, 50, color.context)

    def decode(coded: Any) -> object:
        color, *depths = coded
        rgb, context = model.decode_color(color.payload, height, width, 50, color.check)
        for depth in depths:
            model.decode_depth(depth.payload, height, width, 50, depth.check, valid, context)
        return rgb

    return _Subject(
        sum(_parameters(c.model) for c in model.coders.values()),
        tuple(parts),
        macs,
        "trained",
        encode,
        decode,
        lambda coded: sum(len(c.payload) for c in coded),
    )


def _restorer_subject(model: Restorer, width: int, height: int) -> _Subject:
    """The network on one plane: the encoder runs it once to see whether it helps."""
    rgb, plane, valid = _pictures(height, width)
    x = torch.zeros(1, 7, *(-(-n // 8) * 8 for n in (height, width)), device=model.device)
    parts, macs = _count(model.net, {}, lambda: model.net(x))

    def run(_: object = None) -> NDArray[np.float32]:
        return model.restore(plane, valid, 20, rgb)

    return _Subject(_parameters(model.net), parts, macs, "trained", run, run, lambda _: 0)


def _count_plane(
    model: PlaneModel, padded: tuple[int, int], guide: Guide | None
) -> tuple[tuple[Part, ...], int, Guide]:
    device = model.log_gain.device
    x = torch.zeros(1, model.config.components, *padded, device=device)
    valid = torch.ones(1, 1, *padded, device=device) if model.config.mask else None
    quality = torch.full((1,), 50.0, device=device)
    kept = []

    def run() -> None:
        kept.append(model(x, quality, valid, guide if model.config.guide else None).guide)

    parts, macs = _count(model, _PLANE_PARTS, run)
    return parts, macs, kept[0]


def _count(
    model: nn.Module, groups: Mapping[str, Iterable[str]], run: Callable[[], object]
) -> tuple[tuple[Part, ...], int]:
    """Count MACs and parameters by group of modules, and MACs in all."""
    counter = FlopCounterMode(display=False)
    with torch.no_grad(), counter:
        run()
    flops = {name: sum(ops.values()) for name, ops in counter.get_flop_counts().items()}
    total = flops.get("Global", 0) // 2
    inside = {name.split(".", 1)[1]: n for name, n in flops.items() if "." in name}
    parts = []
    for group, roots in groups.items():
        macs = parameters = 0
        for root in roots:
            parameters += _parameters(model.get_submodule(root))
            macs += _outermost(inside, root) // 2
        parts.append(Part(group, parameters, macs))
    rest = Part(
        "other",
        _parameters(model) - sum(p.parameters for p in parts),
        total - sum(p.macs for p in parts),
    )
    return (*parts, rest), total


def _outermost(inside: Mapping[str, int], root: str) -> int:
    """Sum the counts of `root`, or of the outermost modules in it that were called."""
    names = [n for n in inside if n == root or n.startswith(f"{root}.")]
    outer = [n for n in names if not any(n.startswith(f"{m}.") for m in names)]
    return sum(inside[n] for n in outer)


def _parameters(model: nn.Module) -> int:
    return sum(p.numel() for p in model.parameters())


def _pictures(
    height: int, width: int
) -> tuple[NDArray[np.uint8], NDArray[np.float32], NDArray[np.bool_]]:
    """A fixed colour picture, its depth in [0, 1] and a full mask: smooth shapes with grain."""
    generator = torch.Generator().manual_seed(1)

    def draw(channels: int) -> Tensor:
        shape = (height // 32 + 2, width // 32 + 2)
        coarse = torch.rand(1, channels, *shape, generator=generator)
        smooth = nn.functional.interpolate(coarse, size=(height, width), mode="bilinear")
        return (0.9 * smooth + 0.1 * torch.rand(smooth.shape, generator=generator))[0]

    rgb = (draw(3) * 255).byte().permute(1, 2, 0).contiguous().numpy()
    return rgb, draw(1)[0].numpy(), np.ones((height, width), bool)


def _seconds(call: Callable[[], object], device: str) -> float:
    start = time.perf_counter()
    call()
    if device == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter() - start


def _peak(call: Callable[[], object], device: str) -> int | None:
    """Bytes that a call needs above what was there before, at its peak."""
    if device == "cuda":
        before = torch.cuda.memory_allocated()
        torch.cuda.reset_peak_memory_stats()
        call()
        return int(torch.cuda.max_memory_allocated() - before)
    reset = Path("/proc/self/clear_refs")
    if sys.platform != "linux" or not reset.exists():
        return None
    with suppress(AttributeError, OSError):
        ctypes.CDLL(None).malloc_trim(0)  # what the C library kept of freed memory is no baseline
    try:
        reset.write_text("5")  # forget the peak so far
    except OSError:
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
        call()
        risen = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 - before
        return risen or None
    before = _status("VmRSS")
    call()
    return max(0, _status("VmHWM") - before)


def _status(field: str) -> int:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(f"{field}:"):
            return int(line.split()[1]) * 1024
    return 0


# Tables -----------------------------------------------------------------------------------------


def markdown(profiles: Iterable[Profile]) -> str:
    """Return the profiles as Markdown: one row a model, then one table of modules each."""
    profiles = list(profiles)
    lines = ["| model | parameters | GMAC | GFLOP | encode | decode | peak encode | peak decode |"]
    lines.append("|---|" + "---:|" * 7)
    lines += ["| " + " | ".join(_row(p)) + " |" for p in profiles]
    for p in profiles:
        lines += ["", f"`{p.model}` by module", ""]
        lines += ["| module | parameters | GMAC |", "|---|---:|---:|"]
        lines += [f"| {t.name} | {t.parameters:,} | {t.macs / 1e9:.2f} |" for t in p.parts]
    return "\n".join([*lines, "", *_notes(profiles)])


def text(profiles: Iterable[Profile]) -> str:
    """Return the profiles as aligned text."""
    profiles = list(profiles)
    head = ("model", "parameters", "GMAC", "GFLOP", "encode", "decode", "peak enc", "peak dec")
    tables = [_aligned([head, *(_row(p) for p in profiles)])]
    for p in profiles:
        rows = [(t.name, f"{t.parameters:,}", f"{t.macs / 1e9:.2f}") for t in p.parts]
        tables.append(_aligned([(f"{p.model} by module", "parameters", "GMAC"), *rows]))
    return "\n\n".join([*tables, "\n".join(_notes(profiles))])


def _row(p: Profile) -> tuple[str, ...]:
    counts = (f"{p.parameters:,}", f"{p.macs / 1e9:.1f}", f"{2 * p.macs / 1e9:.1f}")
    memory = (_mebibytes(p.encode_memory), _mebibytes(p.decode_memory))
    return (p.model, *counts, _times(p.encode), _times(p.decode), *memory)


def _times(t: Times | None) -> str:
    return "-" if t is None else f"{t.median:.2f} s ({t.low:.2f}-{t.high:.2f})"


def _mebibytes(n: int | None) -> str:
    return "-" if n is None else f"{n / 2**20:.0f} MiB"


def _aligned(rows: list[tuple[str, ...]]) -> str:
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    lines = []
    for first, *rest in rows:
        cells = [c.rjust(w) for c, w in zip(rest, widths[1:], strict=True)]
        lines.append("  ".join([first.ljust(widths[0]), *cells]))
    return "\n".join(lines)


def _notes(profiles: list[Profile]) -> list[str]:
    p = profiles[0]
    timed = next((q.encode for q in profiles if q.encode), None)
    notes = [f"{p.width}x{p.height}; {CONVENTION}."]
    if timed:
        notes.append(
            f"Times: {p.device}, {p.threads} threads, {p.precision}, median of {timed.runs} after "
            "one to warm up (fastest-slowest); memory: above the loaded model."
        )
    if any(q.weights == "random" for q in profiles):
        names = ", ".join(q.model for q in profiles if q.weights == "random")
        notes.append(f"Random weights with codec-like statistics: {names}.")
    return notes


def names(asked: Iterable[str]) -> list[str]:
    """Replace "thesis" by the six rows of the thesis's tables."""
    return [row for name in asked for row in (ROWS if name == "thesis" else (name,))]
