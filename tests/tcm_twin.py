"""LIC-TCM's transforms the plain way: the slow twin that `nn/` is checked and timed against.

Every line follows the formulas and the public description, picture by picture in (B, C, H, W), with
explicit windows, softmax and masks, everything rebuilt in every call. It reads the weights of the
real modules, so the two can only differ in how they compute.
"""

import math

import torch
import torch.nn.functional as F


def analysis(net, x, guide=None):
    """g_a without prompts, with early or convolutional fusion."""
    if net.config.fusion == "early":
        x = torch.cat((x, guide), dim=1)
    for i in range(3):
        x = stage(net.tcm[i], rbs(net.down[i], x))
        if net.config.fusion == "conv" and i < 2:
            guide = stage(net.side_tcm[i], rbs(net.side_down[i], guide))
            x = spf(net.spf[i], x, guide)
    return conv(net.out, x, stride=2)


def prompted_analysis(net, x, guide):
    """g_a with p_a and l_a: tokens of both prompt networks stand before the pixels'."""
    p = torch.cat((torch.full_like(x[:, :1], net.config.lmbda), guide, x), dim=1)
    guides = [p, guide]
    for i in range(3):
        x = rbs(net.down[i], x)
        guides = [rbs(n.blocks[i], g) for n, g in zip((net.p_a, net.l_a), guides, strict=True)]
        for j, half in enumerate((net.tcm[i].plain, net.tcm[i].shifted)):
            prompts = [
                conv(n.heads[i][j], g, stride=2)
                for n, g in zip((net.p_a, net.l_a), guides, strict=True)
            ]
            x = half_block(half, x, prompts)
    return conv(net.out, x, stride=2)


def synthesis(net, y_hat):
    """g_s without prompts."""
    x = y_hat
    for i in range(3):
        x = stage(net.tcm[i], rbu(net.up[i], x))
    return subpel(net.out, x)


def stage(net, x):
    return half_block(net.shifted, half_block(net.plain, x))


def half_block(net, x, prompts=()):
    near, far = one(net.split, x).chunk(2, dim=1)
    deep = F.leaky_relu(conv(net.conv1, near), 0.01)
    deep = F.leaky_relu(conv(net.conv2, deep), 0.01) + near
    far = swin(net.swin, far, prompts)
    return x + one(net.mix, torch.cat((deep + near, far), dim=1))


def swin(net, x, prompts=()):
    x = x.permute(0, 2, 3, 1)
    x = x + attention(net, norm(net.norm1, x), prompts)
    deep = F.linear(norm(net.norm2, x), net.fc1.weight, net.fc1.bias)
    return (x + F.linear(F.gelu(deep), net.fc2.weight, net.fc2.bias)).permute(0, 3, 1, 2)


