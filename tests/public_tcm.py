"""A small file in the layout of the public LIC-TCM weights, and what its layers compute, plainly.

Names, shapes and formulas follow the public layout and the papers, not the code under test: layers
are evaluated from the public names alone, in (B, C, H, W), with written-out windows and softmax.
"""

import math

import torch
import torch.nn.functional as F

SLICES, HEADS = 5, (8, 16, 32)
SMALL = {"n": 16, "m": 20, "z": 8, "attention": 16, "widths": (16, 12)}


def small_state(seed=0, **sizes):
    """Return a state dict as the public training leaves it: random values, empty tables."""
    draw = torch.Generator().manual_seed(seed)
    state = {}
    for name, shape in shapes(**(SMALL | sizes)).items():
        noise = torch.randn(shape, generator=draw)
        leaf = name.rsplit(".", 1)[-1]
        if leaf == "beta":
            value = (1 + noise.abs()).sqrt()
        elif leaf == "gamma":
            value = (0.1 * torch.eye(len(noise)) + 0.01 * noise.abs()).sqrt()
        elif leaf == "quantiles":
            value = torch.tensor([-6.0, 0.0, 6.0]) + 0.3 * noise
        elif leaf == "relative_position_params":
            value = (0.3 * noise).permute(1, 2, 0).contiguous().permute(2, 0, 1)  # heads last
        elif noise.ndim > 1 and not name.startswith("entropy"):
            gain = {"g_a.9.weight": 8.0, "h_a.3.weight": 3.0}.get(name, 0.6)
            value = gain * noise / math.sqrt(noise[0].numel())
        else:
            value = 0.3 * noise + (1.0 if ".ln" in name and leaf == "weight" else 0.0)
            value += 1.5 if name.startswith("cc_scale") and name.endswith(".4.bias") else 0.0
        state[name] = value
    return state | buffers(state)


def buffers(state):
    """The buffers of a file that training wrote: constants, and tables of no entries."""
    found = {}
    for name in state:
        if name.endswith((".beta", ".gamma")):
            least = 1e-6 if name.endswith("beta") else 0.0
            found[f"{name}_reparam.pedestal"] = torch.tensor([2.0**-36])
            found[f"{name}_reparam.lower_bound.bound"] = torch.tensor([(least + 2.0**-36) ** 0.5])
    for part in ("entropy_bottleneck", "gaussian_conditional"):
        for table in ("_offset", "_quantized_cdf", "_cdf_length"):
            found[f"{part}.{table}"] = torch.zeros(0, dtype=torch.int32)
        found[f"{part}.likelihood_lower_bound.bound"] = torch.tensor([1e-9])
    found["entropy_bottleneck.target"] = torch.tensor([-21.4, 0.0, 21.4])
    found["gaussian_conditional.scale_table"] = torch.zeros(0)
    found["gaussian_conditional.scale_bound"] = torch.tensor([0.11])
    found["gaussian_conditional.lower_bound_scale.bound"] = torch.tensor([0.11])
    return found


def with_tables(state):
    """The same file after its tables were made; what they hold is nobody's business here."""
    scales = torch.exp(torch.linspace(math.log(0.11), math.log(256), 64))
    filled = {k: torch.ones(64, 9, dtype=torch.int32) for k in state if k.endswith("_cdf")}
    return state | filled | {"gaussian_conditional.scale_table": scales}


def old_names(state):
    """The same file by CompressAI before 1.2.7."""
    for new, old in (("matrices.", "_matrix"), ("biases.", "_bias"), ("factors.", "_factor")):
        state = {k.replace(f"entropy_bottleneck.{new}", f"entropy_bottleneck.{old}"): v
                 for k, v in state.items()}  # fmt: skip
    return state


