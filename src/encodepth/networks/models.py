"""Models that ship, opened in torch: for checking and measuring; coding files needs none of it."""

from __future__ import annotations

import os

from ..errors import ModelNotFoundError
from ..learned.plane import FORMAT as PLANE
from ..learned.plane import PRICE, Plane
from ..learned.restore import FORMAT as RESTORE
from ..learned.restore_color import FORMAT as RESTORE_COLOR
from ..learned.weights import find_weights, format_of, read_weights
from .color_restorer import ColorRestorer
from .in_torch import InTorch
from .pieces import pieces_of
from .restorer import Restorer
from .restorer_weights import load_color_restorer, load_restorer
from .weights import KIND, model_of


def open_in_torch(
    name_or_path: str | os.PathLike[str] = "base",
    device: str = "cpu",
    *,
    low_precision: bool = False,
    price: float = PRICE,
) -> Plane | Restorer | ColorRestorer:
    """Open a shipped model by name, or a weights file of a family that ships.

    Args:
        name_or_path: "base", "restore", "restore-color", or a file.
        device: where it runs.
        low_precision: learned colour: run what is float in bfloat16.
        price: learned colour: as `Plane` takes it.

    Raises:
        ModelNotFoundError: no model of that name, or the file cannot be used.
    """
    path = find_weights(name_or_path)
    form = format_of(path)
    if form == RESTORE:
        return load_restorer(path, device)
    if form == RESTORE_COLOR:
        return load_color_restorer(path, device)
    if form != PLANE:
        raise ModelNotFoundError(f"weights {path} are of format {form}, of no family that ships")
    weights = read_weights(path)
    pieces = pieces_of(model_of(weights, device))
    networks = {f"{KIND}/{name}": piece for name, piece in pieces.items()}
    return Plane(weights, InTorch(networks, device, low_precision), price=price)
