"""Bad data is named file by file, skipped or refused as the caller chose, and never a crash."""

import json

import numpy as np
import pytest
from PIL import Image

import data_trees as trees
from encodepth.cli.main import main
from encodepth.errors import EncodepthError
from encodepth.io.check import check, usable
from encodepth.io.dataset import open_dataset
from shared import SHARED

UNKNOWN_UNIT = (
    'nothing says the depth unit of "office"; taken as 0.001 m a step (--depth-unit says otherwise)'
)


def cut(path):
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def damage(root):
    """Write six pairs and spoil four of them; return the names of the sound ones."""
    names = [f"{i:06d}" for i in range(6)]
    trees.folder(root, names)
    cut(root / "depth" / "000001.png")
    cut(root / "color" / "000002.png")
    Image.fromarray(trees.color()[..., 0]).save(root / "depth" / "000003.png")
    Image.fromarray(np.zeros((12, 16), np.uint16)).save(root / "depth" / "000004.png")
    return ["000000", "000005"]


def test_a_sound_dataset_has_no_problems(tmp_path):
    trees.folder(tmp_path, depth_units_per_meter=1000)
    report = check(tmp_path)
    assert (report.pairs, report.usable, report.problems) == (2, 2, ())
    assert report.sizes == {"16x12": 2}


@pytest.mark.parametrize("jobs", [1, 3])
def test_every_broken_file_is_named_once_with_its_fault(tmp_path, jobs):
    damage(tmp_path)
    trees.save(tmp_path / "color" / "000009.png", trees.color())
    report = check(tmp_path, jobs=jobs)
    faults = {str(p.path.relative_to(tmp_path)): str(p) for p in report.problems if p.fatal}
    assert (report.pairs, report.usable, report.broken) == (6, 2, 5)
    assert set(faults) == {
        "color/000009.png",
        "depth/000001.png",
        "color/000002.png",
        "depth/000003.png",
        "depth/000004.png",
    }
    assert "no depth of that name" in faults["color/000009.png"]
    assert "cannot be read" in faults["depth/000001.png"]
    assert "cannot be read" in faults["color/000002.png"]
    assert "is 8-bit grey; expected one channel of 16 bits" in faults["depth/000003.png"]
    assert "every pixel of depth is a hole" in faults["depth/000004.png"]


@pytest.mark.parametrize("jobs", [1, 3])
def test_broken_pairs_are_skipped_in_order_and_told(tmp_path, jobs):
    sound = damage(tmp_path)
    told = []
    found = list(usable(open_dataset(tmp_path), on_error="skip", jobs=jobs, tell=told.append))
    assert [pair.frame for pair, _ in found] == sound
    assert len(told) == 4


def test_broken_pairs_are_refused_on_request(tmp_path):
    damage(tmp_path)
    with pytest.raises(EncodepthError, match=r"000001\.png cannot be read"):
        list(usable(open_dataset(tmp_path), on_error="raise"))


def test_a_file_that_vanishes_during_a_run_is_one_more_bad_pair(tmp_path):
    trees.folder(tmp_path)
    data = open_dataset(tmp_path)
    (tmp_path / "depth" / "000000.png").unlink()
    assert [p.frame for p, _ in usable(data, on_error="skip")] == ["000001"]


@pytest.mark.parametrize(
    ("change", "doubt"),
    [
        (lambda mm: mm // 14, "8 bits in a 16-bit file"),
        (lambda mm: mm // 14 * 257, "8 bits stretched to 16"),
        (lambda mm: mm * 5, "depth unit 0.0002"),
        (lambda mm: mm * 8, "rotated as in SUN RGB-D"),
        (lambda mm: mm * 27, "half of it is beyond 45.1 m if a step is 0.001 m"),
        (lambda mm: mm // 28 + 1, "8 bits in a 16-bit file"),
        (lambda mm: mm // 28 + 230 * (mm > 0), None),
    ],
)
def test_a_wrong_unit_is_suspected_but_not_refused(tmp_path, change, doubt):
    trees.folder(tmp_path, ("0",), depth_units_per_meter=1000)
    changed = change(trees.depth().astype(int))
    trees.save(tmp_path / "depth" / "0.png", changed.astype(np.uint16))
    report = check(tmp_path)
    assert report.usable == 1
    assert report.broken == 0
    assert [doubt in p.message for p in report.problems] == ([] if doubt is None else [True])


def test_a_unit_that_makes_everything_tiny_is_suspected(tmp_path):
    trees.folder(tmp_path, ("0",))
    report = check(tmp_path, depth_unit=0.00001)
    assert "median is 0.0167 m if a step is 1e-05 m" in report.problems[0].message


def run(*arguments, capsys):
    with pytest.raises(SystemExit) as stopped:
        main(arguments)
    said = capsys.readouterr()
    return stopped.value.code or 0, said.out, said.err


def test_the_command_says_what_it_found(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    trees.folder(tmp_path / "office")
    status, out, err = run("data", "check", "office", capsys=capsys)
    assert (status, err) == (0, f"encodepth: doubtful: {UNKNOWN_UNIT}\n")
    assert out == (
        "office: folder\n2 of 2 pairs are usable (2 of 16x12)\n"
        "  office  2  unit 0.001 m (assumed, nothing says it), depth 1.007 to 2.338 m, "
        "camera unknown\n"
    )


def test_the_command_names_what_is_broken_and_fails(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    trees.folder(tmp_path / "office")
    Image.fromarray(trees.color()[..., 0]).save("office/depth/000001.png")
    status, out, err = run("data", "check", "office", capsys=capsys)
    assert status == 1
    assert out.splitlines()[1] == "1 of 2 pairs are usable (1 of 16x12)"
    assert err == (
        "encodepth: depth file office/depth/000001.png is 8-bit grey; "
        f"expected one channel of 16 bits\nencodepth: doubtful: {UNKNOWN_UNIT}\n"
    )


def test_the_command_goes_on_after_a_bad_folder(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    trees.folder(tmp_path / "office")
    status, out, err = run("data", "check", "nowhere", "office", "--json", capsys=capsys)
    assert status == 1
    assert err == "encodepth: nowhere does not exist\n"
    assert json.loads(out)["usable"] == 2


@pytest.mark.skipif(not SHARED.is_dir(), reason="the real frames are not here")
def test_the_real_validation_frames_are_usable():
    report = check(SHARED / "data" / "val", jobs=2)
    assert report.usable == report.pairs == 36
    assert report.broken == 0