def shapes(n, m, z, attention, widths):
    found = {}

    def layer(name, *shape):
        found[f"{name}.weight"], found[f"{name}.bias"] = shape, (shape[0],)

    def gdn(name):
        found[f"{name}.beta"], found[f"{name}.gamma"] = (2 * n,), (2 * n, 2 * n)

    def down(name, inside):
        layer(f"{name}.conv1", 2 * n, inside, 3, 3)
        layer(f"{name}.conv2", 2 * n, 2 * n, 3, 3)
        gdn(f"{name}.gdn")
        layer(f"{name}.skip", 2 * n, inside, 1, 1)

    def up(name, inside):
        layer(f"{name}.subpel_conv.0", 8 * n, inside, 3, 3)
        layer(f"{name}.conv", 2 * n, 2 * n, 3, 3)
        gdn(f"{name}.igdn")
        layer(f"{name}.upsample.0", 8 * n, inside, 3, 3)

    def swin(name, width, head, window):
        for norm in ("ln1", "ln2"):
            layer(f"{name}.{norm}", width)
        side = 2 * window - 1
        found[f"{name}.msa.relative_position_params"] = (max(1, width // head), side, side)
        layer(f"{name}.msa.embedding_layer", 3 * width, width)
        layer(f"{name}.msa.linear", width, width)
        layer(f"{name}.mlp.0", 4 * width, width)
        layer(f"{name}.mlp.2", width, 4 * width)

    def halves(net, first, head, window):
        for name in (f"{net}.{first}", f"{net}.{first + 1}"):
            swin(f"{name}.trans_block", n, head, window)
            layer(f"{name}.conv1_1", 2 * n, 2 * n, 1, 1)
            layer(f"{name}.conv1_2", 2 * n, 2 * n, 1, 1)
            layer(f"{name}.conv_block.conv1", n, n, 3, 3)
            layer(f"{name}.conv_block.conv2", n, n, 3, 3)

    for stage in range(3):
        down(f"g_a.{3 * stage}", 2 * n if stage else 3)
        halves("g_a", 3 * stage + 1, HEADS[stage], 8)
        up(f"g_s.{3 * stage}", 2 * n if stage else m)
        halves("g_s", 3 * stage + 1, HEADS[2 - stage], 8)
    layer("g_a.9", m, 2 * n, 3, 3)
    layer("g_s.9.0", 12, 2 * n, 3, 3)
    for net in ("h_a", "h_mean_s", "h_scale_s"):
        (down if net == "h_a" else up)(f"{net}.0", m if net == "h_a" else z)
        halves(net, 1, 32, 4)
    layer("h_a.3", z, 2 * n, 3, 3)
    layer("h_mean_s.3.0", 4 * m, 2 * n, 3, 3)
    layer("h_scale_s.3.0", 4 * m, 2 * n, 3, 3)
    for i in range(SLICES):
        c, part = m + m // SLICES * i, m // SLICES
        for kind in ("mean", "scale"):
            name = f"atten_{kind}.{i}.0"
            layer(f"{name}.in_conv", attention, c, 1, 1)
            layer(f"{name}.out_conv", c, attention, 1, 1)
            for block in ("block_1", "block_2"):
                swin(f"{name}.non_local_block.{block}", attention, 16, 8)
            for unit in (f"{name}.{b}.{u}.conv" for b in ("conv_a", "conv_b") for u in range(3)):
                layer(f"{unit}.0", attention // 2, attention, 1, 1)
                layer(f"{unit}.2", attention // 2, attention // 2, 3, 3)
                layer(f"{unit}.4", attention, attention // 2, 1, 1)
            layer(f"{name}.conv_b.3", attention, attention, 1, 1)
        for kind in ("cc_mean", "cc_scale", "lrp"):
            inside = c + part if kind == "lrp" else c
            for at, wide in ((0, widths[0]), (2, widths[1]), (4, part)):
                layer(f"{kind}_transforms.{i}.{at}", wide, inside, 3, 3)
                inside = wide
    steps = (1, 3, 3, 3, 3, 1)
    for j in range(5):
        found[f"entropy_bottleneck.matrices.{j}"] = (z, steps[j + 1], steps[j])
        found[f"entropy_bottleneck.biases.{j}"] = (z, steps[j + 1], 1)
        if j < 4:
            found[f"entropy_bottleneck.factors.{j}"] = (z, 3, 1)
    found["entropy_bottleneck.quantiles"] = (z, 1, 3)
    return found


# What the layers compute, from the public names ---------------------------------------------------


def conv(state, name, x, stride=1):
    weight = state[f"{name}.weight"]
    return F.conv2d(x, weight, state[f"{name}.bias"], stride, padding=weight.shape[-1] // 2)


def linear(state, name, x):
    return F.linear(x, state[f"{name}.weight"], state[f"{name}.bias"])


def norm(state, name, x):
    return F.layer_norm(x, x.shape[-1:], state[f"{name}.weight"], state[f"{name}.bias"])


def subpel(state, name, x):
    return F.pixel_shuffle(conv(state, name, x), 2)


def gdn(state, name, x):
    beta, gamma = state[f"{name}.beta"] ** 2, state[f"{name}.gamma"] ** 2
    energy = torch.einsum("oc,bchw->bohw", gamma, x**2) + beta[:, None, None]
    return x * energy.sqrt() if name.endswith("igdn") else x / energy.sqrt()


def rbs(state, name, x):
    deep = F.leaky_relu(conv(state, f"{name}.conv1", x, 2), 0.01)
    deep = gdn(state, f"{name}.gdn", conv(state, f"{name}.conv2", deep))
    return deep + conv(state, f"{name}.skip", x, 2)


def rbu(state, name, x):
    deep = F.leaky_relu(subpel(state, f"{name}.subpel_conv.0", x), 0.01)
    deep = gdn(state, f"{name}.igdn", conv(state, f"{name}.conv", deep))
    return deep + subpel(state, f"{name}.upsample.0", x)


def half_block(state, name, x, *, window, shifted):
    near, far = conv(state, f"{name}.conv1_1", x).chunk(2, dim=1)
    deep = F.leaky_relu(conv(state, f"{name}.conv_block.conv1", near), 0.01)
    deep = F.leaky_relu(conv(state, f"{name}.conv_block.conv2", deep), 0.01)
    far = swin(state, f"{name}.trans_block", far, window=window, shifted=shifted)
    return x + conv(state, f"{name}.conv1_2", torch.cat((deep + 2 * near, far), dim=1))


def swin(state, name, x, *, window, shifted):
    x = x.permute(0, 2, 3, 1)
    x = x + attention(state, f"{name}.msa", norm(state, f"{name}.ln1", x), window, shifted)
    deep = F.gelu(linear(state, f"{name}.mlp.0", norm(state, f"{name}.ln2", x)))
    return (x + linear(state, f"{name}.mlp.2", deep)).permute(0, 3, 1, 2)


def attention(state, name, x, w, shifted):
    """Every pixel asks every pixel of its window, one pair of pictures at a time."""
    table = state[f"{name}.relative_position_params"]
    heads, (_, height, wide, c) = len(table), x.shape
    s = w // 2 if shifted else 0
    q, k, v = linear(state, f"{name}.embedding_layer", x.roll((-s, -s), (1, 2))).chunk(3, dim=-1)
    out = torch.empty_like(x)
    at = torch.arange(w)
    y, z = at.repeat_interleave(w), at.repeat(w)
    bias = table[:, y[:, None] - y[None] + w - 1, z[:, None] - z[None] + w - 1]
    for top in range(0, height, w):
        for left in range(0, wide, w):
            area = (slice(None), slice(top, top + w), slice(left, left + w))
            split = [t[area].reshape(-1, w * w, heads, c // heads).transpose(1, 2)
                     for t in (q, k, v)]  # fmt: skip
            score = split[0] @ split[1].transpose(2, 3) / math.sqrt(c // heads) + bias
            if s:  # what the shift brought together does not see each other
                part = (y >= w - s) * 2.0 * (top + w == height) + (z >= w - s) * (left + w == wide)
                score = score.masked_fill(part[:, None] != part[None], -math.inf)
            seen = (score.softmax(-1) @ split[2]).transpose(1, 2).reshape(-1, w, w, c)
            out[area] = seen
    return linear(state, f"{name}.linear", out).roll((s, s), (1, 2))


def swatten(state, name, x):
    x = conv(state, f"{name}.in_conv", x)
    z = swin(state, f"{name}.non_local_block.block_1", x, window=8, shifted=False)
    b = swin(state, f"{name}.non_local_block.block_2", z, window=8, shifted=True)
    a = x
    for u in range(3):
        a, b = unit(state, f"{name}.conv_a.{u}", a), unit(state, f"{name}.conv_b.{u}", b)
    gate = torch.sigmoid(conv(state, f"{name}.conv_b.3", b))
    return conv(state, f"{name}.out_conv", x + a * gate)


def unit(state, name, x):
    deep = F.relu(conv(state, f"{name}.conv.0", x))
    deep = F.relu(conv(state, f"{name}.conv.2", deep))
    return F.relu(conv(state, f"{name}.conv.4", deep) + x)


def prior(state, z):
    """Probability of the unit interval round each value of z, (C, values)."""

    def below(x):
        x = x[:, None]
        for j in range(5):
            x = F.softplus(state[f"entropy_bottleneck.matrices.{j}"]) @ x
            x = x + state[f"entropy_bottleneck.biases.{j}"]
            if j < 4:
                x = x + torch.tanh(state[f"entropy_bottleneck.factors.{j}"]) * torch.tanh(x)
        return torch.sigmoid(x)[:, 0]

    return below(z + 0.5) - below(z - 0.5)
