"""The loop: resuming, freezing, failing, and what a run leaves behind."""

import json

import numpy as np
import pytest
import torch

from encodepth import files
from encodepth.errors import CorruptFileError, EncodepthError
from encodepth.learned import open_model
from encodepth.networks.export import draw_graphs
from encodepth.train import checkpoint
from encodepth.train.batches import Batches
from encodepth.train.recipe import make_recipe
from train_tools import RESTORE, TCM, TINY, Shapes, loop_of


def after(steps):
    """Return a stop that lets so many steps pass."""
    left = iter(range(steps))
    return lambda: next(left, None) is None


def tensors(folder):
    state = checkpoint.load(folder / checkpoint.NAME)
    found = {f"model/{k}": v for k, v in state.model.items()}
    found |= {f"ema/{k}": v for k, v in state.ema.items()}
    for name, kept in state.optimiser.items():
        found |= {f"{name}/{k}": v for k, v in kept.items()}
    return found


@pytest.mark.parametrize(
    ("table", "settings"),
    [(TINY, ["optimiser.accumulate=2"]), (TCM, [])],
    ids=["base", "tcm"],
)
def test_a_resumed_run_equals_an_unbroken_one_bit_for_bit(tmp_path, table, settings):
    whole = loop_of(tmp_path / "whole", table, settings).run()
    first = loop_of(tmp_path / "cut", table, settings).run(after(2))
    assert (first.step, first.done) == (2, False)
    torch.manual_seed(12345)  # whatever went on in between
    second = loop_of(tmp_path / "cut", table, settings).run()
    assert whole.done
    assert second.done
    a, b = tensors(tmp_path / "whole"), tensors(tmp_path / "cut")
    assert a.keys() == b.keys()
    assert all(torch.equal(a[k], b[k]) for k in a)


def test_training_lowers_the_loss(tmp_path):
    loop = loop_of(tmp_path, settings=["schedule.steps=25"])
    batch, costs = loop.batches[1000], []
    for _ in range(2):
        torch.manual_seed(0)
        costs.append(float(loop.task(batch)["loss"].detach().mean()))
        loop.run()
    assert costs[1] < 0.98 * costs[0]


def test_frozen_tensors_stay_and_the_others_move(tmp_path):
    loop = loop_of(tmp_path, settings=["model.frozen=['color.context', 'color.g_s']"])
    before = {n: p.detach().clone() for n, p in loop.task.named_parameters()}
    loop.run()
    frozen = ("planes.color.context", "planes.color.g_s")
    moved = {n for n, p in loop.task.named_parameters() if not torch.equal(p, before[n])}
    assert moved
    assert not any(n.startswith(frozen) for n in moved)
    assert {n for n in before if not n.startswith(frozen)} >= moved
    assert "planes.color.g_a.down.0.weight" in moved


def test_a_prefix_that_freezes_nothing_is_an_error(tmp_path):
    with pytest.raises(EncodepthError, match=r'no tensor starts with "planes\.colour\.g_s"'):
        loop_of(tmp_path, settings=["model.frozen=['colour.g_s']"])


def test_convolutional_fusion_starts_at_exactly_the_baselines_loss_and_keeps_its_codec(tmp_path):
    settings = ["schedule.steps=2", "loss.distortion=mse"]
    baseline = loop_of(tmp_path / "depth", TCM, settings)
    baseline.run()
    init = f"model.init={tmp_path / 'depth' / checkpoint.NAME}"
    fused = loop_of(tmp_path / "conv", TCM, [*settings, "model.row=depth-conv-small", init])
    batch = fused.batches[0]
    costs = []
    for task in (baseline.task, fused.task):
        torch.manual_seed(0)
        with torch.no_grad():  # with gradients torch chooses its kernels by what is frozen
            costs.append(task(batch)["loss"])
    assert torch.equal(*costs)
    baseline.task.model.make_tables()  # a checkpoint's are not of its weights
    own = baseline.task.state_dict()
    fused.run()
    after_training = fused.task.state_dict()
    assert all(torch.equal(after_training[k], v) for k, v in own.items())
    added = [k for k in after_training if k not in own]
    assert added
    assert all(".side_" in k or ".spf." in k for k in added)


class Broken(torch.nn.Module):
    """Makes the loss of some steps no number."""

    def __init__(self, task, steps):
        super().__init__()
        self.task, self.left, self.steps = task, -1, steps

    def forward(self, batch):
        self.left += 1
        costs = self.task(batch)
        if self.left in self.steps:
            costs["loss"] = costs["loss"] * float("nan")
        return costs


