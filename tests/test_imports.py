"""The house's direction: a layer imports only from layers before it, and torch only when used."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "src" / "encodepth"

LAYERS: tuple[tuple[str, ...], ...] = (
    ("errors",),
    ("image",),
    ("container",),
    (
        *("arithmetic", "lanes", "mixing", "surface", "surface_contexts", "surface_predict"),
        *("values", "mask_pixels", "mask", "lossless", "jpegxl", "libavif", "avif"),
    ),
    ("nn",),
    ("entropy",),
    ("models",),
    ("search", "streams", "codec"),
    ("metrics",),
    ("data",),
    ("train",),
    ("evaluate",),
    ("view",),
    ("cli",),
)
RANK = {name: rank for rank, names in enumerate(LAYERS) for name in names}
WITHOUT_TORCH = ("errors", "image", "container", *LAYERS[3], *LAYERS[7], "cli", "__init__")
MODULES = sorted(PACKAGE.rglob("*.py"))


def imports(path: Path, *, at_import: bool = False) -> Iterator[str]:
    """Yield the dotted name of every import in a module; `at_import` leaves out those in functions.

    Relative imports come out as absolute ones; `from a import b` as "a.b".
    """
    package = ["encodepth", *path.relative_to(PACKAGE).parts[:-1]]
    todo: list[ast.AST] = [ast.parse(path.read_text(encoding="utf-8"))]
    while todo:
        node = todo.pop()
        if at_import and isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            start = ".".join([*base, *([node.module] if node.module else [])])
            yield from (f"{start}.{alias.name}" for alias in node.names)
        todo += ast.iter_child_nodes(node)


def top_of(name: str) -> str | None:
    """Return the layer's module that a dotted name lies in, None outside the package."""
    parts = name.split(".")
    return parts[1] if parts[0] == "encodepth" and len(parts) > 1 else None


def module_of(path: Path) -> str:
    """Return the layer's module that a file lies in."""
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_a_layer_imports_only_from_layers_before_it(path):
    own = module_of(path)
    if own == "__init__":
        return  # the public names, which load on first use
    assert own in RANK, f"{own} is in no layer; add it to LAYERS"
    for name in imports(path):
        other = top_of(name)
        if other is None or other == own or other.startswith("__"):
            continue
        assert other in RANK, f"{path.name} imports {name}, which is in no layer"
        assert RANK[other] <= RANK[own], f"{own} imports {other}, a later layer"


def test_the_direction_test_sees_relative_absolute_and_late_imports(tmp_path, monkeypatch):
    monkeypatch.setitem(globals(), "PACKAGE", tmp_path)
    (tmp_path / "nn").mkdir()
    path = tmp_path / "nn" / "conv.py"
    path.write_text(
        "import encodepth.cli.main\nfrom ..codec import decode\nfrom . import fusion\n"
        "def late():\n    from ..train.loop import train\n    import torch\n"
    )
    found = sorted(imports(path))
    assert found == [
        "encodepth.cli.main",
        "encodepth.codec.decode",
        "encodepth.nn.fusion",
        "encodepth.train.loop.train",
        "torch",
    ]
    assert [top_of(name) for name in found] == ["cli", "codec", "nn", "train", None]
    assert "torch" not in imports(path, at_import=True)


@pytest.mark.parametrize(
    "path",
    [path for path in MODULES if module_of(path) in WITHOUT_TORCH],
    ids=lambda p: str(p.relative_to(PACKAGE)),
)
def test_no_torch_at_import_where_none_is_needed(path):
    for name in imports(path, at_import=True):
        assert name.split(".")[0] != "torch", f"{path.name} imports {name} at import"


HEAVY = "print(sorted({'torch', 'scipy', 'matplotlib', 'rich', 'imagecodecs'} & set(sys.modules)))"


def loaded_by(code: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", f"import sys\n{code}\n{HEAVY}"],
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.splitlines()[-1]


def test_importing_the_package_loads_nothing_heavy():
    assert loaded_by("import encodepth") == "[]"


def test_the_codec_module_itself_loads_no_torch():
    assert "torch" not in loaded_by("import encodepth.codec")


PUBLIC = [
    "Codec",
    "Coding",
    "Container",
    "CorruptFileError",
    "DesyncError",
    "EncodepthError",
    "Intrinsics",
    "InvalidImageError",
    "Kind",
    "ModelNotFoundError",
    "RgbdImage",
    "Stream",
    "bd_rate",
    "decode",
    "encode",
    "inspect",
    "list_models",
    "load_model",
    "read",
    "write",
]


def test_the_public_names_are_these():
    import encodepth

    assert encodepth.__all__ == PUBLIC
    assert set(PUBLIC) <= set(dir(encodepth))


@pytest.mark.parametrize("name", PUBLIC)
def test_a_public_name_loads_and_is_documented(name):
    import encodepth

    assert getattr(encodepth, name).__doc__


def test_an_unknown_name_is_an_attribute_error():
    import encodepth

    with pytest.raises(AttributeError, match="no attribute 'enocde'"):
        encodepth.enocde  # noqa: B018