def attention(net, x, prompts):
    w, s, heads = net.window, net.shift, net.heads
    b, height, wide, c = x.shape
    tokens = [windows(x, w, s)]
    regions = [windows(labels(height, wide, w, s), w, 0)]
    for p, layer in zip(reversed(prompts), reversed(net.prompt_norms), strict=True):
        p = norm(layer, p.permute(0, 2, 3, 1))
        tokens.insert(0, windows(p, w // 2, s // 2))
        regions.insert(0, windows(labels(height // 2, wide // 2, w // 2, s // 2), w // 2, 0))
    tokens, regions = torch.cat(tokens, dim=1), torch.cat(regions, dim=1)[..., 0]
    qkv = F.linear(tokens, net.qkv.weight, net.qkv.bias)
    q, k, v = qkv.view(*qkv.shape[:2], 3, heads, c // heads).permute(2, 0, 3, 1, 4)
    n = w * w
    similarity = q[:, :, -n:] @ k.transpose(-2, -1) / math.sqrt(c // heads)
    at = torch.arange(n)
    dy = at[:, None] // w - at[None, :] // w + w - 1
    dx = at[:, None] % w - at[None, :] % w + w - 1
    similarity[..., -n:] += net.bias.view(heads, 2 * w - 1, 2 * w - 1)[:, dy, dx]
    apart = regions[:, -n:, None] != regions[:, None, :]
    apart = apart.repeat(b, 1, 1)[:, None]
    seen = similarity.masked_fill(apart, float("-inf")).softmax(dim=-1) @ v
    out = F.linear(seen.transpose(1, 2).reshape(-1, n, c), net.proj.weight, net.proj.bias)
    out = out.view(b, height // w, wide // w, w, w, c).transpose(2, 3).reshape(b, height, wide, c)
    return out.roll((s, s), dims=(1, 2))


def windows(x, w, s):
    x = x.roll((-s, -s), dims=(1, 2))
    b, h, wide, c = x.shape
    return x.view(b, h // w, w, wide // w, w, c).transpose(2, 3).reshape(-1, w * w, c)


def labels(h, wide, w, s):
    """Number the regions that a shifted picture is glued together from, (1, h, wide, 1)."""
    rows = (torch.arange(h) >= h - s).long() + (torch.arange(h) >= h - w).long() * (s > 0)
    columns = (torch.arange(wide) >= wide - s).long() + (torch.arange(wide) >= wide - w) * (s > 0)
    return (3 * rows[:, None] + columns[None, :])[None, :, :, None]


def rbs(net, x):
    deep = F.leaky_relu(conv(net.conv1, x, stride=2), 0.01)
    deep = gdn(net.gdn, conv(net.conv2, deep))
    weight = net.skip.weight[:, :, None, None]
    return deep + F.conv2d(x, weight, net.skip.bias, stride=2)


def rbu(net, x):
    deep = conv(net.conv, F.leaky_relu(subpel(net.subpel, x), 0.01))
    return gdn(net.igdn, deep) + subpel(net.skip, x)


def gdn(net, x):
    pedestal = 2.0**-36
    beta = net.beta.clamp(min=(1e-6 + pedestal) ** 0.5) ** 2 - pedestal
    gamma = net.gamma.clamp(min=pedestal**0.5) ** 2 - pedestal
    energy = F.conv2d(x**2, gamma[:, :, None, None], beta)
    return x * torch.sqrt(energy) if net.inverse else x * torch.rsqrt(energy)


def spf(net, target, guide):
    both = torch.cat((conv(net.target, target), conv(net.guide, guide)), dim=1)
    return target + conv(net.merge, both + esa(net.esa, both))


def esa(net, x):
    narrow = one(net.enter, x)
    far = F.max_pool2d(F.conv2d(narrow, net.stride.weight, net.stride.bias, stride=2), 7, stride=3)
    far = F.relu(conv(net.deep[0], far))
    far = conv(net.deep[2], F.relu(conv(net.deep[1], far)))
    far = F.interpolate(far, size=x.shape[2:], mode="bilinear", align_corners=False)
    return x * torch.sigmoid(one(net.leave, far + one(net.skip, narrow)))


def swatten(net, support):
    x = one(net.enter, support)
    z = swin(net.shifted, swin(net.plain, x))
    a, b = x, z
    for unit_a, unit_b in zip(net.value, net.gate, strict=True):
        a, b = residual_unit(unit_a, a), residual_unit(unit_b, b)
    return one(net.leave, a * torch.sigmoid(one(net.gate_out, b)) + x)


def residual_unit(net, x):
    return F.relu(one(net.leave, F.relu(conv(net.conv, F.relu(one(net.enter, x))))) + x)


def subpel(net, x):
    return F.pixel_shuffle(conv(net[0], x), 2)


def conv(layer, x, stride=1):
    return F.conv2d(x, layer.weight, layer.bias, stride=stride, padding=1)


def one(layer, x):
    return F.conv2d(x, layer.weight[:, :, None, None], layer.bias)


def norm(layer, x):
    return F.layer_norm(x, layer.normalized_shape, layer.weight, layer.bias)
