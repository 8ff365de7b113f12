"""Public LIC-TCM weights, imported: the same networks in one file, or one line why not."""

import importlib.util
import json
import pickle
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image

import public_tcm as public
from encodepth.cli.main import main
from encodepth.errors import ModelNotFoundError
from encodepth.thesis import task as thesis_task
from encodepth.thesis.conditional import BORDERS, scale_index, scale_table
from encodepth.thesis.importing import import_weights
from encodepth.thesis.nets import Analysis
from encodepth.thesis.public import from_public
from encodepth.thesis.public_file import read_content, state_of
from encodepth.thesis.rows import BEYOND, ROWS, config_of
from encodepth.thesis.start import public_model, tcm_model
from encodepth.thesis.tcm import TCM as Model
from encodepth.train.batches import Batches
from encodepth.train.recipe import make_recipe
from encodepth.train.run import make_task
from shared import SHARED
from train_tools import TCM, Shapes

SIZES = {"half": 16, "latent": 20, "hyper": 8, "attention": 16, "slice_widths": (16, 12)}


@pytest.fixture(scope="module")
def state():
    return public.small_state()


@pytest.fixture(scope="module")
def model(state):
    return public_model(state, "made", lmbda=0.013)


@pytest.fixture(scope="module")
def checkpoint(state, tmp_path_factory):
    """A file as the public training writes it, optimiser and all."""
    path = tmp_path_factory.mktemp("public") / "0.013checkpoint_latest.pth.tar"
    content = {
        "epoch": 49,
        "state_dict": state,
        "loss": torch.tensor(1.0),
        "optimizer": {"state": {}, "param_groups": [{"lr": 1e-6, "params": [0]}]},
        "lr_scheduler": {"milestones": Counter({45: 1, 48: 1}), "gamma": 0.1},
    }
    torch.save(content, path)
    return path


def grey_wave(size=128):
    rows, columns = torch.meshgrid(torch.arange(size), torch.arange(size), indexing="ij")
    return (0.5 + 0.3 * torch.sin(rows / 9) + 0.2 * torch.cos(columns / 7))[None, None]


# The same networks --------------------------------------------------------------------------------


def test_sizes_are_told_from_shapes_and_every_parameter_is_used_once(state):
    config, parameters = from_public(state)
    own = replace(ROWS["rgb"], **SIZES, name="rgb-16")
    assert config == own
    learned = [v for k, v in state.items() if "reparam" not in k and "gaussian" not in k]
    assert len(parameters) == 1245
    assert (
        sum(p.numel() for p in parameters.values())
        == sum(v.numel() for v in learned if v.is_floating_point()) - 3 - 1
    )  # the targets and the bound of the prior


@pytest.mark.parametrize(
    "change",
    [
        public.old_names,
        public.with_tables,
        lambda s: {f"module.{k}": v for k, v in s.items()},
        lambda s: {k: v for k, v in s.items() if "bound" not in k and "pedestal" not in k},
        lambda s: {"state_dict": s, "epoch": 3},
    ],
    ids=["old names", "tables made", "several GPUs", "no buffers", "in a checkpoint"],
)
def test_every_form_of_file_gives_the_same_parameters(state, change):
    _, expected = from_public(state)
    _, found = from_public(state_of(change(state), "x"))
    assert all(torch.equal(expected[k], found[k]) for k in expected)


def near(a, b):
    return (a - b).abs().max() <= 1e-5 * b.abs().max()


@pytest.mark.parametrize("net", ["g_a", "g_s"])
def test_blocks_compute_what_their_public_names_say(state, model, net):
    torch.manual_seed(0)
    x = torch.randn(1, 32, 16, 24)
    stage = getattr(model, net).tcm[1]
    with torch.no_grad():
        expected = public.half_block(state, f"{net}.4", x, window=8, shifted=False)
        expected = public.half_block(state, f"{net}.5", expected, window=8, shifted=True)
        assert near(stage(x), expected)
        if net == "g_a":
            assert near(model.g_a.down[1](x), public.rbs(state, "g_a.3", x))
        else:
            assert near(model.g_s.up[1](x), public.rbu(state, "g_s.3", x))


