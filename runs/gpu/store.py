"""Pictures in a device's memory: crops are drawn, cut and turned there, by index arithmetic.

Nothing here waits for the device, so drawing can be part of a CUDA graph, and pictures may be added
while the graph is in use.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

Planes = Mapping[str, NDArray[Any]]
"""Name -> (H, W) or (H, W, C)."""


class Store:
    """Pictures of any size, each with the same planes and facts.

    Args:
        planes: name -> (type, channels).
        facts: how many numbers come with a picture.
        shares: group -> how often a crop is of that group.
        pixels: how many there is room for.
        device: where they lie.
        most: pictures there is room for.
    """

    def __init__(
        self,
        planes: Mapping[str, tuple[torch.dtype, int]],
        facts: int,
        shares: Mapping[str, float],
        pixels: int,
        device: torch.device,
        most: int = 20000,
    ) -> None:
        self.shares, self.device, self.pixels, self.most = shares, device, pixels, most
        self._planes = {
            name: torch.empty(pixels, channels, dtype=kind, device=device)
            for name, (kind, channels) in planes.items()
        }
        self._places = torch.zeros(most, 3, dtype=torch.int64, device=device)  # start, size
        self._facts = torch.zeros(most, facts, device=device)
        self._rising = torch.full((most,), 2.0, dtype=torch.float64, device=device)
        self._groups: list[str] = []
        self._used = 0

    def __len__(self) -> int:
        return len(self._groups)

    def add(self, pictures: Iterable[tuple[str, Planes, list[float]]]) -> None:
        """Add (group, planes, facts) as long as there is room; share out anew what is drawn."""
        for group, planes, facts in pictures:
            height, width = next(iter(planes.values())).shape[:2]
            end = self._used + height * width
            if len(self) == self.most or end > self.pixels:
                break
            for name, plane in self._planes.items():
                flat = np.ascontiguousarray(planes[name]).reshape(height * width, -1)
                plane[self._used : end] = torch.from_numpy(flat).to(self.device).to(plane.dtype)
            self._places[len(self)] = torch.tensor([self._used, height, width])
            self._facts[len(self)] = torch.tensor(facts)
            self._groups.append(group)
            self._used = end
        counts = Counter(self._groups)
        weights = np.array([self.shares[g] / counts[g] for g in self._groups])
        rising = np.cumsum(weights / weights.sum())
        rising[-1] = 1.5  # whatever rounding left of 1
        self._rising[: len(self)] = torch.from_numpy(rising).to(self.device)

    def crops(self, batch: int, side: int, grid: int) -> tuple[dict[str, Tensor], Tensor]:
        """Draw crops whose corners lie on a grid, turned and mirrored at random.

        Returns:
            (name -> (B, C, side, side), facts of the pictures (B, F)).
        """
        device = self.device
        luck = torch.rand(batch, dtype=torch.float64, device=device)
        drawn = torch.searchsorted(self._rising, luck).clamp(max=self.most - 1)
        start, height, width = self._places[drawn].unbind(1)
        corners = []
        for length in (height, width):
            steps = torch.div(length - side, grid, rounding_mode="floor") + 1
            at = (torch.rand(batch, device=device) * steps).long()
            corners.append(torch.minimum(at, steps - 1) * grid)
        up, across, diagonal = (torch.rand(batch, 3, device=device) < 0.5)[..., None, None].unbind(
            1
        )
        i = torch.arange(side, device=device)[None, :, None]
        j = torch.arange(side, device=device)[None, None, :]
        row, column = torch.where(diagonal, j, i), torch.where(diagonal, i, j)
        row = torch.where(up, side - 1 - row, row)
        column = torch.where(across, side - 1 - column, column)
        top, left, start, width = (x[:, None, None] for x in (*corners, start, width))
        index = start + (top + row) * width + left + column
        found = {name: p[index].permute(0, 3, 1, 2) for name, p in self._planes.items()}
        return found, self._facts[drawn]
