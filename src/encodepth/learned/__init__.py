"""The networks that ship, at work without torch: weights, graphs, symbols, tiles.

`open_model` gives a model by name. What decides a symbol is exact integers on whatever runs it
(docs/models.md); what shapes a picture is float and may differ by a level between machines.
"""

from .models import Model, Models, open_model
from .plane import Coded, Latent, Plane
from .restore import Restorer, size_of, strength_of
from .weights import ModelRecord, find_weights, list_models

load_model = open_model

__all__ = [
    "Coded",
    "Latent",
    "Model",
    "ModelRecord",
    "Models",
    "Plane",
    "Restorer",
    "find_weights",
    "list_models",
    "load_model",
    "open_model",
    "size_of",
    "strength_of",
]