def test_a_loss_that_is_no_number_stops_the_run_and_keeps_the_batch(tmp_path):
    loop = loop_of(tmp_path, settings=["log.checkpoint=2"])
    loop.module = Broken(loop.task, {3})
    with pytest.raises(EncodepthError, match=r"step 3: the loss .* no number; batch kept in .*"):
        loop.run()
    kept = tmp_path / "bad-batch-3-0.safetensors"
    with checkpoint.safetensors.safe_open(kept, "pt") as file:
        expected = loop.batches[3]
        assert torch.equal(file.get_tensor("color"), expected.color)
        assert int(file.metadata()["seed"]) == expected.seed
    state = checkpoint.load(tmp_path / checkpoint.NAME)
    assert state.step == 2
    assert all(torch.isfinite(v).all() for v in state.model.values())


def test_a_patient_run_skips_such_a_step_and_goes_on(tmp_path):
    loop = loop_of(tmp_path, settings=["optimiser.nan_patience=1"])
    loop.module = Broken(loop.task, {3})
    assert loop.run().done
    assert all(torch.isfinite(p).all() for p in loop.task.parameters())


def test_two_such_steps_in_a_row_are_more_than_a_patience_of_one(tmp_path):
    loop = loop_of(tmp_path, settings=["optimiser.nan_patience=1"])
    loop.module = Broken(loop.task, {1, 2})
    with pytest.raises(EncodepthError, match="step 2"):
        loop.run()


def test_a_kill_while_saving_leaves_the_checkpoint_before(tmp_path, monkeypatch):
    loop = loop_of(tmp_path)
    loop.run(after(2))

    def die(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(files.os, "replace", die)
    with pytest.raises(KeyboardInterrupt):
        loop.save()
    monkeypatch.undo()
    assert checkpoint.load(tmp_path / checkpoint.NAME).step == 2
    assert loop_of(tmp_path).step == 2


def test_a_checkpoint_is_as_readable_as_any_new_file(tmp_path):
    loop_of(tmp_path).save()
    plain = tmp_path / "plain"
    plain.touch()
    assert (tmp_path / checkpoint.NAME).stat().st_mode == plain.stat().st_mode


def test_a_damaged_checkpoint_and_one_of_another_model_are_named(tmp_path):
    loop_of(tmp_path).run(after(1))
    with pytest.raises(EncodepthError, match="is of another model than this recipe's"):
        loop_of(tmp_path, settings=["model.size=default"])
    path = tmp_path / checkpoint.NAME
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(CorruptFileError, match="cannot read checkpoint"):
        loop_of(tmp_path)


def test_metrics_are_whole_lines_and_resuming_repeats_none(tmp_path):
    settings = ["log.checkpoint=2", "validation.every=2"]
    loop_of(tmp_path, settings=settings).run(after(3))
    path = tmp_path / "metrics.jsonl"
    path.write_text(path.read_text() + '{"kind": "train", "step": 4}\n{"kind": "tra')
    loop_of(tmp_path, settings=settings).run()
    records = [json.loads(line) for line in path.read_text().splitlines()]
    assert [r["step"] for r in records if r["kind"] == "train"] == [1, 2, 3, 4]
    assert [r["step"] for r in records if r["kind"] == "validation"] == [2, 4]
    last = records[-1]
    assert last["color_bpp"] >= 0
    assert last["color_psnr"] >= 0
    assert {"loss", "lr", "gradient_norm", "data_share", "steps_per_second"} <= records[0].keys()


def test_validation_and_averages_leave_the_weights_as_they_were(tmp_path):
    loop = loop_of(tmp_path)
    loop.run(after(3))
    before = {k: v.clone() for k, v in loop.task.state_dict().items()}
    torch.manual_seed(5)
    expected = torch.rand(1)
    torch.manual_seed(5)
    first = loop.validate()
    assert torch.equal(torch.rand(1), expected)
    assert loop.validate() == first
    assert all(torch.equal(v, before[k]) for k, v in loop.task.state_dict().items())
    with loop.averaged():
        assert not torch.equal(loop.task.plane.log_gain, before["planes.color.log_gain"])


def test_context_is_dropped_as_often_as_the_recipe_says():
    recipe = make_recipe(RESTORE, ["loss.context_dropout=0.25", "data.crop=64"])
    batches = Batches(recipe, [Shapes()])
    with_context = np.mean([batches[n].context for n in range(400)])
    assert with_context == pytest.approx(0.75, abs=0.06)


def test_exported_weights_code_what_the_task_coded(tmp_path):
    loop = loop_of(tmp_path, settings=["schedule.steps=10"])
    loop.run()
    with loop.averaged():
        loop.task.export(tmp_path / "w.safetensors")
    draw_graphs(tmp_path / "w.safetensors")
    model, color = open_model(tmp_path / "w.safetensors"), Shapes()[1].color
    coded = model.encode(color, 50)
    rgb = model.decode(coded.payload, 80, 96, 50, coded.check)
    assert np.mean((rgb.astype(float) - color) ** 2) < 100


def test_a_run_stops_after_its_minutes(tmp_path):
    outcome = loop_of(tmp_path, settings=["log.minutes=1e-9"]).run()
    assert outcome.step == 0
    assert not outcome.done