def test_attention_of_slices_and_the_prior_compute_what_their_public_names_say(state, model):
    torch.manual_seed(0)
    support, z = torch.randn(1, 24, 16, 8), 4 * torch.randn(1, 8, 3, 5)
    with torch.no_grad():
        expected = public.swatten(state, "atten_scale.1.0", support)
        assert near(model.slices.scale_attention[1](support), expected)
        found = model.z_prior.likelihood(z)[0].flatten(1)
        assert near(found, public.prior(state, z[0].flatten(1)))
    assert torch.equal(model.z_prior.medians, state["entropy_bottleneck.quantiles"][:, 0, 1])


def test_a_whole_picture_decodes_to_what_forward_says(model):
    x = grey_wave().expand(-1, 3, -1, -1)
    with torch.no_grad():
        expected = model(x)
    (coded,) = model.compress(x)
    assert torch.allclose(model.decompress([coded], 128, 128), expected.x_hat, atol=1e-4)
    assert abs(len(coded.payload) * 8 / float(expected.bits) - 1) < 0.05  # random weights escape


def test_golden_numbers_of_the_public_class():
    maker = SHARED / "reference" / "make_public_like_checkpoint.py"
    if not maker.is_file():
        pytest.skip("the program that makes the golden file is not here")
    spec = importlib.util.spec_from_file_location("maker", maker)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    full = public_model(module.checkpoint()["state_dict"], "made", lmbda=0.013)
    k, i, j = (torch.arange(n, dtype=torch.float64) for n in (3, 256, 256))
    x = 0.5 + 0.25 * torch.sin((k[:, None, None] + 1) * i[:, None] / 17)
    x = (x + 0.25 * torch.cos(j / (11 + k[:, None, None])))[None].float()
    with torch.no_grad():
        y = full.analyse(x)
        z, out = full.h_a(y), full(x)
    places = torch.stack([*y[0, [0, 100, 319], 5, 9], *z[0, [0, 191], 1, 2]])
    golden = torch.tensor([6.03548, 3.77366, 1.25710, 10.68276, -1.77427])
    assert (places - golden).abs().max() < 1e-4
    picture = torch.tensor([-3.96747, -2.50355, -0.81785])
    assert (out.x_hat[0, :, 100, 37] - picture).abs().max() < 5e-4
    assert abs(float(out.z_bits) - 18_504.17) < 0.1
    assert abs(float(out.y_bits) - 724_811) < 10  # a residual on a tie is worth 4


# Tables, lambda, names ----------------------------------------------------------------------------


@pytest.mark.parametrize("tables", BORDERS)
def test_a_scale_takes_the_table_that_was_asked_for(tables):
    steps = scale_table()
    scales = np.exp(np.random.default_rng(0).uniform(np.log(0.1101), np.log(250), 999))
    scales = np.append(scales, [0.11, 9000]).astype(np.float32)
    found = scale_index(torch.from_numpy(scales), torch.from_numpy(BORDERS[tables]()))
    if tables == "next":
        expected = [int(np.argmax(steps >= s * (1 - 1e-6))) if s < 256 else 63 for s in scales]
    else:
        expected = np.abs(np.log(steps)[None] - np.log(scales)[:, None]).argmin(1)
    assert found.tolist() == list(expected)


def test_tables_are_made_in_double_precision(model):
    single, double = model.z_prior.tables(), model.z_prior.double().tables()
    model.z_prior.float()
    assert all(np.array_equal(a, b) for a, b in zip(single, double, strict=True))


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("0.05.pth.tar", 0.05),
        ("0.013.pth..tar", 0.013),
        ("0.01349_checkpoint.pth.tar", 0.013),
        ("tcm-n64-0.0025.pth", 0.0025),
        ("best.pth.tar", None),
        ("10.05.pth", None),
        ("0.05-from-0.025.pth", None),
    ],
)
def test_lambda_is_told_by_one_of_six_numbers_in_the_name(tmp_path, state, name, expected):
    path = tmp_path / name
    torch.save(state, path)
    if expected is None:
        with pytest.raises(ModelNotFoundError, match=r"does not tell the lambda .* say --lambda"):
            import_weights(path, tmp_path / "w.safetensors")
    else:
        assert import_weights(path, tmp_path / "w.safetensors").lmbda == expected


