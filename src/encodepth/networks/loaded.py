"""The models at work, by name or by the fingerprint in a stream; each is loaded when first used.

Torch is imported only then, so that files without learned streams need none.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from ..errors import EncodepthError, ModelNotFoundError

if TYPE_CHECKING:
    from ..thesis.model import TcmModel
    from .base import BaseModel

    Model = BaseModel | TcmModel


class Loaded(dict[str, Any]):
    """Models by name; one that is asked for and not here yet is loaded.

    Args:
        model: what codes: a shipped model's name, a weights file, or a loaded model.
        device: "cpu", "cuda", or "auto" for cuda where there is one.
    """

    def __init__(self, model: str | os.PathLike[str] | Model, device: str) -> None:
        super().__init__()
        self._device = device
        if isinstance(model, str | os.PathLike):
            self.name = os.fspath(model)
        else:
            self.name = "the given model"
            self[self.name] = model

    @property
    def own(self) -> Model:
        """The model that codes."""
        return self[self.name]

    def has(self, name: str) -> bool:
        """Whether the model of a name can be loaded."""
        try:
            self[name]
        except ModelNotFoundError:
            return False
        return True

    def of(self, weights: int, task: str, modality: str) -> Any:
        """Return the model of a fingerprint: ours, or any that is installed.

        Args:
            weights: the fingerprint that a stream names.
            task: a method that the model has.
            modality: of the stream.
        """
        from .weights import list_models

        missing: EncodepthError | None = None
        for name in dict.fromkeys([*self, self.name, *(r.name for r in list_models())]):
            try:
                model = self[name]
            except ModelNotFoundError as error:
                missing = missing or error
                continue
            if model.fingerprint == weights and hasattr(model, task):
                return model
        raise ModelNotFoundError(
            f"the {modality} stream needs weights {weights:08x}, which are not installed "
            "(encodepth models lists all)" + (f"; {missing}" if missing else "")
        )

    def __missing__(self, name: str) -> Any:
        import torch

        from .base import load_model

        device = self._device
        if device == "auto":
            device = "cuda" if torch.cuda.is_available() else "cpu"
        self[name] = load_model(name, device)
        return self[name]
