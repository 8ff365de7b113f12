"""Training with all pictures on a device (runs/gpu), tried on the CPU: crops and steps."""

import sys
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="training needs torch")
sys.path.insert(0, str(Path(__file__).parents[1]))

from runs.gpu.jobs import JOBS  # noqa: E402
from runs.gpu.step import Step  # noqa: E402
from runs.gpu.store import Store  # noqa: E402

CPU = torch.device("cpu")
SMALL = ["model.widths=[8, 8, 8]", "model.blocks=[0, 1, 1, 1, 0]"]


def numbered(height, width, which):
    """Return a picture whose samples say where they are from."""
    y, x = np.mgrid[:height, :width]
    return np.stack([np.full_like(y, which), y, x], axis=-1).astype(np.float32)


def test_crops_are_squares_of_one_picture_on_the_grid():
    store = Store({"plane": (torch.float32, 3)}, 1, {"a": 0.5, "b": 0.5}, 10000, CPU, most=8)
    sizes = {0: (40, 30), 1: (25, 33), 2: (16, 16)}
    store.add([("ab"[n % 2], {"plane": numbered(*sizes[n], n)}, [10.0 * n]) for n in sizes])
    torch.manual_seed(0)
    planes, facts = store.crops(200, 16, 8)
    seen = set()
    for crop, fact in zip(planes["plane"].numpy(), facts[:, 0].tolist(), strict=True):
        which, y, x = crop
        n = int(which[0, 0])
        assert np.all(which == n)
        assert fact == 10 * n
        top, left = int(y.min()), int(x.min())
        assert top % 8 == left % 8 == 0
        assert top + 16 <= sizes[n][0]
        assert left + 16 <= sizes[n][1]
        along = sorted((int(y[1, 0] - y[0, 0]), int(x[1, 0] - x[0, 0])), key=abs)
        assert along[0] == 0  # turned by quarters and mirrored, nothing else
        assert abs(along[1]) == 1
        assert len({(int(a), int(b)) for a, b in zip(y.ravel(), x.ravel(), strict=True)}) == 256
        seen.add((n, top, left, bool(y[1, 0] != y[0, 0])))
    assert {n for n, *_ in seen} == {0, 1, 2}
    assert len({turned for *_, turned in seen}) == 2


def test_groups_are_drawn_by_their_shares():
    store = Store({"plane": (torch.uint8, 1)}, 0, {"a": 0.9, "b": 0.1}, 10000, CPU, most=8)
    store.add([(g, {"plane": np.full((8, 8, 1), g == "b", np.uint8)}, []) for g in "abbb"])
    torch.manual_seed(0)
    planes, _ = store.crops(2000, 8, 1)
    assert planes["plane"][:, 0, 0, 0].float().mean() == pytest.approx(0.1, abs=0.03)


def test_a_store_that_is_full_takes_no_more():
    store = Store({"plane": (torch.uint8, 1)}, 0, {"a": 1.0}, 150, CPU, most=8)
    store.add([("a", {"plane": np.zeros((8, 8, 1), np.uint8)}, [])] * 3)
    assert len(store) == 2


def test_a_step_learns_and_weights_are_written(tmp_path):
    torch.manual_seed(0)
    rng = np.random.default_rng(0)
    job = JOBS["restore-color"](SMALL, 100000, CPU, False)
    original = np.clip(np.cumsum(rng.normal(0, 3, (128, 160, 3)), axis=1) + 128, 0, 255)
    original = original.astype(np.uint8)
    planes = {"color": original, "picture": original.astype(np.float32) + 4}
    job.store.add([("photos", planes, [50.0, 4.0])])
    step = Step(job, 3e-3, 2, 0.99)
    found = []
    for n in range(30):
        step.set(1.0, n)
        step.sums.zero_()
        step.run()
        found.append(float(step.sums[0]))
    assert found[-1] < 0.7 * found[0]
    before = [p.detach().clone() for p in step.tensors]
    step.export(tmp_path / "out.safetensors")
    assert all(torch.equal(a, b) for a, b in zip(before, step.tensors, strict=True))
    assert (tmp_path / "out.safetensors").stat().st_size > 1000


def test_what_teachers_estimate_of_a_crop_is_learned():
    torch.manual_seed(0)
    settings = [*SMALL, 'model.teachers=["restore-color"]']
    job = JOBS["restore-color"](settings, 100000, CPU, False)
    original = np.random.default_rng(0).integers(0, 256, (160, 160, 3)).astype(np.uint8)
    planes = {"color": original, "picture": original.astype(np.float32) + 4}
    job.store.add([("photos", planes, [50.0, 4.0])])
    (teacher,) = job.teachers
    assert not any(p is q for p in teacher.parameters() for q in job.task.parameters())
    fresh = job.costs(2)["color_distortion"]
    assert torch.allclose(fresh, torch.ones(2), atol=0.2)  # estimates nothing
    job.task.net = teacher
    assert torch.allclose(job.costs(2)["color_distortion"], torch.zeros(2), atol=1e-6)
