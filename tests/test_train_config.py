"""Recipes: what is read, what is refused and in which words, and the recipes that ship."""

from pathlib import Path

import pytest
import torch

from encodepth.errors import EncodepthError
from encodepth.train.config import Optimiser, Rate, Recipe
from encodepth.train.recipe import load_recipe, make_recipe, resolved
from encodepth.train.run import split
from encodepth.train.schedule import by_rate, length, rate

RECIPES = Path(__file__).parents[1] / "recipes"
SMALL = {
    "name": "x",
    "data": {"train": [{"kind": "photos", "path": "p"}]},
    "schedule": {"steps": 10},
}


def test_defaults_fill_what_a_recipe_leaves_out():
    recipe = make_recipe(SMALL)
    assert isinstance(recipe, Recipe)
    assert (recipe.schedule.steps, recipe.optimiser.batch, recipe.folder) == (10, 8, "out/x")


def test_resolved_settings_build_the_same_recipe():
    recipe = make_recipe(SMALL, ["optimiser.betas=[0.9, 0.98]", "model.size=tiny"])
    assert make_recipe(resolved(recipe)) == recipe


def test_settings_override_and_keep_their_types():
    recipe = make_recipe(
        SMALL, ["output=runs/here", "optimiser.lr=1", "schedule.steps=7", "log.tensorboard=false"]
    )
    assert recipe.output == "runs/here"
    assert recipe.optimiser.lr == 1.0
    assert isinstance(recipe.optimiser.lr, float)
    assert recipe.schedule.steps == 7
    assert recipe.log.tensorboard is False


def test_settings_never_reach_the_callers_table():
    make_recipe(SMALL, ["schedule.steps=7"])
    assert SMALL["schedule"] == {"steps": 10}


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (["optimiser.learning=1"], 'unknown key "optimiser.learning"; did you mean "opt'),
        (["steps=5"], 'unknown key "steps"; did you mean "schedule.steps"?'),
        (["lr=5"], 'unknown key "lr"; did you mean "optimiser.lr"?'),
        (["nonsense"], '"nonsense" is no setting; expected key=value'),
        (["schedule.steps=many"], "schedule.steps is 'many'; expected a whole number"),
        (["schedule.steps=1.5"], r"schedule.steps is 1.5; expected a whole number"),
        (["log.tensorboard=1"], "log.tensorboard is 1; expected true or false"),
        (["loss.distortion=mae"], 'loss.distortion is "mae"; expected one of "mse", "ms-ssim"'),
        (["optimiser.betas=[1]"], "optimiser.betas has 1 entries; expected 2"),
        (["data.train=3"], "data.train is 3; expected a list"),
        (["optimiser.lr=0"], r"\[optimiser\] lr is 0.0; it must be above 0"),
        (["validation.every=0"], r"\[validation\] every is 0; it must be above 0"),
        (["validation.frames=-1"], r"\[validation\] frames is -1; expected 0 or more"),
        (["schedule.decay=-5"], r"\[schedule\] decay is -5; expected 0 or more steps"),
        (["optimiser.ema=1"], r"\[optimiser\] ema is 1.0; expected 0 <= ema < 1"),
        (["data.crop=100"], r"\[data\] crop is 100; it must be a multiple of 64"),
        (["schedule.epochs=3"], "length either in steps or in epochs"),
        (["model.family=tcm"], "a tcm model has a fixed lambda; give loss.lambdas"),
        (["loss.lambdas=[0.1]"], "draws its quality from its own range"),
        (["model.family=restore"], "a source of photos has no depth"),
    ],
)
def test_what_cannot_be_used_is_named(settings, message):
    with pytest.raises(EncodepthError, match=message):
        make_recipe(SMALL, settings)


def test_an_unknown_key_in_the_file_names_the_nearest_and_the_file(tmp_path):
    path = tmp_path / "r.toml"
    path.write_text('name = "x"\n[schedul]\nsteps = 3\n')
    with pytest.raises(
        EncodepthError, match=r'r.toml: unknown key "schedul"; did you mean "schedule"\?'
    ):
        load_recipe(path)


def test_a_missing_key_is_named():
    with pytest.raises(EncodepthError, match="schedule is missing"):
        make_recipe({"name": "x", "data": SMALL["data"]})


def test_a_missing_file_and_a_broken_file_are_one_line_each(tmp_path):
    with pytest.raises(EncodepthError, match=r"cannot read recipe .*none.toml: No such file"):
        load_recipe(tmp_path / "none.toml")
    (tmp_path / "bad.toml").write_text("name = ")
    with pytest.raises(EncodepthError, match=r"bad.toml is no TOML"):
        load_recipe(tmp_path / "bad.toml")


