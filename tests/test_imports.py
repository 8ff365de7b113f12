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
    ("cores", "errors", "files", "packing", "modalities"),
    ("frame",),
    ("metrics", "native", "turning"),
    ("container", "learned", "planar"),
    ("codings",),
    ("plan", "search", "references"),
    ("settings",),
    ("networks",),
    ("codec",),
    ("info", "sequence"),
    ("io",),
    ("scenes",),
    ("torch",),
    ("train",),
    ("evaluate",),
    ("view",),
    ("report",),
    ("thesis",),
    ("cli",),
)
RANK = {name: rank for rank, names in enumerate(LAYERS) for name in names}
EARLY = [name for layer in LAYERS[:12] for name in layer if name != "networks"]
WITHOUT_TORCH = (*EARLY, "cli", "__init__")
WITHIN: dict[str, tuple[tuple[str, ...], ...]] = {  # the same direction inside a room
    "thesis": (
        ("__init__", "bound", "derived", "rows", "tables", "colormap", "slices"),
        ("gdn", "swin", "prior"),
        ("resample", "conditional", "grey"),
        ("public_names", "public_file"),
        ("blocks", "fusion", "swatten"),
        ("nets",),
        ("tcm",),
        ("weights", "random", "openvino", "public", "linear_parts"),
        ("model", "start", "painted", "linear_prior", "rescale"),
        ("linear",),
        ("task", "cost", "sections", "maps", "importing"),
    ),
    "evaluate": (
        ("__init__", "records", "frames", "plane", "coders", "counting", "timing"),
        ("fields", "load", "measures", "pooling", "single"),
        ("baselines", "videos", "ours", "means", "curves", "clips"),
        ("recorded", "over_time"),
        ("kinds", "comparison", "cost"),
        ("runner", "compare", "subjects", "cost_tables"),
    ),
    "report": (
        ("__init__", "html", "chart", "names"),
        ("looks", "pictures"),
        ("numbers", "decoding", "plot"),
        ("sections",),
        ("page",),
    ),
}
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


@pytest.mark.parametrize(
    "path",
    [path for path in MODULES if module_of(path) in WITHIN],
    ids=lambda p: str(p.relative_to(PACKAGE)),
)
def test_inside_a_room_imports_go_one_way_too(path):
    room, own = (part.removesuffix(".py") for part in path.relative_to(PACKAGE).parts[:2])
    rank = {name: rank for rank, names in enumerate(WITHIN[room]) for name in names}
    assert own in rank, f"{room}/{own} is in no layer; add it to WITHIN"
    for name in imports(path):
        parts = name.split(".")
        if parts[:2] != ["encodepth", room] or parts[2] == own or parts[2] not in rank:
            continue
        assert rank[parts[2]] < rank[own], f"{room}/{own} imports {name}, which is not before it"


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
    "CorruptFileError",
    "DesyncError",
    "EncodepthError",
    "FileInfo",
    "Frame",
    "Intrinsics",
    "InvalidImageError",
    "InvalidSettingError",
    "ModelNotFoundError",
    "Reader",
    "RgbdImage",
    "Writer",
    "bd_rate",
    "decode",
    "encode",
    "inspect",
    "kept_jpeg",
    "list_models",
    "load_model",
    "open_dataset",
    "read",
    "record",
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
