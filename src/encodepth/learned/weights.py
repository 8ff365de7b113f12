"""Weights on disk: safetensors with fp16 floats, int8 integer layers, tables, graphs, and a card.

What decides a symbol is stored as integers and used as stored; only what shapes the picture is
stored as fp16. A stream's fingerprint is a hash over its decoder's tensors and tables; the graphs
say how the tensors are used, as version 1 of the family does, and are no part of it.
"""

from __future__ import annotations

import difflib
import hashlib
import json
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import ModelNotFoundError

SHIPPED = Path(__file__).parents[1] / "weights"
ENCODER_ONLY = ("g_a.", "context.hyper.enter.", "context.hyper.down.", "context.hyper.encode.")
TCM = "encodepth-tcm-1"  # one network in torch: no plane's name stands before its tensors
TCM_ENCODER_ONLY = ("g_a.", "h_a.", "z_prior.matrices", "z_prior.biases", "z_prior.factors")
GRAPH = "graph/"  # before the name of a graph among the tensors
Arrays = dict[str, NDArray[Any]]
_OLD = re.compile(r"-\d+\.\d+$")  # a version, behind a name


@dataclass(frozen=True)
class Graph:
    """A network without its weights.

    Attributes:
        model: an ONNX file whose weights are external data that lies nowhere.
        weights: the names of the tensors that it needs.
    """

    model: bytes
    weights: tuple[str, ...]


@dataclass(frozen=True)
class Weights:
    """A file of weights.

    Attributes:
        path: where it lies.
        format: the family, "encodepth-base-1" for one.
        config: what the network is made of.
        arrays: tensor and table names ("color/...") -> as stored.
        graphs: names ("color/synthesis") -> graphs.
    """

    path: Path
    format: str
    config: dict[str, Any]
    arrays: Arrays
    graphs: dict[str, Graph]

    @property
    def fingerprint(self) -> int:
        """First 32 bits of the hash of all that decoding needs."""
        return fingerprint(_of_tcm(self.arrays) if self.format == TCM else self.arrays)

    def graph(self, name: str) -> Graph:
        """Return a graph.

        Raises:
            ModelNotFoundError: the file has no such graph.
        """
        if name not in self.graphs:
            raise ModelNotFoundError(
                f'weights {self.path} hold no graph "{name}"; draw it with '
                f"python -m encodepth.networks.export {self.path}"
            )
        return self.graphs[name]

    def tensor(self, name: str) -> NDArray[np.float32]:
        """Return a tensor as a network uses it: fp16 widened, integers as they are."""
        return np.ascontiguousarray(self.arrays[name], dtype=np.float32)


@dataclass(frozen=True)
class ModelRecord:
    """A model that is installed."""

    name: str
    path: Path
    card: Path
    bytes: int


def read_weights(path: str | Path) -> Weights:
    """Read a file of weights of any family.

    Raises:
        ModelNotFoundError: no such file, or no weights of encodepth.
    """
    import safetensors

    with naming_failures(path):
        with safetensors.safe_open(path, framework="numpy") as file:
            metadata = file.metadata() or {}
            arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        form, config = metadata.get("format", ""), json.loads(metadata.get("config", "{}"))
        names: Mapping[str, list[str]] = json.loads(metadata.get("graphs", "{}"))
        graphs = {
            name: Graph(arrays.pop(GRAPH + name).tobytes(), tuple(weights))
            for name, weights in names.items()
        }
    if not form.startswith("encodepth-"):
        raise ModelNotFoundError(f"{path} holds no weights of encodepth")
    return Weights(Path(path), form, config, arrays, graphs)


def format_of(path: str | Path) -> str:
    """Return the family that a file of weights says it belongs to; tensors are not read.

    Raises:
        ModelNotFoundError: no such file, or no weights of encodepth.
    """
    import safetensors

    with naming_failures(path), safetensors.safe_open(path, framework="numpy") as file:
        form: str = (file.metadata() or {}).get("format", "")
    if not form.startswith("encodepth-"):
        raise ModelNotFoundError(f"{path} holds no weights of encodepth")
    return form