@pytest.mark.parametrize(
    ("name", "half", "count"),
    [("rgb-96", 96, 59_133_650), ("rgb-128", 128, 76_568_148), ("rgb-4c-128", 128, 76_570_708)],
)
def test_rows_of_the_papers_larger_models_have_names(name, half, count):
    config = config_of(name)
    with torch.device("meta"):
        parameters = sum(p.numel() for p in Model(config).parameters())
    assert (config.half, parameters) == (half, count)


# What is refused ----------------------------------------------------------------------------------


def without(name):
    return lambda s: {k: v for k, v in s.items() if k != name}


def having(**more):
    return lambda s: s | {k.replace("__", "."): v for k, v in more.items()}


def heads(s):
    name = "g_a.4.trans_block.msa.relative_position_params"
    return s | {name: torch.zeros(4, 15, 15)}


def nan(s):
    bad = s["h_a.3.weight"].clone()
    bad[3, 1, 0, 0] = torch.nan
    return s | {"h_a.3.weight": bad}


REFUSED = {
    "a head count": (heads, r"relative_position_params is \(4, 15, 15\); expected \(1, 15, 15\)"),
    "a bound": (
        having(gaussian_conditional__scale_bound=torch.tensor([0.05])),
        r"gaussian_conditional.scale_bound is 0.05; expected 0.11",
    ),
    "a bound of gdn": (
        having(g_a__3__gdn__beta_reparam__lower_bound__bound=torch.tensor([0.1])),
        r"g_a.3.gdn.beta_reparam.lower_bound.bound is 0.1; expected 0.001",
    ),
    "another table of scales": (
        having(gaussian_conditional__scale_table=torch.linspace(0.1, 9, 64)),
        "scale_table is another one",
    ),
    "a key missing": (without("lrp_transforms.4.2.bias"), "x lacks lrp_transforms.4.2.bias$"),
    "a mark missing": (without("cc_mean_transforms.0.0.weight"), "x is no LIC-TCM checkpoint"),
    "a key too many": (having(g_a__10__weight=torch.zeros(1)), "has an unknown g_a.10.weight$"),
    "a prior twice": (
        having(entropy_bottleneck___matrix0=torch.zeros(8, 3, 1)),
        "holds entropy_bottleneck._matrix0 twice",
    ),
    "another package": (having(latent_codec__h_a=torch.zeros(1)), "compressai-temp"),
    "another network": (having(AuxT_enc__x=torch.zeros(1)), "is of AuxT, another network"),
    "no number": (nan, "h_a.3.weight holds values that are no finite numbers"),
    "integers": (
        lambda s: s | {"g_a.9.bias": torch.zeros(20, dtype=torch.int64)},
        "g_a.9.bias is torch.int64; expected floats",
    ),
    "another picture": (
        lambda s: s | {"g_a.0.conv1.weight": torch.zeros(32, 1, 3, 3)},
        "codes 1 channels to 3; expected 3 of colour",
    ),
    "half of it on several GPUs": (
        lambda s: {f"module.{k}" if "g_a" in k else k: v for k, v in s.items()},
        'begins with "module."',
    ),
    "our own training": (lambda s: {"model": s, "step": 3}, "name it in model.init"),
    "no state": (lambda s: {"epoch": 3}, "holds no state_dict"),
    "no dict": (lambda s: [1, 2], "holds no state_dict"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_would_decode_wrongly_is_refused_in_one_line(state, what):
    change, message = REFUSED[what]
    with pytest.raises(ModelNotFoundError, match=message) as caught:
        from_public(state_of(change(state), "x"), "x")
    assert "\n" not in str(caught.value)


class Foreign:
    def __reduce__(self):
        return (print, ("this must never be printed",))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "was not written by torch.save"),
        (b"\x08\0\0\0\0\0\0\0{}      ", "weights of encodepth are used as they are"),
        (b"PK\x03\x04 and no more", "cannot read checkpoint"),
        (Foreign(), r"asks for (builtins\.)?print; only tensors are read, so save its state_dict"),
        (None, "no checkpoint at"),
    ],
)
def test_files_that_are_no_plain_checkpoint_are_refused(tmp_path, capsys, content, message):
    path = tmp_path / "0.05.pth.tar"
    if isinstance(content, bytes):
        path.write_bytes(content)
    elif content is not None:
        torch.save({"state_dict": content}, path)
    with pytest.raises(ModelNotFoundError, match=message) as caught:
        read_content(path)
    assert "\n" not in str(caught.value)
    assert "never" not in capsys.readouterr().out


