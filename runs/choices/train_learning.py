"""Train what exact depth of efforts 8 and 9 begins with: weights/surface-learned.bin.

    python -m runs.choices.train_learning ../shared/data/train OUT.bin [--minutes 15] [--rooms 44]

Time: the minutes on one core, and four for drawing pixels and for the mixers. Pixels are drawn from
the depth of data/train and from generated rooms; the network learns to foretell the decisions about
each as the coder meets them, in whole steps of its int8 weights in the second half. Then pictures
of the same are coded, and the mean of the weights that the mixers end with is what they begin with.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn
from torch.nn import functional as F

from encodepth.codings.along import CHUNK
from encodepth.codings.arithmetic import encoder, inner, int64, jit
from encodepth.codings.exact import values_of
from encodepth.codings.learning import code_rows, fresh
from encodepth.codings.learning_features import FEATURES, describe, describe_steps, steps
from encodepth.codings.learning_net import FIRST, NODES, SECOND
from encodepth.codings.learning_start import PARTS, pack, parts_of, unpack
from encodepth.codings.mixing import WIDTH
from encodepth.codings.surface import other
from encodepth.codings.surface_contexts import VALUES
from encodepth.codings.surface_decisions import SET, decisions
from encodepth.codings.surface_predict import (
    UNIT,
    Trail,
    around,
    blend,
    guesses,
    place,
    remember,
    remember_hole,
    track,
    tracked,
    trail,
)
from encodepth.scenes.scene import scene

# Pixels of a picture: the fewer, the more pictures of one place there are.
DRAWN = {
    "tum_fr1_rpy": 5000,
    "tum_fr1_360_5": 7000,
    "tum_fr1_desk_9": 7000,
    "tum_fr3_cabinet_58": 9000,
    "osd_mosd_learn": 3500,
    "osd_mosd_test": 3500,
    "realsense_aims_slam_200": 10000,
    "realsense_frankjie_48": 14000,
}
OF_A_ROOM = 8000
SENSORS = (None, None, "kinect", "realsense")
FIRST_SEED = 1000
SOME = 9  # of so many pictures one is coded to see what the mixers end with
BATCH, RATE = 2048, 6e-3
MOST_HIDDEN = 511 / 64
UNITS = [1 << 16 - shift for _, shift in PARTS]  # steps of a part's bytes in 1
FROM_CONTEXTS, FROM_NETWORK = 0.1, 0.5  # trust before any was measured


class Seen(NamedTuple):
    """A pixel's decisions as they are made; `calm` is what `decisions` asks for."""

    calm: int
    bits: np.ndarray  # int8 (n, 64), -1 where a decision was not asked
    row: int


@inner
def _note(bit: int, decode: bool, node: int, c: Any, m: Any) -> int:
    c.bits[c.row, node] = 1 if bit else 0
    return int64(1 if bit else 0)


@inner
def _skip(value: int, decode: bool, minus: int, calm: int, m: Any) -> int:
    return value


_decide = decisions(_note, _skip)


@jit
def watch(
    plane: np.ndarray, top: int, row: np.ndarray, step: np.ndarray, t: Trail,
    features: np.ndarray, bits: np.ndarray, room: np.ndarray,
) -> None:  # fmt: skip
    """Walk over a plane as the coder does; note features and decisions where `row` is not -1."""
    height, width = plane.shape
    for y in range(height):
        for x in range(width):
            at, value = place(x, y, width), int64(plane[y, x])
            if value == 0:
                remember_hole(at, t)
                continue
            v = around(x, y, width, at, t)
            along, across = tracked(at, v, t)
            g = guesses(v, along, across)
            best = min(max(blend(g, at, t), UNIT), top * UNIT)
            middle = best + UNIT // 2 >> 6
            k = int64(row[y, x])
            if k >= 0:
                far = other(middle, v)
                describe(at, v, g, best, middle, far, t, room)
                describe_steps(middle, top, step, room)
                for j in range(FEATURES):
                    features[k, j] = room[j]
                _decide(value, False, middle, far, Seen(int64(0), bits, k), room)
            remember(value, middle, g, at, t)
            track(value, along, across, at, t)