def with_graphs(arrays: Arrays, graphs: Mapping[str, Graph]) -> tuple[Arrays, dict[str, str]]:
    """Return (arrays with graphs among them, the metadata that says so), ready to be stored."""
    stored = {n: a for n, a in arrays.items() if not n.startswith(GRAPH)}
    for name, graph in graphs.items():
        stored[GRAPH + name] = np.frombuffer(graph.model, np.uint8)
    return stored, {"graphs": json.dumps({n: g.weights for n, g in graphs.items()})}


def fingerprint(arrays: Mapping[str, NDArray[Any]]) -> int:
    """Return the first 32 bits of SHA-256 over the decoder-side arrays ("color/...", by name)."""
    digest = hashlib.sha256()
    for name in sorted(arrays):
        if name.startswith(GRAPH) or name.split("/", 1)[1].startswith(ENCODER_ONLY):
            continue
        array = arrays[name]
        digest.update(f"{name} {array.dtype.str} {array.shape} ".encode())
        digest.update(np.ascontiguousarray(array).tobytes())
    return int.from_bytes(digest.digest()[:4], "big")


def _of_tcm(arrays: Arrays) -> Arrays:
    """Return what decides a symbol of the thesis's rows, as torch has it: fp16 widened."""
    return {
        f"tcm/{name}": array.astype(np.float32) if array.dtype == np.float16 else array
        for name, array in arrays.items()
        if not name.startswith(TCM_ENCODER_ONLY)
    }


@contextmanager
def naming_failures(path: str | Path) -> Iterator[None]:
    """Turn whatever goes wrong with a weights file into a ModelNotFoundError that names it."""
    import safetensors

    try:
        yield
    except (OSError, safetensors.SafetensorError) as error:
        raise ModelNotFoundError(f"cannot read weights {path}: {error}") from None
    except (KeyError, TypeError, ValueError, RuntimeError) as error:
        reason = str(error).splitlines()[-1].strip().rstrip(".")
        raise ModelNotFoundError(f"weights {path} do not fit their model: {reason}") from None


def list_models() -> list[ModelRecord]:
    """Return the models that are installed: those that ship, then other packages', by name.

    A package brings weights by an entry point of the group "encodepth.weights" that names a module
    whose folder holds them, each with its card; a name that ships stays what it is.
    """
    return list(installed())


def installed() -> Iterator[ModelRecord]:
    """Yield what `list_models` lists; other packages are looked for when what ships is through."""
    names: set[str] = set()
    for folder in _folders():
        for path in sorted(folder.glob("*.safetensors"), key=_age):
            if path.stem not in names:
                names.add(path.stem)
                yield ModelRecord(path.stem, path, path.with_suffix(".md"), path.stat().st_size)


def _age(path: Path) -> tuple[bool, str]:
    """Return what sorts weights of versions before behind those of today: their files are rarer."""
    return _OLD.search(path.stem) is not None, path.stem


def _folders() -> Iterator[Path]:
    yield SHIPPED
    yield from _brought()


@cache
def _brought() -> tuple[Path, ...]:
    """Return the folders of weights that other packages bring."""
    from importlib.metadata import entry_points
    from importlib.util import find_spec

    specs = [find_spec(point.value) for point in entry_points(group="encodepth.weights")]
    return tuple(Path(spec.origin).parent for spec in specs if spec and spec.origin)


def find_weights(name_or_path: str | os.PathLike[str]) -> Path:
    """Return the weights file of a shipped name, or the path itself if it is a file.

    Raises:
        ModelNotFoundError: neither; names the nearest shipped model.
    """
    name = os.fspath(name_or_path)
    names = []
    for record in installed():
        if record.name == name:
            return record.path
        names.append(record.name)
    if Path(name).is_file():
        return Path(name)
    near = difflib.get_close_matches(name, names, n=1)
    hint = f'; did you mean "{near[0]}"?' if near else ""
    raise ModelNotFoundError(f'no model "{name}"{hint} (encodepth models lists all)')