@pytest.mark.parametrize("path", sorted(RECIPES.glob("*.toml")), ids=lambda p: p.stem)
def test_every_recipe_that_ships_is_one(path):
    recipe = load_recipe(path)
    assert recipe.name == path.stem
    assert make_recipe(resolved(recipe)) == recipe


THESIS = {  # thesis Tables 2 to 7
    "rgb": ("mse", (0.0025, 0.0130, 0.0500)),
    "rgb-attn": ("mse", (0.0025, 0.0130, 0.0500)),
    "rgb-4c": ("mse", (0.0025, 0.0130, 0.0500)),
    "depth": ("comprehensive", (0.0001, 0.001, 0.005)),
    "depth-conv": ("comprehensive", (0.0001, 0.001, 0.005)),
    "depth-4c": ("comprehensive", (0.0001, 0.001, 0.005)),
}


@pytest.mark.parametrize("name", THESIS)
def test_the_thesis_recipes_are_those_of_section_3_5(name):
    recipe = load_recipe(RECIPES / f"{name}.toml")
    assert recipe.model.row == name
    assert (recipe.loss.distortion, recipe.loss.lambdas) == THESIS[name]
    assert recipe.loss.gamma == 0.1
    assert (recipe.data.crop, recipe.optimiser.batch, recipe.optimiser.lr) == (256, 8, 1e-4)
    assert (recipe.schedule.milestones, recipe.schedule.factor) == ((45, 48), 0.1)
    assert (recipe.schedule.warmup, recipe.schedule.decay, recipe.optimiser.ema) == (0, 0, 0)
    assert recipe.model.row == "depth-conv" or not recipe.model.init


def test_the_ms_ssim_variant_has_its_lambdas_and_no_255_squared():
    loss = load_recipe(RECIPES / "rgb-ms-ssim.toml").loss
    assert (loss.lambdas, loss.factor) == ((3, 5, 8, 16, 36, 64), 1.0)


def test_learning_rate_falls_by_ten_at_epochs_45_and_48():
    schedule = load_recipe(RECIPES / "rgb.toml").schedule
    steps = length(schedule, epoch=100)
    rates = [rate(schedule, step, steps, epoch=100) for step in range(steps)]
    assert steps == 5000
    assert rates[:4500] == [1.0] * 4500
    assert rates[4500:4800] == pytest.approx([0.1] * 300)
    assert rates[4800:] == pytest.approx([0.01] * 200)


def test_learning_rate_warms_up_stays_and_decays_to_its_floor():
    schedule = make_recipe(SMALL, ["schedule.steps=1000", "schedule.warmup=10",
                                   "schedule.decay=100"]).schedule  # fmt: skip
    rates = [rate(schedule, step, 1000, epoch=7) for step in range(1000)]
    assert rates[0] == pytest.approx(0.1)
    assert set(rates[9:900]) == {1.0}
    assert rates[950] == pytest.approx(0.5)
    assert rates[-1] == pytest.approx(0.01)


def test_a_thesis_recipe_is_one_run_per_lambda_each_from_its_own_baseline():
    runs = split(load_recipe(RECIPES / "depth-conv.toml", ["output=o"]))
    assert [r.loss.lambdas for r in runs] == [(0.0001,), (0.001,), (0.005,)]
    assert [r.folder for r in runs] == ["o/lambda-0.0001", "o/lambda-0.001", "o/lambda-0.005"]
    assert runs[1].model.init == "out/depth/lambda-0.001/weights.safetensors"


def test_a_tensor_learns_at_the_rate_of_the_first_pattern_that_fits():
    tensors = {n: torch.nn.Parameter(torch.zeros(1)) for n in ("g_a.narrow", "g_a.down", "prior")}
    rates = (Rate("*narrow*", 0.1), Rate("g_a.*", 0.5))
    groups = {g["factor"]: g["params"] for g in by_rate(tensors, Optimiser(rates=rates))}
    assert {f: [id(p) for p in ps] for f, ps in groups.items()} == {
        0.1: [id(tensors["g_a.narrow"])],
        0.5: [id(tensors["g_a.down"])],
        1.0: [id(tensors["prior"])],
    }
    with pytest.raises(EncodepthError, match='no tensor is named like "g_b"'):
        by_rate(tensors, Optimiser(rates=(Rate("g_b", 2.0),)))


@pytest.mark.parametrize("settings", [["model.init_lambda=0.01"], ["model.init_lambda=-1"]])
def test_a_lambda_of_no_weights_is_refused(settings):
    with pytest.raises(EncodepthError, match="init_lambda"):
        load_recipe("recipes/rgb.toml", settings)
