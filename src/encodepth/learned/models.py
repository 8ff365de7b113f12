"""The models at work, by name or by the fingerprint in a stream; each is opened when first used."""

from __future__ import annotations

import importlib
import os
import re
from collections.abc import Container, Iterator
from itertools import chain
from typing import Any

import numpy as np

from ..errors import EncodepthError, InvalidSettingError, ModelNotFoundError
from .plane import FORMAT as PLANE
from .plane import Plane
from .restore import FORMAT as RESTORE
from .restore import Restorer
from .restore_color import FORMAT as RESTORE_COLOR
from .restore_color import ColorRestorer
from .runtime import Runtime
from .weights import TCM, find_weights, format_of, installed, read_weights

DEVICES = ("auto", "cpu", "cuda")
_CUDA = re.compile(r"cuda:\d+")
Model = Plane | Restorer | ColorRestorer
LIGHT: dict[str, type[Any]] = {
    PLANE: Plane,
    RESTORE: Restorer,
    RESTORE_COLOR: ColorRestorer,
}
_TORCH = {  # format -> (module, function) that opens it, the extra that brings what it needs
    TCM: ("encodepth.thesis.model:load", "thesis"),
}


def open_model(
    name_or_path: str | os.PathLike[str] = "base",
    threads: int | None = None,
    device: str = "cpu",
) -> Any:
    """Open a shipped model by name, or a weights file of any family.

    Args:
        name_or_path: "base", "restore", or a file.
        threads: that it uses; as many as this process may use, at most 8, if None.
        device: for families that run in torch; those that ship run on the CPU.

    Returns:
        `Plane` (colour), `Restorer`, or what the family's own row gives.

    Raises:
        ModelNotFoundError: no model of that name, or the file cannot be used.
        EncodepthError: the family needs packages that are not installed.
    """
    path = find_weights(name_or_path)
    form = format_of(path)
    if form in _TORCH:
        return _open_elsewhere(path, form, device)
    if form not in LIGHT:
        known = ", ".join(sorted({*LIGHT, *_TORCH}))
        raise ModelNotFoundError(f"weights {path} are of format {form}; this build knows {known}")
    weights = read_weights(path)
    return LIGHT[form](weights, Runtime(weights, threads))


def _open_elsewhere(path: os.PathLike[str], form: str, device: str) -> Any:
    where, extra = _TORCH[form]
    module, function = where.split(":")
    try:
        return getattr(importlib.import_module(module), function)(path, device)
    except ModuleNotFoundError as error:
        raise EncodepthError(
            f"weights {path} ({form}) need {error.name}; pip install 'encodepth[{extra}]'"
        ) from None


class Models(dict[str, Any]):
    """Models by name; one that is asked for and not here yet is opened.

    Args:
        model: what codes: a shipped model's name, a weights file, or an opened model.
        threads, device: as `open_model` takes them.
    """

    def __init__(
        self,
        model: str | os.PathLike[str] | Any = "base",
        threads: int | None = None,
        device: str = "cpu",
    ) -> None:
        super().__init__()
        if device not in DEVICES and not _CUDA.fullmatch(device):
            raise InvalidSettingError(f'no device "{device}"; there are {", ".join(DEVICES)}')
        self._threads, self._device = threads, device
        if isinstance(model, str | os.PathLike):
            self.name = os.fspath(model)
        else:
            self.name = "the given model"
            self[self.name] = model

    @property
    def own(self) -> Any:
        """The model that codes."""
        return self[self.name]

    def has(self, name: str) -> bool:
        """Whether the model of a name can be opened."""
        try:
            self[name]
        except EncodepthError:
            return False
        return True

    def of(self, fingerprint: int, task: str, what: str) -> Any:
        """Return the model whose weights a stream was made with: ours, or any that is installed.

        Args:
            fingerprint: that the stream names.
            task: a method that the model has, "decode" or "restore".
            what: the stream in an error's words, "colour".

        Raises:
            ModelNotFoundError: none is.
        """
        missing: EncodepthError | None = None
        own = dict.fromkeys([*self, self.name])
        for name in chain(own, self._made_with(fingerprint, own)):
            try:
                model = self[name]
            except EncodepthError as error:
                missing = missing or error
                continue
            if model.fingerprint == fingerprint and hasattr(model, task):
                return model
        raise ModelNotFoundError(
            f"the {what} stream needs weights {fingerprint:08x}, which are not installed "
            "(encodepth models lists all)" + (f"; {missing}" if missing else "")
        )

    def _made_with(self, fingerprint: int, known: Container[str]) -> Iterator[str]:
        """Yield the names of installed models of that fingerprint, and of damaged ones."""
        for record in installed():
            if record.name in known:
                continue
            try:
                if read_weights(record.path).fingerprint != fingerprint:
                    continue
            except ModelNotFoundError:
                pass  # opening it says what is wrong
            yield record.name

    def __missing__(self, name: str) -> Any:
        self[name] = open_model(name, self._threads, self._device)
        return self[name]


class Unrestoring:
    """Models of which those that restore leave pictures as they were decoded, in no time.

    Args:
        models: where the others are.
    """

    def __init__(self, models: Models) -> None:
        self._models = models

    def of(self, fingerprint: int, task: str, what: str) -> Any:
        """As `Models.of`, but for networks that restore."""
        return (
            self
            if task in ("restore", "restore_color")
            else self._models.of(fingerprint, task, what)
        )

    def restore(self, plane: np.ndarray, *_: object) -> np.ndarray:
        """Return the plane as it is."""
        return plane

    def restore_color(self, decoded: np.ndarray, *_: object) -> np.ndarray:
        """Return the picture as it is, rounded."""
        return np.rint(decoded).astype(np.uint8)