def test_a_file_from_before_torch_1_6_is_read(tmp_path, state):
    path = tmp_path / "old.pth"
    torch.save(state, path, _use_new_zipfile_serialization=False, pickle_protocol=2)
    assert path.read_bytes()[:1] == pickle.PROTO
    assert len(state_of(read_content(path), "x")) == len(state)


# The depth model inside, and the rows that start from it ------------------------------------------


def test_the_depth_model_inside_does_what_colour_does_to_grey(state, model):
    depth = public_model(state, "made", lmbda=0.001, depth=True)
    x = grey_wave()
    with torch.no_grad():
        one, three = depth(x), model(x.expand(-1, 3, -1, -1))
    assert float(one.bits) == pytest.approx(float(three.bits), rel=1e-6)
    assert torch.allclose(one.x_hat, three.x_hat.mean(1, keepdim=True), atol=1e-4)


STARTS = [  # row, grow
    *((name, name.endswith(("4c", "attn"))) for name in (*ROWS, *BEYOND)),
    ("rgb-attn-gated", True),
]


ATTENDING = ("rgb-attn", "rgb-attn-gated")


def sized(name):
    return replace(config_of(name), **SIZES)


@pytest.mark.parametrize(("name", "grow"), STARTS)
def test_a_recipe_starts_every_row_from_the_file_and_trains_it(
    monkeypatch, checkpoint, model, name, grow
):
    monkeypatch.setattr(thesis_task, "config_of", sized)
    settings = [f"model.row={name}", f"model.init={checkpoint}", f"model.grow={str(grow).lower()}"]
    recipe = make_recipe(TCM, settings)
    task = make_task(recipe)
    starts_at_the_baseline(task.model.eval(), model, exactly=name != "rgb-attn")
    before = {n: p.detach().clone() for n, p in task.model.named_parameters()}
    trained = [p for p in task.parameters() if p.requires_grad]
    optimiser = torch.optim.Adam(trained, 1e-4)
    for _ in range(2):
        optimiser.zero_grad()
        loss = task.train()(Batches(recipe, [Shapes()])[0])["loss"].mean()
        loss.backward()
        optimiser.step()
        assert torch.isfinite(loss)
    changed = {n for n, p in task.model.named_parameters() if not torch.equal(p, before[n])}
    assert any(n.startswith("g_a.") for n in changed)
    if name.endswith("conv"):
        assert all(n.startswith(("g_a.side_", "g_a.spf")) for n in changed)


def starts_at_the_baseline(row, baseline, *, exactly):
    """Compare what a row does with what the weights that it came from do."""
    x, guide = grey_wave(), grey_wave().flip(2)
    with torch.no_grad():
        if row.config.target == 3:
            x = torch.cat((x, x.flip(3), x.transpose(2, 3)), dim=1)
            base = baseline(x)
            picture = base.x_hat
        else:
            base = baseline(x.expand(-1, 3, -1, -1))
            picture = base.x_hat.mean(1, keepdim=True)
        found = row(x, guide.expand(-1, row.config.guide, -1, -1) if row.config.guide else None)
    same = float(found.bits) == pytest.approx(float(base.bits), rel=1e-5)
    same = same and torch.allclose(found.x_hat, picture, atol=1e-3)
    assert same == exactly  # fresh prompts that are not gated take attention


def test_gated_prompts_cost_no_parameter_and_come_in_when_they_help(checkpoint):
    plain, gated = (tcm_model(sized(n), str(checkpoint), grow=True) for n in ATTENDING)
    assert sum(p.numel() for p in plain.parameters()) == sum(p.numel() for p in gated.parameters())
    norm = gated.g_a.tcm[0].plain.swin.prompt_norms[0]
    assert norm.weight.mean() == 0
    x, guide = torch.rand(1, 3, 64, 64), torch.rand(1, 1, 64, 64)
    out = gated.train()(x, guide)
    out.x_hat.square().mean().backward()
    gradients = [
        n.weight.grad.abs().max()
        for half in (gated.g_a.tcm[0].plain, gated.g_a.tcm[2].shifted)
        for n in half.swin.prompt_norms
    ]
    assert all(torch.isfinite(g) for g in gradients)
    assert max(gradients) > 0


