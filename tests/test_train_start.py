"""Where training starts from: other trainings' weights, shipped files, baselines."""

from pathlib import Path

import pytest
import torch

from encodepth.errors import EncodepthError
from encodepth.learned.weights import find_weights
from encodepth.train.batches import Batches
from encodepth.train.recipe import load_recipe, make_recipe
from encodepth.train.run import make_task
from encodepth.train.start import read_weights
from train_tools import TCM, TINY, Shapes, loop_of


def test_training_starts_from_a_pt_state_and_not_from_its_average(tmp_path):
    state = make_task(make_recipe(TINY)).plane.state_dict()
    other = {k: v + 1 for k, v in state.items()}
    torch.save({"model": state, "ema": other, "opt": {}, "step": 3}, tmp_path / "c.pt")
    loaded = make_task(make_recipe(TINY, [f"model.init={tmp_path / 'c.pt'}"])).plane
    assert all(torch.equal(v, state[k]) for k, v in loaded.state_dict().items())


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
        make_task(make_recipe(TINY, [f"model.init={path}"]))


def test_convolutional_fusion_without_a_baseline_says_what_to_do():
    recipe = make_recipe(TCM, ["model.row=depth-conv-small"])
    with pytest.raises(EncodepthError, match=r"set model.init to that codec's weights"):
        make_task(recipe)


@pytest.mark.parametrize("row", ["rgb-4c", "depth-4c"])
def test_a_fourth_channel_grown_on_starts_at_exactly_the_baseline(tmp_path, row):
    target = row.removesuffix("-4c")
    base = make_task(make_recipe(TCM, [f"model.row={target}-small"]))
    base.export(tmp_path / "w.safetensors")
    settings = [f"model.row={row}-small", f"model.init={tmp_path / 'w.safetensors'}"]
    with pytest.raises(EncodepthError, match="of another size"):
        make_task(make_recipe(TCM, settings))
    grown = make_task(make_recipe(TCM, [*settings, "model.grow=true"]))
    batch = Batches(make_recipe(TCM, settings), [Shapes()])[0]
    pictures = [task.eval().reconstruct(batch) for task in (base, grown)]
    (a, _), (b, _) = (next(iter(p.values())) for p in pictures)
    assert torch.allclose(a, b, atol=1e-5)
    weight = grown.model.g_a.down[0].skip.weight
    assert weight.shape[1] == 4
    grown.train()(batch)["loss"].mean().backward()
    extra = weight.grad[:, -1 if target == "rgb" else 1 :]
    assert extra.abs().max() > 0  # and what it lacked can learn


def test_prompts_grown_on_leave_the_rest_as_it_was(tmp_path):
    base = make_task(make_recipe(TCM, ["model.row=rgb-small"]))
    base.export(tmp_path / "w.safetensors")
    settings = ["model.row=rgb-attn-small", f"model.init={tmp_path / 'w.safetensors'}"]
    grown = make_task(make_recipe(TCM, [*settings, "model.grow=true"])).model.state_dict()
    own = base.model.state_dict()
    assert len(grown) > len(own)
    same = [k for k in own if not k.startswith(("z_", "gaussian_"))]  # tables: of the export
    assert all(torch.equal(grown[k], own[k]) for k in same if "quantiles" not in k)


def test_convolutional_fusion_takes_a_fusion_that_its_file_holds(tmp_path):
    base = make_task(make_recipe(TCM))
    base.export(tmp_path / "w.safetensors")
    init = f"model.init={tmp_path / 'w.safetensors'}"
    conv = make_task(make_recipe(TCM, ["model.row=depth-conv-small", init]))
    merge = conv.model.g_a.spf[0].merge.weight
    with torch.no_grad():
        merge.add_(0.25)
    conv.export(tmp_path / "c.safetensors")
    init = f"model.init={tmp_path / 'c.safetensors'}"
    again = make_task(make_recipe(TCM, ["model.row=depth-conv-small", init])).model
    assert torch.equal(again.g_a.spf[0].merge.weight, merge)
    assert again.g_a.spf[0].merge.weight.requires_grad
    assert not again.g_s.out[0].weight.requires_grad


def test_fusion_round_a_checkpoint_codes_with_tables_of_its_weights(tmp_path):
    loop = loop_of(tmp_path, TCM)
    loop.run()
    loop.save()
    init = f"model.init={tmp_path / 'checkpoint.safetensors'}"
    fused = make_task(make_recipe(TCM, ["model.row=depth-conv-small", init])).model
    loop.task.model.make_tables()
    assert torch.equal(fused.z_frequencies, loop.task.model.z_frequencies)


@pytest.mark.parametrize("family", ["restore", "restore-color"])
def test_a_restorer_goes_on_from_the_weights_that_ship(family):
    recipe = Path(__file__).parents[1] / "recipes" / f"{family}.toml"
    started = make_task(load_recipe(recipe, [f"model.init={family}"]))
    shipped = read_weights(find_weights(family))
    for name, tensor in started.net.state_dict().items():
        prefix = "restore/" if f"restore/{name}" in shipped else ""
        assert torch.equal(tensor, shipped[prefix + name].float())