def placed(depth: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the plane of places, int32 (h, w), and the list of values."""
    values = values_of(depth[depth > 0])
    table = np.zeros(65536, np.int32)
    table[values] = np.arange(1, len(values) + 1)
    return table[depth], values


def draw(depth: np.ndarray, count: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Return features, int16 (n, 84), and decisions, int8 (n, 64), of some valid pixels."""
    plane, values = placed(depth)
    valid = np.flatnonzero(plane)
    drawn = np.sort(rng.choice(valid, min(count, len(valid)), replace=False))
    row = np.full(plane.size, -1, np.int32)
    row[drawn] = np.arange(len(drawn))
    features = np.zeros((len(drawn), FEATURES), np.int16)
    bits = np.full((len(drawn), NODES), -1, np.int8)
    room, t = np.zeros(FEATURES, np.int32), trail(plane.shape[1])
    rows = row.reshape(plane.shape)
    watch(plane, len(values), rows, steps(values), t, features, bits, room)
    return features, bits


def pictures(data: Path, rooms: int) -> Iterator[tuple[Callable[[], np.ndarray], int]]:
    """Yield what gives depth, and how many of its pixels are drawn."""
    for name, count in DRAWN.items():
        for path in sorted((data / name / "depth").iterdir()):
            yield partial(load, path), count
    for k in range(rooms):
        yield partial(room, k), OF_A_ROOM


def load(path: Path) -> np.ndarray:
    return np.array(Image.open(path)).astype(np.uint16)


def room(k: int) -> np.ndarray:
    sensor: Any = SENSORS[k % len(SENSORS)]
    depth = scene(FIRST_SEED + k, 480, 640, sensor=sensor).depth
    assert depth is not None
    return depth.astype(np.uint16)


class Network(nn.Module):
    """The network of `learning_net.py` in floats."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Linear(FEATURES, FIRST, bias=False)
        self.second, self.last = nn.Linear(FIRST, SECOND), nn.Linear(SECOND, NODES)
        nn.init.zeros_(self.last.weight)

    def parts(self) -> list[Tensor]:
        """Return the network's parts of a file of weights."""
        second = torch.cat([self.second.weight.t(), self.second.bias[None]])
        return [self.first.weight.t(), second, self.last.weight, self.last.bias]

    def forward(self, x: Tensor, whole: bool) -> Tensor:
        """Return logits (n, 64) of features (n, 84); with weights rounded where `whole`."""
        parts = self.parts()
        if whole:
            parts = [
                p + (rounded(p, u) / u - p).detach() for p, u in zip(parts, UNITS, strict=False)
            ]
        first, second, last, bias = parts
        hidden = F.relu(x @ first).clamp(max=MOST_HIDDEN)
        hidden = F.relu(hidden @ second[:-1] + second[-1]).clamp(max=MOST_HIDDEN)
        return hidden @ last.t() + bias


def rounded(part: Tensor, unit: int) -> Tensor:
    """Return a part in whole steps, as int8 holds them."""
    return (part * unit).round().clamp(-127, 127)


def fit(features: np.ndarray, bits: np.ndarray, minutes: float) -> list[np.ndarray]:
    """Return the network's parts, int8."""
    x, y, net = torch.from_numpy(features), torch.from_numpy(bits), Network()
    descent = torch.optim.AdamW(net.parameters(), lr=RATE, weight_decay=1e-4)
    begun, step, mean, order, at = time.process_time(), 0, 0.0, torch.randperm(len(x)), 0
    while (part := (time.process_time() - begun) / 60 / minutes) < 1:
        descent.param_groups[0]["lr"] = (
            RATE * min(1, step / 100) * (0.5 + 0.5 * np.cos(np.pi * part) + 0.002)
        )
        if at + BATCH > len(x):
            order, at = torch.randperm(len(x)), 0
        these = order[at : at + BATCH]
        want = y[these].float()
        said = net(x[these].float() / 64, part > 0.5)
        lost = F.binary_cross_entropy_with_logits(said, want.clamp(min=0), reduction="none")
        loss = (lost * (want >= 0)).sum() / BATCH / np.log(2)
        descent.zero_grad()
        loss.backward()
        descent.step()
        with torch.no_grad():
            for p, unit in zip((net.first, net.second, net.last), UNITS, strict=False):
                for weight in p.parameters():
                    weight.clamp_(-127 / unit, 127 / unit)
        mean, step, at = mean + 0.005 * (loss.item() - mean), step + 1, at + BATCH
        if step % 2000 == 0:
            print(f"{part:.0%}, step {step}: {mean:.4f} bits a pixel", flush=True)
    with torch.no_grad():
        return [
            rounded(p, u).to(torch.int8).numpy() for p, u in zip(net.parts(), UNITS, strict=False)
        ]


def trust(parts: list[np.ndarray], depths: list[np.ndarray], held: np.ndarray) -> np.ndarray:
    """Return the mean of the weights that the mixers end with, by node, int8 (64, 16).

    Weights count by how far they have moved from `held`, which is what they began with: those of
    decisions that a picture hardly had have no say.
    """
    start = unpack(pack([*parts, held]))
    total, count = np.zeros((NODES, WIDTH)), np.zeros((NODES, 1))
    for depth in depths:
        plane, values = placed(depth)
        data = np.zeros(plane.size * CHUNK, np.uint8)
        s = fresh(plane.shape[1], encoder(), data, steps(values), start)
        code_rows(plane, 0, len(plane), len(values), False, s)
        ended = s.mixer.weights[: 3 * SET].reshape(3, NODES, SET // NODES, WIDTH).astype(float)
        moved = np.abs(ended - start.trust[:, None]).sum(-1, keepdims=True)
        share = np.minimum(moved / 65536, 1)
        total += (ended * share).sum((0, 2))
        count += share.sum((0, 2))
    found = np.where(count > 0.5, total / np.maximum(count, 1e-9), start.trust)
    return np.clip(np.rint(found / 65536 * UNITS[-1]), -127, 127).astype(np.int8)


def even() -> np.ndarray:
    """Return the mixers' weights before any was measured."""
    each = [FROM_CONTEXTS] * VALUES + [FROM_NETWORK, 0]
    return np.tile(np.rint(np.array(each) * UNITS[-1]), (NODES, 1)).astype(np.int8)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path, help="data/train")
    parser.add_argument("out", type=Path)
    parser.add_argument("--minutes", type=float, default=15)
    parser.add_argument("--rooms", type=int, default=44)
    parser.add_argument("--network", type=Path, help="a file whose network is kept, mixers anew")
    asked = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    rng = np.random.default_rng(0)
    features: list[np.ndarray] = []
    bits: list[np.ndarray] = []
    some: list[np.ndarray] = []
    for k, (give, count) in enumerate(pictures(asked.data, asked.rooms)):
        if k % SOME == 0:
            some.append(give())
        if asked.network is None:
            for found, kept in zip(draw(give(), count, rng), (features, bits), strict=True):
                kept.append(found)
    if asked.network is None:
        drawn = np.concatenate(features)
        print(f"{len(drawn)} pixels of {len(features)} pictures", flush=True)
        parts = fit(drawn, np.concatenate(bits), asked.minutes)
    else:
        parts = parts_of(asked.network.read_bytes())[:-1]
    asked.out.write_bytes(pack([*parts, even()]))
    measured = trust(parts, some, even())
    asked.out.write_bytes(pack([*parts, measured]))
    print(f"{asked.out}: {asked.out.stat().st_size} bytes")


if __name__ == "__main__":
    main()
