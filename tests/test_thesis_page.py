"""docs/thesis.md names functions, tests and pages; every one of them must exist."""

import importlib
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "thesis.md").read_text(encoding="utf-8")
SHORT = {  # names that stand alone on the page, in the package they belong to
    "TCM": "thesis.tcm.TCM",
    "TcmConfig": "thesis.rows.TcmConfig",
    "RBU": "thesis.resample.RBU",
    "ESA": "thesis.fusion.ESA",
    "Synthesis": "thesis.nets.Synthesis",
}
NAMES = sorted(
    {
        name
        for name in re.findall(r"`([A-Za-z_]\w*(?:\.\w+)*)(?:\([^`]*\))?`", PAGE)
        if name.split(".")[0] in SHORT or ("." in name and not name.endswith((".py", ".md")))
    }
)


def resolve(name):
    """Import the longest part that is a module and follow the rest."""
    first, *rest = name.split(".")
    parts = [*SHORT.get(first, first).split("."), *rest]
    for cut in range(len(parts), 0, -1):
        try:
            found = importlib.import_module("encodepth." + ".".join(parts[:cut]))
        except ModuleNotFoundError:
            continue
        for part in parts[cut:]:
            found = getattr(found, part)
        return found
    raise ModuleNotFoundError(name)


@pytest.mark.parametrize("name", NAMES)
def test_every_function_on_the_page_exists(name):
    assert resolve(name) is not None


def test_the_page_names_what_it_should():
    assert len(NAMES) > 30
    assert {"TCM.compress", "thesis.swin.SwinBlock", "metrics.psnr"} <= set(NAMES)
    with pytest.raises((ModuleNotFoundError, AttributeError)):
        resolve("thesis.swin.NoSuchBlock")


def test_every_test_page_and_script_exists():
    tests = set(re.findall(r"`(test_\w+\.py)`", PAGE))
    pages = set(re.findall(r"\]\(([\w.]+\.md)\)", PAGE))
    scripts = set(re.findall(r"`((?:runs|results)/[\w./]+)`", PAGE))
    assert all((ROOT / "tests" / name).is_file() for name in tests), tests
    assert all((ROOT / "docs" / name).is_file() for name in pages), pages
    assert all((ROOT / name).is_file() for name in scripts), scripts
    assert len(tests) > 8
    assert pages
    assert scripts


def test_every_row_says_where_it_stands():
    rows = [line for line in PAGE.splitlines() if line.startswith("|") and line.count("|") == 6]
    ends = [row.rstrip("|").rsplit("|", 1)[1].strip() for row in rows]
    assert len(rows) > 35
    assert all(ends), [row for row, end in zip(rows, ends, strict=True) if not end]