def test_gated_prompts_of_gain_one_are_plain_prompts():
    torch.manual_seed(0)
    one, other = (Analysis(replace(sized(name), prompt_width=16)) for name in ATTENDING)
    other.load_state_dict(one.state_dict())
    x, guide = torch.rand(1, 3, 64, 64), torch.rand(1, 1, 64, 64)
    assert torch.allclose(one(x, guide), other(x, guide), atol=1e-6)


def test_a_file_of_another_width_is_named_with_its_row(checkpoint):
    with pytest.raises(ModelNotFoundError, match=r"another size: N=16, and rgb-4c has N=64; rows"):
        tcm_model(config_of("rgb-4c"), str(checkpoint), grow=True)


# The command --------------------------------------------------------------------------------------


@pytest.fixture
def run(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)

    def call(*words):
        with pytest.raises(SystemExit) as left:
            main([str(w) for w in words])
        shown = capsys.readouterr()
        return left.value.code, shown.out, shown.err

    return call


def test_the_command_makes_a_file_that_codes_and_a_card(run, checkpoint):
    status, out, err = run("models", "import", checkpoint, "-o", "rgb.safetensors")
    assert (status, err) == (0, "")
    first, use = out.splitlines()
    assert first.startswith("rgb.safetensors: rgb-16, N=16, M=20, lambda 0.013, ")
    assert use == "use it: encodepth encode COLOR --model rgb.safetensors --coding color=learned"
    mark = first.rsplit(" ", 1)[-1]
    status, card, _ = run("models", "rgb.safetensors")
    assert f"fingerprint: {mark}" in card
    assert "MIT licence" in card
    assert run("models", "--check", "rgb.safetensors")[1].endswith(f"intact, fingerprint {mark}\n")
    color = np.random.default_rng(0).integers(0, 256, (40, 50, 3), np.uint8)
    Image.fromarray(color).save("c.png")
    words = ("--model", "rgb.safetensors")
    assert run("encode", "c.png", "-o", "c.rgbd", "--coding", "learned", *words)[0] == 0
    assert json.loads(run("info", "c.rgbd", "--json")[1])["streams"][0]["weights"] == mark
    assert run("verify", "--decode", "c.rgbd", *words)[0] == 0
    assert run("decode", "c.rgbd", *words)[0] == 0
    assert run("profile", "rgb.safetensors", "--runs", "0", "--size", "64x64")[0] == 0


def test_the_command_makes_depth_says_json_and_overwrites_nothing(run, checkpoint):
    words = ("models", "import", checkpoint, "-o", "d.safetensors", "--as", "depth", "--json")
    made = json.loads(run(*words)[1])
    assert (made["name"], made["codes"], made["tables"]) == ("depth-16", "depth", "next")
    assert run(*words)[2] == "encodepth: d.safetensors exists; use -f to overwrite it\n"
    again = json.loads(run(*words, "-f")[1])
    assert again["weights"] == made["weights"]
    other = json.loads(run(*words, "-f", "--tables", "nearest", "--lambda", "0.5")[1])
    assert other["weights"] != made["weights"]
    assert other["lmbda"] == 0.5
    Image.fromarray(np.full((40, 50), 900, np.uint16) + np.arange(50, dtype=np.uint16)).save(
        "d.png"
    )
    coded = run("encode", "--depth-only", "d.png", "-o", "d.rgbd", "--coding", "learned",
                "--model", "d.safetensors")  # fmt: skip
    assert coded[0] == 0
    assert run("verify", "--decode", "d.rgbd", "--model", "d.safetensors")[0] == 0


def test_the_command_says_in_one_line_what_it_cannot_import(run, tmp_path):
    (tmp_path / "0.05.pth.tar").write_bytes(b"nothing")
    status, out, err = run("models", "import", "0.05.pth.tar", "-o", "w.safetensors")
    assert (status, out) == (1, "")
    assert err.startswith("encodepth: 0.05.pth.tar was not written by torch.save; expected")
    assert err.count("\n") == 1
    assert not (tmp_path / "w.safetensors").exists()
