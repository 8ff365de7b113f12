"""Where training starts from: other trainings' weights, shipped files, baselines."""

import pytest
import torch

from encodepth.errors import EncodepthError
from encodepth.train.batches import Batches
from encodepth.train.recipe import make_recipe
from encodepth.train.tasks import make_task
from train_tools import TCM, TINY, Shapes


@pytest.mark.parametrize("averaged", [True, False])
def test_training_starts_from_a_pt_state(tmp_path, averaged):
    source = make_task(make_recipe(TINY, ["model.planes=['color']"])).planes["color"]
    state = source.state_dict()
    other = {k: v + 1 for k, v in state.items()}
    torch.save({"model": state, "ema": other, "opt": {}, "step": 3}, tmp_path / "c.pt")
    key, plane = ("context", "depth") if averaged else ("init", "color")
    task = make_task(
        make_recipe(TINY, [f"model.{key}={tmp_path / 'c.pt'}", f"model.planes=['{plane}']"])
    )
    loaded = task._context[0] if averaged else task.planes["color"]
    expected = other if averaged else state
    assert all(torch.equal(v, expected[k]) for k, v in loaded.state_dict().items())


def test_training_starts_from_a_weights_file(tmp_path):
    task = make_task(make_recipe(TINY))
    task.export(tmp_path / "w.safetensors")
    again = make_task(make_recipe(TINY, [f"model.init={tmp_path / 'w.safetensors'}"]))
    batch = Batches(make_recipe(TINY), [Shapes()])[0]
    costs = []
    for module in (task, again):
        torch.manual_seed(0)
        costs.append(module(batch)["loss"])
    assert torch.allclose(*costs, rtol=0.01)  # fp16 and 8-bit weights


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "no weights at"),
        (b"not a checkpoint", "cannot read weights"),
        ({"step": 3}, 'has no "model" state'),
        (
            {"model": {"g_a.x": torch.zeros(1)}},
            "is of another model: it lacks .* and also has g_a.x",
        ),
    ],
)
def test_weights_that_cannot_be_used_are_named(tmp_path, content, message):
    path = tmp_path / "c.pt"
    if isinstance(content, bytes):
        path.write_bytes(content)
    elif content is not None:
        torch.save(content, path)
    with pytest.raises(EncodepthError, match=message):
        make_task(make_recipe(TINY, [f"model.init={path}", "model.planes=['color']"]))


def test_convolutional_fusion_without_a_baseline_says_what_to_do():
    recipe = make_recipe(TCM, ["model.row=depth-conv-small"])
    with pytest.raises(EncodepthError, match=r"set model.init to that codec's weights"):
        make_task(recipe)
