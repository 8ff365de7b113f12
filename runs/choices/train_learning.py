"""Train what exact depth of efforts 8 and 9 begins with: weights/surface-learned*.bin.

    python -m runs.choices.train_learning ../shared/data/train OUT.bin [--units 48|96]
        [--minutes 60] [--rooms 64]

Time: the minutes on one core, and eight for drawing pixels and for the mixers. Pixels are drawn
from the depth of data/train and from generated rooms, and half as many from the same with values
merged, turned or halved; the network learns to foretell the decisions about each as the coder meets
them, in whole steps of its int8 weights in the second half. Then pictures of the same are coded,
and the mean of the weights that the mixers end with is what they begin with. Stopped, it goes on
from the files OUT.pixels.npz and OUT.state beside OUT.bin.
"""

from __future__ import annotations

import argparse
import json
import math
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
from encodepth.codings.arithmetic import encoder, int64
from encodepth.codings.exact import merged_values, values_of
from encodepth.codings.learning import fresh
from encodepth.codings.learning_features import FEATURES, describe, describe_steps, steps
from encodepth.codings.learning_short import SECOND
from encodepth.codings.learning_start import pack, parts_of
from encodepth.codings.learning_ways import NARROW, WIDE, made
from encodepth.codings.mixing import WIDTH
from encodepth.codings.surface import other
from encodepth.codings.surface_contexts import VALUES
from encodepth.codings.surface_decisions import NODES, SET, decisions
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
from encodepth.native import compiled
from encodepth.scenes.scene import scene
from encodepth.train.soap import Soap, is_matrix

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
OTHER_VIEWS = 0.5  # pixels of a picture as it might have been, for each of it as it is
MOST_MERGED = 12  # mm
BATCH, RATE = 2048, 3e-3
BETAS = (0.9, 0.98)
KEEP = 4000  # steps after which all is kept to go on from
MOST_HIDDEN = 511 / 64
UNITS = (64, 64, 32, 32, 64)  # steps of a part's bytes in 1
FROM_CONTEXTS, FROM_NETWORK = 0.1, 0.5  # trust before any was measured


class Seen(NamedTuple):
    """A pixel's decisions as they are made; `calm` is what `decisions` asks for."""

    calm: int
    bits: np.ndarray  # int8 (n, 64), -1 where a decision was not asked
    row: int


@compiled
def _note(bit: int, decode: bool, node: int, c: Any, m: Any) -> int:
    c.bits[c.row, node] = 1 if bit else 0
    return int64(1 if bit else 0)


@compiled
def _skip(value: int, decode: bool, minus: int, tree: int, c: Any, m: Any) -> int:
    return value


_decide = decisions(_note, _skip)


@compiled
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


def another(depth: np.ndarray, metre: int, rng: np.random.Generator) -> np.ndarray:
    """Return a picture as it might have been: values merged, turned, or of half the size."""
    way = rng.choice(["merged", "turned", "halved"], p=[0.45, 0.4, 0.15])
    if way == "merged":
        used = values_of(depth[depth > 0])
        return merged_values(used, int(rng.integers(1, MOST_MERGED + 1)) * metre // 1000)[depth]
    if way == "halved":
        return np.ascontiguousarray(depth[rng.integers(2) :: 2, rng.integers(2) :: 2])
    turned = depth.T if rng.random() < 0.4 else depth
    turned = turned[:, ::-1] if rng.random() < 0.6 else turned
    turned = turned[::-1] if rng.random() < 0.4 else turned
    return np.ascontiguousarray(turned)


class Picture(NamedTuple):
    """What gives depth, how many of its pixels are drawn, and how many steps a metre has."""

    give: Callable[[], np.ndarray]
    count: int
    metre: int


def pictures(data: Path, rooms: int) -> Iterator[Picture]:
    """Yield all that is trained on."""
    for name, count in DRAWN.items():
        metre = json.loads((data / name / "meta.json").read_text())["depth_units_per_meter"]
        for path in sorted((data / name / "depth").iterdir()):
            yield Picture(partial(load, path), count, int(metre))
    for k in range(rooms):
        yield Picture(partial(room, k), OF_A_ROOM, 1000)


def drawn(data: Path, rooms: int) -> tuple[np.ndarray, np.ndarray]:
    """Return features and decisions of pixels of all pictures."""
    rng = np.random.default_rng(0)
    found = []
    for k, (give, count, metre) in enumerate(pictures(data, rooms)):
        depth = give()
        found.append(draw(depth, count, rng))
        found.append(draw(another(depth, metre, rng), int(count * OTHER_VIEWS), rng))
        if k % 50 == 0:
            print(f"drawn from {k + 1} pictures", flush=True)
    features, bits = zip(*found, strict=True)
    return np.concatenate(features), np.concatenate(bits)


def load(path: Path) -> np.ndarray:
    return np.array(Image.open(path)).astype(np.uint16)


def room(k: int) -> np.ndarray:
    sensor: Any = SENSORS[k % len(SENSORS)]
    depth = scene(FIRST_SEED + k, 480, 640, sensor=sensor).depth
    assert depth is not None
    return depth.astype(np.uint16)


class Network(nn.Module):
    """The network of `learning_short.py` in floats."""

    def __init__(self, first: int) -> None:
        super().__init__()
        self.first = nn.Linear(FEATURES, first, bias=False)
        self.second, self.last = nn.Linear(first, SECOND), nn.Linear(SECOND, NODES)
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


class Training:
    """A network in training, which can be kept and gone on with."""

    def __init__(self, kept: Path, first: int) -> None:
        self.kept, self.net, self.step, self.spent, self.mean = kept, Network(first), 0, 0.0, 0.0
        turned = [p for name, p in self.net.named_parameters() if is_matrix(name, p)]
        flat = [p for name, p in self.net.named_parameters() if not is_matrix(name, p)]
        groups: list[dict[str, Any]] = [
            {"params": turned, "betas": BETAS, "turned": True},
            {"params": flat, "betas": BETAS, "turned": False},
        ]
        self.descent = Soap(groups, RATE)
        if kept.exists():
            state = torch.load(kept, weights_only=True)
            self.net.load_state_dict(state["net"])
            self.descent.load_state_dict(state["descent"])
            self.step, self.spent, self.mean = state["step"], state["spent"], state["mean"]

    def keep(self) -> None:
        """Write all that it takes to go on."""
        state = {
            "net": self.net.state_dict(), "descent": self.descent.state_dict(),
            "step": self.step, "spent": self.spent, "mean": self.mean,
        }  # fmt: skip
        part = self.kept.with_suffix(".part")
        torch.save(state, part)
        part.replace(self.kept)

    def learn(self, x: Tensor, want: Tensor, whole: bool) -> None:
        """Take a step on features (n, 84) and decisions (n, 64)."""
        want = want.float()
        said = self.net(x.float() / 64, whole)
        lost = F.binary_cross_entropy_with_logits(said, want.clamp(min=0), reduction="none")
        loss = (lost * (want >= 0)).sum() / len(x) / np.log(2)
        self.descent.zero_grad()
        loss.backward()
        self.descent.step()
        with torch.no_grad():
            layers = (self.net.first, self.net.second, self.net.last)
            for layer, unit in zip(layers, UNITS, strict=False):
                for weight in layer.parameters():
                    weight.clamp_(-127 / unit, 127 / unit)
        self.step += 1
        self.mean += max(0.0005, 1 / self.step) * (loss.item() - self.mean)

    def parts(self) -> list[np.ndarray]:
        """Return the network's parts, int8."""
        with torch.no_grad():
            return [
                rounded(p, u).to(torch.int8).numpy()
                for p, u in zip(self.net.parts(), UNITS, strict=False)
            ]


def fit(
    features: np.ndarray, bits: np.ndarray, minutes: float, kept: Path, first: int
) -> list[np.ndarray]:
    """Return the network's parts, int8, after so many minutes of a core, earlier ones counted."""
    x, y, t = torch.from_numpy(features), torch.from_numpy(bits), Training(kept, first)
    whole = len(x) // BATCH
    order, turn, begun = None, -1, time.process_time() - t.spent
    while (part := (t.spent / 60) / minutes) < 1:
        if order is None or turn != t.step // whole:
            turn = t.step // whole
            order = torch.randperm(len(x), generator=torch.Generator().manual_seed(turn))
        at = t.step % whole * BATCH
        t.descent.param_groups[0]["lr"] = t.descent.param_groups[1]["lr"] = (
            RATE * min(1, (t.step + 1) / 100) * (0.502 + 0.5 * math.cos(math.pi * part))
        )
        these = order[at : at + BATCH]
        t.learn(x[these], y[these], part > 0.5)
        t.spent = time.process_time() - begun
        if t.step % KEEP == 0:
            t.keep()
            print(f"{part:.0%}, step {t.step}: {t.mean:.4f} bits a pixel", flush=True)
    t.keep()
    return t.parts()


def trust(parts: list[np.ndarray], depths: list[np.ndarray], held: np.ndarray) -> np.ndarray:
    """Return the mean of the weights that the mixers end with, by node, int8 (64, 16).

    Weights count by how far they have moved from `held`, which is what they began with: those of
    decisions that a picture hardly had have no say.
    """
    way = made(1 if parts[0].shape[1] == NARROW.first else 2, pack([*parts, held]))
    total, count = np.zeros((NODES, WIDTH)), np.zeros((NODES, 1))
    for depth in depths:
        plane, values = placed(depth)
        data = np.zeros(plane.size * CHUNK, np.uint8)
        s = fresh(plane.shape[1], encoder(), data, steps(values), way)
        way.code_rows(plane, 0, len(plane), len(values), False, s)
        ended = s.mixer.weights[: 3 * SET].reshape(3, NODES, SET // NODES, WIDTH).astype(float)
        moved = np.abs(ended - way.trust[:, None]).sum(-1, keepdims=True)
        share = np.minimum(moved / 65536, 1)
        total += (ended * share).sum((0, 2))
        count += share.sum((0, 2))
    found = np.where(count > 0.5, total / np.maximum(count, 1e-9), way.trust)
    return np.clip(np.rint(found / 65536 * UNITS[-1]), -127, 127).astype(np.int8)


def even() -> np.ndarray:
    """Return the mixers' weights before any was measured."""
    each = [FROM_CONTEXTS] * VALUES + [FROM_NETWORK, 0]
    return np.tile(np.rint(np.array(each) * UNITS[-1]), (NODES, 1)).astype(np.int8)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path, help="data/train")
    parser.add_argument("out", type=Path)
    parser.add_argument("--units", type=int, choices=(NARROW.first, WIDE.first), default=48)
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--rooms", type=int, default=64)
    parser.add_argument("--network", type=Path, help="a file whose network is kept, mixers anew")
    asked = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    if asked.network is None:
        pixels = asked.out.with_suffix(".pixels.npz")
        if not pixels.exists():
            features, bits = drawn(asked.data, asked.rooms)
            np.savez(pixels, features=features, bits=bits)
        with np.load(pixels) as known:
            features, bits = known["features"], known["bits"]
        print(f"{len(features)} pixels", flush=True)
        parts = fit(features, bits, asked.minutes, asked.out.with_suffix(".state"), asked.units)
    else:
        parts = parts_of(asked.network.read_bytes())[:-1]
    asked.out.write_bytes(pack([*parts, even()]))
    every = list(pictures(asked.data, asked.rooms))
    measured = trust(parts, [picture.give() for picture in every[::SOME]], even())
    asked.out.write_bytes(pack([*parts, measured]))
    print(f"{asked.out}: {asked.out.stat().st_size} bytes")


if __name__ == "__main__":
    main()
